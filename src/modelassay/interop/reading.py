"""Files of other tools, read within bounds: JSON with every complaint naming file, line and key.

Nothing in a file is believed: sizes, nesting, numbers and names are checked where they are read, and
anything odd is a `DatasetError` that says what to do. Not-a-number, which Python's JSON writers emit, is kept
as such and becomes an answer without a score; a key that occurs twice is refused, since readers would differ.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn, cast, get_args

from modelassay.canonical import digest_bytes
from modelassay.errors import DatasetError
from modelassay.interop.run import Mark, SourceFile
from modelassay.records import Message, Role, SampleKind, Unscored

MOST_BYTES = 1 << 30
"""Of one file; a tool's log of a large benchmark is a few hundred million bytes."""
MOST_ITEMS = 1_000_000
"""Answers in one file."""
LONGEST_TAG = 200
"""Characters of the longest value that becomes a tag."""
LONGEST_NAME = 80
"""Of a tag's name."""
MOST_TAGS = 40
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}
NOT_A_NUMBER = Unscored(reason="not a number")


def read_source(path: Path) -> tuple[SourceFile, bytes]:
    """The file at `path`, whole.

    Raises:
        DatasetError: not there, not readable, empty or too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > MOST_BYTES:
        raise DatasetError(f"more than {MOST_BYTES:,} bytes", where=str(path), mend="split it by task")
    if not data.strip():
        raise DatasetError("the file is empty", where=str(path))
    return SourceFile(name=path.name, digest=digest_bytes(data), size=len(data)), data


def parse_json(data: bytes | str, where: str) -> Any:
    """The value that `data` spells.

    Raises:
        DatasetError: no JSON, nested too deeply, a key that occurs twice, or not UTF-8.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except json.JSONDecodeError as error:
        line = f", line {error.lineno}" if error.lineno > 1 else ""
        raise DatasetError(f"not JSON: {error.msg} at character {error.colno}{line}", where=where) from error
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise DatasetError(f"not JSON that can be read: {what}", where=where) from error


def json_lines(data: bytes, name: str) -> Iterator[Fields]:
    """The object on each line of `data`; blank lines are skipped.

    Raises:
        DatasetError: names file and line.
    """
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield Fields(parse_json(line, f"{name}:{number}"), f"{name}:{number}")


class Fields:
    """An object of a file, read by key.

    Args:
        value: what should be an object.
        where: file, line and key.

    Raises:
        DatasetError: it is none; likewise every method, naming the key, on a value of another type.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise DatasetError(f"an object was expected, not {_type_name(value)}", where=where)
        self.values: dict[str, Any] = value
        self.where = where

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def get(self, key: str) -> Any:
        """The value as it is, None when absent."""
        return self.values.get(key)

    def text(self, key: str, default: str = "") -> str:
        """Text; `default` when absent or null."""
        value = self.values.get(key)
        if value is None:
            return default
        return plain(value) if isinstance(value, str) else self.refuse(key, "text", value)

    def name(self, key: str, default: str = "") -> str:
        """Text or an integer, as text."""
        value = self.values.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.text(key, default)

    def whole(self, key: str, default: int = 0) -> int:
        """An integer from 0."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST_ITEMS:
            self.refuse(key, f"a whole number under {MOST_ITEMS:,}", value)
        return int(value)

    def number(self, key: str) -> str:
        """A finite number as a decimal string; empty when absent."""
        value = self.values.get(key)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.refuse(key, "a number", value)
        return decimal_text(value)

    def listed(self, key: str) -> list[Any]:
        """A list; empty when absent."""
        value = self.values.get(key)
        if value is None:
            return []
        return value if isinstance(value, list) else self.refuse(key, "a list", value)

    def inner(self, key: str) -> Fields:
        """An object; an empty one when absent."""
        value = self.values.get(key)
        return Fields({} if value is None else value, f"{self.where}: {shown(key)}")

    def each(self, key: str) -> Iterator[Fields]:
        """The objects of a list."""
        for index, value in enumerate(self.listed(key)):
            yield Fields(value, f"{self.where}: {shown(key)}[{index}]")

    def refuse(self, key: str, wanted: str, value: Any) -> NoReturn:
        """Say that the value of `key` is not what was `wanted`."""
        raise DatasetError(f"{shown(key)} is {_type_name(value)}, {wanted} was expected", where=self.where)


def mark_of(value: Any, label: str = "") -> Mark | Unscored | None:
    """A number or boolean as a mark, not-a-number as unscored; None for anything else."""
    if isinstance(value, bool):
        return Mark(value=float(value), label=label or str(value).lower())
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return NOT_A_NUMBER
        if math.isfinite(number):
            return Mark(value=number, label=label or decimal_text(value))
        return NOT_A_NUMBER
    return None


def kind_of(value: Any) -> SampleKind | None:
    """A sample's kind, None for anything else."""
    return cast(SampleKind, value) if value in get_args(SampleKind) else None


def text_of(content: Any, where: str) -> str:
    """The text of a message's content: a string, null, or a list of parts of which those of text count.

    Raises:
        DatasetError: neither.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return plain(content)
    if isinstance(content, dict):
        return text_of(content.get("text"), where)
    if isinstance(content, list):
        parts = [text_of(part, where) for part in content if isinstance(part, str | dict)]
        return "\n".join(part for part in parts if part)
    raise DatasetError(f"the content of a message is {_type_name(content)}", where=where)


def messages_of(value: Any, where: str) -> tuple[Message, ...]:
    """A prompt: text, or a list of messages with role and content.

    Raises:
        DatasetError: neither, or an unknown role.
    """
    if isinstance(value, str):
        return (Message(role="user", content=plain(value)),)
    if not isinstance(value, list):
        raise DatasetError(f"a prompt that is {_type_name(value)}", where=where)
    found = []
    for index, each in enumerate(value):
        fields = Fields(each, f"{where}: message {index}")
        said = fields.text("role")
        if said not in ROLES:
            raise DatasetError(f"unknown role {said[:40]!r}", where=fields.where)
        content = text_of(fields.get("content"), fields.where)
        found.append(Message(role=ROLES[said], content=content, tool_call_id=_answered(fields)))
    return tuple(found)


def _answered(message: Fields) -> str:
    """The call that a message answers; several, as Inspect's users may answer them, with commas between."""
    value = message.get("tool_call_id")
    if not isinstance(value, list):
        return message.name("tool_call_id")
    if not all(isinstance(each, str) for each in value):
        message.refuse("tool_call_id", "a list of texts", value)
    return plain(",".join(value))


def tags_of(values: Mapping[str, Any], *, leave_out: frozenset[str] = frozenset()) -> dict[str, str]:
    """The short one-line values among `values` as tags."""
    tags: dict[str, str] = {}
    for key, value in values.items():
        if key in leave_out or not isinstance(value, str | int | float | bool):
            continue
        text = str(value).lower() if isinstance(value, bool) else plain(str(value))
        short = 0 < len(text) <= LONGEST_TAG and text.isprintable()
        if short and _is_name(key) and len(tags) < MOST_TAGS:
            tags[key] = text
    return tags


def plain(text: str) -> str:
    """`text` with halves of surrogate pairs, which no UTF-8 file can hold, replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shown(text: str) -> str:
    """A name from a file as people may safely see it in a message, a list or a terminal."""
    short = text if len(text) <= LONGEST_TAG else text[:LONGEST_TAG] + "…"
    return short if short.isprintable() else ascii(short)[1:-1]


def utc(text: str) -> str:
    """An ISO 8601 time as ``YYYY-MM-DDTHH:MM:SSZ``, empty when it is none; without an offset it is UTC."""
    try:
        time = datetime.fromisoformat(text.strip())
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time.year >= 1970 else ""


def decimal_text(value: float) -> str:
    """A finite number in its shortest decimal form."""
    try:
        number = Decimal(repr(value))
    except InvalidOperation:
        return str(value)
    return f"{number:f}" if abs(number.adjusted()) < 40 else str(number)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:60]!r} occurs twice in one object")
    return found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= 40 else float(digits)


def _is_name(key: str) -> bool:
    """Whether a tag can be called so: short, visible, and a key that evidence may hold (see `canonical`)."""
    return 0 < len(key) <= LONGEST_NAME and key.isprintable() and all(ord(c) <= 0xFFFF for c in key)


def _type_name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
