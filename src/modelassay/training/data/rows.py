"""Rows of supervised and preference data, whatever their columns are called; streamed, nothing skipped.

JSON lines, JSON arrays and Parquet. A row is recognised by its columns: ``messages`` or ``conversations``
(roles ``role``/``from``, text ``content``/``value``), ``chosen`` and ``rejected`` (text, messages, or the
``Human:``/``Assistant:`` transcripts of preference data), ``prompt`` with ``completion``, ``instruction``
with ``output`` or ``response``, ``question`` with ``answer``, or ``text`` alone. What cannot be read goes to
quarantine with its place and the reason. Pickles are never loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from modelassay.errors import DatasetError
from modelassay.training.importers.lines import MOST_LINE, document, parsed

RowForm = Literal["sft", "preference", "text", "prompt"]
MOST_CHARACTERS = 100_000
"""Longer texts are read in two halves: their first and last 50,000 characters."""
MOST_KEPT = 1000
"""Quarantined rows that are kept with their reason; all are counted."""
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_ROLE_NAMES = {
    "human": "user",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
}
_ANSWERS = ("completion", "response", "output", "answer", "target", "label_text")
_PROMPTS = ("prompt", "instruction", "question", "query", "input")
_CONTEXTS = ("input", "context")
_MESSAGES = ("messages", "conversations", "conversation", "dialog", "dialogue")
_SOURCES = ("source", "dataset", "origin", "data_source", "domain")
_TRANSCRIPT = re.compile(r"(?:^|\n\n)(Human|Assistant|System): ?")
_READ = frozenset({".jsonl", ".ndjson", ".json", ".parquet"})


@dataclass(frozen=True, slots=True)
class Message:
    """One message; of a completion or a text, its only one."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class DataRow:
    """One row of training data."""

    number: int
    """From 0 over all files, quarantined rows not counted."""
    place: str
    """``file:line``; of Parquet and arrays, the row from 1."""
    form: RowForm
    prompt: tuple[Message, ...]
    """What comes before the answer."""
    answer: str
    """What is taught; of a preference pair the chosen answer."""
    rejected: str = ""
    """Of a preference pair."""
    source: str = ""
    """Where the row says it comes from; else the name of its file."""
    licence: str = ""
    """As the row, or the statement about its file, says."""
    problems: tuple[str, ...] = ()
    """What is wrong with its form."""

    @property
    def system(self) -> str:
        """Text of the system and developer messages."""
        return "\n".join(m.text for m in self.prompt if m.role in ("system", "developer"))

    @property
    def asked(self) -> str:
        """What users say, all turns."""
        return "\n".join(m.text for m in self.prompt if m.role == "user")

    @property
    def request(self) -> str:
        """The last thing that the user says."""
        return next((m.text for m in reversed(self.prompt) if m.role == "user"), "")

    @property
    def taught(self) -> str:
        """Everything that the assistant says and is trained to say."""
        earlier = [m.text for m in self.prompt if m.role == "assistant"]
        return "\n".join((*earlier, self.answer)) if earlier else self.answer


@dataclass(frozen=True)
class DataSource:
    """What is declared about a file, or about the sources that its rows name."""

    name: str
    licence: str = ""
    url: str = ""
    fetched: str = ""
    """Date on which it was had, ``YYYY-MM-DD``."""


@dataclass(frozen=True)
class Quarantined:
    """A row that could not be read."""

    place: str
    reason: str
    head: str
    """Its first 200 characters."""


@dataclass
class Quarantine:
    """Rows that could not be read."""

    count: int = 0
    kept: list[Quarantined] = field(default_factory=list)

    def add(self, place: str, reason: str, row: Any = "") -> None:
        """Count a row, and keep it while there is room."""
        self.count += 1
        if len(self.kept) < MOST_KEPT:
            head = row.decode("utf-8", "replace") if isinstance(row, bytes) else str(row)
            self.kept.append(Quarantined(place, reason, head[:200]))


def read_rows(
    paths: Sequence[Path], quarantine: Quarantine, sources: Mapping[str, DataSource] | None = None
) -> Iterator[DataRow]:
    """Every row of the files, in order.

    Args:
        sources: what is declared, by name of file or of source.

    Raises:
        DatasetError: a path is no file, or of a kind that is not read.
    """
    number = 0
    for path in paths:
        declared = (sources or {}).get(path.name)
        for place, raw in read_objects(path, quarantine):
            try:
                row = _row(raw, number, place, path.name)
            except ValueError as error:
                quarantine.add(place, str(error), raw)
                continue
            about = (sources or {}).get(row.source) or declared
            if about is not None and not row.licence:
                row = replace(row, licence=about.licence)
            yield row
            number += 1


# -- files ------------------------------------------------------------------------------------


def read_objects(path: Path, quarantine: Quarantine) -> Iterator[tuple[str, Any]]:
    """Place and content of every row of a file, whatever it holds.

    Raises:
        DatasetError: it is no file, or of a kind that is not read.
    """
    if not path.is_file():
        raise DatasetError("no such file", where=str(path), mend="name JSONL, JSON or Parquet files")
    if path.suffix not in _READ:
        raise DatasetError(
            f"files of kind {path.suffix or 'no suffix'} are not read",
            where=str(path),
            mend="convert it to JSONL or Parquet; pickles are never loaded",
        )
    if path.suffix == ".parquet":
        yield from _parquet(path)
    elif path.suffix == ".json" and _is_array(path):
        found = document(path)
        yield from ((f"{path.name}:{at}", each) for at, each in enumerate(found, 1))
    else:
        yield from _lines(path, quarantine)


def _is_array(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(256).lstrip()[:1] == b"["


def _lines(path: Path, quarantine: Quarantine) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MOST_LINE + 1):
            number += 1
            place = f"{path.name}:{number}"
            if len(line) > MOST_LINE:
                quarantine.add(place, f"a line of more than {MOST_LINE:,} bytes", line[:200])
                while line and not line.endswith(b"\n"):
                    line = file.readline(1 << 20)
                continue
            if line.strip():
                row, reason = _parsed(line)
                if row is None:
                    quarantine.add(place, reason, line[:200])
                else:
                    yield place, row


def _parsed(line: bytes) -> tuple[Any, str]:
    """What a line holds: an object, or the messages of a conversation in a list."""
    if line.lstrip()[:1] == b"[":
        try:
            return json.loads(line), ""
        except (ValueError, RecursionError) as error:
            return None, f"not JSON: {error}"
    return parsed(line)


def _parquet(path: Path) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=2048):
                for each in batch.to_pylist():
                    number += 1
                    yield f"{path.name}:{number}", each
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"not a readable Parquet file: {error}", where=str(path)) from error


# -- rows -------------------------------------------------------------------------------------


def _row(raw: Any, number: int, place: str, file: str) -> DataRow:
    """The row in `raw`.

    Raises:
        ValueError: it holds no text under a column that is known.
    """
    if isinstance(raw, list) and raw and all(isinstance(each, dict) for each in raw):
        raw = {"messages": raw}
    if not isinstance(raw, dict):
        raise ValueError("not an object")
    problems: list[str] = []
    form, prompt, answer, rejected = _parts(raw, problems)
    source = next((v for key in _SOURCES if isinstance(v := raw.get(key), str) and v), file)
    licence = next((v for key in ("license", "licence") if isinstance(v := raw.get(key), str)), "")
    _check(form, prompt, answer, rejected, problems)
    return DataRow(
        number, place, form, tuple(prompt), _cut(answer), _cut(rejected), source, licence, tuple(problems)
    )  # fmt: skip


def _parts(raw: Mapping[str, Any], problems: list[str]) -> tuple[RowForm, list[Message], str, str]:
    if raw.get("chosen") is not None and raw.get("rejected") is not None:
        return _pair(raw, problems)
    for key in _MESSAGES:
        if isinstance(raw.get(key), list):
            messages = _messages(raw[key], problems)
            prompt, answer = _last_answer(messages)
            return "sft", prompt, answer, ""
    asked = next((key for key in _PROMPTS if raw.get(key) not in (None, "")), "")
    answers = [key for key in _ANSWERS if isinstance(raw.get(key), str | list) and key != asked]
    if asked and answers:
        contexts = [raw[key] for key in _CONTEXTS if key != asked and isinstance(raw.get(key), str)]
        prompt = _as_messages(raw[asked], "user", problems)
        if contexts and contexts[0].strip() and prompt:
            prompt[-1] = Message(prompt[-1].role, f"{prompt[-1].text}\n\n{contexts[0]}")
        if isinstance(raw.get("system"), str) and raw["system"]:
            prompt.insert(0, Message("system", _cut(raw["system"])))
        ended = _as_messages(raw[answers[0]], "assistant", problems)
        more, answer = _last_answer(ended)
        return "sft", prompt + more, answer, ""
    if isinstance(raw.get("text"), str):
        found = _transcript(raw["text"])
        if found:
            prompt, answer = _last_answer(found)
            return "sft", prompt, answer, ""
        return "text", [], raw["text"], ""
    if asked:
        return "prompt", _as_messages(raw[asked], "user", problems), "", ""
    names = ", ".join(map(str, list(raw)[:12]))
    raise ValueError(f"no column is known as text of training data; columns: {names}")


def _pair(raw: Mapping[str, Any], problems: list[str]) -> tuple[RowForm, list[Message], str, str]:
    asked = next((key for key in _PROMPTS if raw.get(key) not in (None, "")), "")
    prompt = _as_messages(raw[asked], "user", problems) if asked else []
    before, chosen = _last_answer(_as_messages(raw["chosen"], "assistant", problems))
    other, rejected = _last_answer(_as_messages(raw["rejected"], "assistant", problems))
    if before != other:
        problems.append("chosen and rejected begin with different conversations")
    return "preference", before if len(before) > len(prompt) else prompt, chosen, rejected


def _as_messages(value: Any, role: str, problems: list[str]) -> list[Message]:
    if isinstance(value, list):
        return _messages(value, problems)
    if isinstance(value, str):
        return _transcript(value) or [Message(role, _cut(value))]
    problems.append(f"text of type {type(value).__name__}")
    return []


def _messages(values: Iterable[Any], problems: list[str]) -> list[Message]:
    found = []
    for value in values:
        if not isinstance(value, dict):
            problems.append("a message that is no object")
            continue
        given = value.get("role", value.get("from"))
        text = value.get("content", value.get("value"))
        if isinstance(text, list):
            text = "\n".join(str(p.get("text", "")) for p in text if isinstance(p, dict))
        if text is None and (value.get("tool_calls") or value.get("function_call")):
            text = ""
        if not isinstance(given, str) or not isinstance(text, str):
            problems.append("a message without role or text")
            continue
        role = _ROLE_NAMES.get(given.lower(), given.lower())
        found.append(Message(role, _cut(text)))
    return found


def _transcript(text: str) -> list[Message]:
    """A conversation written as ``Human: … Assistant: …``; empty when it is none."""
    marks = list(_TRANSCRIPT.finditer(text))
    if len(marks) < 2 or text[: marks[0].start()].strip():
        return []
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    names = {"Human": "user", "Assistant": "assistant", "System": "system"}
    return [
        Message(names[mark[1]], _cut(text[mark.end() : end].strip()))
        for mark, end in zip(marks, ends, strict=True)
    ]


def _last_answer(messages: list[Message]) -> tuple[list[Message], str]:
    if messages and messages[-1].role == "assistant":
        return messages[:-1], messages[-1].text
    return messages, ""


def _check(form: RowForm, prompt: Sequence[Message], answer: str, rejected: str, problems: list[str]) -> None:
    roles = [message.role for message in prompt]
    unknown = sorted(set(roles) - ROLES)
    if unknown:
        problems.append(f"unknown role {unknown[0]!r}")
    if any(role in ("system", "developer") for role in roles[1:]) and roles[0] not in ("system", "developer"):
        problems.append("a system message after the conversation began")
    talk = [role for role in roles if role in ("user", "assistant")]
    if any(one == other for one, other in pairwise(talk)):
        problems.append("two turns of one role in a row")
    if form in ("sft", "preference") and not answer.strip():
        problems.append("no answer to learn")
    if form in ("sft", "preference") and not any(m.text.strip() for m in prompt):
        problems.append("no prompt")
    if form == "preference" and answer == rejected:
        problems.append("chosen and rejected are the same")
    if form == "preference" and not rejected.strip():
        problems.append("no rejected answer")


def _cut(text: str) -> str:
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else text[:half] + "\n" + text[-half:]
