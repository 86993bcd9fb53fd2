"""Scanners of one's own: a file of regular expressions, in YAML or JSON.

::

    name: our_exploits
    version: "1"
    behaviours:
      calls_grader:
        patterns: ['import\\s+grader', 'grader\\.score']
        in: code            # code | reasoning | text (default)
        ignore_case: true
        unless: ['# allowed']

Patterns are RE2 as Arrow has it (no look-around, no back-references): they take time linear in the text,
whatever the text, so that no completion can stall the scan. They are searched in the part that ``in`` names
alone: ``^`` and ``$`` are the ends of any of its lines, ``\\A`` and ``\\z`` its own. A rollout without code,
or without reasoning, has no such part, and no pattern of it matches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.errors import UsageError
from modelassay.training.columns import pa
from modelassay.training.scanners.code import CODE_SIEVE
from modelassay.training.scanners.reasoning import SIEVE, reasoning_in
from modelassay.training.scanners.rows import LONGEST_QUOTE
from modelassay.training.scanners.texts import COLUMNS, Rollout, Texts, rollout_of, texts_of


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One behaviour of a file of patterns."""

    patterns: tuple[str, ...]
    """Any of them flags a rollout."""
    unless: tuple[str, ...] = ()
    """Any of them takes the flag back."""
    where: Literal["text", "code", "reasoning"] = msgspec.field(default="text", name="in")
    ignore_case: bool = True


class PatternFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of patterns."""

    name: str
    version: str = "1"
    behaviours: dict[str, Wanted]


class Patterns:
    """A scanner made of a file of patterns."""

    def __init__(self, file: PatternFile) -> None:
        self.name = file.name
        self.version = file.version
        self.columns: tuple[str, ...] = COLUMNS
        self.behaviours: tuple[str, ...] = tuple(file.behaviours)
        self._wanted = file.behaviours

    def scan(self, batch: pa.RecordBatch) -> Mapping[str, NDArray[Any]]:
        """Flags by behaviour."""
        texts = texts_of(batch)
        found = {}
        for behaviour, wanted in self._wanted.items():
            flags = np.zeros(len(texts), np.bool_)
            rows = _having(texts, wanted)
            flags[rows] = _matches(wanted, [_part(wanted, texts.rollout(int(row))) for row in rows])
            found[behaviour] = flags
        return found

    def quote(self, prompt: str, completion: str) -> str:
        """The words of the first match."""
        rollout = rollout_of(prompt, completion)
        for wanted in self._wanted.values():
            part = _part(wanted, rollout)
            if _matches(wanted, [part])[0] and (words := _first(wanted, part)):
                return words[:LONGEST_QUOTE]
        return ""


def read_patterns(path: Path) -> Patterns:
    """The scanner that the file at `path` describes.

    Raises:
        UsageError: the file cannot be read, has other fields, or a pattern that RE2 does not know.
    """
    try:
        raw = path.read_bytes()
        data = json.loads(raw) if path.suffix == ".json" else msgspec.yaml.decode(raw)
        file = msgspec.convert(data, PatternFile)
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise UsageError(
            f"the file of patterns cannot be read: {error}",
            where=str(path),
            mend="give it name, version and behaviours with patterns",
        ) from error
    for behaviour, wanted in file.behaviours.items():
        for pattern in (*wanted.patterns, *wanted.unless):
            _check(pattern, behaviour, path)
        if not wanted.patterns:
            raise UsageError(f"{behaviour} has no patterns", where=str(path), mend="give it at least one")
    return Patterns(file)


def _check(pattern: str, behaviour: str, path: Path) -> None:
    try:
        _found([pattern], [""], True)
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"the pattern {pattern!r} of {behaviour} is not one that RE2 knows: {error}",
            where=str(path),
            mend="write it without look-around and back-references",
        ) from error


def _any(patterns: Sequence[str]) -> str:
    return "(?m)" + "|".join(f"(?:{pattern})" for pattern in patterns)


def _found(patterns: Sequence[str], texts: Sequence[str], ignore_case: bool) -> NDArray[np.bool_]:
    """Which of `texts` any of `patterns` matches."""
    import pyarrow.compute as compute

    column = pa.array(texts, pa.large_string())
    found = compute.match_substring_regex(column, _any(patterns), ignore_case=ignore_case)
    return np.array(found.to_numpy(zero_copy_only=False), np.bool_)


def _having(texts: Texts, wanted: Wanted) -> NDArray[np.int64]:
    """Rows that may match: of a part, those that have it, since it has other ends than the whole text."""
    if wanted.where == "text":
        return texts.containing(_any(wanted.patterns), ignore_case=wanted.ignore_case)
    if wanted.where == "reasoning":
        return texts.containing(SIEVE)
    calls = [any(turn.calls for turn in turns or ()) for turns in texts.conversations]
    return np.union1d(texts.containing(CODE_SIEVE), np.flatnonzero(calls))


def _part(wanted: Wanted, rollout: Rollout) -> str:
    if wanted.where == "code":
        return "\n".join(code.text for code in rollout.codes)
    return reasoning_in(rollout.written) if wanted.where == "reasoning" else rollout.written


def _matches(wanted: Wanted, parts: Sequence[str]) -> NDArray[np.bool_]:
    """Which of `parts` show what is wanted; an empty one, of code or reasoning, never does."""
    flags = _found(wanted.patterns, parts, wanted.ignore_case)
    if wanted.unless:
        flags &= ~_found(wanted.unless, parts, wanted.ignore_case)
    return flags if wanted.where == "text" else flags & np.array([bool(part) for part in parts], np.bool_)


def _first(wanted: Wanted, part: str) -> str:
    """The first match, cut out by RE2 too."""
    import pyarrow.compute as compute

    flags = "(?im)" if wanted.ignore_case else "(?m)"
    pattern = f"{flags}(?P<found>{'|'.join(f'(?:{each})' for each in wanted.patterns)})"
    cut = compute.extract_regex(pa.array([part], pa.string()), pattern).to_pylist()[0]
    return str(cut["found"]) if cut else ""
