"""A checkpoint as it was saved: its digest, and which parts of the training state it holds."""

from __future__ import annotations

from pathlib import Path

from modelassay.artifacts.fingerprint import fingerprint_folder
from modelassay.errors import UsageError
from modelassay.records import RunCheckpoint
from modelassay.training.importers.checkpoints import parts_of


def read_checkpoint(folder: Path, step: int) -> RunCheckpoint:
    """Hash every file of `folder`; the digest is absent when it changes or goes away meanwhile.

    Files are hashed and never loaded, pickles among them.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError("there is no checkpoint to be recorded", where=str(folder), mend="save it first")
    parts = parts_of([path.name for path in folder.rglob("*") if path.is_file()])
    try:
        digest = fingerprint_folder(folder).digest
    except UsageError:
        digest = None
    return RunCheckpoint(step=step, name=folder.name, digest=digest, parts=parts)
