"""Rows of supervised and preference data, whatever their columns are called; streamed, nothing skipped.

JSON lines, JSON arrays and Parquet. A row is recognised by its columns (`row_forms`): ``messages`` or
``conversations``, ``chosen`` and ``rejected`` and other pairs, ``prompt`` with ``completion`` (and a mark
that says whether it is wanted, `marks`), ``instruction`` with ``output``, ``question`` with ``answer``, or
``text`` alone, which may be a conversation in the template of a chat model (`messages`). What cannot be read
goes to quarantine with its place and the reason. Pickles are never loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.training.data.marks import LABEL, labels_mark
from modelassay.training.data.messages import ROLES, Message, cut, tools_text
from modelassay.training.data.row_forms import Parts, RowForm, parts_of
from modelassay.training.importers.lines import MOST_LINE, document, parsed

MOST_KEPT = 1000
"""Quarantined rows that are kept with their reason; all are counted."""
_SOURCES = ("source", "dataset", "origin", "data_source", "domain")
_TOOLS = ("tools", "functions")
_READ = frozenset({".jsonl", ".ndjson", ".json", ".parquet"})


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
    """What is taught; of a pair the chosen answer, of an answer that is marked unwanted nothing."""
    rejected: str = ""
    """Of a preference pair, or an answer that is marked unwanted."""
    source: str = ""
    """Where the row says it comes from; else the name of its file."""
    licence: str = ""
    """As the row, or the statement about its file, says."""
    problems: tuple[str, ...] = ()
    """What is wrong with its form."""
    unread: tuple[str, ...] = ()
    """Columns whose text was not read."""
    misrated: bool = False
    """Of a pair: whether the chosen answer has the lower of the scores beside them."""
    tools: str = ""
    """What the descriptions of its tools say."""

    @property
    def system(self) -> str:
        """Text of the system and developer messages."""
        return "\n".join(m.text for m in self.prompt if m.role in ("system", "developer"))

    @property
    def given(self) -> str:
        """All that a model is told before users speak: system messages and descriptions of tools."""
        return f"{self.system}\n{self.tools}" if self.tools else self.system

    @property
    def untrained(self) -> str:
        """What the assistant says that is marked as not learned."""
        return "\n".join(m.text for m in self.prompt if not m.trained)

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
        if self.form == "unpaired" and not self.answer:
            return ""
        earlier = [m.text for m in self.prompt if m.role == "assistant" and m.trained]
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
        declared, labelled = (sources or {}).get(path.name), _labelled(path)
        for place, raw in read_objects(path, quarantine):
            try:
                row = _row(raw, number, place, path.name, labelled)
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


def _labelled(path: Path) -> bool:
    """Whether the file's column ``label`` marks wanted answers; a file that never names it is not parsed."""
    if not path.is_file():
        return False  # the error is told where rows are read
    name = LABEL.encode() if path.suffix == ".parquet" else f'"{LABEL}"'.encode()
    before = b""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if name in before + block:
                return labels_mark(raw for _, raw in read_objects(path, Quarantine()))
            before = block[-len(name) :]
    return False


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


def _row(raw: Any, number: int, place: str, file: str, labelled: bool) -> DataRow:
    """The row in `raw`.

    Raises:
        ValueError: it holds no text under a column that is known.
    """
    if isinstance(raw, list) and raw and all(isinstance(each, dict) for each in raw):
        raw = {"messages": raw}
    if not isinstance(raw, dict):
        raise ValueError("not an object")
    problems: list[str] = []
    parts = parts_of(raw, problems, labelled)
    source = next((v for key in _SOURCES if isinstance(v := raw.get(key), str) and v), file)
    licence = next((v for key in ("license", "licence") if isinstance(v := raw.get(key), str)), "")
    _check(parts, problems)
    return DataRow(
        number=number,
        place=place,
        form=parts.form,
        prompt=tuple(parts.prompt),
        answer=cut(parts.answer),
        rejected=cut(parts.rejected),
        source=source,
        licence=licence,
        problems=tuple(problems),
        unread=parts.unread,
        misrated=parts.misrated,
        tools=tools_text(*(raw.get(name) for name in _TOOLS)),
    )


def _check(parts: Parts, problems: list[str]) -> None:
    roles = [message.role for message in parts.prompt]
    unknown = sorted(set(roles) - ROLES)
    if unknown:
        problems.append(f"unknown role {unknown[0]!r}")
    if any(role in ("system", "developer") for role in roles[1:]) and roles[0] not in ("system", "developer"):
        problems.append("a system message after the conversation began")
    talk = [role for role in roles if role in ("user", "assistant")]
    if any(one == other for one, other in pairwise(talk)):
        problems.append("two turns of one role in a row")
    unwanted = parts.form == "unpaired" and bool(parts.rejected.strip())
    if parts.form not in ("text", "prompt") and not parts.answer.strip() and not unwanted:
        problems.append("no answer to learn")
    if parts.form not in ("text", "prompt") and not any(m.text.strip() for m in parts.prompt):
        problems.append("no prompt")
    if parts.form == "preference" and parts.answer == parts.rejected:
        problems.append("chosen and rejected are the same")
    if parts.form == "preference" and not parts.rejected.strip():
        problems.append("no rejected answer")
