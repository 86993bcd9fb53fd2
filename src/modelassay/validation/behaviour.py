"""A candidate audited as anybody would: the public path, its examinations taken in.

The answers are sampled, since a loss of one refusal in five does not show in greedy ones, and the sequential
gate stops as soon as nothing could change the verdict. All candidates share one store, whose journal asks a
base once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from modelassay.log.durable import write_atomic
from modelassay.records import AuditRecord, Outcome
from modelassay.validation.examining import OPTIONS, Subject

AuditPlan = Callable[[Path], AuditRecord]
"""Runs the plan at a path, as the command line does."""

PASSING: Final[tuple[Outcome, ...]] = ("deploy", "deploy-monitored")
SEED: Final = 1


def write_plan(folder: Path, name: str, of: Subject, suite: Path, examinations: Sequence[Path]) -> Path:
    """The plan of one candidate's audit, to read and to run again.

    Args:
        folder: where plans and their policy go.
        name: of the candidate; each has a release line of its own.
        suite: the dataset.
        examinations: files to take in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "policy.yaml", _POLICY.encode())
    plan = folder / f"{name}.yaml"
    options = ", ".join(f'{key}: "{value}"' for key, value in OPTIONS.items())
    files = "".join(f"\n  - {os.path.relpath(path, folder)}" for path in examinations)
    text = _PLAN.format(
        name=name,
        baseline=of.base_reference,
        candidate=of.reference,
        options=options,
        suite=os.path.relpath(suite, folder),
        seed=SEED,
        examinations=f"examinations:{files}\n" if files else "",
    )
    write_atomic(plan, text.encode())
    return plan


_PLAN = """\
version: 1
name: validation of {name}
baseline: {{model: "{baseline}", options: {{{options}}}, batch_size: 256}}
candidate: {{model: "{candidate}", options: {{{options}}}, batch_size: 256}}
datasets: [{suite}]
evaluators: [refusal, response_format, sycophancy, value_shift]
slices: [category, language, turns, form, category*language]
decoding: {{temperature: 1, max_tokens: 48}}
seed: {seed}
gate: {{mode: sequential}}
policy: policy.yaml
{examinations}release: {{line: "{name}", target: "urn:modelassay:validation"}}
"""

_POLICY = """\
version: 1
name: validation
extends: suite-only
slices: {required: [category, language]}
"""
