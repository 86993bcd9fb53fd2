"""Files of local models: where they are, which of them are loaded, and what their digests are.

Only safetensors are ever opened: the other formats are pickles, and opening a pickle runs whatever
code its author put there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import msgspec

from modelassay.artifacts import FileDigests, FolderFingerprint, fingerprint_folder
from modelassay.artifacts.diversions import refuse_other_tokenizers, refuse_other_weights
from modelassay.artifacts.reading import Stamp
from modelassay.artifacts.shards import weight_files
from modelassay.artifacts.subjects import tokenizer_files
from modelassay.canonical import Digest
from modelassay.errors import NoModelError, TargetError, UsageError
from modelassay.weights.error_text import first_line

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.h5", "*.msgpack")
_DOWNLOADED: Final = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "*.tiktoken")
_NOT_DOWNLOADED: Final = ("original/*", "consolidated*", "onnx/*")


class ModelFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's folder holds, by what it decides."""

    folder: Path
    whole: FolderFingerprint
    """Every file of the folder."""
    weights: FileDigests
    config: FileDigests
    tokenizer: FileDigests

    @property
    def digest(self) -> Digest:
        """One digest of all of them."""
        return FileDigests(self.weights | self.config | self.tokenizer).digest

    @property
    def state(self) -> tuple[Stamp, ...]:
        """What the file system says of the files that are loaded; any write or swap changes it."""
        return _state(self.whole, self.weights | self.config | self.tokenizer)


class AdapterFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter's folder holds."""

    folder: Path
    config: dict[str, Any]
    """``adapter_config.json``."""
    files: FileDigests
    whole: FolderFingerprint
    """Every file of the folder."""

    @property
    def state(self) -> tuple[Stamp, ...]:
        """What the file system says of the files that are loaded; any write or swap changes it."""
        return _state(self.whole, self.files)


def find_folder(name: str, *, revision: str, folder: Path, where: str, code: bool = False) -> Path:
    """The local folder of a model or adapter, downloaded from the Hugging Face hub if need be.

    Args:
        name: a folder, relative to `folder`, or a hub id.
        revision: branch, tag or commit on the hub.
        folder: where relative paths start.
        where: the reference, for errors.
        code: whether Python files are fetched too.

    Raises:
        UsageError: neither a folder nor a hub id.
        TargetError: the hub does not have it or cannot be reached.
    """
    local = local_folder(name, folder)
    if local is not None:
        return local.resolve()
    if not could_be_found(name, folder):
        raise UsageError(
            f"{name!r} is neither an existing folder nor a hub id",
            where=where,
            mend="relative paths start at the plan's folder; a hub id has the form ORGANISATION/NAME",
        )
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            name,
            revision=revision or None,
            allow_patterns=[*_DOWNLOADED, *(["*.py"] if code else [])],
            ignore_patterns=list(_NOT_DOWNLOADED),
        )
    except (OSError, ValueError) as error:
        raise TargetError(
            f"{name!r} is not a local folder and cannot be fetched from the hub: {first_line(error)}",
            where=where,
            mend="check the path or id, or download it first and give its folder",
        ) from error
    return Path(found)


def could_be_found(name: str, folder: Path) -> bool:
    """Whether `name` is an existing folder, relative to `folder`, or has the form of a hub id."""
    return local_folder(name, folder) is not None or _HUB_ID.fullmatch(name) is not None


def local_folder(name: str, folder: Path) -> Path | None:
    """The existing folder that `name` means, relative to `folder`; None when there is none."""
    try:
        path = folder / Path(name).expanduser()
        return path if path.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # a name too long, or holding a null byte
        return None


def model_files(folder: Path, *, where: str) -> ModelFiles:
    """The files of the whole model in `folder`.

    Raises:
        NoModelError: the folder holds no whole model in safetensors.
        TargetError: a file is damaged, or it leads transformers to other files.
    """
    if (folder / "adapter_config.json").exists():
        raise NoModelError(
            f"{folder.name} is an adapter, not a whole model", where=where, mend="write hf:BASE+ADAPTER"
        )
    if not (folder / "config.json").is_file():
        raise NoModelError(
            f"{folder.name} holds no config.json, so it is no model",
            where=where,
            mend="name the folder that save_pretrained wrote",
        )
    whole = fingerprint_folder(folder)
    names = [name for name in whole.readings if "/" not in name]
    _check_undiverted(whole, names, where=str(folder))
    return ModelFiles(
        folder=folder,
        whole=whole,
        weights=whole.part(_weight_names(folder, names, where=where)),
        config=whole.part([name for name in ("config.json", "generation_config.json") if name in names]),
        tokenizer=whole.part(tokenizer_files(names)),
    )


def code_files(files: ModelFiles) -> FileDigests:
    """The Python files that a model brings; they decide its answers when they are run."""
    return files.whole.part([name for name in files.whole.readings if name.endswith(".py")])


def adapter_files(folder: Path, *, where: str) -> AdapterFiles:
    """The files of the PEFT adapter in `folder`.

    Raises:
        NoModelError: the folder holds no adapter in safetensors.
        TargetError: its configuration is damaged.
    """
    config = folder / "adapter_config.json"
    if not config.is_file():
        raise NoModelError(
            f"{folder.name} holds no adapter_config.json, so it is no adapter",
            where=where,
            mend="name the folder that PEFT's save_pretrained wrote; `modelassay inspect weights` compares "
            "whole models",
        )
    names = [path.name for path in folder.iterdir()]
    if "adapter_model.safetensors" not in names:
        raise _no_safetensors(folder, names, where=where)
    whole = fingerprint_folder(folder)
    return AdapterFiles(
        folder=folder,
        config=_check_object(whole, "adapter_config.json", where=str(folder)),
        files=whole.part(["adapter_config.json", "adapter_model.safetensors"]),
        whole=whole,
    )


def _check_undiverted(whole: FolderFingerprint, names: Sequence[str], *, where: str) -> None:
    """Refuse a folder of which transformers would open other files than those that are hashed."""
    try:
        refuse_other_weights(whole.root, _check_object(whole, "config.json", where=where))
        for file in ("tokenizer_config.json", "special_tokens_map.json"):
            if file in names:
                config = _check_object(whole, file, where=where)
                refuse_other_tokenizers(whole.root, file, config, tokenizer_files(names))
    except UsageError as error:
        raise TargetError(error.what, where=error.where, mend=error.mend) from error


def _check_object(whole: FolderFingerprint, name: str, *, where: str) -> dict[str, Any]:
    """The JSON object in a file."""
    try:
        found = json.loads(whole.read(name))  # configurations hold Infinity, which only this reads
    except (ValueError, RecursionError) as error:
        raise _damaged(name, str(error), where=where) from error
    if not isinstance(found, dict):
        raise _damaged(name, "it is no JSON object", where=where)
    return found


def _damaged(name: str, why: str, *, where: str) -> TargetError:
    return TargetError(f"{name} is damaged: {why}", where=where, mend="copy or download it again")


def _weight_names(folder: Path, names: list[str], *, where: str) -> list[str]:
    """The weight files that transformers loads: the whole file, else the index and its shards."""
    if "model.safetensors" in names:
        return ["model.safetensors"]
    index = "model.safetensors.index.json"
    if index not in names:
        raise _no_safetensors(folder, names, where=where)
    try:
        return [index, *weight_files(folder, names)]
    except UsageError as error:
        raise TargetError(error.what, where=error.where, mend=error.mend) from error


def _no_safetensors(folder: Path, names: list[str], *, where: str) -> NoModelError:
    pickles = sorted(name for name in names if _matches(name, _PICKLES) and "training_args" not in name)
    if pickles:
        return NoModelError(
            f"{folder.name} holds its weights only as {pickles[0]}, a format that can run code when opened",
            where=where,
            mend="convert them to safetensors on a machine that you trust: save_pretrained writes them",
        )
    return NoModelError(
        f"{folder.name} holds no weights in safetensors", where=where, mend="copy or download it again, whole"
    )


def _state(whole: FolderFingerprint, names: Iterable[str]) -> tuple[Stamp, ...]:
    return tuple(whole.readings[name].stamp for name in sorted(names))


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
