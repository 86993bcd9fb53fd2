"""Where the candidate came from, arranged for reading: its parts, what is open, the recipe.

Pure functions of `AuditRecord`. What is not declared is written out as such, never left blank.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelassay.artifacts import CHECKS, RecipeItem, recipe_items
from modelassay.records import (
    Artifact,
    AuditRecord,
    Finding,
    FindingState,
    Lineage,
    ModelOrigin,
    TrainingData,
)

NOT_STATED = "not stated"
DISCLAIMER = (
    "The developer's declaration, held against the bytes that were read here. Evidence for a person who "
    "decides, not legal advice."
)
LINEAGE_WORDS: dict[FindingState, str] = {
    "shown_harmful": "conflict",
    "not_assessable": "unknown",
    "not_shown": "not checked",
    "shown_fine": "in order",
}
"""What the states of findings mean of a declaration."""
_ORDER: tuple[FindingState, ...] = ("shown_harmful", "not_assessable", "not_shown", "shown_fine")


@dataclass(frozen=True)
class Part:
    """One thing that the candidate was made from; every cell says `NOT_STATED` where nothing is."""

    kind: str
    name: str
    licence: str
    content: str
    """Whether its bytes were read here, or its digest stated."""
    source: str
    consent: str
    personal_data: str
    retention: str
    made_from: str


@dataclass(frozen=True)
class Judged:
    """What was found on one measure: the worst state, and the claims that are not fine."""

    title: str
    state: FindingState
    open: tuple[Finding, ...]


def lineage_findings_of(audit: AuditRecord) -> tuple[Finding, ...]:
    """Findings about the declaration."""
    return tuple(finding for finding in audit.findings if finding.check in CHECKS)


def judged_measures(audit: AuditRecord) -> tuple[Judged, ...]:
    """One row a measure; notes (severity low) do not count against it."""
    findings = lineage_findings_of(audit)
    titles = dict.fromkeys(finding.measure.title for finding in findings)
    return tuple(_judged(title, [f for f in findings if f.measure.title == title]) for title in titles)


def parts(audit: AuditRecord) -> tuple[Part, ...]:
    """Base, adapters and training data, as declared."""
    return tuple(_parts(audit)) if audit.lineage else ()


def recipe_of(audit: AuditRecord) -> tuple[RecipeItem, ...]:
    """The items of the training recipe; none when nothing is declared."""
    return recipe_items(audit.lineage) if audit.lineage else ()


def lineage_in_words(audit: AuditRecord) -> str:
    """One line, such as ``licences conflict (1), data handling in order``; empty without findings."""
    rows = judged_measures(audit)
    if audit.lineage is None:
        return "not declared" if rows else ""
    return ", ".join(
        f"{row.title.lower()} {LINEAGE_WORDS[row.state]}" + (f" ({len(row.open)})" if row.open else "")
        for row in rows
    )


def _judged(title: str, findings: list[Finding]) -> Judged:
    weighty = [f for f in findings if f.severity != "low"]
    states = {f.state for f in weighty}
    worst: FindingState = next((state for state in _ORDER if state in states), "shown_fine")
    opened = sorted((f for f in findings if f.state != "shown_fine"), key=lambda f: _ORDER.index(f.state))
    return Judged(title, worst, tuple(opened))


def _parts(audit: AuditRecord) -> Iterator[Part]:
    assert audit.lineage is not None
    declared = audit.lineage.declared
    loaded = (*audit.baseline.artifacts, *audit.candidate.artifacts)
    models = [("base model", declared.base)] if declared.base else []
    models += [("adapter", adapter) for adapter in declared.adapters]
    for kind, model in models:
        if model:
            yield _part(kind, model, _content(audit.lineage, model, loaded))
    for data in declared.training_data:
        yield _part("training data", data, _content(audit.lineage, data, ()))


def _part(kind: str, entry: TrainingData | ModelOrigin, content: str) -> Part:
    data = entry if isinstance(entry, TrainingData) else None
    plain = "–"
    return Part(
        kind=kind,
        name=entry.name,
        licence=entry.licence or NOT_STATED,
        content=content,
        source=entry.source or NOT_STATED,
        consent=(data.consent or NOT_STATED) if data else plain,
        personal_data=(data.pii or NOT_STATED) if data else plain,
        retention=(data.retention or NOT_STATED) if data else plain,
        made_from=", ".join(data.parents) if data else "",
    )


def _content(lineage: Lineage, entry: TrainingData | ModelOrigin, loaded: tuple[Artifact, ...]) -> str:
    if not entry.digest:
        return NOT_STATED
    short = entry.digest[: len("sha256:") + 12] + "…"
    if any(artifact.digest == entry.digest for artifact in loaded):
        return f"{short} as loaded"
    read = lineage.hashed.get(entry.path)
    if not read:
        return f"{short} as stated"
    files = f", {read.files:,} file{'' if read.files == 1 else 's'}" if read.kind == "folder" else ""
    return f"{short} read here{files}"
