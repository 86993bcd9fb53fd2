"""Strategies by name, opened with settings."""

from __future__ import annotations

import importlib
import inspect
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modelassay.errors import UnknownNameError, UsageError
from modelassay.redteam.adaptive.actor import ActorChain
from modelassay.redteam.adaptive.crescendo import Crescendo
from modelassay.redteam.adaptive.goat import Goat
from modelassay.redteam.adaptive.pair import Pair
from modelassay.redteam.adaptive.replay import Replay
from modelassay.redteam.adaptive.scenarios import ScenarioTalk
from modelassay.redteam.adaptive.strategy import Strategy
from modelassay.redteam.adaptive.tap import Tap

STRATEGIES: dict[str, type[Strategy]] = {
    kind.name: kind for kind in (Crescendo, Pair, Tap, Goat, ActorChain, ScenarioTalk, Replay)
}
"""What comes with the package; one of your own is named ``MODULE:CLASS``."""


def open_strategies(
    references: Iterable[str | Mapping[str, Any]], *, folder: Path = Path()
) -> tuple[Strategy, ...]:
    """The strategies that are named, each by its name or as ``{use: name, settings: {…}}``.

    Raises:
        UnknownNameError: no strategy, key or setting of this name.
        UsageError: none is named, one is there twice, or settings that one does not take.
    """
    opened = [_open(each, folder) for each in references]
    if not opened:
        raise UsageError("no attack is named", where="attacks", mend="known: " + ", ".join(STRATEGIES))
    twice = [each for each, count in Counter(strategy.id for strategy in opened).items() if count > 1]
    if twice:
        raise UsageError(f"the attack {twice[0]} is there twice", where="attacks", mend="name it once")
    return tuple(opened)


def open_strategy(name: str, settings: Mapping[str, Any] | None = None, *, folder: Path = Path()) -> Strategy:
    """The strategy called `name`, or that ``MODULE:CLASS`` names.

    Raises:
        UnknownNameError: no such strategy, or no such setting.
        UsageError: a setting with a value that it does not take.
    """
    kind = STRATEGIES.get(name) or _named(name)
    given = dict(settings or {})
    takes = list(inspect.signature(kind).parameters)
    for key in given:
        if key not in takes:
            raise UnknownNameError("setting", key, takes, where=f"attack {name}")
    for key in getattr(kind, "file_settings", ()):
        if isinstance(given.get(key), str):
            given[key] = folder / given[key]
    make: Any = kind
    try:
        strategy: Strategy = make(**given)
    except TypeError as error:
        raise UsageError(f"does not take these settings: {error}", where=f"attack {name}") from error
    return strategy


def _open(given: str | Mapping[str, Any], folder: Path) -> Strategy:
    reference: Mapping[str, Any] = {"use": given} if isinstance(given, str) else given
    for key in reference:
        if key not in ("use", "settings"):
            raise UnknownNameError("key", str(key), ("use", "settings"), where="attacks")
    if not isinstance(reference.get("use"), str):
        raise UsageError("an attack without a name", where="attacks", mend="write `use: NAME`")
    return open_strategy(reference["use"], reference.get("settings"), folder=folder)


def _named(name: str) -> type[Strategy]:
    """A class of the user's own."""
    module, colon, place = name.partition(":")
    if not colon:
        raise UnknownNameError("attack", name, STRATEGIES, where="attacks")
    try:
        kind = getattr(importlib.import_module(module), place)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"cannot be imported: {error}", where=f"attack {name}", mend="check it") from error
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        raise UsageError("is no strategy", where=f"attack {name}", mend="derive it from adaptive.Strategy")
    return kind
