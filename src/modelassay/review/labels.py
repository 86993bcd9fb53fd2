"""What people said, one line each, appended and on the disk before it counts; nothing is ever changed.

A label that is taken back is followed by a line that says so. Who, when, and the digest of exactly what was
read stand in every line.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from modelassay.errors import StoreError
from modelassay.review.items import Item

Answer = Literal["yes", "partly", "no"]
VALUES: Mapping[str, Decimal] = {"yes": Decimal(1), "partly": Decimal("0.5"), "no": Decimal(0)}
"""What an answer to the item's question counts; 1 is the wanted end."""


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line."""

    format: Literal["modelassay.label/1"] = "modelassay.label/1"
    audit: str
    item: str
    measure: str
    text: str
    """Digest of the prompt and answer that were read."""
    label: Literal["yes", "partly", "no", "skip", "undo"]
    """``undo`` takes back what this annotator said last of this item."""
    annotator: str
    time: str
    """UTC."""
    note: str = ""


class LabelBook:
    """The labels of one audit.

    Args:
        store: they lie in its ``labels/<audit>.jsonl``.
        audit: its id.
    """

    def __init__(self, store: Path, audit: str) -> None:
        self.path = store / "labels" / f"{audit}.jsonl"
        self.audit = audit

    def add(self, item: Item, label: str, annotator: str, *, note: str = "", time: str = "") -> Label:
        """Keep one label; on the disk when this returns.

        Raises:
            StoreError: it cannot be written.
        """
        said = msgspec.convert(
            {
                "audit": self.audit,
                "item": item.id,
                "measure": item.measure,
                "text": item.text,
                "label": label,
                "annotator": annotator,
                "time": time or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "note": note,
            },
            Label,
        )
        self.extend([said])
        return said

    def extend(self, labels: Iterable[Label]) -> None:
        """Keep several, all or none but for a crash between lines.

        Raises:
            StoreError: they cannot be written.
        """
        data = b"".join(msgspec.json.encode(label, order="sorted") + b"\n" for label in labels)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                _mend_end(file.fileno())
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"the label cannot be kept: {error.strerror}", where=str(self.path), mend="make room"
            ) from error

    def read(self) -> tuple[Label, ...]:
        """Every line, the oldest first; one that a crash cut off never counted.

        Raises:
            StoreError: a line is damaged.
        """
        if not self.path.is_file():
            return ()
        lines = self.path.read_bytes().split(b"\n")[:-1]
        found = []
        for number, line in enumerate(lines, 1):
            try:
                found.append(msgspec.json.decode(line, type=Label))
            except (msgspec.DecodeError, ValueError) as error:
                raise StoreError(
                    f"a label cannot be read: {error}", where=f"{self.path}:{number}", mend="restore a copy"
                ) from error
        return tuple(found)

    def standing(self) -> dict[tuple[str, str], Label]:
        """The last word of each annotator on each item, by (item, annotator), skips among them."""
        said: dict[tuple[str, str], list[Label]] = {}
        for label in self.read():
            stack = said.setdefault((label.item, label.annotator), [])
            if label.label != "undo":
                stack.append(label)
            elif stack:
                stack.pop()
        return {place: stack[-1] for place, stack in said.items() if stack}


def _mend_end(file: int) -> None:
    """Cut off what a crash left of an unfinished line."""
    size = os.fstat(file).st_size
    data = os.pread(file, min(size, 1 << 20), max(0, size - (1 << 20)))
    if data and not data.endswith(b"\n"):
        os.ftruncate(file, size - (len(data) - data.rfind(b"\n") - 1))
