"""Whether two runs can be compared at all, and what is said when the user insists."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from modelassay.errors import UsageError
from modelassay.interop.run import KnownDecoding, Run

Despite = Literal["decoding", "versions"]


def check_comparable(
    baseline: Run, candidate: Run, *, despite: Collection[str] = (), scored_here: bool = False
) -> tuple[str, ...]:
    """Refuse runs that differ in more than the model; what is accepted all the same, as notes.

    Args:
        baseline: one run; `candidate` the other.
        despite: differences that the user accepts: ``decoding``, ``versions``.
        scored_here: whether the tool's own scores are left aside.

    Raises:
        UsageError: names the difference and how to accept it.
    """
    where = f"{baseline.place} and {candidate.place}"
    if [f.digest for f in baseline.files] == [f.digest for f in candidate.files] and (
        baseline.model == candidate.model
    ):
        raise UsageError(
            "baseline and candidate are the same answers",
            where=where,
            mend="give two files, or name two models of one with --baseline-model and --candidate-model",
        )
    notes = []
    if not scored_here:
        if baseline.tool != candidate.tool:
            raise UsageError(
                f"scores of {baseline.tool} and {candidate.tool} cannot be compared",
                where=where,
                mend="--judge-again EVALUATOR scores both here",
            )
        if baseline.version != candidate.version:
            versions = f"{baseline.version or 'unknown'} and {candidate.version or 'unknown'}"
            if "versions" not in despite:
                raise UsageError(
                    f"scored by different versions of {baseline.tool}: {versions}",
                    where=where,
                    mend="--judge-again EVALUATOR scores both here; --despite versions compares all the same",
                )
            notes.append(f"Scored by different versions, {versions}: part of any change may be theirs.")
    differing = [
        (f"{task}: " if task else "") + difference
        for task, before, after in _decodings(baseline, candidate)
        for difference in _differences(before, after)
    ]
    if differing and "decoding" not in despite:
        raise UsageError(
            f"the two models were not asked alike: {'; '.join(differing)}",
            where=where,
            mend="run both alike; --despite decoding compares all the same",
        )
    if differing:
        notes.append(f"The two models were not asked alike: {'; '.join(differing)}.")
    return tuple(notes)


def _decodings(baseline: Run, candidate: Run) -> Iterator[tuple[str, KnownDecoding, KnownDecoding]]:
    """How both were decoded: as a whole, or for each task that both have."""
    if not (baseline.by_task and candidate.by_task):
        yield "", baseline.decoding, candidate.decoding
    for task in sorted(baseline.by_task.keys() & candidate.by_task.keys()):
        yield task, baseline.by_task[task], candidate.by_task[task]


def _differences(one: KnownDecoding, other: KnownDecoding) -> Iterator[str]:
    """What both files say, and not the same; seeds apart, which give no model an advantage."""
    for name in ("temperature", "top_p", "max_tokens"):
        before, after = getattr(one, name), getattr(other, name)
        if before not in ("", None) and after not in ("", None) and _number(before) != _number(after):
            yield f"{name} {before} against {after}"


def _number(value: object) -> float:
    return float(str(value))
