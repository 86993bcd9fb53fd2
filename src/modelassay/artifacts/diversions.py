"""What makes a loader open other files than those by which a model is known.

A folder is hashed and compared by ``model.safetensors`` or the shards of its index, by ``config.json`` and
by the tokenizer's files. transformers can be told, by a key or by a file's name, to open others: what is
asked would then not be what was hashed, and other loaders, which know nothing of it, would open a third.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from modelassay.errors import UsageError

_KEYS: Final = {
    "transformers_weights": "give the file that is meant the name model.safetensors",
    "configuration_files": "give the file that is meant the name config.json",
}
"""Keys of ``config.json`` under which transformers is told of another file, and what to do beside taking
them out."""
_DISTRIBUTED: Final = re.compile(r"shard-.*-model-.*\.safetensors\s*", re.DOTALL)
"""Names by which transformers knows a distributed checkpoint; it then reads every safetensors file there."""


def model_config(root: Path) -> dict[str, Any]:
    """``config.json`` of the folder `root`; empty when there is none.

    Raises:
        UsageError: it cannot be read, or is no JSON object.
    """
    file = root / "config.json"
    try:
        found = json.loads(file.read_bytes())  # configurations hold Infinity, which only this reads
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(str(error)[:200], file) from error
    if not isinstance(found, dict):
        raise _damaged("no JSON object", file)
    return found


def refuse_other_weights(root: Path, config: Mapping[str, Any]) -> None:
    """Make sure that nothing leads a loader away from the weights and the configuration that are hashed.

    Args:
        root: the model's folder.
        config: its ``config.json``; the configurations within it count as well.

    Raises:
        UsageError: a key or a file does.
    """
    for key, value in _entries(config):
        if key in _KEYS and value is not None:
            raise UsageError(
                f"config.json says {key}: {str(value)[:100]!r}; transformers would open that, and not the "
                "files by which a model is known, hashed and compared",
                where=str(root),
                mend=f"take {key} out of config.json, and {_KEYS[key]}",
            )
    shard = next((name for name in sorted(os.listdir(root)) if _DISTRIBUTED.fullmatch(name)), None)
    if shard is not None:
        raise UsageError(
            f"holds {shard[:100]!r}, part of a distributed checkpoint; transformers would read every "
            "safetensors file of the folder, and not those by which a model is known, hashed and compared",
            where=str(root),
            mend="move it out of the folder; if it belongs to the weights, join them first: "
            "transformers.distributed.consolidate_distributed_checkpoint",
        )


def refuse_other_tokenizers(root: Path, config: Mapping[str, Any]) -> None:
    """Make sure that ``tokenizer_config.json`` leads to no file outside those that are hashed.

    Args:
        root: the model's folder.
        config: its ``tokenizer_config.json``.

    Raises:
        UsageError: it names a tokenizer in another folder.
    """
    named = config.get("fast_tokenizer_files") or []
    names = [str(name) for name in (named if isinstance(named, list) else [named])]
    away = [name for name in names if "/" in name or "\\" in name]
    if away:
        raise UsageError(
            f"tokenizer_config.json says fast_tokenizer_files: {away[0][:100]!r}; transformers would open "
            "that, and not a file of the tokenizer that is hashed",
            where=str(root),
            mend="take fast_tokenizer_files out, and give the file that is meant the name tokenizer.json",
        )


def _entries(config: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    waiting = [config]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            yield from each.items()
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def _damaged(what: str, file: Path) -> UsageError:
    return UsageError(f"is damaged: {what}", where=str(file), mend="copy or download it again")
