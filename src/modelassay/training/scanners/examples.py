"""What a prompt shows of its own tests: literal inputs and expected answers.

A hard-coded solution can only repeat what it has seen, so literals of the examples are what to look for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MOST_PROMPT = 40_000

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_STRING = re.compile(r"'([^'\n]{1,200})'|\"([^\"\n]{1,200})\"")
_HEADING = re.compile(
    r"(?im)^[ \t#*-]{0,12}(?:(?:sample|example|test)[ \t]{0,4})?(?:case[ \t]{0,4}\d{0,4}[ \t]{0,4})?"
    r"(inputs?|outputs?|expected(?: output)?|examples?)"
    r"[ \t\d#*-]{0,12}:?[ \t]{0,4}(?:\*\*)?[ \t]{0,20}$"
)
_DOCTEST = re.compile(r"(?m)^[ \t]*>>>[ \t]*([\w.]+\([^\n]{0,4000}\))[ \t]*\n[ \t]*([^\n]{1,4000})")


@dataclass(frozen=True)
class Examples:
    """Literals of a prompt's examples."""

    inputs: frozenset[str]
    """Numbers and words of example inputs, as text."""
    outputs: frozenset[str]
    """Of expected answers; whole lines too."""
    input_lines: frozenset[str]
    """Lines of example inputs, white space made one blank."""
    calls: tuple[tuple[str, str], ...]
    """Calls that the prompt's tests make and what they expect, both normalised: ``f([1],10)`` → ``8``."""

    @property
    def contradictory(self) -> str:
        """A call for which two different answers are demanded, as text; empty when there is none."""
        seen: dict[str, str] = {}
        for call, value in self.calls:
            arguments = call[call.find("(") :]
            if seen.setdefault(arguments, value) != value:
                return f"{call}: {seen[arguments]} and {value}"
        return ""


@lru_cache(maxsize=512)
def examples_in(prompt: str) -> Examples:
    """The examples of `prompt`, whose groups ask again and again."""
    text = prompt[-MOST_PROMPT:]
    inputs: set[str] = set()
    outputs: set[str] = set()
    lines: set[str] = set()
    for kind, section in _sections(text):
        tokens = set(section.split())
        if kind != "output":
            inputs |= tokens
            lines |= {" ".join(line.split()) for line in section.splitlines() if line.strip()}
        if kind != "input":
            outputs |= tokens | {" ".join(line.split()) for line in section.splitlines() if line.strip()}
    calls = []
    for call, value in _tests(text):
        calls.append((_normal(call), _normal(value)))
        arguments = call[call.find("(") + 1 : -1]
        inputs |= set(_literals(arguments))
        outputs |= set(_literals(value)) | {_normal(value)}
        lines.add(" ".join(re.findall(r"-?\w+", arguments)))
    return Examples(frozenset(inputs), frozenset(outputs), frozenset(lines), tuple(calls))


def _tests(text: str) -> Iterator[tuple[str, str]]:
    """Calls and expected answers of assertions, ``assertEqual`` and doctests, one a line."""
    for line in text.split("\n"):
        test = line.strip()
        if test.startswith("assert ") and ") ==" in test:
            call, _, value = test.removeprefix("assert ").partition(") ==")
            yield call + ")", value.split("  #")[0].strip()
        elif test.startswith("self.assertEqual(") and test.endswith(")"):
            call, _, value = test.removeprefix("self.assertEqual(")[:-1].partition("), ")
            yield call + ")", value.strip()
    if ">>>" in text:
        yield from _DOCTEST.findall(text)


def _sections(text: str) -> list[tuple[str, str]]:
    """Parts under headings such as ``Inputs:`` and ``Sample Output``, each up to the next heading."""
    marks = list(_HEADING.finditer(text))
    found = []
    ends = [mark.start() for mark in marks[1:]] + [len(text)] * bool(marks)
    for mark, end in zip(marks, ends, strict=True):
        word = mark.group(1).lower()
        kind = "input" if word.startswith("input") else "example" if word.startswith("exam") else "output"
        section = text[mark.end() : end]
        if len(section) <= 6000 and re.search(r"\d|^\S{1,40}$", section, re.MULTILINE):
            found.append((kind, section))
    return found


def _literals(text: str) -> list[str]:
    strings = [a or b for a, b in _STRING.findall(text)]
    return strings + _NUMBER.findall(_STRING.sub(" ", text))


def _normal(text: str) -> str:
    """A literal or call in one spelling: quotes and blanks as Python writes them."""
    try:
        return ast.unparse(ast.parse(text.strip(), mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "".join(text.split())
