"""Folders of organisms: what a folder holds, and filling one in a single step.

The manifest `organism.json` is part of what appears in one rename, so a folder either holds a whole
organism or is not there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import msgspec

from modelassay.canonical import Digest
from modelassay.errors import UsageError

MANIFEST = "organism.json"
_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "peft")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an organism's folder holds and how it was made (`organism.json`)."""

    organism: str
    """Kind of organism."""
    adapter: bool
    seed: int
    recipe: Digest
    """Digest of everything that was trained on, sizes and schedule."""
    base: str
    """Digest of the weights that a variant was trained from; empty for the base."""
    libraries: dict[str, str]
    """Versions that decide the weights' bits."""
    weights: Digest
    """SHA-256 of the weights file."""
    summary: str
    architecture: str = "llama"
    """Name in `architectures.ARCHITECTURES`; a variant has its base's."""


def read_manifest(folder: Path | str) -> Manifest:
    """What `folder` holds.

    Raises:
        UsageError: `folder` is no organism.
    """
    path = Path(folder) / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            "this folder holds no organism", where=str(folder), mend="build one with build_base"
        ) from error


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide the weights' bits.

    Raises:
        UsageError: one is not installed.
    """
    try:
        return {name: metadata.version(name) for name in _LIBRARIES}
    except metadata.PackageNotFoundError as error:
        raise UsageError(
            f"building organisms needs {error.name}", mend="pip install 'modelassay[local]'"
        ) from error


@contextmanager
def place(folder: Path, plan: Manifest) -> Iterator[Path | None]:
    """An empty folder to build in, moved to `folder` at the end; None if what is planned is there already.

    Raises:
        UsageError: `folder` holds something that is no organism; it is left as it is.
    """
    if _holds(folder, plan):
        yield None
        return
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise UsageError(
            "this folder holds something else", where=str(folder), mend="name an empty or a new folder"
        )
    room = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    room.mkdir(parents=True)
    try:
        yield room
        done = msgspec.structs.replace(plan, weights=_weights_digest(room, adapter=plan.adapter))
        text = json.dumps(msgspec.to_builtins(done), indent=2, ensure_ascii=False)
        (room / MANIFEST).write_text(text + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            room.replace(folder)
        except OSError:
            # Another process may have built the same in the meantime; what it built will do.
            if not _holds(folder, plan):
                raise
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _holds(folder: Path, plan: Manifest) -> bool:
    """Whether `folder` already holds what `plan` would build, its weights unharmed."""
    try:
        found = read_manifest(folder)
    except UsageError:
        return False
    if msgspec.structs.replace(found, weights=Digest("")) != plan:
        return False
    return (folder / _weights_name(plan.adapter)).exists() and found.weights == _weights_digest(
        folder, adapter=plan.adapter
    )


def _weights_name(adapter: bool) -> str:
    return "adapter_model.safetensors" if adapter else "model.safetensors"


def _weights_digest(folder: Path, *, adapter: bool) -> Digest:
    with (folder / _weights_name(adapter)).open("rb") as file:
        return Digest("sha256:" + hashlib.file_digest(file, "sha256").hexdigest())
