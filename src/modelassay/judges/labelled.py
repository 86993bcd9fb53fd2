"""Answers that people labelled, in JSON lines or CSV, as samples and transcripts that an evaluator reads.

A row needs an answer and a label; the rest is optional. Which column holds what is said by `Columns`; whole
numbers, true/false and yes/no are labels by themselves, other words need `Columns.positive`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from modelassay.canonical import Digest, digest_bytes
from modelassay.errors import DatasetError, did_you_mean
from modelassay.evaluators.single import BY_HAND
from modelassay.records import (
    AttackedRequest,
    Message,
    PairKey,
    Sample,
    SampleKind,
    Transcript,
    sample_id,
)

MOST_BYTES = 256 << 20
_YES = frozenset({"1", "true", "yes"})
_NO = frozenset({"0", "false", "no"})


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Which column holds what; an empty name is no column."""

    prompt: str = "prompt"
    response: str = "response"
    label: str = "label"
    positive: tuple[str, ...] = ()
    """Labels that count as positive, all others being negative; without them labels say yes or no."""
    context: str = ""
    """The source that an answer should rest on."""
    group: str = "group"
    """Rows of one group, such as a prompt, are not independent; by default those of one prompt."""
    language: str = "language"
    category: str = "category"
    model: str = "model"
    """Who gave the answer."""
    request: str = ""
    """What was really asked for, where ``prompt`` is an attack; the row is then an attacked sample."""
    tags: tuple[str, ...] = ()
    """Columns that an evaluator needs as tags of the sample, such as a secret that it should keep."""
    needed: tuple[str, ...] = ("response", "label")
    """Fields of this record whose columns every row must have."""


class LabelledAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer with what people called it."""

    place: str
    """``file:line``, or the row's own ``id``."""
    sample: Sample
    transcript: Transcript
    positive: bool
    group: str
    language: str = ""
    category: str = ""
    model: str = ""


class LabelledAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """A labelled set."""

    name: str
    digest: Digest
    """Of the file's bytes."""
    rows: tuple[LabelledAnswer, ...]


def read_labelled(
    path: Path,
    columns: Columns | None = None,
    *,
    name: str = "",
    kind: SampleKind = "harmful",
    language: str = "",
) -> LabelledAnswers:
    """The labelled answers in a JSON-lines or CSV file.

    Args:
        path: ``.csv`` or ``.jsonl``.
        columns: which column holds what.
        name: of the set; the file's if absent.
        kind: of all requests; it decides which measure some evaluators score.
        language: of all rows that do not state theirs.

    Raises:
        DatasetError: the file cannot be read, a column is missing, or a label is none; names the line.
    """
    chosen = columns or Columns()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > MOST_BYTES:
        raise DatasetError(f"larger than {MOST_BYTES >> 20} MiB", where=str(path), mend="split it")
    rows = tuple(
        _answer(row, chosen, f"{path.name}:{line}", line, kind, language) for line, row in _rows(path, data)
    )
    if not rows:
        raise DatasetError("holds no labelled answer", where=str(path))
    return LabelledAnswers(name=name or path.stem, digest=digest_bytes(data), rows=rows)


def _attacked(row: dict[str, Any], columns: Columns) -> AttackedRequest | None:
    """Of a row whose prompt is an attack of unknown make; the answers are text, so no family matters."""
    if not columns.request:
        return None
    request = _text(row, columns.request)
    messages = (Message(role="user", content=request),)
    return AttackedRequest(sample=sample_id(messages), attack="labelled", family="labelled", request=request)


def _rows(path: Path, data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with the line it ends at."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError("is not UTF-8", where=str(path), mend="save it as UTF-8") from error
    if path.suffix == ".csv":
        reader = csv.DictReader(io.StringIO(text, newline=""))
        try:
            for row in reader:
                yield reader.line_num, {key: value for key, value in row.items() if key is not None}
        except csv.Error as error:
            raise DatasetError(f"no CSV: {error}", where=f"{path.name}:{reader.line_num}") from error
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DatasetError(f"no JSON: {error}", where=f"{path.name}:{number}") from error
        if not isinstance(row, dict):
            raise DatasetError("no JSON object", where=f"{path.name}:{number}")
        yield number, row


def _answer(
    row: dict[str, Any],
    columns: Columns,
    where: str,
    line: int,
    kind: SampleKind,
    language: str,
) -> LabelledAnswer:
    for field in columns.needed:
        column = getattr(columns, field)
        if row.get(column) is None:
            raise DatasetError(
                f"no column {column!r} for the {field}", where=where, mend=did_you_mean(column, row)
            )
    prompt, response, context = (
        _text(row, getattr(columns, field)) for field in ("prompt", "response", "context")
    )
    messages = (Message(role="user", content=prompt),)
    language = _text(row, columns.language) or language
    category = _text(row, columns.category)
    tags = {column: _text(row, column) for column in columns.tags}
    sample = Sample(
        id=sample_id(messages, context=context),
        messages=messages,
        kind=kind,
        context=context,
        tags=tags | ({"language": language} if language else {}),
        attacked=_attacked(row, columns),
    )
    transcript = Transcript(
        key=PairKey(sample=sample.id, seed=line),  # two answers to one prompt are two
        target=BY_HAND,
        messages=(Message(role="assistant", content=response),),
        finish="stop",
    )
    return LabelledAnswer(
        place=_text(row, "id") or where,
        sample=sample,
        transcript=transcript,
        positive=_label(row[columns.label], columns.positive, where),
        group=_text(row, columns.group) or sample.id,
        language=language,
        category=category,
        model=_text(row, columns.model),
    )


def _text(row: dict[str, Any], column: str) -> str:
    value = row.get(column) if column else None
    return "" if value is None else str(value)


def _label(value: Any, positive: tuple[str, ...], where: str) -> bool:
    text = str(value).strip()
    if positive:
        return text in positive
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise DatasetError(
        f"the label {text!r} is neither yes nor no",
        where=where,
        mend="write 0 or 1, or name the labels that count as positive",
    )
