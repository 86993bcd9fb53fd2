"""Safetensors files written by hand, so that sound and unsound ones are made alike."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def sealed(header: bytes, data: bytes = b"") -> bytes:
    """A file with this header and these bytes of tensors."""
    return struct.pack("<Q", len(header)) + header + data


def written(tensors: Mapping[str, tuple[str, list[int], bytes]], **metadata: str) -> bytes:
    """A sound file: name to dtype, shape and bytes."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header).encode()
    return sealed(text + b" " * (-len(text) % 8), data)


def write_shards(folder: Path, shards: Mapping[str, Mapping[str, tuple[str, list[int], bytes]]]) -> None:
    """Several files with the index that transformers writes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, tensors in shards.items():
        (folder / name).write_bytes(written(tensors, format="pt"))
    index = {"metadata": {}, "weight_map": {t: name for name, tensors in shards.items() for t in tensors}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
