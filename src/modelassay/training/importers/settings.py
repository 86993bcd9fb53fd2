"""Configuration files that lie beside a run."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import yaml

from modelassay.errors import DatasetError
from modelassay.training.importers.lines import document, flattened

MOST_BYTES = 4 << 20


def yaml_settings(paths: Iterable[Path]) -> dict[str, str]:
    """The settings of the last (by name) readable YAML file, flattened; empty when there is none.

    Only plain data is read: tags that would make objects are refused by the loader.
    """
    for path in sorted(paths, reverse=True):
        try:
            if path.stat().st_size <= MOST_BYTES:
                return flattened(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError):
            continue
    return {}


def json_settings(path: Path) -> dict[str, str]:
    """The settings of a JSON file, flattened; empty when there is none or it cannot be read."""
    try:
        return flattened(document(path)) if path.is_file() else {}
    except DatasetError:
        return {}


def toml_settings(path: Path) -> dict[str, str]:
    """The settings of a TOML file, flattened; empty when there is none or it cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return {}
        return flattened(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return {}
