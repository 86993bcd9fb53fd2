"""All findings about a declaration: pure, so that whoever holds the sealed ``lineage.json`` gets the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelassay.artifacts.claims import claim, counted, listed
from modelassay.artifacts.data_handling import data_handling_findings
from modelassay.artifacts.licences import licence_findings
from modelassay.artifacts.lineage import unknown_parents
from modelassay.artifacts.recipe import recipe_finding
from modelassay.records import Artifact, Finding, Lineage, ModelOrigin, TrainingData

_PARTS = {"licence": "licences", "base": "base_model", "training data": "training_data"}
"""Measure of a disagreement, by its part."""


def lineage_findings(
    lineage: Lineage | None, audited: Sequence[Artifact] | None = None
) -> tuple[Finding, ...]:
    """What a declaration shows, leaves open and leaves out.

    Args:
        lineage: as sealed; None when nothing was declared, which is one finding.
        audited: artifacts of baseline and candidate, as they were loaded; None before anything is, when
            digests of models are taken as stated.
    """
    if lineage is None:
        text = (
            "Where the candidate came from is not declared: its training data, licences and recipe are "
            "unknown; add a section `lineage:` to the plan."
        )
        return (claim("lineage", "not_assessable", "medium", text),)
    declared = lineage.declared
    return (
        *_training_data(lineage),
        *_base_model(lineage, audited),
        *licence_findings(declared),
        *data_handling_findings(declared.training_data),
        recipe_finding(lineage),
        *_disagreements(lineage),
    )


def _training_data(lineage: Lineage) -> Iterator[Finding]:
    datasets = lineage.declared.training_data
    if not datasets:
        text = "No training data is declared: name every dataset under `training_data:`."
        yield claim("training_data", "not_assessable", "medium", text)
        return
    found = [*_gaps(lineage, datasets)]
    yield from found
    if not any(finding.severity != "low" for finding in found):
        text = f"Source and content are declared for {counted(datasets)}."
        read = [str(lineage.hashed[d.path].digest) for d in datasets if d.path in lineage.hashed]
        counts = {"datasets": len(datasets), "read here": len(read)}
        yield claim("training_data", "shown_fine", "none", text, values=counts, rests_on=read)


def _gaps(lineage: Lineage, datasets: Sequence[TrainingData]) -> Iterator[Finding]:
    """What is not said of the training data, an aspect each."""

    def gap(aspect: str, names: Sequence[str], what: str, *, note: bool = False) -> Iterator[Finding]:
        if names:
            text = f"{what.format(f'{listed(names)} ({len(names)} of {counted(datasets)})')}."
            counts = {"datasets": len(names)}
            if note:
                yield claim("training_data", "not_shown", "low", text, values=counts, aspect=aspect)
            else:
                yield claim("training_data", "not_assessable", "medium", text, values=counts, aspect=aspect)

    loose = [data.name for data in datasets if not data.digest]
    yield from gap("content", loose, "Not bound to content: {}; give a path or a digest")
    stated = [data.name for data in datasets if data.digest and data.path not in lineage.hashed]
    yield from gap("digest", stated, "With a digest that was stated, not computed here: {}", note=True)
    nowhere = [data.name for data in datasets if not data.source.strip()]
    yield from gap("source", nowhere, "Source not stated: {}; state `source:`")
    orphans = [
        f"{data.name} ({', '.join(unknown)})"
        for data in datasets
        if (unknown := unknown_parents(data, lineage.declared))
    ]
    yield from gap("parents", orphans, "Made from something that is not declared: {}; declare it too")
    unexplained = [data.name for data in datasets if data.parents and not data.transforms]
    yield from gap("transforms", unexplained, "How it was made from its parents is not stated: {}", note=True)
    uncoded = [data.name for data in datasets if any(not step.code for step in data.transforms)]
    yield from gap("code", uncoded, "Transformed by code that is not named: {}", note=True)


def _base_model(lineage: Lineage, audited: Sequence[Artifact] | None) -> Iterator[Finding]:
    base, adapters = lineage.declared.base, lineage.declared.adapters
    if base is None:
        text = "The base model is not declared: name it under `base:`."
        yield claim("base_model", "not_assessable", "medium", text)
    problems = [p for kind, origin in _origins(lineage) if (p := _unbound(kind, origin, audited))]
    yield from problems
    loaded = [a for a in audited or () if a.kind == "adapter"]
    silent = [a for a in loaded if a.digest not in {origin.digest for origin in adapters}]
    if silent:
        names = listed([artifact.name for artifact in silent])
        text = f"The audited models were loaded with adapters that are not declared by digest: {names}."
        yield claim("base_model", "not_assessable", "medium", text, aspect="adapters")
    if base and not problems and not silent:
        known = {artifact.digest for artifact in audited or ()}
        read = [origin.digest for _, origin in _origins(lineage) if origin.digest in known]
        names = listed([origin.name for _, origin in _origins(lineage)])
        how = "bound to content" if audited is None else "as it was loaded"
        text = f"Everything that the candidate is declared to rest on is {how}: {names}."
        yield claim("base_model", "shown_fine", "none", text, rests_on=read)


def _origins(lineage: Lineage) -> Iterator[tuple[str, ModelOrigin]]:
    if lineage.declared.base:
        yield "model", lineage.declared.base
    for adapter in lineage.declared.adapters:
        yield "adapter", adapter


def _unbound(kind: str, origin: ModelOrigin, audited: Sequence[Artifact] | None) -> Finding | None:
    """Why `origin` is not known to be what was loaded; None when it is."""
    title = "base model" if kind == "model" else "adapter"
    if not origin.digest:
        text = f"The {title} {origin.name} is not bound to content: give its path or digest."
        return claim("base_model", "not_assessable", "medium", text, part=f"{title} {origin.name}")
    if audited is None:
        return None
    loaded = [artifact for artifact in audited if artifact.kind == kind]
    if any(artifact.digest == origin.digest for artifact in loaded):
        return None
    if not loaded:
        text = f"The {title} {origin.name} has a digest, but no weights of that kind were loaded to compare."
        return claim("base_model", "not_shown", "medium", text, part=f"{title} {origin.name}")
    text = (
        f"The declared {title} {origin.name} is none of those that were loaded "
        f"({listed([artifact.name for artifact in loaded])}): correct its digest, or audit against it."
    )
    return claim("base_model", "shown_harmful", "medium", text, part=f"{title} {origin.name}")


def _disagreements(lineage: Lineage) -> Iterator[Finding]:
    for number, each in enumerate(lineage.disagreements, 1):
        text = f"Plan and model card differ on the {each.part}: {each.plan!r} and {each.card!r}; correct one."
        yield claim(
            _PARTS.get(each.part, "lineage"),
            "not_shown",
            "medium",
            text,
            aspect=f"model card {number}",
        )
