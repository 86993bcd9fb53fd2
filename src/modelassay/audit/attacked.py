"""Attacked questions: what a plan's red team makes of its samples, before any model is asked.

Each is a sample of its own (`redteam.catalogue.Attacked.as_sample`), so that it is asked, kept, drawn and
sealed like any other, and both models are put the same words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelassay.config import Plan, RedTeam
from modelassay.errors import DatasetError, UsageError
from modelassay.records import Sample, SampleKind
from modelassay.redteam import FrozenAttack, FrozenQuestions, entries, freeze, open_attacks
from modelassay.suites.selection import keep_where, spread

ALL = "all"
"""In place of an attack's name: every frozen attack that needs no settings."""
UNCHANGED = "it leaves the request as it is"
REPEATED = "another question asks the same"
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
    red_team = plan.red_team
    if red_team is None:
        return AttackedQuestions(samples=(), warnings=(), left_out=0)
    attacks = opened_attacks(red_team, folder)
    chosen = _chosen(red_team, samples, plan.seed)
    frozen = freeze(chosen, attacks, seed=plan.seed, forms=red_team.forms)
    made, repeated = _once_each(frozen, samples)
    reasons = Counter((_name(each.attack), each.reason) for each in frozen.left_out) + repeated
    return AttackedQuestions(samples=made, warnings=tuple(_left_out(reasons)), left_out=sum(reasons.values()))


def opened_attacks(red_team: RedTeam, folder: Path) -> tuple[FrozenAttack, ...]:
    """The attacks of a plan, ``all`` written out.

    ``direct`` is left out: an audit asks every sample as it is, attacked or not.

    Raises:
        UnknownNameError: no such attack, or no such setting.
        UsageError: an attack that is not frozen, or settings for ``all``.
    """
    references: list[dict[str, Any]] = []
    for each in red_team.attacks:
        if each.use != ALL:
            references.append({"use": each.use, "settings": each.settings})
            continue
        if each.settings:
            raise UsageError(
                f"{ALL!r} takes no settings", where="plan: red_team: attacks", mend="name the attack itself"
            )
        named = {reference["use"] for reference in references} | {e.use for e in red_team.attacks}
        references += [
            {"use": e.name, "settings": {}}
            for e in entries()
            if e.frozen and not e.needs and e.name not in named
        ]
    attacks = open_attacks(references, folder=folder)
    return tuple(attack for attack in attacks if not attack.unchanged)


def _chosen(red_team: RedTeam, samples: Sequence[Sample], seed: int) -> tuple[Sample, ...]:
    """The samples that are attacked; none that is an attack itself."""
    kinds: tuple[SampleKind, ...] = red_team.kinds
    where = "plan: red_team"
    fitting = [sample for sample in samples if sample.kind in kinds and sample.attacked is None]
    if not fitting:
        raise DatasetError(
            f"no sample is {' or '.join(kinds)}, so there is nothing to attack",
            where=where,
            mend="add a dataset with such samples, or name other kinds",
        )
    if red_team.where:
        fitting = list(keep_where(fitting, red_team.where, origin=where))
    return spread(fitting, red_team.limit, seed=seed)


def _once_each(
    frozen: FrozenQuestions, samples: Sequence[Sample]
) -> tuple[tuple[Sample, ...], Counter[tuple[str, str]]]:
    """Each attacked content once, none that is asked without an attack already; and what fell away."""
    there = {sample.id for sample in samples}
    made: dict[str, Sample] = {}
    fell: Counter[tuple[str, str]] = Counter()
    for each in frozen.asked:
        sample = each.as_sample()
        if sample.id == each.sample.id:
            fell[_name(each.attack), UNCHANGED] += 1
        elif sample.id in there or sample.id in made:
            fell[_name(each.attack), REPEATED] += 1
        else:
            made[sample.id] = sample
    return tuple(made.values()), fell


def _left_out(reasons: Counter[tuple[str, str]]) -> Iterator[str]:
    """A sentence for each attack and reason, the commonest first."""
    for (attack, reason), count in reasons.most_common(MOST_REASONS):
        yield f"red team: {attack} was not put to {count:,} samples: {reason}"
    rest = reasons.most_common()[MOST_REASONS:]
    if rest:
        yield f"red team: {sum(count for _, count in rest):,} more were left out by {len(rest)} attacks"


def _name(attack: str) -> str:
    """The name in an attack's id."""
    return attack.partition("@")[0]
