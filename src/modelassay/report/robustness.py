"""How firm a verdict is, in lines for a terminal or a page; the same input gives the same lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from modelassay.audit.robustness.results import (
    Beside,
    Edge,
    Halves,
    Judged,
    Noise,
    NoiseFloor,
    OtherReading,
    Robustness,
    TippingPoint,
    Variation,
)
from modelassay.report.text import inert_markdown, percent, visible

MOST_TURNS = 4
MOST_NOISE = 12
_FENCED = str.maketrans({"`": "'", "<": "‹"})
"""What could end a fence, or a renderer take for HTML."""


def robustness_lines(found: Robustness, *, everything: bool = False) -> Iterator[str]:
    """`found` for people, the short answer first.

    Args:
        everything: also what comes to the same outcome.
    """
    yield visible(found.firmness.sentence)
    for sway in found.firmness.sways:
        yield f"  - {visible(sway.change)}: {sway.outcome}"
    if found.outcome != found.sealed_outcome:
        yield f"note: here the evidence comes to {found.outcome}; it was sealed as {found.sealed_outcome}."
    yield from _varied("Without a dataset or a category", found.without, found, everything=everything)
    yield from _edges(found.edges, everything=everything)
    yield from _varied("At other confidence levels", found.confidences, found, everything=everything)
    yield from _varied("By other policies", found.policies, found, everything=True)
    yield from _judges(found.judges)
    if found.readings:
        yield from _varied("As other judges read it", found.read_otherwise, found, everything=True)
        yield from (f"  {_reading(each)}" for each in found.readings)
    if found.decodings:
        yield from _varied("One decoding alone", found.one_decoding, found, everything=True)
        for each in found.decodings:
            rates = ", ".join(percent(rate) for rate in each.rates)
            yield (
                f"  {each.measure}, {each.side}: {rates} by epoch (standard deviation "
                f"{percent(each.deviation)}); {percent(each.wavering)} of prompts are answered both ways"
            )
    if found.halves is not None:
        yield from _halves(found.halves)
    if found.notes:
        yield ""
        yield from (f"note: {note}" for note in found.notes)


def noise_floor_lines(found: NoiseFloor) -> Iterator[str]:
    """What a model held against itself shows."""
    yield f"Noise floor over {found.questions:,} questions, each decoded twice by the same model"
    for each in found.noise[:MOST_NOISE]:
        yield f"  {_noise(each)}"
    if len(found.noise) > MOST_NOISE:
        yield f"  and {len(found.noise) - MOST_NOISE} more slices (--json)"
    yield _alarms(found)
    if found.interval is not None:
        low, high = percent(found.interval.low), percent(found.interval.high)
        kinds = ", ".join(f"{outcome} {count:,}" for outcome, count in found.outcomes.items())
        yield (
            f"False alarms of the gate: {found.false_alarms:,} of {found.swaps:,} random exchanges of "
            f"the two decodings ({percent(found.interval.value)} [{low}, {high}]); what it came to: {kinds}"
        )


def beside_lines(rows: Sequence[Beside], *, everything: bool = False) -> Iterator[str]:
    """An audit's differences beside what differs by chance alone."""
    beyond = [row for row in rows if row.beyond]
    yield ""
    yield (
        f"Beside the noise floor: {len(beyond)} of {len(rows)} differences are larger than 95 of 100 that "
        "two decodings of the baseline make"
    )
    for row in rows if everything else beyond:
        mark = "beyond" if row.beyond else "within"
        line = (
            f"  {visible(row.finding)}: {percent(row.change, signed=True)} over {row.pairs:,} pairs, {mark} "
            f"the noise (standard error at most {percent(row.spread)})"
        )
        if row.differing is not None and row.excess is not None:
            low, high = (percent(each, signed=True) for each in (row.excess.low, row.excess.high))
            line += (
                f"; read differently {percent(row.differing)}, by chance {percent(row.by_chance)}, excess "
                f"[{low}, {high}]"
            )
        yield line


def robustness_markdown(title: str, found: Robustness, more: Sequence[str] = ()) -> str:
    """`found` for a pull request or a wiki: the short answer, and all the rest to be opened.

    Args:
        more: further lines, such as those of a noise floor.
    """
    lines = [f"## How firm: {inert_markdown(title)}", "", inert_markdown(found.firmness.sentence), ""]
    lines += [f"- {inert_markdown(sway.change)}: {sway.outcome}" for sway in found.firmness.sways]
    rest = [*robustness_lines(found, everything=True)][1 + len(found.firmness.sways) :]
    lines += ["", "<details><summary>All that was looked at</summary>", "", "```text"]
    lines += [line.translate(_FENCED) for line in (*rest, *more)]
    return "\n".join((*lines, "```", "", "</details>", ""))


def _varied(title: str, rows: Sequence[Variation], found: Robustness, *, everything: bool) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield title
    told = [row for row in rows if everything or row.outcome != found.outcome or row.turns]
    for row in told:
        mark = "→" if row.outcome != found.outcome else " "
        yield f"{mark} {visible(row.name)}: {row.outcome}{_questions(row, found)}"
        for turn in row.turns[:MOST_TURNS]:
            before, after = turn.before or "not held", turn.after or "not held"
            yield f"    {turn.rule} {visible(turn.finding)}: {before} → {after}"
        if len(row.turns) > MOST_TURNS:
            yield f"    and {len(row.turns) - MOST_TURNS} more rules"
    if len(told) < len(rows):
        yield f"  {len(rows) - len(told)} change nothing"


def _questions(row: Variation, found: Robustness) -> str:
    return f" ({row.questions:,} questions)" if row.questions != found.questions else ""


def _edges(rows: Iterable[Edge], *, everything: bool) -> Iterator[str]:
    turning = [row for row in rows if row.distance is not None]
    held = [row.key for row in rows if row.distance is None]
    yield ""
    yield "Limits of the policy, each moved alone, the nearest to turning first"
    for row in sorted(turning, key=lambda row: row.distance or Decimal(0)):
        ends = [
            f"{point.outcome} {'up to' if point is row.below else 'from'} {point.value}"
            for point in (row.below, row.above)
            if point is not None
        ]
        yield f"  {row.key} {row.value}: {'; '.join(ends)}"
        if everything:
            yield f"    {', '.join(f'{point.value} {point.outcome}' for point in row.grid)}"
    if held:
        yield f"  no value turns it: {', '.join(held)}"


def _judges(rows: Sequence[Judged]) -> Iterator[str]:
    if rows:
        yield ""
        yield "If a judge errs otherwise on the candidate than on the baseline"
    for row in rows:
        for point in row.tipping:
            yield f"{'→' if point.within_calibration else ' '} {row.measure}: {_tipping(point)}"
        if row.why_not:
            yield f"  {row.measure}: {row.why_not}"


def _tipping(point: TippingPoint) -> str:
    more = "more" if point.shift > 0 else "fewer"
    shift = f"{abs(point.shift) * 100:.1f} points {more} {point.error} on the candidate: {point.outcome}"
    if point.known is None:
        return f"{shift} (no error of {visible(point.judge)} measured, none assumed)"
    low, high = percent(point.known.low), percent(point.known.high)
    room = "which leaves room for that" if point.within_calibration else "which leaves no room for that"
    return f"{shift} (on {visible(point.set)} {percent(point.known.value)} [{low}, {high}], {room})"


def _reading(row: OtherReading) -> str:
    share = percent(Decimal(row.agree) / row.answers) if row.answers else "–"
    drops = f"{percent(row.drop)} by {row.own}, {percent(row.other_drop)} by {row.other}"
    return visible(f"{row.measure}: they agree on {share} of {row.answers:,} answers; the drop is {drops}")


def _halves(found: Halves) -> Iterator[str]:
    yield ""
    yield f"Random halves of the suite ({found.splits} splits; half the answers show less)"
    yield f"  decided: {', '.join(f'{outcome} {count}' for outcome, count in found.outcomes.items())}"
    yield f"  by point estimates alone: {', '.join(f'{o} {count}' for o, count in found.literals.items())}"
    for measure, drop in found.drops.items():
        yield (
            f"  {measure}: the drop is {percent(drop.value)}, between {percent(drop.low)} and "
            f"{percent(drop.high)} in all halves"
        )


def _noise(row: Noise) -> str:
    differing = "" if row.differing is None else f", {row.differing:,} read differently ({_share(row)})"
    change = percent(row.change, signed=True)
    return (
        f"{visible(row.finding)}: {row.pairs:,} pairs{differing}; change {change}, standard error by chance "
        f"{percent(row.spread)}"
    )


def _share(row: Noise) -> str:
    return percent(Decimal(row.differing or 0) / row.pairs) if row.pairs else "–"


def _alarms(found: NoiseFloor) -> str:
    if not found.alarms:
        return "In this very run no rule about a difference asked for more than deploying"
    named = "; ".join(f"{each.rule} {visible(each.finding)}: {each.after}" for each in found.alarms)
    return f"In this very run {len(found.alarms)} rules about a difference cried out for nothing: {named}"
