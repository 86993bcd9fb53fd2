"""Turn rows of a user's file into samples by way of named columns.

Which column becomes what:

- `prompt` (one user turn) or `messages` (a conversation as JSON), `kind`, `reference`, `context`,
  `choices` (options, as texts or as `{label, text}`), `cluster` and `tools` are taken from the columns of
  those names, or of the names that ``columns: {prompt: question}`` gives.
- `attacked` (an object) and `follow_ups` (a list) make a row an attack that was kept, with more user turns.
- Any other entry of ``columns`` names a tag and the column that holds it: ``{category: topic}``.
- A column ``tags`` that holds an object is spread into tags.
- Every column left over becomes a tag of its own name if all its values are short (text of at most
  200 characters on one line, numbers, booleans); a column with longer or nested values is left out.
"""

from __future__ import annotations

import datetime
import decimal
import math
import numbers
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple, cast, get_args

import msgspec

from modelassay.errors import DatasetError, did_you_mean
from modelassay.records import Message, Sample, SampleKind, sample_id
from modelassay.suites.files import Row
from modelassay.suites.turns import (
    parse_attacked,
    parse_choices,
    parse_follow_ups,
    parse_messages,
    parse_tools,
)

NESTED = {"attacked": Mapping, "follow_ups": list}
"""Parts of a sample that only a column of this type holds; one with plain values is a tag like any other."""
FIELDS = ("prompt", "messages", "kind", "reference", "context", "cluster", "tools", "choices")
"""Parts of a sample that a column can hold."""
KINDS: tuple[str, ...] = get_args(SampleKind)
LONGEST_TAG = 200
"""Characters of the longest value that becomes a tag by itself."""

Kind = Literal["", "harmful", "borderline", "benign"]


class Placed(NamedTuple):
    """A sample with the place of the row it came from."""

    place: str
    sample: Sample


def map_rows(rows: Iterable[Row], *, columns: Mapping[str, str], kind: Kind, origin: str) -> list[Placed]:
    """The samples that `rows` hold, in order; see the module for which column becomes what.

    Args:
        rows: rows with their places.
        columns: part of the sample, or tag, to column name.
        kind: kind of every row, or of rows whose mapped kind column is empty.
        origin: name of the whole, for complaints that no single row is to blame for.

    Raises:
        DatasetError: a row is no sample; names the place, the column and the mend.
    """
    mapper = _Mapper(columns, kind)
    placed = [mapper.place(row) for row in rows]
    if not placed:
        raise DatasetError("the dataset holds no rows", where=origin, mend="give it at least one row")
    mapper.check_every_column_was_seen(origin)
    return mapper.without_long_tags(placed)


class _Mapper:
    """What is known of the columns while the rows go by."""

    def __init__(self, columns: Mapping[str, str], kind: Kind) -> None:
        self.columns = dict(columns)
        self.kind = kind
        self.tags = {tag: column for tag, column in columns.items() if tag not in FIELDS}
        self.taken = set(columns.values())
        self.seen: set[str] = set()
        self.long: set[str] = set()

    def place(self, row: Row) -> Placed:
        for column in row.values.keys() - self.seen:
            _check_name(row, column)
        self.seen.update(row.values)
        attacked = self._nested(row, "attacked", parse_attacked, default=None)
        follow_ups = self._nested(row, "follow_ups", parse_follow_ups, default=())
        messages = self._messages(row, begun=attacked is not None)
        tools = self._parsed(row, "tools", parse_tools, default=())
        choices = self._parsed(row, "choices", parse_choices, default=())
        reference, context = self._text(row, "reference"), self._text(row, "context")
        kind, tags = self._kind(row), self._tags(row)
        try:
            identity = sample_id(
                messages,
                tools=tools,
                reference=reference,
                context=context,
                choices=choices,
                follow_ups=follow_ups,
            )
        except (ValueError, UnicodeError, msgspec.EncodeError) as error:
            raise DatasetError(
                f"the row has no canonical form: {error}",
                where=row.place,
                mend="write numbers as integers or text, and text as UTF-8",
            ) from error
        sample = Sample(
            id=identity,
            messages=messages,
            kind=kind,
            tools=tools,
            reference=reference,
            context=context,
            choices=choices,
            tags=tags,
            follow_ups=follow_ups,
            attacked=attacked,
            cluster=self._text(row, "cluster"),
        )
        return Placed(row.place, sample)

    def check_every_column_was_seen(self, origin: str) -> None:
        for part, column in self.columns.items():
            if column not in self.seen:
                raise DatasetError(
                    f"no row has the column {column!r} that columns gives for {part!r}",
                    where=origin,
                    mend=did_you_mean(column, self.seen),
                )

    def without_long_tags(self, placed: list[Placed]) -> list[Placed]:
        if not self.long:
            return placed
        return [
            Placed(place, msgspec.structs.replace(sample, tags=self._short(sample.tags)))
            for place, sample in placed
        ]

    def _short(self, tags: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in tags.items() if name not in self.long}

    def _column(self, part: str) -> str:
        return self.columns.get(part, part)

    def _messages(self, row: Row, *, begun: bool) -> tuple[Message, ...]:
        prompt, messages = self._column("prompt"), self._column("messages")
        has_prompt, has_messages = prompt in row.values, messages in row.values
        parse = partial(parse_messages, begun=begun)
        if has_messages and row.values[messages] not in (None, ""):
            return cast("tuple[Message, ...]", self._parsed(row, "messages", parse, default=()))
        if not has_prompt:
            wanted = messages if has_messages or "messages" in self.columns else prompt
            raise DatasetError(
                f"the row has no column {wanted!r} to ask",
                where=row.place,
                mend=f"{did_you_mean(wanted, row.values)}; name it with columns: {{prompt: …}}",
            )
        text = row.values[prompt]
        if not isinstance(text, str) or not text.strip():
            what = (
                "the prompt is empty" if text is None or isinstance(text, str) else "the prompt is not text"
            )
            raise _complaint(row, prompt, what, "write a prompt or remove the row")
        return (Message(role="user", content=text),)

    def _nested(self, row: Row, part: str, parse: Any, *, default: Any) -> Any:
        value = row.values.get(part)
        return self._parsed(row, part, parse, default=default) if isinstance(value, NESTED[part]) else default

    def _parsed(self, row: Row, part: str, parse: Any, *, default: Any) -> Any:
        column = self._column(part)
        value = row.values.get(column)
        if value is None or value == "":
            return default
        try:
            return parse(value)
        except ValueError as error:
            what, mend = error.args if len(error.args) == 2 else (str(error), "")
            raise _complaint(row, column, what, mend) from error

    def _text(self, row: Row, part: str) -> str:
        column = self._column(part)
        value = row.values.get(column)
        if value is None:
            return ""
        if part == "cluster" and isinstance(value, int):
            return str(value)
        if not isinstance(value, str):
            raise _complaint(row, column, f"{part} is not text", "write it as text")
        return value

    def _kind(self, row: Row) -> SampleKind:
        column = self._column("kind")
        # A kind for every row is meant for files whose own column of that name, if any, means something else.
        ignored = bool(self.kind) and "kind" not in self.columns
        value = None if ignored else row.values.get(column)
        if value is None or value == "":
            if self.kind:
                return self.kind
            raise DatasetError(
                "the row has no kind",
                where=row.place,
                mend="set kind: harmful, borderline or benign for the dataset, or name the column with "
                "columns: {kind: …}",
            )
        if value not in KINDS:
            hint = did_you_mean(str(value), KINDS)
            raise _complaint(row, column, f"{value!r} is not a kind", f"{hint}; or set kind: for every row")
        return cast("SampleKind", value)

    def _tags(self, row: Row) -> dict[str, str]:
        tags: dict[str, str] = {}
        for column, value in row.values.items():
            if column == "tags" and isinstance(value, Mapping):
                tags.update(self._spread(row, value))
            elif column in NESTED and isinstance(value, NESTED[column]):
                continue
            elif column not in self.taken and not self._is_field(column):
                text = _tag_value(value)
                if text is None:
                    self.long.add(column)
                elif text:
                    tags[column] = text
        for tag, column in self.tags.items():
            text = _tag_value(row.values.get(column))
            if text is None:
                raise _complaint(
                    row, column, f"too long, nested or malformed for the tag {tag!r}", "choose short values"
                )
            if text:
                tags[tag] = text
        return tags

    def _is_field(self, column: str) -> bool:
        if column == "kind" and self.kind and "kind" not in self.columns:
            return False
        return column in FIELDS and column not in self.columns

    def _spread(self, row: Row, values: Mapping[Any, Any]) -> dict[str, str]:
        spread = {str(name): _tag_value(value) for name, value in values.items()}
        for name, text in spread.items():
            if text is None:
                raise _complaint(
                    row, "tags", f"the tag {name!r} is too long or nested", "choose short values"
                )
        return {name: text for name, text in spread.items() if text}


def _check_name(row: Row, column: Any) -> None:
    if not isinstance(column, str) or any(ord(character) > 0xFFFF for character in column):
        raise DatasetError(
            f"the column name {column!r} cannot be used",
            where=row.place,
            mend="name columns in plain letters",
        )


def _tag_value(value: Any) -> str | None:
    """`value` as a tag: its text, empty when there is none, None when it is too long or nested."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, numbers.Real | decimal.Decimal | datetime.date | datetime.time):
        return str(value)
    if not isinstance(value, str) or len(value) > LONGEST_TAG or "\n" in value:
        return None
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return None
    # The same few values fill whole columns; one copy of each is enough.
    return sys.intern(str(value))


def _complaint(row: Row, column: str, what: str, mend: str) -> DatasetError:
    return DatasetError(what, where=f"{row.place}: column {column!r}", mend=mend)
