"""The policies that come with the package, and policies that build on one of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from modelassay.config.coerce import to_record
from modelassay.config.source import Source, parse_yaml
from modelassay.errors import UnknownNameError
from modelassay.records import Policy

_FOLDER = files("modelassay") / "policies"
_SUFFIX = ".yaml"
_BY_NAME = frozenset({"measures"})
"""Mappings whose keys are names of the user's, not keys of the form."""


@cache
def preset_names() -> tuple[str, ...]:
    """Names of the policies that come with the package, the default first."""
    found = (entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(_SUFFIX))
    names = sorted(name.removesuffix(_SUFFIX) for name in found)
    return tuple(sorted(names, key=lambda name: name != DEFAULT))


DEFAULT = "finetuning-default"
"""The preset that an audit is held against whose plan names no policy. It says what `Policy()` says, and
besides which evidence must be there and how old attacks and datasets may be."""


def preset_text(name: str) -> str:
    """The file of one preset as it is shipped.

    Raises:
        UnknownNameError: no policy of this name comes with the package.
    """
    if name not in preset_names():
        raise UnknownNameError("policy", name, preset_names())
    return (_FOLDER / f"{name}{_SUFFIX}").read_text("utf-8")


@cache
def preset(name: str) -> Policy:
    """The policy of this name that comes with the package.

    Raises:
        UnknownNameError: there is none.
    """
    return to_record(on_preset(parse_yaml(preset_text(name), f"policies/{name}{_SUFFIX}")), Policy)


def preset_summary(name: str) -> str:
    """The comment at the head of a preset's file: whom it is for."""
    lines = preset_text(name).splitlines()
    head = [line for line in lines[: lines.index("version: 1")] if line.startswith("# ")]
    return " ".join(line.removeprefix("# ") for line in head)


def on_preset(source: Source) -> Source:
    """`source` laid over the preset that it `extends`: its own keys count, a list replaces the whole list.

    Raises:
        ConfigError: what stands in `source` is no policy.
        UnknownNameError: it extends something else than a preset.
    """
    if not isinstance(source.data, dict) or "extends" not in source.data:
        return source
    to_record(source, Policy)  # objections to the user's own keys come first, with their lines
    below = on_preset(parse_yaml(_extended(source), source.data["extends"])).data
    return Source(
        name=source.name,
        data=_laid_over(below, source.data),
        lines=source.lines,
        overridden=source.overridden,
    )


def _extended(source: Source) -> str:
    name = source.data["extends"]
    if name not in preset_names():
        line = source.line("$.extends")
        where = f"{source.name}:{line}" if line else source.name
        raise UnknownNameError("policy", name, preset_names(), where=f"{where}: extends")
    return preset_text(name)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any], *, names: bool = False) -> dict[str, Any]:
    """`below` with what stands in `above`, key by key and level by level."""
    found = dict(below)
    for written, value in above.items():
        key = written if names else written.replace("-", "_")
        inner = found.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            value = _laid_over(inner, value, names=key in _BY_NAME)
        found[key] = value
    return found
