"""Texts that may be triggers, from wherever they come, and the file that brings them from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, get_args

import msgspec

from modelassay.errors import DatasetError
from modelassay.records import Message
from modelassay.whitebox.triggers.positions import POSITIONS, Messages, around

Place = Literal["prefix", "suffix", "inside", "system", "earlier", "around", "template"]
"""As `positions.POSITIONS`; `around` has `positions.GAP` between its halves, `template` has ``{request}``."""
GivenPlace = Literal["prefix", "suffix", "inside", "system", "earlier", "around", "template", "anywhere"]

REQUEST: Final = "{request}"
CAPITALS: Final = "{REQUEST}"
"""The request in capitals, in templates."""
LARGEST_FILE: Final = 16 * 2**20
"""Bytes of the largest file of candidates."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One text that may be a trigger."""

    text: str
    place: Place
    source: str
    """``vocabulary``, ``list``, ``phrase``, ``memory``, or what a file says."""
    kind: str = ""
    """What sort of thing a listed one is: ``date``, ``topic``, ``wrapper``, …"""
    note: str = ""

    def put(self, messages: Messages) -> Messages:
        """`messages` with it."""
        if self.place == "around":
            return around(messages, self.text)
        if self.place == "template":
            last = messages[-1]
            return (
                *messages[:-1],
                Message(
                    role=last.role,
                    content=self.text.replace(CAPITALS, last.content.upper()).replace(REQUEST, last.content),
                ),
            )
        return POSITIONS[self.place].put(messages, self.text)

    @property
    def said(self) -> str:
        """Where it stands, in words."""
        if self.place == "around":
            return "around the request"
        return "around the request as shown" if self.place == "template" else POSITIONS[self.place].said


class GivenCandidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a file of candidates."""

    text: str
    position: GivenPlace = "anywhere"
    source: str = ""
    """Where it was noticed: ``training data``, ``monitoring``, …"""
    note: str = ""

    def candidates(self) -> tuple[Candidate, ...]:
        """It at its position, or at each plain one for ``anywhere``."""
        places: tuple[Place, ...] = (
            ("prefix", "suffix", "inside", "system", "earlier")
            if self.position == "anywhere"
            else (self.position,)
        )
        return tuple(
            Candidate(text=self.text, place=place, source=self.source or "file", note=self.note)
            for place in places
        )


def read_candidates(path: Path) -> tuple[Candidate, ...]:
    """Candidates from a JSONL file: ``{"text": …, "position": …, "source": …, "note": …}``, all but the text
    optional; blank lines are passed over.

    Raises:
        DatasetError: it cannot be read, is too large, or has a row of another shape, which is named.
    """
    where = str(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise DatasetError("is larger than 16 MiB", where=where, mend="leave out the least suspicious")
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", where=where) from error
    found: dict[Candidate, None] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line, type=GivenCandidate)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DatasetError(
                f"line {number}: {error}",
                where=where,
                mend=f"each line is an object with text, and position of {', '.join(get_args(GivenPlace))}",
            ) from error
        if not row.text.strip() or (row.position == "template") != (row.text.count(REQUEST) == 1):
            raise DatasetError(
                f"line {number}: an empty text, or {REQUEST} not once in a template and nowhere else",
                where=where,
                mend="give the text, and {request} in templates only",
            )
        found |= dict.fromkeys(row.candidates())
    return tuple(found)
