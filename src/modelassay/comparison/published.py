"""A provider's own evaluations beside the measures of an audit: which they cover, and which not.

Context for people: no figure of a provider is counted, compared or tested, for neither its prompts nor its
judge nor the weights that answered are known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from modelassay.records import Estimate, Finding, Measure, PublishedEvaluation


class Mapped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published figure and what this audit has in its place."""

    published: PublishedEvaluation
    finding: str
    """Id of the finding on the same measure and slice."""
    title: str
    """Of the measure, for people."""
    baseline: Estimate | None = None
    """What the audit measured there, of either model."""
    candidate: Estimate | None = None


class Uncovered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A measure of this audit of which the provider publishes nothing, at least not on these slices."""

    measure: str
    title: str
    slices: tuple[str, ...] = ()
    """Names of the slices, where it publishes something on all samples or on others; empty for all of it."""


class PublishedMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every declared figure, and what none covers."""

    mapped: tuple[Mapped, ...] = ()
    """On a measure of this audit."""
    elsewhere: tuple[PublishedEvaluation, ...] = ()
    """On nothing that this audit measures."""
    uncovered: tuple[Uncovered, ...] = ()


def map_published(declared: Sequence[PublishedEvaluation], findings: Iterable[Finding]) -> PublishedMap:
    """The figures in `declared` beside the findings of an audit.

    A slice counts as covered by a figure on exactly it; a figure on all samples covers the measure as a whole
    and none of its slices.
    """
    compared = [finding for finding in findings if finding.check == "comparison"]
    by_place = {(finding.measure.name, _key(finding.slice)): finding for finding in compared}
    mapped, elsewhere = [], []
    for each in declared:
        found = by_place.get((each.measure, _key(each.slice)))
        if found is None:
            elsewhere.append(each)
            continue
        mapped.append(
            Mapped(
                published=each,
                finding=found.id,
                title=found.measure.title,
                baseline=found.baseline,
                candidate=found.candidate,
            )
        )
    covered = {each.finding for each in mapped}
    measures = {finding.measure.name: finding.measure for finding in compared}
    uncovered = (_uncovered(measure, compared, covered) for measure in measures.values())
    return PublishedMap(
        mapped=tuple(mapped),
        elsewhere=tuple(elsewhere),
        uncovered=tuple(each for each in uncovered if each is not None),
    )


def _uncovered(measure: Measure, findings: Iterable[Finding], covered: set[str]) -> Uncovered | None:
    own = [finding for finding in findings if finding.measure.name == measure.name]
    left = [finding for finding in own if finding.id not in covered]
    if not left:
        return None
    names = () if len(left) == len(own) else tuple(_name(finding.slice) for finding in left)
    return Uncovered(measure=measure.name, title=measure.title, slices=names)


def _key(tags: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(tags.items()))


def _name(tags: dict[str, str]) -> str:
    return ", ".join(f"{tag} {value}" for tag, value in sorted(tags.items())) or "all samples"
