"""Replays, canaries and scores of logged tokens that the assessor hands over, as other commands wrote them.

Only those of this run count: a replay or canary that passed can take it to T4, and whatever failed keeps it
below. One of another run says nothing of this one, and is named as not assessable.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from modelassay.assessment.inputs import read_file
from modelassay.errors import EvidenceError
from modelassay.records import RunFinding
from modelassay.training.findings import not_assessable
from modelassay.training.protocol import sampling
from modelassay.training.protocol.replay import rollouts_were_held
from modelassay.training.run import Run

_TOLD: Final = {"replay": "replay", "canary": "canary", sampling.CHECK: "scoring of logged tokens"}
"""Checks that are of one run, as they are called in words."""
_RAISING: Final = ("replay", "canary")
"""Those that can take a run to T4."""


@dataclass(frozen=True)
class Handed:
    """What was handed over."""

    findings: tuple[RunFinding, ...] = ()
    """All of it; what does not count for this run as not assessable."""
    passed: tuple[RunFinding, ...] = ()
    """What can take the run to T4."""
    failed: tuple[RunFinding, ...] = ()
    """What keeps it below."""


def read_handed(run: Run, paths: tuple[Path, ...]) -> Handed:
    """What the files in `paths` say of `run`: each holds a finding, or a list of them.

    Raises:
        UsageError: a file cannot be read.
        EvidenceError: it holds no finding, or scores that do not say of which run they are.
    """
    findings = tuple(_as_of(run, each, path) for path in paths for each in _read(path))
    return Handed(
        findings,
        tuple(each for each in findings if each.state == "shown_fine" and _of_this(run, each)),
        tuple(each for each in findings if each.state == "shown_harmful" and each.check in _TOLD),
    )


def told_of(handed: Handed, rests: tuple[RunFinding, ...]) -> str:
    """A sentence on what was handed over.

    Args:
        rests: those that passed, and were held against nothing that was withheld.
    """
    if handed.failed:
        return f"A {_TOLD[handed.failed[0].check]} failed."
    if rests:
        return f"A {rests[0].check} passed, as the assessor reports."
    if handed.passed:
        told = _TOLD[handed.passed[0].check]
        return f"A {told} passed, as the assessor reports; what it was held against was withheld."
    return "No replay and no canary of this run was checked."


def _read(path: Path) -> tuple[RunFinding, ...]:
    try:
        found = msgspec.json.decode(read_file(path), type=RunFinding | tuple[RunFinding, ...])
        return found if isinstance(found, tuple) else (found,)
    except msgspec.DecodeError as error:
        raise EvidenceError(f"not a finding: {error}", where=str(path)) from error


def _as_of(run: Run, finding: RunFinding, path: Path) -> RunFinding:
    """`finding`; not assessable where it says nothing of `run`."""
    if finding.check not in _TOLD:
        return finding
    named = finding.slice.get("run")
    if named is None and finding.check == sampling.CHECK:
        raise EvidenceError(
            "scores of tokens that do not say of which run they are, as earlier versions wrote them",
            where=str(path),
            mend="make them again: `modelassay run replay RUN --from CHECKPOINT -o FILE`",
        )
    why = ""
    if named is not None and named != run.manifest.id:
        why = f"the {_TOLD[finding.check]} that was handed over is of the run {named[:80]!r}, not of this one"
    elif finding.check == "replay" and finding.state == "shown_fine" and not rollouts_were_held(finding):
        why = "an earlier version made this replay, which held no rollouts against the record: make it again"
    if not why:
        return finding
    return not_assessable(finding.check, why, about=finding.slice)


def _of_this(run: Run, finding: RunFinding) -> bool:
    """Whether a replay is from a checkpoint of this run, to the bit, or a canary was planted in it."""
    about = finding.slice
    if finding.check not in _RAISING or about.get("run") != run.manifest.id:
        return False
    known = {(each.name, each.digest) for each in run.checkpoints() if each.digest}
    return finding.check == "canary" or (about.get("from"), about.get("digest")) in known
