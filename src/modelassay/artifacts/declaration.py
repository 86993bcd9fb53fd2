"""A plan's declaration, completed from its model card and held against the files that it names.

Everything that cannot be true is an error here, before anything is asked: a digest that its file does not
have, a path that is not there, data that descends from itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from modelassay.artifacts.fingerprint import digest_file, fingerprint_folder
from modelassay.artifacts.lineage import declared_artifacts
from modelassay.artifacts.model_card import CardClaims, read_model_card
from modelassay.artifacts.spdx import parse_expression
from modelassay.canonical import Digest
from modelassay.errors import ConfigError, UsageError
from modelassay.records import (
    Declaration,
    Disagreement,
    HashedPath,
    Lineage,
    ModelOrigin,
    TrainingData,
)

_PINNED = re.compile(r"(?P<path>.+)@(?P<digest>sha256:[0-9a-f]{64})")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def resolve_lineage(declared: Declaration | None, folder: Path) -> Lineage | None:
    """What `declared` comes to, with every path that it names hashed; None for None.

    Args:
        folder: where relative paths begin.

    Raises:
        ConfigError: a path that is not there, a digest that is not what is found, a card that cannot be
            read, a name given twice.
        UsageError: a file cannot be read, or data descends from itself.
    """
    if declared is None:
        return None
    _check(declared)
    disagreements: tuple[Disagreement, ...] = ()
    if declared.model_card:
        declared, disagreements = _with_card(declared, read_model_card(folder / declared.model_card))
    hashed = {path: _hash(folder / path, where) for where, path in _paths(declared)}
    for where, path, digest in _pins(declared):
        _compare(where, path, digest, hashed[path])
    declared = _filled(declared, hashed)
    declared_artifacts(declared)
    return Lineage(declared=declared, hashed=hashed, disagreements=disagreements)


def _check(declared: Declaration) -> None:
    names = [data.name for data in declared.training_data]
    for index, data in enumerate(declared.training_data):
        where = f"lineage.training_data[{index}]"
        if not data.name.strip():
            raise ConfigError("the dataset has no name", where=where, mend="add name: …")
        if data.name in names[:index]:
            raise ConfigError(f"{data.name!r} is declared twice", where=where, mend="merge both entries")
        if data.rows < 0:
            raise ConfigError("must not be negative", where=f"{where}.rows")
    for where, digest in _digests(declared):
        if digest and not _DIGEST.fullmatch(digest):
            raise ConfigError(
                f"{digest!r} is not a digest", where=where, mend="write sha256: and 64 hexadecimal digits"
            )


def _entries(declared: Declaration) -> Iterator[tuple[str, TrainingData | ModelOrigin]]:
    """Data and models with their places in the plan."""
    for index, data in enumerate(declared.training_data):
        yield f"lineage.training_data[{index}]", data
    if declared.base:
        yield "lineage.base", declared.base
    for index, adapter in enumerate(declared.adapters):
        yield f"lineage.adapters[{index}]", adapter


def _digests(declared: Declaration) -> Iterator[tuple[str, str]]:
    for where, entry in _entries(declared):
        yield f"{where}.digest", entry.digest
    for where, text in _recipe_files(declared):
        yield where, text if text.startswith("sha256:") else ""


def _recipe_files(declared: Declaration) -> Iterator[tuple[str, str]]:
    yield "lineage.recipe.configuration", declared.recipe.configuration
    yield "lineage.recipe.environment.lock", declared.recipe.environment.lock


def _paths(declared: Declaration) -> Iterator[tuple[str, str]]:
    """Every declared path with its place in the plan."""
    for where, entry in _entries(declared):
        if entry.path:
            yield f"{where}.path", entry.path
    for where, text in _recipe_files(declared):
        if text and not text.startswith("sha256:"):
            pinned = _PINNED.fullmatch(text)
            yield where, pinned["path"] if pinned else text
    if declared.model_card:
        yield "lineage.model_card", declared.model_card


def _pins(declared: Declaration) -> Iterator[tuple[str, str, str]]:
    """Every path that is declared with a digest."""
    for where, entry in _entries(declared):
        if entry.path and entry.digest:
            yield f"{where}.digest", entry.path, entry.digest
    for where, text in _recipe_files(declared):
        if pinned := _PINNED.fullmatch(text):
            yield where, pinned["path"], pinned["digest"]


def _hash(path: Path, where: str) -> HashedPath:
    if path.is_file():
        return HashedPath(
            kind="file", digest=Digest(f"sha256:{digest_file(path)}"), files=1, size=path.stat().st_size
        )
    if path.is_dir():
        folder = fingerprint_folder(path)
        if not folder.readings:
            raise ConfigError(f"the folder {path} holds no file", where=where, mend="correct the path")
        return HashedPath(kind="folder", digest=folder.digest, files=len(folder.readings), size=folder.size)
    raise ConfigError(f"there is no file or folder {path}", where=where, mend="correct the path")


def _compare(where: str, path: str, digest: str, found: HashedPath) -> None:
    if found.digest != digest:
        raise ConfigError(
            f"{path} is not what was declared: it has {found.digest}, declared is {digest}",
            where=where,
            mend="restore the data that was trained on, or correct the digest",
        )


def _filled(declared: Declaration, hashed: dict[str, HashedPath]) -> Declaration:
    """`declared` with the digest of every path; pins of recipe files are left out, being met."""

    def path_of(text: str) -> str:
        pinned = _PINNED.fullmatch(text)
        return pinned["path"] if pinned else text

    def digest_of(entry: TrainingData | ModelOrigin) -> str:
        return hashed[entry.path].digest if entry.path else entry.digest

    replace = msgspec.structs.replace
    recipe = declared.recipe
    environment = replace(recipe.environment, lock=path_of(recipe.environment.lock))
    base = declared.base
    return replace(
        declared,
        base=replace(base, digest=digest_of(base)) if base else None,
        adapters=tuple(replace(entry, digest=digest_of(entry)) for entry in declared.adapters),
        training_data=tuple(replace(entry, digest=digest_of(entry)) for entry in declared.training_data),
        recipe=replace(recipe, configuration=path_of(recipe.configuration), environment=environment),
    )


def _with_card(declared: Declaration, card: CardClaims) -> tuple[Declaration, tuple[Disagreement, ...]]:
    """`declared` with what only the card says, and what both say differently; the plan wins."""
    found: list[Disagreement] = []
    if declared.licence and card.licence and _spelt(declared.licence) != _spelt(card.licence):
        found.append(Disagreement(part="licence", plan=declared.licence, card=card.licence))
    base, adapters = declared.base, list(declared.adapters)
    first, *merged = card.base_models or ("",)
    if base and card.base_models and not any(_same(base, name) for name in card.base_models):
        found.append(Disagreement(part="base", plan=base.name, card=", ".join(card.base_models)))
    elif base is None and first:
        base = ModelOrigin(name=first, source="model card")
        known = [*adapters]
        adapters += [
            ModelOrigin(name=name, source="model card")
            for name in merged
            if not any(_same(entry, name) for entry in known)
        ]
    data = list(declared.training_data)
    unnamed = [name for name in dict.fromkeys(card.datasets) if not any(_same(entry, name) for entry in data)]
    if data and unnamed:
        names = ", ".join(entry.name for entry in data)
        found.append(Disagreement(part="training data", plan=names, card=", ".join(unnamed)))
    data += [TrainingData(name=name, source="model card") for name in unnamed]
    whole = msgspec.structs.replace(
        declared,
        licence=declared.licence or card.licence,
        base=base,
        adapters=tuple(adapters),
        training_data=tuple(data),
    )
    return whole, tuple(found)


def _same(entry: TrainingData | ModelOrigin, name: str) -> bool:
    """Whether a card's `name` means `entry`: its name, the end of its name, or part of its source."""
    wanted = name.lower()
    own = entry.name.lower()
    return own in (wanted, wanted.rpartition("/")[2]) or wanted in entry.source.lower()


def _spelt(licence: str) -> str:
    """`licence` in normal spelling, as it is when it cannot be read."""
    try:
        return str(parse_expression(licence))
    except UsageError:
        return licence.strip().lower()
