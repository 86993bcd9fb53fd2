"""Datasets as Croissant 1.0 with its Responsible AI vocabulary (JSON-LD).

Formats: MLCommons Croissant 1.0 (http://mlcommons.org/croissant/1.0) and Croissant RAI 1.0
(http://mlcommons.org/croissant/RAI/1.0), derivation after W3C PROV-O. A folder's digest is the SHA-256 of its
``SHA256SUMS``, so that listing is the file which is described; an audit's dataset is pinned by its rows, and
is described without files.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import msgspec

from modelassay.artifacts.spdx import NOT_STATED, Licence, parse_expression
from modelassay.errors import UsageError
from modelassay.records import AuditRecord, DatasetPin, HashedPath, Lineage, TrainingData

CONFORMS_TO = ("http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0")

_CROISSANT = (
    "citeAs",
    "column",
    "equivalentProperty",
    "extract",
    "field",
    "fileObject",
    "fileProperty",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
)
_TYPED = {"data": "@json", "dataType": "@vocab", "examples": "@json"}
_PERSONAL = {
    "none": "No personal data.",
    "removed": "Personal data was removed.",
    "pseudonymised": "Personal data is pseudonymised.",
    "present": "Personal data is present.",
}
_MEDIA = {
    ".jsonl": "application/jsonlines",
    ".json": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/vnd.apache.parquet",
    ".gz": "application/gzip",
    ".zip": "application/zip",
    ".txt": "text/plain",
}


def croissant(dataset: TrainingData | DatasetPin, lineage: Lineage | None = None) -> bytes:
    """One dataset as JSON-LD; the same arguments give the same bytes.

    Args:
        dataset: declared training data, or a dataset that an audit asked.
        lineage: where the training data was declared, for what was hashed and for its parents.
    """
    document = {"@context": _context(), "@type": "sc:Dataset", "conformsTo": list(CONFORMS_TO)}
    document |= _described(dataset, lineage)
    filled = {key: value for key, value in document.items() if value not in ("", [], None)}
    return msgspec.json.format(msgspec.json.encode(filled), indent=2) + b"\n"


def croissant_files(audit: AuditRecord) -> dict[str, bytes]:
    """Every dataset that `audit` knows of, by a file name of its own: asked first, then trained on."""
    asked = [(f"asked-{n}", croissant(pin)) for n, pin in enumerate(audit.datasets, 1)]
    data = audit.lineage.declared.training_data if audit.lineage else ()
    trained = [(f"trained-on-{n}", croissant(entry, audit.lineage)) for n, entry in enumerate(data, 1)]
    return {f"{name}.croissant.json": document for name, document in (*asked, *trained)}


@singledispatch
def _described(dataset: object, lineage: Lineage | None) -> dict[str, Any]:
    raise TypeError(f"not a dataset: {type(dataset).__name__}")


@_described.register
def _(dataset: DatasetPin, lineage: Lineage | None) -> dict[str, Any]:
    return {
        "@id": dataset.digest,
        "name": dataset.name,
        "description": f"{dataset.rows:,} prompts that were put to both models of an audit.",
        "identifier": dataset.digest,
        "url": _url(dataset.source),
        "license": _licence(dataset.licence),
        "citeAs": dataset.citation,
        "rai:dataUseCases": "Evaluation of language models.",
    }


@_described.register
def _(dataset: TrainingData, lineage: Lineage | None) -> dict[str, Any]:
    hashed = lineage.hashed.get(dataset.path) if lineage else None
    rows = f"{dataset.rows:,} examples" if dataset.rows else "Examples"
    collection = [dataset.source, f"Basis: {dataset.consent}" if dataset.consent else ""]
    return {
        "@id": dataset.digest,
        "name": dataset.name,
        "description": f"{rows} that a language model was trained on.",
        "identifier": dataset.digest,
        "url": _url(dataset.source),
        "license": _licence(dataset.licence),
        "distribution": [_file(dataset, hashed)] if hashed else [],
        "rai:dataCollection": ". ".join(filter(None, collection)),
        "rai:personalSensitiveInformation": _PERSONAL.get(dataset.pii, ""),
        "rai:dataReleaseMaintenancePlan": f"Retention: {dataset.retention}" if dataset.retention else "",
        "rai:dataPreprocessingProtocol": [*_steps(dataset)],
        "rai:dataUseCases": "Training of language models.",
        "prov:wasDerivedFrom": [{"@id": parent} for parent in _parents(dataset, lineage)],
    }


def _file(dataset: TrainingData, hashed: HashedPath) -> dict[str, Any]:
    folder = hashed.kind == "folder"
    suffix = "" if folder else dataset.path[dataset.path.rfind(".") :].lower()
    return {
        "@type": "cr:FileObject",
        "@id": "SHA256SUMS" if folder else dataset.path,
        "name": "SHA256SUMS" if folder else dataset.path.rpartition("/")[2],
        "description": f"SHA-256 of each of the {hashed.files:,} files" if folder else "The examples",
        "contentUrl": f"{dataset.path.rstrip('/')}/SHA256SUMS" if folder else dataset.path,
        "contentSize": "" if folder else f"{hashed.size} B",
        "encodingFormat": "text/plain" if folder else _MEDIA.get(suffix, "application/octet-stream"),
        "sha256": hashed.digest.removeprefix("sha256:"),
    }


def _steps(dataset: TrainingData) -> Iterator[str]:
    for step in dataset.transforms:
        settings = ", ".join(f"{name}={value}" for name, value in sorted(step.parameters.items()))
        yield " ".join(
            filter(
                None, [step.name, f"({settings})" if settings else "", f"by {step.code}" if step.code else ""]
            )
        )


def _parents(dataset: TrainingData, lineage: Lineage | None) -> Iterator[str]:
    """Parents by digest where they have one, else by name."""
    declared = lineage.declared.training_data if lineage else ()
    digests = {entry.name: entry.digest for entry in declared if entry.digest}
    for parent in dataset.parents:
        yield digests.get(parent, parent)


def _licence(text: str) -> str:
    """The page of a single SPDX licence; anything else as it was written."""
    if text.strip().lower() in NOT_STATED | {""}:
        return ""
    try:
        expression = parse_expression(text)
    except UsageError:
        return text
    single = isinstance(expression, Licence) and "LicenseRef-" not in expression.id
    return f"https://spdx.org/licenses/{expression}.html" if single else str(expression)


def _url(source: str) -> str:
    return source if source.startswith(("https://", "http://")) else ""


def _context() -> dict[str, Any]:
    """The context of Croissant 1.0, with the vocabularies that are used beside it."""
    context: dict[str, Any] = {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "prov": "http://www.w3.org/ns/prov#",
        "conformsTo": "dct:conformsTo",
    }
    context |= {name: f"cr:{name}" for name in _CROISSANT}
    return context | {name: {"@id": f"cr:{name}", "@type": kind} for name, kind in _TYPED.items()}
