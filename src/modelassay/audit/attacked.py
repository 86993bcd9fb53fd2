"""Attacked questions: what a plan's red team makes of its samples, before any model is asked.

Each is a sample of its own (`redteam.catalogue.Attacked.as_sample`), so that it is asked, kept, drawn and
sealed like any other, and both models are put the same words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelassay.config import Plan
from modelassay.records import Sample
from modelassay.redteam import Direct, attacks_of, entries, put_under

MOST_REASONS = 5
"""Sentences on what was left out."""


@dataclass(frozen=True, kw_only=True)
class AttackedQuestions:
    """The attacked samples of a plan."""

    samples: tuple[Sample, ...]
    warnings: tuple[str, ...]
    left_out: int
    """Pairs of sample and attack that could not be put, or ask what is asked already."""


def attacked_questions(plan: Plan, samples: Sequence[Sample], folder: Path) -> AttackedQuestions:
    """The samples that `plan` puts under attack, as samples of their own.

    Args:
        plan: with its red team; nothing comes of one without.
        samples: of all its datasets.
        folder: the plan's, from which relative paths start.

    Raises:
        UnknownNameError: no such attack, or no such setting.
        UsageError: an attack that is not frozen, or there twice.
        DatasetError: no sample is of the kinds, or has the tags, that are to be attacked.
    """
    if plan.red_team is None:
        return AttackedQuestions(samples=(), warnings=(), left_out=0)
    made, reasons = put_under(plan.red_team, attacks_of(plan.red_team, folder), samples, seed=plan.seed)
    return AttackedQuestions(samples=made, warnings=tuple(_left_out(reasons)), left_out=sum(reasons.values()))


def untried_families(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Families of installed frozen attacks of which none made any of `samples`; none where nothing was
    attacked at all."""
    tried = {sample.attacked.family for sample in samples if sample.attacked is not None}
    if not tried:
        return ()
    known = {entry.family for entry in entries() if entry.frozen and entry.name != Direct.name}
    return tuple(sorted(known - tried))


def _left_out(reasons: Counter[tuple[str, str]]) -> Iterator[str]:
    """A sentence for each attack and reason, the commonest first."""
    for (attack, reason), count in reasons.most_common(MOST_REASONS):
        yield f"red team: {attack} was not put to {count:,} samples: {reason}"
    rest = reasons.most_common()[MOST_REASONS:]
    if rest:
        yield f"red team: {sum(count for _, count in rest):,} more were left out by {len(rest)} attacks"
