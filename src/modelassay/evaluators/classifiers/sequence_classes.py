"""What models with a classification head have in common: the names of their classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def classes_of(config: Mapping[str, Any]) -> list[str]:
    """Names of the classes in the order of the logits, from a model's configuration (``id2label``)."""
    named = config.get("id2label") or {}
    return [str(label) for _, label in sorted((int(index), label) for index, label in named.items())]


def place_of(classes: list[str], *beginnings: str) -> int | None:
    """The class whose name begins with one of `beginnings`, whatever its case; None when there is none."""
    for index, name in enumerate(classes):
        if name.lower().replace("-", "_").startswith(beginnings):
            return index
    return None
