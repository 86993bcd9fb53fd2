"""What a cell of a table means: people write truth, failures and conversations in many ways."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from modelassay.training.importers.conversations import role_of, split_at_answer
from modelassay.training.importers.rows import name_of, number

_ABSENT = frozenset(("", "none", "null", "nan"))
_NO = frozenset(("false", "no"))
_YES = frozenset(("true", "yes"))
_WELL = frozenset(("ok",))
_AT_WORK = frozenset(("assistant", "tool", "function"))
"""Roles with which no prompt ends: a conversation that ends so holds work of the policy."""
MOST_DEPTH = 8
SHOWN = 3


@dataclass
class Unclear:
    """Cells of which it cannot be told what they mean, with a few examples of each part."""

    examples: dict[str, dict[str, None]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    """Where each part stands, as far as it was told."""

    def number(self, part: str, value: Any, column: str = "") -> float | None:
        """The number in a cell of `part`; a cell that says something else is counted."""
        found = number(value)
        if found is None and not absent(value):
            self.add(part, value, column)
        return found

    def add(self, part: str, value: Any, column: str = "") -> None:
        """Count a cell of `part`."""
        if column:
            self.columns.setdefault(part, column)
        self.rows[part] = self.rows.get(part, 0) + 1
        shown = self.examples.setdefault(part, {})
        if len(shown) < SHOWN:
            shown.setdefault(name_of(value)[:40])

    def statements(self) -> list[str]:
        """What is to be told of them."""
        told = []
        for part, count in sorted(self.rows.items()):
            given = ", ".join(repr(each) for each in self.examples[part])
            column = f" (column {name})" if (name := self.columns.get(part, part)) != part else ""
            told.append(f"{count:,} rows say {given} of {part}{column}, {_MEANINGS.get(part, _NO_SCORE)}.")
        return told


_MEANINGS = {
    "reward": "which is no number; they carry no total reward; a map can name a part of it (reward.total)",
    "advantage": "which is no number; they carry no advantage",
    "phase": "which is not known to be training or evaluation; they count as training",
    "truncated": "which is neither true nor false; they do not count as cut off",
    "trained_on": "which is neither true nor false; whether they were trained on stays open",
}
_NO_SCORE = "which is no number; they carry no score of it"


def absent(value: Any) -> bool:
    """Whether a cell says nothing: null, not a number, or the word for it."""
    if isinstance(value, str):
        return value.strip().lower() in _ABSENT
    return value is None or (isinstance(value, float) and math.isnan(value))


def truth(value: Any) -> bool | None:
    """Whether a cell says yes or no, in whatever way; None where it says neither."""
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _YES or word in _NO:
        return word in _YES
    found = number(value)
    return bool(found) if found in (0, 1) else None


def failure_of(value: Any, name: str, depth: int = MOST_DEPTH) -> str:
    """The infrastructure failure that a cell tells of; empty when none.

    Args:
        name: of a failure that only a number or a truth value tells of.
        depth: levels of objects and lists that are looked into; what is deeper is a failure.
    """
    if not isinstance(value, dict | list) or not depth:
        return _failure(value, name)
    cells = value.items() if isinstance(value, dict) else ((name, each) for each in value)
    told = [failure_of(cell, name_of(key) or name, depth - 1) for key, cell in cells]
    return ", ".join(dict.fromkeys(each for each in told if each))[:500]


def _failure(value: Any, name: str) -> str:
    if absent(value):
        return ""
    if isinstance(value, bool | int | float):
        return name if value else ""
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _NO or word in _WELL:
        return ""
    found = number(value)
    if word in _YES or found is not None:
        return "" if found == 0 else name
    return name_of(value)


def conversation(value: Any) -> Any:
    """`value`, or the list of messages that it is the JSON of: tables keep them in strings, too."""
    if not (isinstance(value, str) and value.lstrip().startswith("[")):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, list) and found and all(map(role_of, found)) else value


def parted(messages: Any, completion: Any) -> tuple[Any, Any]:
    """Prompt and completion of a row that has a conversation, and perhaps a completion beside it.

    A conversation that ends in work of the policy is cut before the first answer, and what stands beside it
    is the last answer, once. Any other conversation beside a completion is the prompt, earlier answers in it
    included. The completion is None when nobody answered.
    """
    if not isinstance(messages, list):
        return messages, completion
    alone = completion is None or completion in ("", [], {})
    if not alone and not (messages and role_of(messages[-1]) in _AT_WORK):
        return messages, completion
    prompt, work = split_at_answer(messages)
    if alone or not work:
        return prompt, work or completion
    given = _as_messages(completion)
    repeats = [_content(each) for each in work[-len(given) :]] == [_content(each) for each in given]
    return prompt, work if repeats else [*work, *given]


def _as_messages(completion: Any) -> list[Any]:
    if isinstance(completion, list):
        return completion
    if isinstance(completion, dict) and "role" in completion:
        return [completion]
    return [{"role": "assistant", "content": completion}]


def _content(message: Any) -> Any:
    content = message.get("content") if isinstance(message, dict) else message
    return content.strip() if isinstance(content, str) else content
