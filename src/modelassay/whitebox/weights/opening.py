"""The tensors of a model by name, wherever they lie: one file, many shards, any order.

Only headers are read on opening; the bytes of a tensor are read piece by piece into the caller's buffer.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from modelassay.artifacts.diversions import model_config
from modelassay.artifacts.reading import Stamp, changed_while_read, stamp_of
from modelassay.artifacts.safetensors import TensorPlace, header_length, parse_header
from modelassay.artifacts.shards import weight_files
from modelassay.errors import EvidenceError, UsageError
from modelassay.whitebox.weights.naming import Renaming, renaming

_ADAPTER: Final = "adapter_config.json"
_PACKED: Final = (".qweight", ".qzeros", ".weight_packed", ".absmax", ".weight_scale", ".weight_scale_inv")
"""Ends of tensor names that GPTQ, AWQ, compressed-tensors and bitsandbytes write beside quantised weights."""
_FORMATS: Final = {
    b"GGUF": "GGUF",
    b"PK\x03\x04": "a ZIP file, as torch writes pickles",
}
"""How files of weights in other formats begin; no length of a header does, being beyond its limit."""


class _File:
    """One open safetensors file."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.stamp: Stamp = stamp_of(os.fstat(descriptor))
        prefix = os.pread(descriptor, 8, 0)
        length = header_length(prefix, file_size=self.stamp.size, where=str(path))
        header = os.pread(descriptor, length, 8)
        self.places = parse_header(header, file_size=self.stamp.size, where=str(path))

    def check_unchanged(self) -> None:
        try:
            now, standing = stamp_of(os.fstat(self.descriptor)), stamp_of(os.stat(self.path))
        except OSError as error:
            raise changed_while_read(self.path) from error
        if not self.stamp == now == standing:
            raise changed_while_read(self.path)


class Weights:
    """The tensors of one model or adapter, open for reading; made by `open_weights`.

    Reading is safe from several threads at once.
    """

    def __init__(self, path: Path, files: list[_File], config: dict[str, Any], left_out: tuple[str, ...]):
        self.path = path
        self.files = tuple(file.path.name for file in files)
        self.left_out = left_out
        """Safetensors files of the folder that are not loaded as its weights."""
        self.tied = config.get("tie_word_embeddings") is True
        """Whether the configuration says that input and output embeddings are one tensor."""
        self.is_adapter = path.is_dir() and (path / _ADAPTER).exists()
        self._files = files
        self._places: dict[str, tuple[_File, TensorPlace]] = {}
        for file in files:
            for place in file.places:
                if place.name in self._places:
                    raise UsageError(f"the tensor {place.name!r} is in two files", where=str(file.path))
                self._places[place.name] = (file, place)
        self.tensors = {name: self._places[name][1] for name in sorted(self._places)}
        """Every tensor by name, sorted."""
        self.quantisation = _quantisation(config, self._places)
        """How the weights are quantised, such as ``gptq``; empty when they are not."""
        self.renaming: Renaming | None = None
        """Whose names `tensors` and `read` go by, where these are not the files' own."""

    def called_as_in(self, base: Weights) -> Weights:
        """The same open weights by the names that the base has for them, where few names are shared and some
        prefixes explain that; else these. What is hashed keeps the files' own names (`TensorPlace.name`)."""
        found = renaming(base.tensors, self.tensors)
        if found is None:
            return self
        view = copy.copy(self)
        view.renaming = found
        named = {found.names.get(name, name): name for name in self._places}
        view._places = {name: self._places[own] for name, own in named.items()}
        view.tensors = {name: view._places[name][1] for name in sorted(view._places)}
        return view

    @property
    def size(self) -> int:
        """Bytes of all tensors together."""
        return sum(place.end - place.start for _, place in self._places.values())

    def read(self, name: str, offset: int, into: bytearray | memoryview) -> None:
        """Fill `into` with the bytes of a tensor from `offset` on.

        Raises:
            EvidenceError: the file ended before that, or cannot be read.
        """
        file, place = self._places[name]
        view = memoryview(into)
        position = place.start + offset
        try:
            while len(view):
                size = os.preadv(file.descriptor, [view], position)
                if not size:
                    raise EvidenceError("ended while it was being read", where=str(file.path))
                view, position = view[size:], position + size
        except OSError as error:
            raise EvidenceError(f"cannot be read: {error.strerror}", where=str(file.path)) from error

    def check_unchanged(self) -> None:
        """Make sure that every file still is as it was opened.

        Raises:
            UsageError: one was written to or replaced meanwhile.
        """
        for file in self._files:
            file.check_unchanged()


@contextmanager
def open_weights(path: Path) -> Iterator[Weights]:
    """The weights in a folder, or in one safetensors file, until the block ends.

    Raises:
        UsageError: there are no weights in safetensors, or they changed within the block.
        EvidenceError: a shard is missing, empty, cut short or otherwise unsound, the index names tensors
            that are not there, or the folder leads transformers to other weights.
    """
    with ExitStack() as stack:
        files = [_opened(place, stack) for place in _weight_paths(path)]
        config = _config(path)
        left_out = _left_out(path, {file.path.name for file in files})
        try:
            weights = Weights(path, files, config, left_out)
        except UsageError as error:
            raise _as_evidence(error) from error
        _check_index(path, weights)
        yield weights
        weights.check_unchanged()


def _weight_paths(path: Path) -> list[Path]:
    if path.is_file():
        _check_format(path)
        return [path]
    if not path.is_dir():
        raise UsageError("there is no such folder or file", where=str(path))
    names = sorted(os.listdir(path))
    try:
        return [path / name for name in weight_files(path, names)]
    except UsageError as error:
        if any(name.endswith((".safetensors", ".safetensors.index.json")) for name in names):
            raise _as_evidence(error) from error
        raise UsageError(
            "holds no weights in safetensors",
            where=str(path),
            mend="name the model's folder; weights in another format are converted by save_pretrained, on a "
            "machine that you trust",
        ) from error


def _check_format(path: Path) -> None:
    """Refuse a file of weights in another format, which is sound and only cannot be compared.

    Raises:
        UsageError: it begins as such a file does.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise EvidenceError(f"cannot be read: {error.strerror}", where=str(path)) from error
    for begin, called in _FORMATS.items():
        if head.startswith(begin):
            raise UsageError(
                f"is {called}, not safetensors, the only format that is compared",
                where=str(path),
                mend="name the folder or file in safetensors that it was made from; other formats are "
                "converted by save_pretrained, on a machine that you trust",
            )


def _opened(path: Path, stack: ExitStack) -> _File:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        stack.callback(os.close, descriptor)
        return _File(path, descriptor)
    except OSError as error:
        raise EvidenceError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UsageError as error:
        raise _as_evidence(error) from error


def _config(path: Path) -> dict[str, Any]:
    """``config.json`` beside the weights; empty when there is none."""
    try:
        return model_config(path if path.is_dir() else path.parent)
    except UsageError as error:
        raise _as_evidence(error) from error


def _left_out(path: Path, loaded: set[str]) -> tuple[str, ...]:
    if not path.is_dir():
        return ()
    found = (name for name in os.listdir(path) if name.endswith(".safetensors"))
    return tuple(sorted(name for name in found if name not in loaded))


def _check_index(path: Path, weights: Weights) -> None:
    """Refuse shards that hold other tensors than their index says: a loader would make the missing up."""
    for name in ("model.safetensors.index.json", "adapter_model.safetensors.index.json"):
        index = path / name
        whole = name.removesuffix(".index.json")
        if path.is_dir() and index.is_file() and whole not in weights.files:
            named = set(json.loads(index.read_bytes())["weight_map"])  # read strictly by `weight_files`
            missing = sorted(named - set(weights.tensors))
            if missing:
                raise EvidenceError(
                    f"names {len(missing)} tensors that are in none of its files, such as {missing[0]!r}",
                    where=str(index),
                    mend="copy or download the whole model again",
                )
            return


def _quantisation(config: dict[str, Any], names: dict[str, Any]) -> str:
    stated = config.get("quantization_config")
    if isinstance(stated, dict):
        return str(stated.get("quant_method", "unnamed method"))[:40]
    return "packed integers" if any(name.endswith(_PACKED) for name in names) else ""


def _as_evidence(error: UsageError) -> EvidenceError:
    """Weights that are there and damaged are evidence that does not hold."""
    return EvidenceError(error.what, where=error.where, mend=error.mend)
