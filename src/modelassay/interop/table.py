"""Any table of answers: JSON lines or CSV, with a map from what is wanted to the column that holds it.

Columns called ``id``, ``epoch``, ``prompt``, ``messages``, ``answer``, ``reference``, ``context``, ``kind``,
``model`` and ``error`` are found by themselves; ``score`` and ``label`` too, unless measures are named.
What is left over becomes tags where it is short.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from modelassay.errors import DatasetError, did_you_mean
from modelassay.interop.reading import (
    MOST_ITEMS,
    Fields,
    json_lines,
    kind_of,
    mark_of,
    messages_of,
    parse_json,
    plain,
    tags_of,
)
from modelassay.interop.run import Item, Mark, Run, Scorer, SourceFile
from modelassay.records import Message, SampleKind, Unscored

TOOL = "table"
PARTS = ("id", "epoch", "prompt", "messages", "answer", "reference", "context", "kind", "model", "error")
SCORES = ("score", "label")
LONGEST_CELL = 16 << 20
_YES = frozenset(("true", "yes", "y", "pass", "passed", "correct", "safe"))
_NO = frozenset(("false", "no", "n", "fail", "failed", "incorrect", "unsafe"))
_NONE = frozenset(("", "na", "n/a", "nan", "none", "null"))


def read_table(
    source: SourceFile, data: bytes, *, columns: Mapping[str, str], measures: Sequence[str]
) -> Run:
    """The answers in a table.

    Args:
        source: the file.
        data: its bytes; CSV when its name ends so, with a header, else an object a line.
        columns: part (see the module) to column.
        measures: columns with scores; ``score`` and ``label``, as far as they are there, when none is named.

    Raises:
        DatasetError: a row that cannot be read, a column that is not there, nothing to pair by.
    """
    is_csv = source.name.lower().endswith((".csv", ".tsv"))
    rows = list(_csv(source, data) if is_csv else json_lines(data, source.name))
    if not rows:
        raise DatasetError("the table holds no rows", where=source.name)
    if len(rows) > MOST_ITEMS:
        raise DatasetError(f"more than {MOST_ITEMS:,} rows", where=source.name)
    known = dict.fromkeys(key for row in rows for key in row.values)
    table = _Table(source.name, tuple(known), columns, measures)
    items = tuple(table.item(row) for row in rows)
    models = sorted({item.model for item in items})
    return Run(
        tool=TOOL,
        model=models[0] if len(models) == 1 else "",
        task=plain(source.name.rpartition(".")[0] or source.name),
        scorers=tuple(Scorer(name=plain(name)) for name in table.scores),
        items=items,
        files=(source,),
        notes=("A table does not say who made it, when, or how its answers were generated.",),
    )


class _Table:
    """Which column is what."""

    def __init__(
        self, name: str, known: tuple[str, ...], columns: Mapping[str, str], measures: Sequence[str]
    ) -> None:
        for part, column in columns.items():
            if part not in PARTS:
                raise DatasetError(f"unknown part {part!r}", where="--column", mend=did_you_mean(part, PARTS))
            if column not in known:
                raise DatasetError(f"no column {column!r}", where=name, mend=did_you_mean(column, known))
        self.column = {part: columns.get(part, part) for part in PARTS}
        taken = set(self.column.values())
        self.scores = tuple(measures) or tuple(each for each in SCORES if each in known and each not in taken)
        for measure in self.scores:
            if measure not in known:
                raise DatasetError(f"no column {measure!r}", where=name, mend=did_you_mean(measure, known))
        if not {self.column["id"], self.column["prompt"], self.column["messages"]}.intersection(known):
            raise DatasetError(
                "no column says what was asked, by id or prompt", where=name, mend="--column prompt=COLUMN"
            )
        self.left_out = frozenset(taken | set(self.scores))

    def item(self, row: Fields) -> Item:
        """One row."""
        answer, said = self._text(row, "answer"), self._text(row, "kind")
        kind = kind_of(said)
        if said and kind is None:
            known = ", ".join(get_args(SampleKind))
            raise DatasetError(f"{said[:40]!r} is not a kind", where=row.where, mend=f"known: {known}")
        return Item(
            place=row.where,
            id=self._text(row, "id"),
            epoch=self._epoch(row),
            messages=self._messages(row),
            answer=None if answer == "" else (Message(role="assistant", content=answer),),
            failure=self._text(row, "error"),
            reference=self._text(row, "reference"),
            context=self._text(row, "context"),
            kind=kind,
            tags=tags_of(row.values, leave_out=self.left_out),
            model=self._text(row, "model"),
            marks={plain(name): _mark(row.get(name)) for name in self.scores},
        )

    def _text(self, row: Fields, part: str) -> str:
        return row.name(self.column[part])

    def _epoch(self, row: Fields) -> int:
        column = self.column["epoch"]
        value = row.get(column)
        if isinstance(value, str) and value.isdecimal() and len(value) < 7:
            return int(value)
        return 0 if value == "" else row.whole(column)

    def _messages(self, row: Fields) -> tuple[Message, ...]:
        conversation, prompt = row.get(self.column["messages"]), row.get(self.column["prompt"])
        if isinstance(conversation, str) and conversation:
            conversation = parse_json(conversation, f"{row.where}: {self.column['messages']}")
        if conversation:
            return messages_of(conversation, row.where)
        return messages_of(prompt, row.where) if prompt not in (None, "") else ()


def _csv(source: SourceFile, data: bytes) -> Iterator[Fields]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"not UTF-8: {error.reason}", where=source.name) from error
    csv.field_size_limit(LONGEST_CELL)
    delimiter = "\t" if source.name.lower().endswith(".tsv") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        if len(set(header)) != len(header):
            raise DatasetError("two columns have one name", where=f"{source.name}:1")
        for cells in reader:
            where = f"{source.name}:{reader.line_num}"
            if not cells:
                continue
            if len(cells) != len(header):
                raise DatasetError(f"{len(cells)} cells under {len(header)} columns", where=where)
            yield Fields(dict(zip(header, cells, strict=True)), where)
    except csv.Error as error:
        raise DatasetError(f"not CSV: {error}", where=f"{source.name}:{reader.line_num}") from error


def _mark(value: Any) -> Mark | Unscored:
    """A number, a boolean or a word for one; anything else has no score."""
    if value is None:
        return Unscored(reason="no score")
    if not isinstance(value, str):
        return mark_of(value) or Unscored(reason="a value that is no number")
    word = value.strip().lower()
    if word in _NONE:
        return Unscored(reason="no score")
    if word in _YES or word in _NO:
        return Mark(value=float(word in _YES), label=word)
    try:
        return mark_of(float(word), word[:40]) or Unscored(reason="a value that is no number")
    except ValueError:
        return Unscored(reason="a value that is no number")
