"""The words that classifier models were trained to be asked in, as their model cards give them."""

from __future__ import annotations

from importlib import resources


def prompt(name: str) -> str:
    """The text of the file `name` in this folder."""
    return (resources.files(__name__) / name).read_text(encoding="utf-8")
