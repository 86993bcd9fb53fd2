"""Whether a file holds rollouts, told by what it begins with: its first objects, its columns.

What is not understood is taken to hold some: a run is rather called less whole than it is. Data that a run
was trained on, profiles, logs of workers and counts of tokens are none.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from modelassay.training.columns import pa
from modelassay.training.importers.lines import parsed

LOOKED_AT = 3
"""First objects or rows of a file that tell whether it holds rollouts."""
LONGEST_SETTINGS = 16 << 20
"""Bytes of a JSON document, unpacked, that may be settings; of a longer one only the beginning is read."""
LONG = 200
WORDS = 20
"""Characters, and spaces among them, from which a text under any key is what somebody said."""
UNPACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
"""Endings of packed files into which is looked."""
_SAID = frozenset(
    ("prompt", "completion", "response", "responses", "output", "outputs", "messages", "conversation",
     "answer", "text", "content", "input", "question", "query", "trajectory", "transcript", "samples",
     "traces", "nodes", "tokens", "response_tokens")
)  # fmt: skip
"""Keys under which rollouts hold what was said."""
_VAGUE = frozenset(("tokens", "nodes", "content", "text", "input", "output"))
"""Those of them that logs and settings use too: a word under one of them alone is no rollout."""
_COUNTED = frozenset(("tokens", "nodes", "samples", "traces"))
"""Those of them that are counts where a column can hold one value only."""
_SCORED = frozenset(
    ("reward", "rewards", "score", "scores", "advantage", "advantages", "return", "returns", "logprobs",
     "log_probs", "episode")
)  # fmt: skip
"""Keys that stand beside what a policy said."""
_POLICY = frozenset(
    ("completion", "completions", "response", "responses", "output", "outputs", "messages", "conversation",
     "conversations", "text", "content", "trajectory", "transcript", "samples", "traces", "nodes", "tokens",
     "token", "generated", "generation", "generations", "rollout", "rollouts", "reply", "turns", "dialogue",
     "assistant", "action", "actions", "prediction", "predictions")
)  # fmt: skip
"""Words in the names of columns that hold what a policy said; prompts and reference answers are data."""
_OF_DATA = frozenset(
    ("prompt", "question", "query", "input", "problem", "instruction", "answer", "solution", "ground",
     "target", "reference", "chosen", "rejected", "test", "tests", "extra")
)  # fmt: skip
"""Words in the names of columns of data to train on, whose texts may be long."""
_PROFILE = re.compile(rb'\s*\{\s*"(schemaVersion|traceEvents|displayTimeUnit)"')
_BEGINNING = 1 << 16


def holds_rollouts(path: Path) -> bool:
    """Whether a file of lines, a document or a table holds rollouts; one of any other kind is taken to."""
    packed = path.suffix.lower() in UNPACKED
    kind = (path.with_suffix("") if packed else path).suffix.lower()
    look = _KINDS.get(kind)
    if look is None:
        return kind not in _TABLES or packed or _table_holds(path, _TABLES[kind])
    try:
        with _opened(path) as file:
            return look(file)
    except OSError:
        return True


def _opened(path: Path) -> IO[bytes]:
    compression = UNPACKED.get(path.suffix.lower())
    if compression is None:
        return path.open("rb")
    unpacked: IO[bytes] = io.BufferedReader(pa.input_stream(str(path), compression=compression))
    return unpacked


def _lines_hold(file: IO[bytes]) -> bool:
    for line in islice(iter(lambda: file.readline(LONGEST_SETTINGS), b""), LOOKED_AT):
        row, _reason = parsed(line) if line.strip() else ({}, "")
        if row is None or _is_said(row):
            return True
    return False


def _document_holds(file: IO[bytes]) -> bool:
    data = file.read(LONGEST_SETTINGS + 1)
    if _PROFILE.match(data):
        return False
    if len(data) > LONGEST_SETTINGS:
        return _begins_with_rollouts(data[:_BEGINNING])
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            return True
    return any(map(_is_said, found[:LOOKED_AT])) if isinstance(found, list) else _is_table(found)


def _begins_with_rollouts(beginning: bytes) -> bool:
    """Whether the first object of a long list is said; anything else that is long is taken for data."""
    text = beginning.decode("utf-8", "replace").lstrip()
    if not text.startswith("["):
        return True
    try:
        return _is_said(json.JSONDecoder().raw_decode(text[1:].lstrip())[0])
    except (ValueError, RecursionError):
        return True


def _header_holds(file: IO[bytes]) -> bool:
    line = file.readline(_BEGINNING).decode("utf-8", "replace")
    names = {each.strip().strip('"').lower() for each in re.split(r"[,;\t]", line)}
    return bool(names & (_SAID - _COUNTED))


_KINDS: Mapping[str, Callable[[IO[bytes]], bool]] = {
    ".jsonl": _lines_hold,
    ".ndjson": _lines_hold,
    ".json": _document_holds,
    ".csv": _header_holds,
    ".tsv": _header_holds,
}


def _is_said(row: Any) -> bool:
    """Whether an object holds what somebody said, rather than numbers, names and settings."""
    if not isinstance(row, dict):
        return False
    texts = {str(key).lower(): value for key, value in row.items() if isinstance(value, str)}
    if any(map(_is_long, texts.values())):
        return True
    return _are_said(texts.keys(), row) or _is_table(row)


def _are_said(found: Collection[str], row: Mapping[str, Any]) -> bool:
    """Whether keys of `row` whose values hold something say what it is: one is enough if it is not vague."""
    said = _SAID.intersection(found)
    scored = any(str(key).lower() in _SCORED for key in row)
    return bool(said - _VAGUE) or len(said) > 1 or bool(said and scored)


def _is_table(data: Any) -> bool:
    """Whether an object holds rollouts by row or column; settings may hold a text, such as a prompt."""
    if not isinstance(data, dict):
        return False
    many = {
        str(key).lower(): value for key, value in data.items() if isinstance(value, list | dict) and value
    }
    columns = many.get("columns", ())
    return (
        _are_said(many.keys(), data)
        or any(_is_spoken(many[key]) for key in _VAGUE & many.keys())
        or bool(_SAID & {str(each).lower() for each in columns})
        or any(_is_said(value[0]) for value in many.values() if isinstance(value, list))
    )


def _is_spoken(value: Any) -> bool:
    """Whether a list under a vague key is of words, tokens or messages; a graph has none of these."""
    if not isinstance(value, list):
        return False
    first = value[0]
    return not isinstance(first, dict) or bool({"role", "message"} & first.keys()) or _is_said(first)


def _is_long(text: str) -> bool:
    return len(text) >= LONG and text.count(" ") > WORDS


def _table_holds(path: Path, first_rows: Callable[[Path], pa.RecordBatch]) -> bool:
    """Whether columns of a table are of what a policy said; one that cannot be read is taken to hold it."""
    try:
        rows = first_rows(path)
    except (OSError, pa.ArrowException):
        return True
    names = list(map(str, rows.schema.names))
    words = {name: _words(name) for name in names}
    if any(each & _POLICY for each in words.values()) or _SCORED & set(map(str.lower, names)):
        return True
    unknown = [column for name, column in zip(names, rows.columns, strict=True) if not words[name] & _OF_DATA]
    try:
        return any(_holds_said(value) for column in unknown for value in column.to_pylist())
    except (ValueError, OverflowError):  # a text that is not UTF-8, a time that Python has not
        return True


def _words(name: str) -> set[str]:
    return {each.lower() for each in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}


def _holds_said(value: Any) -> bool:
    """Whether a value of a table is a long text, or a row or conversation of its own, as JSON too."""
    if isinstance(value, str):
        row, _reason = parsed(value.encode()) if value.startswith("{") else (None, "")
        return _is_long(value) or _is_said(row)
    return _is_said(value) or (isinstance(value, list) and any(map(_is_said, value[:LOOKED_AT])))


def _of_parquet(path: Path) -> pa.RecordBatch:
    import pyarrow.parquet as parquet

    with parquet.ParquetFile(path) as file:
        empty = pa.RecordBatch.from_pylist([], schema=file.schema_arrow)
        return next(file.iter_batches(batch_size=LOOKED_AT), empty)


def _of_arrow(path: Path) -> pa.RecordBatch:
    with pa.memory_map(str(path)) as file:
        try:
            table = pa.ipc.open_file(file)
            first = table.get_batch(0) if table.num_record_batches else None
        except pa.ArrowInvalid:
            file.seek(0)
            table = pa.ipc.open_stream(file)
            first = next(iter(table), None)
        empty = pa.RecordBatch.from_pylist([], schema=table.schema)
        return empty if first is None else first.slice(0, LOOKED_AT)


_TABLES: Mapping[str, Callable[[Path], pa.RecordBatch]] = {
    ".parquet": _of_parquet,
    ".arrow": _of_arrow,
    ".feather": _of_arrow,
}
