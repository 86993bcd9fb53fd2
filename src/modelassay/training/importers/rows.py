"""Rollouts one at a time, gathered into columns."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from modelassay.records import RunPhase
from modelassay.training.columns import REWARD_PREFIX
from modelassay.training.importers.opened import Rows
from modelassay.training.plain_data import plain_data

MOST_ROWS = 8192
MOST_CHARACTERS = 16_000_000
"""Of the text of a batch: some huge completions do not make it too large."""
_INT32 = 2**31 - 1
_encoder = msgspec.json.Encoder(enc_hook=plain_data, order="deterministic")


class Rollout(msgspec.Struct, kw_only=True):
    """One rollout, before it becomes a row of columns."""

    step: int
    prompt: Any = ""
    """Text, or a list of messages; None when it is not known."""
    completion: Any = ""
    """Likewise; None makes its format ``absent``."""
    phase: RunPhase = "train"
    env: str = ""
    task: str = ""
    """The digest of the prompt when empty."""
    group: str = ""
    """A group of its own when empty."""
    position: int | None = None
    """Order of arrival in its group when None."""
    reward: float | None = None
    rewards: dict[str, float | None] = {}
    advantage: float | None = None
    trained_on: bool | None = None
    policy: str | None = None
    grader_input: str | None = None
    grader_output: str | None = None
    failure: str = ""
    finish: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    time: str = ""
    rank: int = 0
    extra: dict[str, Any] = {}


class RowBuffer:
    """Gathers rollouts; `full` says when to take them as `Rows`.

    Args:
        rewards: reward functions with a column of their own; scores of others are kept in `extra`.
    """

    def __init__(self, rewards: tuple[str, ...]) -> None:
        self._rewards = rewards
        self._known = frozenset(rewards)
        self._rows: list[Rollout] = []
        self._characters = 0
        self._seen: dict[str, int] = {}
        self._alone = 0

    @property
    def full(self) -> bool:
        """Whether it is time for `take`."""
        return len(self._rows) >= MOST_ROWS or self._characters >= MOST_CHARACTERS

    def add(self, row: Rollout) -> None:
        """Put one rollout in."""
        self._rows.append(row)
        if not row.group:
            row.group = f"alone-{self._alone}"
            self._alone += 1
        if row.position is None:
            row.position = self._seen.get(row.group, 0)
            self._seen[row.group] = row.position + 1
        self._characters += _length(row.prompt) + _length(row.completion)

    def take(self) -> Iterator[Rows]:
        """What was gathered, once; nothing when there is nothing."""
        rows, self._rows, self._characters = self._rows, [], 0
        if rows:
            yield Rows(self._columns(rows), len(rows))

    def _columns(self, rows: list[Rollout]) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in _PLAIN}
        texts = [(text_of(row.prompt), text_of(row.completion)) for row in rows]
        columns["prompt"] = [prompt for (prompt, _), _ in texts]
        columns["completion"] = [completion for _, (completion, _) in texts]
        columns["format"] = [
            "absent" if row.completion is None else "messages" if "messages" in (one, two) else "text"
            for row, ((_, one), (_, two)) in zip(rows, texts, strict=True)
        ]
        columns["task"] = [
            row.task or task_of(text) for row, text in zip(rows, columns["prompt"], strict=True)
        ]
        columns["extra"] = [self._extra(row) for row in rows]
        for name in self._rewards:
            columns[REWARD_PREFIX + name] = [row.rewards.get(name) for row in rows]
        return columns

    def _extra(self, row: Rollout) -> str:
        unknown = {n: v for n, v in row.rewards.items() if n not in self._known}
        extra = {**row.extra, **({"rewards": unknown} if unknown else {})}
        return json_text(extra) if extra else ""


_PLAIN = (
    "step", "phase", "env", "group", "position", "rank", "reward", "advantage", "trained_on", "policy",
    "grader_input", "grader_output", "failure", "finish", "prompt_tokens", "completion_tokens", "time",
)  # fmt: skip


def task_of(prompt: str) -> str:
    """The name of a task that has none: the first 16 hexadecimal digits of its prompt's SHA-256."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def text_of(value: Any) -> tuple[str, str]:
    """`value` as a text column keeps it, and its format: ``text`` or ``messages``.

    One message that is no list is kept as a list of it.
    """
    if value is None:
        return "", "text"
    if isinstance(value, str):
        return clean(value), "text"
    role = value.get("role") if isinstance(value, Mapping) else getattr(value, "role", None)
    return json_text([value] if isinstance(role, str) else value), "messages"


def clean(text: str) -> str:
    """`text` as UTF-8 can hold it: a lone surrogate, which JSON can spell, becomes its escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def json_text(value: Any) -> str:
    """`value` as JSON; what is not a number becomes null, and objects what they hold (`plain_data`)."""
    try:
        return _encoder.encode(value).decode()
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError):
        return clean(json.dumps(value, ensure_ascii=False, default=plain_data))


def number(value: Any) -> float | None:
    """A finite number, from a number, a truth value or its text; else None."""
    if isinstance(value, bool | int | float):
        found = float(value) if abs(value) < 1e300 else math.nan
        return found if math.isfinite(found) else None
    if isinstance(value, str):
        try:
            return number(float(value))
        except ValueError:
            return None
    return None


def whole(value: Any) -> int | None:
    """A whole number that a column can hold, else None."""
    found = number(value)
    return int(found) if found is not None and found == int(found) and abs(found) <= _INT32 else None


def listed(value: Any) -> list[Any]:
    """`value` when it is a list, else an empty one: sources differ, and some rows are wrong."""
    return value if isinstance(value, list) else []


def name_of(value: Any) -> str:
    """A short text for names of environments, tasks and groups."""
    if value is None:
        return ""
    return clean(value if isinstance(value, str) else str(value))[:500]


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    return (
        sum(_length(v) for v in (value.values() if isinstance(value, dict) else value or ()))
        if isinstance(value, dict | list)
        else 8
    )


def twice_named(columns: Iterable[str]) -> list[str]:
    """Names that several columns have: which of them is meant cannot be told."""
    return sorted(name for name, count in Counter(columns).items() if count > 1)


def gathered(rollouts: Iterable[Rollout], rewards: tuple[str, ...] = ()) -> Iterator[Rows]:
    """`rollouts` as batches of columns."""
    buffer = RowBuffer(rewards)
    for rollout in rollouts:
        buffer.add(rollout)
        if buffer.full:
            yield from buffer.take()
    yield from buffer.take()


def leftover(row: Mapping[str, Any], known: Container[str]) -> dict[str, Any]:
    """What of `row` has no column of its own."""
    return {key: value for key, value in row.items() if key not in known}
