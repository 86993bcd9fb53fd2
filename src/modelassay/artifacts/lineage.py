"""Lineage as a graph of artifacts: who came from whom, by digest.

An artifact is known by its digest, and its parents by theirs. Data or a model that is declared without
content has the digest of its declaration, and says so (`details`: ``identity: declaration``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import msgspec

from modelassay.canonical import Digest, digest_of
from modelassay.errors import UsageError
from modelassay.records import Artifact, ArtifactKind, Declaration, ModelOrigin, TrainingData


class Ancestor(NamedTuple):
    """One line of a pedigree."""

    generation: int
    """0 for the artifact itself, 1 for its parents, …"""
    digest: Digest
    artifact: Artifact | None
    """None for a parent that nothing describes."""


def declared_artifacts(declared: Declaration) -> tuple[Artifact, ...]:
    """Every dataset, model and adapter of `declared` as artifacts, parents before children.

    Raises:
        UsageError: datasets descend from each other in a circle.
    """
    digests = {data.name: _identity(data) for data in declared.training_data}
    origins = [("model", declared.base)] if declared.base else []
    origins += [("adapter", adapter) for adapter in declared.adapters]
    models = tuple(_model(kind, origin) for kind, origin in origins if origin)  # type: ignore[arg-type]
    return in_order((*models, *(_dataset(data, digests) for data in declared.training_data)))


def unknown_parents(data: TrainingData, declared: Declaration) -> tuple[str, ...]:
    """Parents of `data` that are neither declared names nor declared digests."""
    known = {entry.name for entry in declared.training_data} | {e.digest for e in declared.training_data}
    return tuple(parent for parent in data.parents if parent not in known)


def in_order(artifacts: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """`artifacts` with parents before children, otherwise in their order; each digest once.

    Raises:
        UsageError: artifacts descend from each other in a circle.
    """
    by_digest = {artifact.digest: artifact for artifact in reversed(artifacts)}
    parents = {artifact.digest: artifact.parents for artifact in artifacts}
    names = {digest: artifact.name for digest, artifact in by_digest.items()}
    return tuple(by_digest[digest] for digest in _sorted(parents, names))


def pedigree(digest: Digest, artifacts: Sequence[Artifact]) -> Iterator[Ancestor]:
    """The artifact `digest` and its ancestors, depth first; those of what is met again stand once."""
    by_digest = {artifact.digest: artifact for artifact in artifacts}
    waiting, met = [(0, digest)], set[Digest]()
    while waiting:
        generation, current = waiting.pop()
        artifact = by_digest.get(current)
        yield Ancestor(generation, current, artifact)
        if artifact and current not in met:
            met.add(current)
            waiting += [(generation + 1, parent) for parent in reversed(artifact.parents)]


def _dataset(data: TrainingData, digests: Mapping[str, Digest]) -> Artifact:
    own = digests[data.name]
    # A copy that changed nothing is the same artifact as its parent, not a circle.
    named = [p for p in data.parents if p == data.name or digests.get(p) != own]
    parents = [digests.get(parent, parent) for parent in named]
    details = {"consent": data.consent, "personal data": data.pii, "retention": data.retention}
    if data.rows:
        details["rows"] = str(data.rows)
    if not data.digest:
        details["identity"] = "declaration"
    return Artifact(
        kind="dataset",
        name=data.name,
        digest=own,
        licence=data.licence,
        source=data.source or data.path,
        parents=tuple(Digest(parent) for parent in parents if parent.startswith("sha256:")),
        details={name: text for name, text in details.items() if text},
    )


def _model(kind: ArtifactKind, origin: ModelOrigin) -> Artifact:
    return Artifact(
        kind=kind,
        name=origin.name,
        digest=_identity(origin),
        licence=origin.licence,
        source=origin.source or origin.path,
        details={} if origin.digest else {"identity": "declaration"},
    )


def _identity(entry: TrainingData | ModelOrigin) -> Digest:
    return Digest(entry.digest) if entry.digest else digest_of(msgspec.to_builtins(entry))


def _sorted(parents: Mapping[Digest, Sequence[Digest]], names: Mapping[Digest, str]) -> list[Digest]:
    """Every key after those of its parents that are keys too."""
    graph = {child: [p for p in above if p in parents] for child, above in parents.items()}
    try:
        return [*TopologicalSorter(graph).static_order()]
    except CycleError as error:
        # The sorter gives the circle from parent to child, its first node again at the end.
        circle = " → ".join(names[digest] for digest in reversed(error.args[1]))
        raise UsageError(
            f"the lineage goes in a circle: {circle}",
            where="lineage",
            mend="nothing descends from itself; correct `parents`",
        ) from error
