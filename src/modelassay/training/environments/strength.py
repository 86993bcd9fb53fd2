"""How much a test asks, told from its words alone: nothing is ever run.

A shell test passes by the exit code of its last command. What that can be:

- ``nothing``: it ends in a command that always succeeds (``|| true``, ``cat``, ``echo``), so it cannot fail;
- ``existence``: only that a file is there (``test -f``), which a redirection makes it be;
- ``output``: only that there is some output (``test -s``, ``grep -q .``);
- ``running``: only that the program ends without an error, as an empty one does;
- ``absence``: that something is *not* in the output (``! grep``), as in none;
- ``content``: a comparison, a pattern, an assertion.

A test in Python asks for ``content`` where it asserts, calls what asserts or checks, or raises; else it is
passed by ``running``, or by ``nothing`` where all that it asserts is true whatever comes.

Everything but ``content`` is passed by a program that does no work, or prints anything. ``malformed`` tests
have quotes that never close: a shell refuses them, so that no solution passes.
"""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from dataclasses import dataclass
from typing import Literal

from modelassay.training.environments.tasks import EnvironmentTask

Strength = Literal["nothing", "existence", "output", "running", "absence", "content", "malformed"]
WITHOUT_WORK: frozenset[str] = frozenset({"nothing", "existence", "running", "absence"})
"""Passed by an empty program; ``output`` needs one that prints anything."""

_ALWAYS = frozenset(
    {"true", "cat", "echo", "printf", "head", "tail", "sort", "uniq", "wc", "tee", "ls", "sed", "tr", ":"}
)
_EXISTENCE = re.compile(r"(?:test|\[\[?)\s+(?:!\s+)?-[ferd]\s")
_SIZE = re.compile(r"(?:test|\[\[?)\s+-s\s|\bgrep\s+(?:-\w+\s+)*['\"]?(?:\.|\.\*|\^|\$)?['\"]?\s*$")
_ABSENCE = re.compile(r"^!\s*(?:\(|grep|diff|test|\S+)|\bgrep\s+(?:-\w*v\w*)\b.*-q")
_ASSERTING = re.compile(
    r"\bassert\b|==|!=|\bin\s|<=|>=|\bsys\.exit\((?!0\))|\bexit\((?!0\))|\braise\b|\bunittest\b|\bpytest\b"
)
_RUNNING = re.compile(r"^(?:timeout\s+\S+\s+)?(?:python3?|node|ruby|perl|bash|sh|\./)\S*\s")
_VERIFIER = re.compile(r"(?i)(?:test|verif|valid|check|grade|judge|score|compare|harness|assert|pytest)")
_LOADED = re.compile(r"(?i)open\(['\"][^'\"]*(?:test|verif|valid|check)[^'\"]*\.py|\bjson\.loads?\(")
_HEREDOC = re.compile(r"<<-?\s*['\"]?\w+")

_STATEMENTS = (ast.Assert, ast.Call, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Raise)
_DECIDES = re.compile(r"(?i)assert|check|verify|expect|fail|_?exit$|test|grade|judge|validate|main$")


@dataclass(frozen=True)
class TestStrengths:
    """The tests of a task that decide its reward."""

    __test__ = False

    task: str
    environment: str
    strengths: tuple[tuple[Strength, str], ...]

    @property
    def floor(self) -> float:
        """Share of tests that a program without work passes."""
        passed = sum(strength in WITHOUT_WORK for strength, _ in self.strengths)
        return passed / len(self.strengths) if self.strengths else 0.0


def strengths_of(task: EnvironmentTask) -> TestStrengths:
    """What each test of a task asks: the private ones, or the public where there are no others."""
    tests = task.private_tests or task.public_tests
    return TestStrengths(task.id, task.environment, tuple((strength_of(test), test) for test in tests))


def strength_of(test: str) -> Strength:
    """What a test in Python or for a shell asks."""
    text = test.strip()
    program = _python(text)
    if program is not None:
        return _of_program(program)
    if not _HEREDOC.search(text):
        try:
            shlex.split(text)
        except ValueError:
            return "malformed"
    outer = _without_quotes(text)
    if re.search(r"\|\|\s*(?:true|:|exit 0|echo\b[^&|;]*)\s*$", outer) or re.search(
        r";\s*(?:true|exit 0)\s*$", outer
    ):
        return "nothing" if not re.search(r"&&\s*exit 0\s*\|\|\s*exit 1", outer) else "content"
    parts = _commands(text)
    decisive = parts[-1]
    if _word(decisive) in ("echo", "true", "printf", ":") and len(parts) > 1 and _joined_by_and(outer):
        decisive = parts[-2]  # `cmd && echo passed` passes by cmd
    return _of_command(decisive, text)


def _python(text: str) -> ast.Module | None:
    """The program, where `text` is one in Python: many a shell command is a name or a difference of names."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the user's test
            program = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return program if any(isinstance(node, _STATEMENTS) for node in ast.walk(program)) else None


def _of_program(program: ast.Module) -> Strength:
    nodes = list(ast.walk(program))
    asserts = [node.test for node in nodes if isinstance(node, ast.Assert)]
    called = [_called(node.func) for node in nodes if isinstance(node, ast.Call)]
    decides = any(not isinstance(test, ast.Constant) for test in asserts) or any(map(_DECIDES.match, called))
    if decides or any(isinstance(node, ast.Raise) for node in nodes):
        return "content"
    return "nothing" if asserts and not called else "running"


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _of_command(command: str, text: str) -> Strength:
    word = _word(command)
    if _ABSENCE.search(command):
        return "absence"
    if _EXISTENCE.match(command):
        return "existence"
    if _SIZE.search(command):
        return "output"
    if word in _ALWAYS:
        return "nothing"
    if _RUNNING.match(command + " ") and not re.search(r"\s-c\s|\s-\s*$|<<", command):
        named = command.split("|")[-1].split("<")[0]
        return "content" if _VERIFIER.search(named) else "running"
    if re.match(r"(?:timeout\s+\S+\s+)?python3?\s+-c\s", command):
        asserting = _ASSERTING.search(command) or _ASSERTING.search(text) or _LOADED.search(command)
        return "content" if asserting else "running"
    return "content"


def _commands(text: str) -> list[str]:
    """The commands that a test joins by ``&&``, ``||``, ``;`` and ``|``, quotes kept whole."""
    parts, start, outer = [], 0, _without_quotes(text)
    for match in re.finditer(r"&&|\|\||[;|\n]", outer):
        parts.append(text[start : match.start()])
        start = match.end()
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()] or [text]


def _without_quotes(text: str) -> str:
    """`text` with what stands in quotes and parentheses blanked out, at the same length."""
    found, quote, depth, escaped = [], "", 0, False
    for character in text:
        hidden = bool(quote) or depth > 0
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"`":
            quote, hidden = character, True
        elif character == "(":
            depth += 1
            hidden = True
        elif character == ")" and depth:
            depth -= 1
            hidden = True
        found.append(" " if hidden else character)
    return "".join(found)


def _joined_by_and(outer: str) -> bool:
    joints = re.findall(r"&&|\|\||[;|\n]", outer)
    return bool(joints) and joints[-1] == "&&"


def _word(command: str) -> str:
    return command.split(None, 1)[0] if command.split() else ""
