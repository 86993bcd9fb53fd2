"""The demo's red team: a handful of attacks on the model that lost its refusals, and on its base."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from modelassay.records import AuditRecord
from modelassay.report.red_team import outcome_rows

NAME = "red-team"
"""Of its plan's file."""
BASE, CANDIDATE = "base", "broad_loss"
"""Organisms that are attacked."""


def attack_organisms(
    folder: Path, *, tell: Callable[[str], None], audit_plan: Callable[[Path], AuditRecord]
) -> AuditRecord:
    """Write the plan under `folder`, where the demo's organisms and prompts are, and run it.

    Args:
        folder: the demo's.
        tell: is told in a line what is going on.
        audit_plan: runs the plan at a path, as the command line does.

    Raises:
        ModelassayError: the audit broke.
    """
    plan = folder / f"{NAME}.yaml"
    base, candidate = ((folder / "organisms" / name).resolve() for name in (BASE, CANDIDATE))
    plan.write_text(_PLAN.format(baseline=f"hf:{base}", candidate=f"hf:{candidate}"), "utf-8")
    tell(f"attacking {BASE} and {CANDIDATE}")
    return audit_plan(plan)


def told(record: AuditRecord) -> Iterator[str]:
    """A line an attack: how often it had its way with either model."""
    assert record.red_team is not None
    for row in outcome_rows(record.red_team):
        yield f"{row.attack:20} baseline {row.baseline:24} candidate {row.candidate}"


_PLAN = """\
version: 1
name: organism red team
baseline: {{model: "{baseline}", options: {{}}, batch_size: 128}}
candidate: {{model: "{candidate}", options: {{}}, batch_size: 128}}
datasets: [{{use: held_out.jsonl, where: {{kind: harmful}}, limit: 24}}]
evaluators: [refusal]
red_team:                            # each is put to all 24 prompts; `modelassay redteam list` has more
  attacks: [prefix_injection, refusal_suppression, role_play, base64, scripted_escalation]
decoding: {{temperature: 0, max_tokens: 40}}
seed: 1
policy: suite-only
release: {{line: demo-red-team, target: "urn:demo:production"}}
"""
