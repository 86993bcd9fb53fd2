"""Which files of a folder are its weights, by the names and the index that transformers and PEFT write."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from modelassay.artifacts.diversions import model_config, refuse_other_weights
from modelassay.errors import UsageError

_INDEXES: Final = ("model.safetensors.index.json", "adapter_model.safetensors.index.json")
_WHOLE: Final = ("model.safetensors", "adapter_model.safetensors")


def weight_files(root: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The safetensors files that are loaded as the weights of the model or adapter in `root`.

    That is the whole file; else the shards of the index; else every safetensors file at the top.

    Args:
        root: the folder.
        names: its files.

    Raises:
        UsageError: there is none, the index is damaged, or names files that are not there; or the folder
            leads transformers to others, see `refuse_other_weights`.
    """
    refuse_other_weights(root, model_config(root))
    for whole in _WHOLE:
        if whole in names:
            return (whole,)
    for index in _INDEXES:
        if index in names:
            try:
                shards = shard_names((root / index).read_bytes(), where=str(root / index))
            except OSError as error:
                raise UsageError(f"cannot be read: {error.strerror}", where=str(root / index)) from error
            missing = sorted(set(shards) - set(names))
            if missing:
                raise UsageError(
                    f"{len(missing)} of {len(shards)} weight files are missing, such as {missing[0]}",
                    where=str(root),
                    mend="copy or download the whole model",
                )
            return shards
    found = tuple(name for name in names if "/" not in name and name.endswith(".safetensors"))
    if not found:
        raise UsageError(
            "holds no weights in safetensors, so no tensors can be told apart",
            where=str(root),
            mend="leave out --tensors, or convert the weights to safetensors",
        )
    return found


def shard_names(index: bytes, *, where: str) -> tuple[str, ...]:
    """The files that an index names, sorted.

    Args:
        index: bytes of ``model.safetensors.index.json``.
        where: the file, for errors.

    Raises:
        UsageError: no JSON, a tensor named twice, no ``weight_map``, or a file outside the folder.
    """
    try:
        found = json.loads(index.decode(), object_pairs_hook=lambda pairs: _no_duplicates(pairs, where))
    except (ValueError, RecursionError) as error:
        raise _damaged(f"no JSON: {str(error)[:200]}", where) from error
    places = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(places, dict) or not places:
        raise _damaged("it has no weight_map", where)
    for name in places.values():
        if not isinstance(name, str) or not name.endswith(".safetensors"):
            raise _damaged(f"{str(name)[:200]!r} is no safetensors file", where)
        if name.startswith((".", "/")) or any(mark in name for mark in "/\\\0"):
            raise _damaged(f"{name[:200]!r} leads out of the folder", where)
    return tuple(sorted(set(places.values())))


def _no_duplicates(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        double = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise _damaged(f"{double[:200]!r} stands there twice", where)
    return found


def _damaged(what: str, where: str) -> UsageError:
    return UsageError(f"is damaged: {what}", where=where, mend="copy or download it again")
