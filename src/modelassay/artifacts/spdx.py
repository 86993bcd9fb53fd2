"""SPDX licence expressions: read, written, and what their licences ask.

The grammar is that of SPDX 2.3, Annex D: licences and ``LicenseRef-`` names joined by ``AND`` and ``OR``,
``WITH`` an exception, in parentheses; ``WITH`` binds tighter than ``AND``, and ``AND`` tighter than ``OR``.
Ids are compared without regard to case. Names that hubs use in place of ids (``llama3.1``) are read too. What
each licence asks is data: ``licence_terms.toml``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from modelassay.errors import UsageError

LONGEST = 2_000
"""Characters of an expression."""
DEEPEST = 32
"""Parentheses inside each other."""
NOT_STATED = frozenset({"noassertion", "none", "unknown", "other"})
"""What people write where they state no licence."""

_TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9.:+\-]+)")
_REFERENCE = re.compile(r"(DocumentRef-[A-Za-z0-9.\-]+:)?LicenseRef-[A-Za-z0-9.\-]+", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9.\-]+\+?")
_OPERATORS = ("AND", "OR", "WITH")


@dataclass(frozen=True)
class Licence:
    """One licence of an expression."""

    id: str
    """SPDX id in its own spelling, or a ``LicenseRef-``."""
    later: bool = False
    """``+``: this version or any later one."""
    exception: str = ""
    """What stands after ``WITH``."""

    def __str__(self) -> str:
        later = "+" if self.later else ""
        return f"{self.id}{later}" + (f" WITH {self.exception}" if self.exception else "")


@dataclass(frozen=True)
class Every:
    """``AND``: all of these apply."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " AND ".join(f"({part})" if isinstance(part, Choice) else str(part) for part in self.parts)


@dataclass(frozen=True)
class Choice:
    """``OR``: any one of these may be chosen."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " OR ".join(map(str, self.parts))


Expression = Licence | Every | Choice


def parse_expression(text: str) -> Expression:
    """The expression in `text`; its ``str`` is the same expression in normal spelling.

    Raises:
        UsageError: not an SPDX expression, with the word at which reading ended.
    """
    if len(text) > LONGEST:
        raise UsageError(f"the licence has more than {LONGEST} characters", mend="give it a LicenseRef- name")
    whole = licence_table().names.get(text.strip().lower())
    return Licence(whole) if whole else _Reader(text).read()


def licences_in(expression: Expression) -> Iterator[Licence]:
    """Every licence of `expression`, in order."""
    if isinstance(expression, Licence):
        yield expression
    else:
        for part in expression.parts:
            yield from licences_in(part)


def terms_of(licence: Licence) -> frozenset[str] | None:
    """What `licence` asks: names such as ``non-commercial``; None when it is not in the table."""
    return licence_table().terms.get(licence.id.lower())


def condition_of(licence: Licence) -> str:
    """A condition of its own that a person should look at; empty when there is none."""
    return licence_table().conditions.get(licence.id.lower(), "")


def accepts(licence: Licence, other: Licence) -> bool:
    """Whether an adaptation of a work under `licence`, which shares alike, may be handed on under `other`."""
    same = licence.id.lower() == other.id.lower()
    return same or other.id.lower() in licence_table().accepted.get(licence.id.lower(), frozenset())


class _Reader:
    """Recursive descent over the words of one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = list(self._split())
        self._next = 0

    def read(self) -> Expression:
        if not self._words:
            raise UsageError("the licence is empty", mend="write an SPDX id such as Apache-2.0")
        expression = self._choice(0)
        if self._next < len(self._words):
            raise self._error("AND or OR")
        return expression

    def _split(self) -> Iterator[str]:
        place, end = 0, len(self._text.rstrip())
        while place < end:
            match = _TOKEN.match(self._text, place)
            if not match:
                rest = self._text[place:].strip()[:20]
                raise UsageError(
                    f"{rest!r} in {self._text!r} is not part of an SPDX expression",
                    mend="write ids such as CC-BY-4.0, joined by AND or OR",
                )
            yield match[1]
            place = match.end()

    def _choice(self, depth: int) -> Expression:
        parts = [self._every(depth)]
        while self._operator("OR"):
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(_flat(parts, Choice)))

    def _every(self, depth: int) -> Expression:
        parts = [self._single(depth)]
        while self._operator("AND"):
            parts.append(self._single(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(_flat(parts, Every)))

    def _single(self, depth: int) -> Expression:
        word = self._take("a licence")
        if word == "(":
            if depth >= DEEPEST:
                raise UsageError(f"the licence has more than {DEEPEST} parentheses inside each other")
            inner = self._choice(depth + 1)
            if self._take("a closing parenthesis") != ")":
                self._next -= 1
                raise self._error("a closing parenthesis")
            return inner
        licence = self._licence(word)
        if not self._operator("WITH"):
            return licence
        exception = self._take("an exception")
        if exception in "()" or not re.fullmatch(r"[A-Za-z0-9.\-]+", exception):
            self._next -= 1
            raise self._error("an exception")
        return Licence(licence.id, licence.later, exception)

    def _licence(self, word: str) -> Licence:
        known = licence_table().names.get(word.lower())
        if known:
            return Licence(known)
        if word.upper() in _OPERATORS or not _is_id(word):
            self._next -= 1
            raise self._error("a licence")
        later = word.endswith("+")
        name = word.removesuffix("+")
        spelling = licence_table().spellings
        if later and f"{name}-or-later".lower() in spelling:
            return Licence(spelling[f"{name}-or-later".lower()])
        return Licence(spelling.get(name.lower(), name), later)

    def _operator(self, name: str) -> bool:
        if self._next < len(self._words) and self._words[self._next] in (name, name.lower()):
            self._next += 1
            return True
        return False

    def _take(self, expected: str) -> str:
        if self._next >= len(self._words):
            raise self._error(expected)
        self._next += 1
        return self._words[self._next - 1]

    def _error(self, expected: str) -> UsageError:
        ended = self._next >= len(self._words)
        found = "its end" if ended else f"{self._words[self._next]!r}"
        return UsageError(
            f"{self._text!r} is not an SPDX expression: {expected} should stand in place of {found}",
            mend="write ids such as CC-BY-4.0, joined by AND or OR",
        )


def _is_id(word: str) -> bool:
    if "licenseref-" in word.lower():
        return bool(_REFERENCE.fullmatch(word))
    return bool(_ID.fullmatch(word))


def _flat(parts: list[Expression], kind: type[Every] | type[Choice]) -> Iterator[Expression]:
    """`parts` without nesting of the same kind, which means nothing."""
    for part in parts:
        if isinstance(part, kind):
            yield from part.parts
        else:
            yield part


@dataclass(frozen=True)
class LicenceTable:
    """``licence_terms.toml``, by id in lower case."""

    terms: dict[str, frozenset[str]]
    conditions: dict[str, str]
    accepted: dict[str, frozenset[str]]
    names: dict[str, str]
    """Ids by what hubs write in their place."""
    spellings: dict[str, str]
    """Ids in their own spelling, by lower case."""


@cache
def licence_table() -> LicenceTable:
    """The table, read once."""
    data = tomllib.loads(resources.files("modelassay.artifacts").joinpath("licence_terms.toml").read_text())
    terms: dict[str, set[str]] = {}
    spellings: dict[str, str] = {}
    for term, ids in data["terms"].items():
        for name in ids:
            terms.setdefault(name.lower(), set()).add(term)
            spellings[name.lower()] = name
    return LicenceTable(
        terms={name: frozenset(found) for name, found in terms.items()},
        conditions={name.lower(): text for name, text in data["conditions"].items()},
        accepted={name.lower(): frozenset(map(str.lower, ids)) for name, ids in data["accepted"].items()},
        names=data["names"],
        spellings=spellings,
    )
