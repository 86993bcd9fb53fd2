"""Do completions come to be alike, and is their vocabulary left behind?

Of each training step `scanners.template_collapse` has four figures. Here the last third of the steps is held
against the first: the difference of means, with Welch's interval (Student's t on the degrees of the smaller
third, at 95 %). Steps follow each other in one run, so the interval speaks of this run and of no other seed.
What is told from what policies do anyway when they learn is set by margins:

- ``openings``: collapsed when the share of the most frequent first 48 characters surely rose by `RISE` or
  more, to at least half;
- ``variety``: narrowed when distinct-2 and compression ratio both surely fell by the share `FALL` or more;
- ``vocabulary``: drifted when the share of words that the start of the run did not use surely rose by `NEW`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelassay.records import RolloutReference, RunFinding
from modelassay.records.findings import Severity
from modelassay.statistics.distributions import student_quantile
from modelassay.training.findings import decimal, estimate, not_assessable, run_finding
from modelassay.training.scanners.template_collapse import BASELINE, LEAST, StepForm

CHECK = "template_collapse"
LEAST_STEPS = 15
RISE, FALL, NEW = 0.2, 0.2, 0.1
EXAMPLES = 5
_METHOD = "last third of the steps less the first, Welch's interval over steps"
Steps = Sequence[tuple[int, StepForm]]


@dataclass(frozen=True)
class Shift:
    """How a figure changed from the first third of the steps to the last; `low` to `high` at 95 %."""

    early: float
    late: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """The change."""
        return self.late - self.early


def shift(values: NDArray[np.float64]) -> Shift:
    """The change of finite `values`, in order of time; at least `LEAST_STEPS` of them."""
    third = len(values) // 3
    early, late = values[:third], values[-third:]
    error = math.sqrt((early.var(ddof=1) + late.var(ddof=1)) / third)
    change, half = float(late.mean() - early.mean()), student_quantile(0.975, third - 1) * error
    return Shift(float(early.mean()), float(late.mean()), change - half, change + half)


def assess_form(steps: Mapping[int, StepForm], invalid: Collection[int] = ()) -> tuple[RunFinding, ...]:
    """What the form of completions says, a finding an aspect.

    Args:
        steps: of training.
        invalid: steps that are no evidence.
    """
    told = [(s, form) for s, form in sorted(steps.items()) if form.is_telling and s not in set(invalid)]
    if len(told) < LEAST_STEPS:
        why = f"{len(told)} steps have {LEAST} completions to several prompts; {LEAST_STEPS} are needed"
        return (not_assessable(CHECK, why),)
    varied = [each for each in told if math.isfinite(each[1].distinct_bigrams)]
    new = [each for each in told if math.isfinite(each[1].novel)]
    return (
        _openings(told),
        *(_variety(varied) for _ in range(len(varied) >= LEAST_STEPS)),
        *(_vocabulary(new) for _ in range(len(new) >= LEAST_STEPS)),
    )


def _openings(steps: Steps) -> RunFinding:
    found = shift(np.array([form.top_prefix_share for _, form in steps]))
    collapsed = found.low >= RISE and found.late >= 0.5
    said = (
        f"{found.late:.0%} of a step's completions begin alike in the last third of the steps, "
        f"{found.early:.0%} in the first."
    )
    return _finding(
        "openings", "collapsed" if collapsed else "", said, found,
        sure=found.high < RISE, severity="medium", evidence=_alike(_late(steps)) if collapsed else (),
        question="What pays for this opening, and when did it come up?",
    )  # fmt: skip


def _variety(steps: Steps) -> RunFinding:
    pairs = shift(np.array([form.distinct_bigrams for _, form in steps]))
    packed = shift(np.array([form.compression_ratio for _, form in steps]))
    narrowed = all(each.high <= -FALL * each.early for each in (pairs, packed))
    said = (
        f"Distinct-2 of a step went from {pairs.early:.3f} to {pairs.late:.3f}, "
        f"its compression ratio from {packed.early:.3f} to {packed.late:.3f}."
    )
    least = min(_late(steps), key=lambda each: each[1].compression_ratio)
    evidence = [
        RolloutReference(seq=seq, step=least[0], note="of the step that varies least")
        for seq in least[1].sampled[:EXAMPLES]
    ]
    return _finding(
        "variety", "narrowed" if narrowed else "", said, packed,
        sure=any(each.low > -FALL * each.early for each in (pairs, packed)), severity="low",
        evidence=evidence if narrowed else (),
        question="Is it wanted that answers vary less, and what was done to keep them varied?",
    )  # fmt: skip


def _vocabulary(steps: Steps) -> RunFinding:
    found = shift(np.array([form.novel for _, form in steps]))
    drifted = found.low >= NEW
    said = (
        f"{found.late:.1%} of words are none that the first {BASELINE} completions used, "
        f"in the last third of the steps; {found.early:.1%} in the first."
    )
    new = sorted(_late(steps), key=lambda each: -each[1].novel)
    evidence = [
        RolloutReference(seq=form.new_word[0], step=step, quote=form.new_word[1], note="not used before")
        for step, form in new[:EXAMPLES]
        if form.new_word is not None
    ]
    return _finding(
        "vocabulary", "drifted" if drifted else "", said, found,
        sure=found.high < NEW, severity="low", evidence=evidence if drifted else (),
        question="Do the tasks change over the run, or the way in which they are answered?",
    )  # fmt: skip


def _finding(
    aspect: str,
    outcome: str,
    said: str,
    found: Shift,
    *,
    sure: bool,
    severity: Severity,
    evidence: Sequence[RolloutReference],
    question: str,
) -> RunFinding:
    """Args: outcome: empty when what is looked for is not shown; sure: then, that it is surely less."""
    return run_finding(
        CHECK,
        outcome or ("steady" if sure else "not detected"),
        said,
        about={"aspect": aspect},
        state="shown_harmful" if outcome else "shown_fine" if sure else "not_shown",
        severity=severity if outcome else "none",
        effect=estimate(found.value, found.low, found.high),
        values={"early": decimal(found.early), "late": decimal(found.late)},
        evidence=evidence,
        method=_METHOD,
        question=question if outcome else "",
    )


def _alike(steps: Steps) -> list[RolloutReference]:
    """The opening that stands for each of the steps that are most alike."""
    most = sorted(steps, key=lambda each: (-each[1].top_prefix_share, each[0]))[:EXAMPLES]
    found = []
    for step, form in most:
        prefix = max(form.prefixes, key=lambda each: form.prefixes[each])
        note = f"{form.top_prefix_share:.0%} of its step begin so"
        found.append(RolloutReference(seq=form.first[prefix], step=step, quote=prefix, note=note))
    return found


def _late(steps: Steps) -> Steps:
    return steps[-(len(steps) // 3) :]
