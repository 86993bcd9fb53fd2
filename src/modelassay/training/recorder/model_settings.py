"""What of the model acts beside a trainer's arguments: its adapters, and which base they are trained on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelassay.training.importers.rows import json_text

ADAPTERS = "peft"
"""Beginning of the names of settings that say how adapters are made."""
NO_ADAPTERS = "none"
"""Their value where there are none, which is not the same as not said."""
BASE = "base"
"""Beginning of the names of settings that tell one base from another."""
ENDS_BYTES = 65_536
"""Bytes at either end of a file of weights that count: the whole is gigabytes, and training waits."""
_NOT_OF_TRAINING = ("base_model_name_or_path", "inference_mode", "peft_version", "runtime_config")


def adapter_settings(model: Any) -> dict[str, Any]:
    """Settings of the adapters on `model`."""
    configs = getattr(model, "peft_config", None)
    if not isinstance(configs, Mapping) or not configs:
        return {ADAPTERS: NO_ADAPTERS}
    return {ADAPTERS: {name: settings_of_adapter(each.to_dict()) for name, each in configs.items()}}


def settings_of_adapter(value: Any) -> Any:
    """`value`, of a PEFT configuration, with what lists in no order sorted, and enumerations by value."""
    if isinstance(value, Mapping):
        return {str(k): settings_of_adapter(v) for k, v in value.items() if k not in _NOT_OF_TRAINING}
    if isinstance(value, set | frozenset | list | tuple) and all(isinstance(each, str) for each in value):
        return sorted(value)
    return getattr(value, "value", value)


def base_settings(model: Any) -> dict[str, str]:
    """The identity of the base of `model`, as far as it is known."""
    config = getattr(model, "config", None)
    if config is None or not hasattr(config, "to_dict"):
        return {}
    own = {k: v for k, v in config.to_dict().items() if k not in ("_name_or_path", "transformers_version")}
    found = {f"{BASE}.config": "sha256:" + hashlib.sha256(json_text(own).encode()).hexdigest()}
    if revision := getattr(config, "_commit_hash", None):
        found[f"{BASE}.revision"] = str(revision)
    name = str(getattr(config, "_name_or_path", "") or "")
    if name and (digest := ends_digest(Path(name))):
        found[f"{BASE}.weights_by_their_ends"] = digest
    return found


def ends_digest(folder: Path) -> str:
    """``sha256:…`` over names, sizes and both ends of the safetensors in `folder`; empty without any.

    The first end holds names and shapes of tensors, the last some of their values.
    """
    digest, any_file = hashlib.sha256(), False
    try:
        for path in sorted(folder.glob("*.safetensors")):
            any_file, size = True, path.stat().st_size
            digest.update(f"{path.name} {size}\n".encode())
            with path.open("rb") as file:
                digest.update(file.read(ENDS_BYTES))
                file.seek(max(0, size - ENDS_BYTES), os.SEEK_SET)
                digest.update(file.read(ENDS_BYTES))
    except OSError:
        return ""  # a base that cannot be read any more has no identity; training goes on
    return "sha256:" + digest.hexdigest() if any_file else ""
