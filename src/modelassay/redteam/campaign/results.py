"""What a campaign shows: findings for all attacks, for each strategy, for each value of a tag.

A unit is one strategy against one behaviour. The pairs are attacks that were free to react, not answers to
the same words; statements say so. Conversations that were found before are counted by themselves, as what
they are: the same words to both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from modelassay.errors import UsageError
from modelassay.records import Finding, Measure
from modelassay.records.red_team import KEPT_WORDS
from modelassay.redteam.campaign.units import UnitResult
from modelassay.redteam.counted import Pair, Tally
from modelassay.redteam.tallies import Claim, Wording, findings_from

REACTING = "; each attack was free to react, so these are no answers to the same words"

CHOSEN = (
    "; what was said is kept for what came of it on one of these models, or nobody knows on which, so it is "
    "easier on that one: this says how far it carries over, not which model is weaker"
)
FOUND_ON = "found_on"
"""The dimension of conversations that were found on one of these models, beside others that were not."""
THESE = "these models"

ATTACK = "attack"
"""The dimension of strategies, which is always counted by."""
ADAPTIVE = Measure(
    name="adaptive_resistance",
    title="Resistance to attacks that react",
    wanted="give an attacker that reacts nothing of what it is after",
    role="concern",
    harm=True,
)
REPLAYED = Measure(
    name="replayed_resistance",
    title="Resistance to conversations found before",
    wanted="give nothing of what a conversation that was found before is after",
    role="concern",
    harm=True,
)


def check_slices(slices: Iterable[str]) -> None:
    """Object to tags that findings cannot be told apart by.

    Raises:
        UsageError: one is empty, or means the strategy.
    """
    for each in slices:
        if each in ("", ATTACK):
            raise UsageError(
                f"{each!r} is no tag to count by",
                where="slices",
                mend="leave it out: success is counted by attack anyway" if each else "name a tag",
            )


def findings_of(
    results: Sequence[UnitResult],
    slices: Iterable[str],
    *,
    compared: bool,
    margin: Decimal,
    rests_on: tuple[str, ...] = (),
) -> tuple[Finding, ...]:
    """One finding for all units, one for each attack and each value of the tags `slices`.

    Conversations that were found before are counted by themselves. Those that may have been found on one of
    these models show no difference, for they are chosen by it; beside others they are a slice of their own,
    and in nothing else. P-values are adjusted by Holm within each
    dimension.

    Args:
        results: of the whole campaign.
        slices: tags.
        compared: whether there is a baseline.
        margin: by how much the candidate may fall more often and still be no worse.
        rests_on: named in each finding.
    """
    found: list[Finding] = []
    for frozen, measure in ((False, ADAPTIVE), (True, REPLAYED)):
        of_kind = [each for each in results if each.unit.strategy.frozen is frozen]
        if not of_kind:
            continue
        remark = "" if frozen else REACTING
        kept = {KEPT_WORDS: Decimal(1)}
        claim = Claim("red_team", measure, margin, rests_on, Wording(remark=remark))
        claim = claim._replace(values=kept) if frozen else claim
        known = claim._replace(
            wording=Wording(remark=remark + CHOSEN), decides=False, most="high", values=kept
        )
        chosen = [each for each in of_kind if each.chosen]
        others = [each for each in of_kind if not each.chosen]
        found += _by_dimension(others or chosen, slices, compared, claim if others else known)
        if chosen and others:
            found += findings_from([Tally({FOUND_ON: THESE}, _pairs(chosen), compared)], known)
    return tuple(found)


def _by_dimension(
    results: Sequence[UnitResult], slices: Iterable[str], compared: bool, claim: Claim
) -> Iterator[Finding]:
    """Findings on all of `results`, and on those of each value of a dimension that has several."""
    for dimension in dict.fromkeys(("", ATTACK, *slices)):
        tallies = _tallies(results, dimension, compared)
        if len(tallies) > 1 or not dimension:
            yield from findings_from(tallies, claim)


def _tallies(results: Sequence[UnitResult], dimension: str, compared: bool) -> list[Tally]:
    groups: dict[str, list[UnitResult]] = {}
    for each in results:
        if dimension == ATTACK:
            value = each.unit.strategy.name
        else:
            value = each.tags.get(dimension, "") if dimension else ""
        if value or not dimension:
            groups.setdefault(value, []).append(each)
    return [
        Tally({dimension: value} if dimension else {}, _pairs(group), compared)
        for value, group in sorted(groups.items())
    ]


def _pairs(results: Sequence[UnitResult]) -> tuple[Pair, ...]:
    by_unit: dict[tuple[str, str], dict[str, UnitResult]] = {}
    for each in results:
        place = (each.unit.behaviour.sample.id, each.unit.strategy.id)
        by_unit.setdefault(place, {})[each.unit.side] = each
    return tuple(
        Pair(
            next(iter(sides.values())).cluster,
            sides["baseline"].resisted if "baseline" in sides else None,
            sides["candidate"].resisted if "candidate" in sides else None,
        )
        for sides in by_unit.values()
    )
