"""``--from`` of ``modelassay run replay``: a checkpoint, or an adapter on the base that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from modelassay.errors import UsageError


@dataclass(frozen=True)
class Start:
    """Where a replay began."""

    folder: Path
    """The checkpoint as recorded."""
    base: Path | None = None
    """The whole model that it is an adapter of; None of a whole checkpoint, and where none was named."""


def start_of(context: click.Context, parameter: click.Parameter, value: str) -> Start:
    """What ``--from`` names: a folder, or ``hf:BASE+CHECKPOINT``; a base of the hub is fetched if need be."""
    if not value.startswith("hf:"):
        if not Path(value).is_dir():
            raise UsageError("there is no such folder", where=f"--from {value}", mend=_FORM)
        return Start(Path(value))
    from modelassay.config.plan import ModelReference
    from modelassay.targets.reference import weights_address
    from modelassay.weights.folders import find_folder

    address = weights_address(ModelReference(model=value), folder=Path())
    if not address.adapters:
        return Start(find_folder(address.base, revision=address.revision, folder=Path(), where=value))
    adapter = address.adapters[0]
    if len(address.adapters) > 1 or adapter.weight != "1" or not Path(adapter.path).is_dir():
        raise UsageError("one adapter is replayed from, as it was saved", where=value, mend=_FORM)
    base = find_folder(address.base, revision=address.revision, folder=Path(), where=value)
    return Start(Path(adapter.path), base)


_FORM = "name the checkpoint's folder; of an adapter, hf:BASE+CHECKPOINT with BASE a folder or hub id"
