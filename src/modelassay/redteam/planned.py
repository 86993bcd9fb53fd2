"""The attacks that a plan names, and the samples that it puts under them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modelassay import plugins
from modelassay.config import AttackReference, RedTeam
from modelassay.errors import DatasetError, ModelassayError, UsageError
from modelassay.records import Sample
from modelassay.redteam.catalogue import entries, freeze, open_attacks
from modelassay.redteam.frozen import FrozenAttack
from modelassay.suites.selection import keep_where, spread

ALL = "all"
"""In place of an attack's name: every frozen attack that needs no settings."""
UNCHANGED = "it leaves the request as it is"
REPEATED = "another question asks the same"


def attacks_of(red_team: RedTeam, folder: Path) -> tuple[FrozenAttack, ...]:
    """The attacks of a plan in `folder`, ``all`` written out.

    ``direct`` is left out: an audit asks every sample as it is, attacked or not.

    Raises:
        UnknownNameError: no such attack, or no such setting.
        UsageError: an attack that is not frozen, settings for ``all``, or a file that cannot be read.
    """
    attacks = open_attacks(_written_out(red_team), folder=folder)
    return tuple(attack for attack in attacks if not attack.unchanged)


def attacks_at_hand(red_team: RedTeam) -> tuple[FrozenAttack, ...]:
    """Those attacks of a sealed plan that can be opened here: installed, and with no file of the plan's."""
    found: list[FrozenAttack] = []
    for reference in _written_out(red_team):
        try:
            kind = plugins.load("attacks", reference["use"])
            if not set(reference["settings"]).intersection(getattr(kind, "file_settings", ())):
                found += open_attacks([reference])
        except ModelassayError:
            continue  # not at hand in this version; whoever asks counts what is left
    return tuple(found)


def put_under(
    red_team: RedTeam,
    attacks: Sequence[FrozenAttack],
    samples: Sequence[Sample],
    *,
    seed: int,
    whole: bool = True,
) -> tuple[tuple[Sample, ...], Counter[tuple[str, str]]]:
    """The samples that a plan attacks, under each of `attacks`, as samples of their own.

    Each content is made once, and none that is asked already or that an attack leaves as it is.

    Args:
        red_team: which samples, and how many forms.
        attacks: opened.
        samples: of all datasets.
        seed: the plan's.
        whole: attempts of one attack are not cut to the plan's forms; earlier versions cut them.

    Returns:
        The attacked samples, and how many pairs of sample and attack fell away, by name of the attack and
        reason.

    Raises:
        DatasetError: no sample is of the kinds, or has the tags, that are to be attacked.
        UsageError: two attacks with the same id.
    """
    frozen = freeze(_chosen(red_team, samples, seed), attacks, seed=seed, forms=red_team.forms, whole=whole)
    fell = Counter((_name(each.attack), each.reason) for each in frozen.left_out)
    there = {sample.id for sample in samples}
    made: dict[str, Sample] = {}
    for each in frozen.asked:
        sample = each.as_sample()
        if sample.id == each.sample.id:
            fell[_name(each.attack), UNCHANGED] += 1
        elif sample.id in there or sample.id in made:
            fell[_name(each.attack), REPEATED] += 1
        else:
            made[sample.id] = sample
    return tuple(made.values()), fell


def _chosen(red_team: RedTeam, samples: Sequence[Sample], seed: int) -> tuple[Sample, ...]:
    """The samples that are attacked; none that is an attack itself."""
    where = "plan: red_team"
    fitting = [sample for sample in samples if sample.kind in red_team.kinds and sample.attacked is None]
    if not fitting:
        raise DatasetError(
            f"no sample is {' or '.join(red_team.kinds)}, so there is nothing to attack",
            where=where,
            mend="add a dataset with such samples, or name other kinds",
        )
    if red_team.where:
        fitting = list(keep_where(fitting, red_team.where, origin=where))
    return spread(fitting, red_team.limit, seed=seed)


def _name(attack: str) -> str:
    """The name in an attack's id."""
    return attack.partition("@")[0]


def _written_out(red_team: RedTeam) -> Iterator[dict[str, Any]]:
    """A reference an attack; ``all`` gives those that are not named beside it."""
    named = {each.use for each in red_team.attacks}
    for each in red_team.attacks:
        if each.use != ALL:
            yield _reference(each)
            continue
        if each.settings or each.dated:
            raise UsageError(
                f"{ALL!r} takes no settings", where="plan: red_team: attacks", mend="name the attack itself"
            )
        for entry in entries():
            if entry.frozen and not entry.needs and entry.name not in named:
                yield {"use": entry.name, "settings": {}, "dated": ""}


def _reference(given: AttackReference) -> dict[str, Any]:
    return {"use": given.use, "settings": given.settings, "dated": given.dated}
