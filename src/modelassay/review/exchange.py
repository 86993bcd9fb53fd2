"""Items out to people elsewhere, labels back: CSV or JSON Lines.

A spreadsheet takes a cell that starts with ``=``, ``+``, ``-``, ``@`` (also in full width), a tab or the end
of a line for a formula (OWASP, "CSV Injection"), and texts here are hostile: such cells get an apostrophe
before, which is taken off again when they come back.
Only what is asked for is read back (item, label, annotator, note); texts in a returned file are ignored.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from modelassay.errors import UsageError
from modelassay.review.items import Item, by_id
from modelassay.review.labels import VALUES, Label, LabelBook

COLUMNS = ("item", "measure", "question", "prompt", "answer", "label", "annotator", "note")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_LONGEST_NOTE = 2_000
_SPELLINGS = {
    "y": "yes",
    "1": "yes",
    "true": "yes",
    "n": "no",
    "0": "no",
    "false": "no",
    "p": "partly",
    "0.5": "partly",
}


def export_csv(items: Iterable[Item]) -> bytes:
    """A CSV file (RFC 4180, UTF-8 with a byte order mark, which spreadsheets need) with empty labels."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for row in _rows(items):
        writer.writerow({name: _inert(value) for name, value in row.items()})
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def export_jsonl(items: Iterable[Item]) -> bytes:
    """JSON Lines with empty labels."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(items))
    return "".join(lines).encode("utf-8", "replace")


def import_labels(
    data: bytes, items: Sequence[Item], book: LabelBook, *, time: str, annotator: str = "", where: str = ""
) -> int:
    """Keep the labels in `data`, all or none; how many were new. Rows without a label are passed over.

    Args:
        data: CSV (comma, semicolon or tab) or JSON Lines, UTF-8.
        annotator: of rows that name none.

    Raises:
        UsageError: names the line: unknown item, unknown label, no annotator, two labels of one annotator for
            one item, or one that contradicts what is kept.
    """
    known, standing = by_id(items), book.standing()
    found: dict[tuple[str, str], Label] = {}
    for line, row in _read(data, where):
        spelt = str(row.get("label") or "").strip().lower()
        if not spelt:
            continue
        place = f"{where}: line {line}"
        item = known.get(_plain(row.get("item")))
        label = _SPELLINGS.get(spelt, spelt)
        who = _plain(row.get("annotator")) or annotator
        note = _plain(row.get("note"))
        if item is None:
            raise UsageError("an item that was not put to people", where=place, mend="export again")
        if label not in (*VALUES, "skip"):
            raise UsageError(f"{spelt!r} is no label", where=place, mend="write yes, partly, no or skip")
        if not who or not who.isprintable() or len(note) > _LONGEST_NOTE:
            raise UsageError(
                "no annotator, or a note too long", where=place, mend="fill the column annotator"
            )
        before = found.get((item.id, who)) or standing.get((item.id, who))
        if before is not None and before.label != label:
            raise UsageError(
                f"{who} said {before.label!r} of this item before, and {label!r} here",
                where=place,
                mend="take one of them out; `review next` can undo",
            )
        if before is None:
            found[item.id, who] = Label(
                audit=book.audit,
                item=item.id,
                measure=item.measure,
                text=item.text,
                label=label,  # type: ignore[arg-type]
                annotator=who,
                time=time,
                note=note,
            )
    book.extend(found.values())
    return len(found)


def _rows(items: Iterable[Item]) -> Iterator[dict[str, str]]:
    for item in items:
        prompt = "\n\n".join(f"[{message.role}] {message.content}" for message in item.prompt)
        texts = (item.id, item.measure, item.question, prompt, item.answer, "", "", "")
        yield dict(zip(COLUMNS, texts, strict=True))


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _plain(cell: Any) -> str:
    text = str(cell or "").strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def _read(data: bytes, where: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8: {error}", where=where, mend="save it as CSV UTF-8") from error
    if text.lstrip().startswith("{"):
        yield from _read_jsonl(text, where)
        return
    header = text.partition("\n")[0]
    mark = max(",;\t", key=header.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    missing = {"item", "label"} - set(rows.fieldnames or ())
    if missing:
        raise UsageError(
            f"no column {', '.join(sorted(missing))}", where=where, mend="keep the header as it was exported"
        )
    try:
        for row in rows:
            if None in row or None in row.values():
                raise UsageError("not as many cells as columns", where=f"{where}: line {rows.line_num}")
            yield rows.line_num, row
    except csv.Error as error:
        raise UsageError(f"not CSV: {error}", where=f"{where}: line {rows.line_num}") from error


def _read_jsonl(text: str, where: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"not JSON: {error}", where=f"{where}: line {number}") from error
        if not isinstance(row, dict):
            raise UsageError("not an object", where=f"{where}: line {number}")
        yield number, row
