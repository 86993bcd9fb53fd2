"""What a provider publishes of its own evaluations, beside what this audit measured; for people to read."""

from __future__ import annotations

from dataclasses import dataclass

from modelassay.comparison import Mapped, PublishedMap, Uncovered, map_published
from modelassay.records import AuditRecord, PublishedEvaluation
from modelassay.report.text import with_interval

DISCLAIMER = (
    "As the plan declares it from what the provider publishes. Nothing of it was checked, measured or "
    "counted here: prompts, judge and the weights that answered are the provider's word."
)
_MOST = 12
"""Slices that are named."""


@dataclass(frozen=True)
class Row:
    """One published figure, every cell filled."""

    evaluation: str
    source: str
    """Where it stands, of when, about which model."""
    figure: str
    nearest: str
    """Measure and slice of this audit."""
    measured: str
    """What this audit measured there."""
    differs: str


def published_map(audit: AuditRecord) -> PublishedMap | None:
    """Which measures a provider's figures cover; None where the plan declares none."""
    return map_published(audit.published, audit.findings) if audit.published else None


def rows(found: PublishedMap) -> tuple[Row, ...]:
    """Figures with a counterpart here first."""
    beside = (_row(each.published, _nearest(each), _measured(each)) for each in found.mapped)
    apart = (_row(each, "nothing that was measured here", "–") for each in found.elsewhere)
    return (*beside, *apart)


def uncovered_in_words(uncovered: Uncovered) -> str:
    """A measure of which nothing is published, or on which slices."""
    if not uncovered.slices:
        return uncovered.title
    shown = ", ".join(uncovered.slices[:_MOST])
    more = f" and {len(uncovered.slices) - _MOST} more" if len(uncovered.slices) > _MOST else ""
    return f"{uncovered.title}: {shown}{more}"


def _row(published: PublishedEvaluation, nearest: str, measured: str) -> Row:
    about = f", of {published.model}" if published.model else ""
    return Row(
        evaluation=published.evaluation,
        source=f"{published.source}, {published.date}{about}",
        figure=published.figure,
        nearest=nearest,
        measured=measured,
        differs=published.differs or "not stated",
    )


def _nearest(mapped: Mapped) -> str:
    tags = ", ".join(f"{tag} {value}" for tag, value in sorted(mapped.published.slice.items()))
    return f"{mapped.title}: {tags or 'all samples'}"


def _measured(mapped: Mapped) -> str:
    if mapped.baseline is None or mapped.candidate is None:
        return "not assessable"
    return f"{with_interval(mapped.baseline)} → {with_interval(mapped.candidate)}"
