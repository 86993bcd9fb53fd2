"""Which column of a table is what: the map that a user writes, or the columns' own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modelassay.errors import ConfigError, did_you_mean

PARTS = (
    "step", "phase", "env", "task", "group", "position", "prompt", "completion", "messages", "reward",
    "rewards", "advantage", "trained_on", "policy", "grader_input", "grader_output", "failure", "finish",
    "truncated", "prompt_tokens", "completion_tokens", "time",
)  # fmt: skip
"""What a column can be."""
_DECIDING = frozenset(("step", "messages", "completion", "rewards"))
"""Parts of which it matters whether the table has them at all; others may stand in late rows alone."""


@dataclass(frozen=True)
class ColumnMap:
    """Which column is what: a dotted path, or a value for every row."""

    paths: Mapping[str, str]
    values: Mapping[str, Any]
    rewards: Mapping[str, str]

    def get(self, row: Mapping[str, Any], part: str) -> Any:
        """What `row` says of `part`; None when nothing."""
        if part in self.values:
            return self.values[part]
        path = self.paths.get(part)
        return None if path is None else reached(row, path)

    @property
    def taken(self) -> frozenset[str]:
        """Columns of the table that are mapped as a whole; of what gives way to others there is a copy."""
        given_way = {"rewards", "prompt"} if "messages" in self.paths else {"rewards"}
        paths = (path for part, path in self.paths.items() if part not in given_way)
        return frozenset((*paths, *self.rewards.values()))


def read_map(path: Path) -> ColumnMap:
    """The map in a YAML file.

    Raises:
        ConfigError: it cannot be read, or names a part that there is not.
    """
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"the map cannot be read: {error}", where=str(path)) from error
    if not isinstance(given, dict):
        raise ConfigError(
            "a map of columns is a mapping", where=str(path), mend="such as completion: response"
        )
    paths: dict[str, str] = {}
    values: dict[str, Any] = {}
    rewards: dict[str, str] = {}
    for part, each in given.items():
        if part not in PARTS:
            raise ConfigError(f"no such part {part!r}", where=str(path), mend=did_you_mean(str(part), PARTS))
        if part == "rewards" and isinstance(each, dict):
            rewards = {str(name): str(column) for name, column in each.items()}
        elif isinstance(each, dict) and set(each) == {"value"}:
            values[part] = each["value"]
        elif isinstance(each, str):
            paths[part] = each
        else:
            raise ConfigError(
                f"{part} is neither a column nor {{value: …}}", where=str(path), mend=f"{part}: COLUMN"
            )
    return ColumnMap(paths, values, rewards)


def plain_map(names: set[str]) -> ColumnMap:
    """Columns that carry the names of the parts, and those of reward functions: ``reward/NAME``."""
    rewards = {name.removeprefix("reward/"): name for name in sorted(names) if name.startswith("reward/")}
    return ColumnMap({part: part for part in PARTS if part in names or part not in _DECIDING}, {}, rewards)


def there(row: Mapping[str, Any], path: str) -> bool:
    """Whether `row` has a dotted path, whatever stands there."""
    here: Any = row
    while isinstance(here, Mapping):
        if path in here:
            return True
        name, dot, path = path.partition(".")
        here = here.get(name) if dot else None
    return False


def reached(row: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path; a column whose own name has dots comes first."""
    here: Any = row
    while isinstance(here, Mapping):
        if path in here:
            return here[path]
        name, dot, path = path.partition(".")
        here = here.get(name) if dot else None
    return None
