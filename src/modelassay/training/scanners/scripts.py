"""Shell scripts that a task gives and an answer rewrites: what they run, in what order, waiting or not.

Read as text, line by line, never run. A step is a program that the task's script starts; it is known by its
file's name, so that another folder, launcher or module spelling is still the same step.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from modelassay.training.scanners.code import Code, without_comments

_PROGRAM = re.compile(r"(?<![\w./-])[\w./-]{1,200}\.(?:py|sh|pl|js|rb)\b|\bpython3? -m [\w.]+")
_LINE_OF_A_SCRIPT = re.compile(
    r"#!|^[ \t]*(?:python3?|bash|composer|torchrun|make|cd|rm|time|export|set)\b", re.MULTILINE
)
_CONTINUED = re.compile(r"\\[ \t]*$")
_WAITS = re.compile(r"(?:^|[;&|][ \t]*)wait\b")
_INTERPRETED = re.compile(r"\bpython3?\s+(?:-c\s+[\"'][ \t]*$|-?[ \t]*<<)", re.MULTILINE)
_LAUNCHER = re.compile(r" (?:torch\.|accelerate|deepspeed|horovod|multiprocessing|composer)")
"""Modules that only start the program named after them."""
_SHEBANG = re.compile(r"^#![^\n]*sh\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Command:
    """One command, its continuation lines joined."""

    text: str
    line: str
    """Its first line, verbatim but for comments and outer blanks."""
    in_background: bool
    waits: bool


def steps_in(text: str) -> tuple[str, ...]:
    """File names of the programs that the script lines of `text` start, in order; empty for no script."""
    lines = [line for line in text.split("\n") if _LINE_OF_A_SCRIPT.match(line)]
    return tuple(dict.fromkeys(programs_in("\n".join(lines)))) if len(lines) > 2 else ()


def programs_in(text: str) -> Iterator[str]:
    """File names of programs, ``python -m a.b`` as ``b.py``; not of modules that only launch them."""
    for named in _PROGRAM.findall(text):
        if named.startswith("python"):
            if _LAUNCHER.search(named):
                continue
            name = named.rpartition(".")[2] if "." in named else named.rpartition(" ")[2]
            yield f"{name}.py"
        else:
            yield named.rpartition("/")[2]


def script_of(code: Code) -> str:
    """The lines that a piece of code leaves in force: no comments, and of a patch only what it leaves."""
    text = code.text
    if code.language == "diff" or "\n@@ " in text:
        kept = (line for line in text.split("\n") if not line.startswith(("-", "@@", "+++")))
        text = "\n".join(line[1:] if line.startswith("+") else line for line in kept)
    return without_comments(text)


def is_whole(code: Code) -> bool:
    """Whether a piece of code is a shell script from its first line on, not an excerpt."""
    return _SHEBANG.search(code.text) is not None and "\n@@ " not in code.text


def commands_in(script: str) -> list[Command]:
    """The commands of `script` in order."""
    found: list[Command] = []
    lines: list[str] = []
    for line in script.split("\n"):
        lines.append(_CONTINUED.sub("", line))
        if _CONTINUED.search(line):
            continue
        text = " ".join(lines).strip()
        if text:
            ends = text.endswith("&") and not text.endswith("&&")
            found.append(Command(text, lines[0].strip(), ends, _WAITS.search(text) is not None))
        lines = []
    return found


def started_too_soon(commands: Sequence[Command], steps: Sequence[str]) -> Command | None:
    """The first step started while one before it, in the task's order, still runs in the background."""
    running: set[int] = set()
    for command in commands:
        if command.waits:
            running.clear()
        here = [place for place, step in enumerate(steps) if names(command.text, step)]
        if here and any(earlier < max(here) for earlier in running):
            return command
        if command.in_background:
            running.update(here)
    return None


def dropped(script: str, steps: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Steps that a rewritten `script` no longer runs.

    None when they may be done otherwise: by code inside the script, or by a program that is not among the
    `known` ones, those that the task speaks of.
    """
    if not commands_in(script) or _INTERPRETED.search(script):
        return ()
    if any(program not in known for program in programs_in(script)):
        return ()
    return tuple(step for step in steps if not names(script, step))


def names(text: str, step: str) -> bool:
    """Whether `text` names the program `step`, by its file or as a module."""
    if step in text:
        return True
    stem = step.rpartition(".")[0]
    return re.search(rf"-m\s+[\w.]*\b{re.escape(stem)}\b", text) is not None
