"""The scorers of another tool as measures: which way is wanted, on which scale, how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from modelassay.errors import UnknownNameError, UsageError
from modelassay.interop.run import Mark, Run, Scorer
from modelassay.records import EvaluatorPin, Measure, Reading

Wanted = Literal["higher", "lower"]
LONGEST_NAME = 60
UNKNOWN = "unknown"
"""In place of a tool's version that its file does not say."""


class Scale(NamedTuple):
    """The ends of a scorer's own scale."""

    low: float = 0.0
    high: float = 1.0


class Chosen(NamedTuple):
    """A scorer that is imported."""

    scorer: str
    measure: Measure
    lower: bool
    """Whether low values are wanted."""
    scale: Scale
    pin: EvaluatorPin


def choose_measures(
    runs: tuple[Run, Run],
    *,
    names: Sequence[str] = (),
    wanted: Wanted | None = None,
    scale: Scale | None = None,
    exact: Sequence[str] = (),
    version: str = "",
) -> tuple[Chosen, ...]:
    """The measures to import from both runs.

    Args:
        runs: baseline and candidate.
        names: scorers; all that both have, when none is named.
        wanted: which end, in place of what the files say.
        scale: the scorers' own; 0 to 1 when not given.
        exact: scorers that the user vouches to compare with a gold answer.
        version: of the tool, in place of what the files say.

    Raises:
        UnknownNameError: no such scorer.
        UsageError: no scorer, one of which the wanted end is not known, or two of one name.
    """
    known: dict[str, list[Scorer]] = {}
    for run in runs:
        for scorer in run.scorers:
            known.setdefault(scorer.name, []).append(scorer)
    common = [name for name, scorers in known.items() if len(scorers) == len(runs)]
    for name in (*names, *exact):
        if name not in known:
            raise UnknownNameError("measure", name, known, where=runs[0].place)
    picked = list(dict.fromkeys(names)) or common
    if not picked:
        raise UsageError(
            "the two files have no score in common",
            where=f"{runs[0].place} and {runs[1].place}",
            mend="--judge-again EVALUATOR scores the answers here; for tables name columns with --measure",
        )
    chosen = tuple(
        _chosen(name, known[name], runs[0], wanted, scale, vouched=name in exact, version=version)
        for name in picked
    )
    titles = [each.measure.name for each in chosen]
    for title in titles:
        if titles.count(title) > 1:
            raise UsageError(f"two scorers would both be the measure {title!r}", mend="choose with --measure")
    return chosen


def reading_of(mark: Mark, chosen: Chosen, place: str) -> Reading:
    """`mark` with 1 as the wanted end.

    Raises:
        UsageError: it lies outside the scale.
    """
    low, high = chosen.scale
    if not low <= mark.value <= high:
        raise UsageError(
            f"{chosen.scorer} is {mark.value:g}, outside of {low:g} to {high:g}",
            where=place,
            mend="say the scorer's own scale: --range LOW:HIGH",
        )
    share = (mark.value - low) / (high - low)
    value = 1.0 - share if chosen.lower else share
    return Reading(value=min(max(value, 0.0), 1.0), label=mark.label, raw=repr(mark.value))


def settings_of(pin_settings: Mapping[str, str]) -> dict[str, str]:
    """Settings of a pin, those without a value left out."""
    return {name: value for name, value in sorted(pin_settings.items()) if value}


def _chosen(
    name: str,
    scorers: Sequence[Scorer],
    run: Run,
    wanted: Wanted | None,
    scale: Scale | None,
    *,
    vouched: bool,
    version: str,
) -> Chosen:
    said = {scorer.lower for scorer in scorers} - {None}
    if wanted is None and len(said) > 1:
        raise UsageError(f"the files disagree on which end of {name} is wanted", mend="--wanted higher|lower")
    lower = wanted == "lower" if wanted else bool(said and said.pop())
    own = scale or Scale()
    exact = vouched or all(scorer.exact for scorer in scorers)
    measure = Measure(
        name=_slug(name),
        title=f"{name} (scored by {run.tool})",
        wanted=f"{run.tool} does not flag by {name}" if lower else f"{run.tool} scores well by {name}",
        role="banded",
        exact=exact,
    )
    pin = EvaluatorPin(
        name=f"imported:{run.tool}/{_slug(name)}",
        version=version or run.version or UNKNOWN,
        settings=settings_of(
            {
                "scorer": name,
                "wanted": "lower" if lower else "higher",
                "scale": f"{own.low:g} to {own.high:g}",
                "exact": "as the user vouches" if vouched else "",
            }
        ),
        measures=(measure,),
    )
    return Chosen(name, measure, lower, own, pin)


def _slug(name: str) -> str:
    """A name that can stand in a finding's id and a path."""
    return (
        "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)[:LONGEST_NAME]
        or "score"
    )
