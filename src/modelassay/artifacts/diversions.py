"""What makes a loader open other files than those by which a model is known.

A folder is hashed and compared by ``model.safetensors`` or the shards of its index, by ``config.json`` and
by the tokenizer's files. transformers can be told, by a key or by a file's name, to open others: what is
asked would then not be what was hashed, and other loaders, which know nothing of it, would open a third.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from modelassay.errors import UsageError

_KEYS: Final = {
    "transformers_weights": "give the file that is meant the name model.safetensors",
    "configuration_files": "give the file that is meant the name config.json",
}
"""Keys of ``config.json`` under which transformers is told of another file, and what to do beside taking
them out."""
_ALWAYS_OPENED: Final = ("vocab", "merges", "gguf_file")
"""Keys of a tokenizer that transformers takes as a path wherever they are a text."""
_OPENED_IF_THERE: Final = ("_file", "_spm")
"""Ends of further keys. Many a sound model holds one with the path of a file on its maker's machine, so that
these count only where there is such a file."""
_POSITIONAL: Final = "init_inputs"
"""Key of what is passed on without a name: paths among it count where there is such a file."""
_NEVER_OPENED: Final = "special_tokens_map_file"
"""Stands in many sound models with any path."""
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


def refuse_other_tokenizers(root: Path, file: str, config: Mapping[str, Any], hashed: Sequence[str]) -> None:
    """Make sure that a configuration of the tokenizer leads to no file outside those that are hashed.

    Args:
        root: the model's folder.
        file: name of the configuration in it, ``tokenizer_config.json`` or ``special_tokens_map.json``:
            transformers passes what stands in either on to the tokenizer.
        config: what stands in it.
        hashed: names of the files in the folder that make up the tokenizer.

    Raises:
        UsageError: it names a file that is none of those.
    """
    named = config.get("fast_tokenizer_files") or []
    for name in map(str, named if isinstance(named, list) else [named]):
        if "/" in name or "\\" in name:
            raise _diverted(root, file, "fast_tokenizer_files", name)
    for key, value in _tokenizer_paths(config):
        if key in _ALWAYS_OPENED or (os.path.isfile(value) and not _among(root, hashed, value)):
            raise _diverted(root, file, key, value)


def _tokenizer_paths(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys under which tokenizers take paths, with each path; vocabularies that are written out are none."""
    for key, value in config.items():
        if key == _POSITIONAL and isinstance(value, list):
            yield from ((key, each) for each in value if isinstance(each, str))
            continue
        takes_path = key in _ALWAYS_OPENED or (key.endswith(_OPENED_IF_THERE) and key != _NEVER_OPENED)
        if takes_path and isinstance(value, str) and value:
            yield key, value


def _among(root: Path, hashed: Sequence[str], value: str) -> bool:
    """Whether a path is that of a hashed file; the folder itself may be a link, and so may what is in it."""
    path = Path(value)
    return path.name in hashed and path.parent.samefile(root)


def _diverted(root: Path, file: str, key: str, value: str) -> UsageError:
    return UsageError(
        f"{file} says {key}: {value[:100]!r}; transformers may open that, and not a file of the tokenizer "
        "that is hashed",
        where=str(root),
        mend=f"take {key} out, and put the file that is meant into the folder under its usual name, such as "
        "tokenizer.json",
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
