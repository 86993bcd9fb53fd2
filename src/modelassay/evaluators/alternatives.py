"""Write a pattern of many alternatives so that most are passed over by their first letter alone.

Python's regular expressions try alternatives in turn; one that begins with a letter is passed over at once
where another letter stands, one that begins with a group is entered first. So groups at the beginning are
written out, and alternatives of one first letter stand together behind it. What is found stays the same:
alternatives of one letter keep their order, and of two that begin with different letters only one can match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_SPECIAL = frozenset(".^$*+?{}[]\\|()")
_REPEATS = frozenset("*+?{")
_WORD_BEGINS = r"\b"


def by_first_letter(alternatives: Iterable[str]) -> str:
    """A pattern that finds what ``A|B|…`` of `alternatives` finds.

    Each alternative is a regular expression without capturing groups, not of the flag VERBOSE.
    """
    written: list[str] = []
    open_letters: dict[tuple[bool, str], list[str]] = {}

    def close() -> None:
        for (bounded, letter), rests in open_letters.items():
            behind = rf"(?<!\w{letter})" if bounded else ""
            written.append(f"{letter}{behind}(?:{'|'.join(rests)})")
        open_letters.clear()

    for alternative in alternatives:
        for each in _written_out(alternative):
            bounded = each.startswith(_WORD_BEGINS)
            rest = each.removeprefix(_WORD_BEGINS) if bounded else each
            if _begins_with_letter(rest) and (rest[0].isalnum() or not bounded):
                open_letters.setdefault((bounded, re.escape(rest[0])), []).append(rest[1:])
            else:
                close()  # it may match where any of these does, so their order counts
                written.append(f"(?:{each})")
    close()
    return "|".join(written)


def _begins_with_letter(pattern: str) -> bool:
    return bool(pattern) and pattern[0] not in _SPECIAL and pattern[1:2] not in _REPEATS


def _written_out(pattern: str) -> Iterator[str]:
    """Alternatives that together match what `pattern` does, in its order; they begin with a group only where
    that cannot be written out."""
    parts = _top_level(pattern)
    if len(parts) > 1:
        for part in parts:
            yield from _written_out(part)
        return
    if pattern.startswith(_WORD_BEGINS):
        for each in _written_out(pattern.removeprefix(_WORD_BEGINS)):
            yield _WORD_BEGINS + each.removeprefix(_WORD_BEGINS)
        return
    end = _group_end(pattern) if pattern.startswith("(?:") else -1
    rest = pattern[end + 1 :]
    optional = rest.startswith("?")
    if end < 0 or (rest[:1] in _REPEATS and not optional) or rest.startswith(("??", "?+")):
        yield pattern
        return
    rest = rest[1:] if optional else rest
    for inside in _top_level(pattern[3:end]):
        yield from _written_out(inside + rest)
    if optional:
        yield from _written_out(rest)


def _top_level(pattern: str) -> list[str]:
    """`pattern` cut at each ``|`` that stands in no group."""
    cuts = [at for at, depth in _depths(pattern) if pattern[at] == "|" and depth == 0]
    return [pattern[a:b] for a, b in zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(pattern)], strict=True)]


def _group_end(pattern: str) -> int:
    """Where the group ends that `pattern` begins with."""
    return next(at for at, depth in _depths(pattern) if pattern[at] == ")" and depth == 0)


def _depths(pattern: str) -> Iterator[tuple[int, int]]:
    """Each character that is neither escaped nor in a set, with the number of groups open after it."""
    depth, at, in_set = 0, 0, False
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\":
            at += 2
            continue
        if in_set:
            in_set = letter != "]"
        else:
            in_set = letter == "["
            depth += (letter == "(") - (letter == ")")
            yield at, depth
        at += 1
