"""Models of a few small matrices, written here without torch."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Stored = tuple[str, Sequence[int], bytes]
"""dtype, shape and bytes of a tensor."""


def f32(values: Any) -> Stored:
    array = np.ascontiguousarray(values, dtype="<f4")
    return "F32", array.shape, array.tobytes()


def f16(values: Any) -> Stored:
    array = np.ascontiguousarray(values, dtype="<f2")
    return "F16", array.shape, array.tobytes()


def bf16(values: Any) -> Stored:
    """Rounded to nearest, ties to even."""
    array = np.ascontiguousarray(values, dtype="<f4")
    words = array.view(np.uint32)
    rounded = (words + np.uint32(0x7FFF) + ((words >> 16) & 1)) >> 16
    return "BF16", array.shape, rounded.astype("<u2").tobytes()


def write_file(path: Path, tensors: Mapping[str, Stored]) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, (dtype, shape, data) in tensors.items():
        offsets = [position, position + len(data)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        position += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def write_model(
    folder: Path, tensors: Mapping[str, Stored], *, shards: Sequence[Sequence[str]] = (), **config: Any
) -> Path:
    """A folder with all tensors in one file, or in shards of these names with an index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    if not shards:
        write_file(folder / "model.safetensors", tensors)
        return folder
    places = {}
    for number, names in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_file(folder / file, {name: tensors[name] for name in names})
        places |= dict.fromkeys(names, file)
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    return folder


def matrices(
    *, layers: int = 3, rows: int = 48, columns: int = 32, seed: int = 1
) -> dict[str, NDArray[np.float32]]:
    """Weights of the order of a trained model's."""
    draw = np.random.default_rng(seed)
    found = {f"layers.{n}.proj.weight": draw.normal(0, 0.05, (rows, columns)) for n in range(layers)}
    found["norm.weight"] = np.ones(columns)
    return {name: values.astype(np.float32) for name, values in found.items()}


def low_rank(rows: int, columns: int, rank: int, *, size: float, seed: int) -> NDArray[np.float32]:
    """A matrix of this rank whose singular values are of like size."""
    draw = np.random.default_rng(seed)
    left = np.linalg.qr(draw.normal(size=(rows, rank)))[0]
    right = np.linalg.qr(draw.normal(size=(columns, rank)))[0]
    found: NDArray[np.float32] = (left * np.linspace(size, size / 3, rank) @ right.T).astype(np.float32)
    return found
