"""Commands of a shell, told apart: their words, where their output goes, what they are fed. Never run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

MOST_TEXT = 40_000
"""Characters of one script beyond which nothing is read."""


@dataclass(slots=True)
class Command:
    """One simple command."""

    folder: str
    """Where an earlier ``cd`` of the same script led; empty when none did."""
    words: list[str] = field(default_factory=list)
    """The program and its arguments, without quotes, assignments and what only wraps it (``sudo``, …)."""
    outputs: list[tuple[str, bool]] = field(default_factory=list)
    """Files that its output goes to, and whether it is appended there."""
    fed: str = ""
    """The here-document that it reads."""
    text: str = ""
    """Its words verbatim."""
    line: str = ""
    """Likewise, and what follows on its line: what it is piped into."""

    @property
    def program(self) -> str:
        """Its program without the folder."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    @property
    def arguments(self) -> list[str]:
        """Its words that are neither the program nor options."""
        return [word for word in self.words[1:] if not word.startswith("-")]


_MOST_WORDS = 200
_CUT = re.compile(r"\"(?:command|cmd|keystrokes|script|bash)\"\s*:\s*\"((?:[^\"\\]|\\.)*)")
_HERE = re.compile(r"<<-?[ \t]*([\"']?)(\w+)\1([^\n]*)\n")
_TOKEN = re.compile(
    r"(?P<comment>(?<!\S)#[^\n]*)"
    r"|(?P<here><<-?[ \t]*[\"']?\w+[\"']?)"
    r"|(?P<redirect>(?:\d|&)?>{1,2}[|&]?|\d?<)"
    r"|(?P<end>\|\||&&|[;\n|&()`]|\$\(|(?<!\S)[{}](?=[\s;]))"
    r"|(?P<word>(?:[^\s;|&<>()`'\"\\$]|\\.|'[^']*'|\"(?:[^\"\\]|\\.)*\"|\$(?!\()|\\\n)+)"
    r"|(?P<other>\S)",
    re.DOTALL,
)
_ASSIGNS = re.compile(r"[A-Za-z_]\w*=")
_WRAPPERS = frozenset(
    {"sudo", "env", "nohup", "time", "nice", "exec", "command", "builtin", "stdbuf", "xargs", "then", "do"}
    | {"else", "if", "while", "until", "!", "timeout"}
)
_SHELLS = frozenset({"sh", "bash", "zsh", "dash"})
_NUMBER = re.compile(r"\d+[smhd]?$")


@lru_cache(maxsize=512)
def commands_of(script: str, folder: str = "") -> tuple[Command, ...]:
    """The simple commands of `script`, in order, those of ``bash -c`` and of substitutions included.

    Kept for a while: agents give the same commands again and again, and each is looked at more than once.
    """
    return tuple(_commands(script, folder)) if len(script) <= MOST_TEXT else ()


def _commands(script: str, folder: str) -> Iterator[Command]:
    text, fed = _without_documents(script)
    loops: dict[str, list[str]] = {}
    for command in _split(text, fed, folder):
        _unroll(command, loops)
        if command.program in _SHELLS and (inner := _inner(command)):
            yield from commands_of(inner, command.folder)
        yield command


def scripts_cut_short(call: str) -> Iterator[str]:
    """The commands in the JSON of a call that ends too soon, or is wrong otherwise."""
    if call.lstrip().startswith("{"):
        for match in _CUT.finditer(call):
            try:
                yield str(json.loads(f'"{match[1]}"', strict=False))
            except ValueError:
                yield match[1]


def _unroll(command: Command, loops: dict[str, list[str]]) -> None:
    """What a loop of the shell goes through, put where the name of its variable stands."""
    if command.words[2:3] == ["in"] and command.words[0] == "for":
        loops[command.words[1]] = command.words[3:]
    elif loops and any(word.startswith("$") for word in command.words):
        command.words = [
            each for word in command.words for each in loops.get(word.strip("${}"), [word])
        ][:_MOST_WORDS]  # fmt: skip


def _without_documents(script: str) -> tuple[str, list[str]]:
    """`script` without its here-documents, and these in order."""
    if "<<" not in script:
        return script, []
    pieces, found, start = [], [], 0
    while match := _HERE.search(script, start):
        end = re.compile(rf"^[ \t]*{match[2]}[ \t]*$", re.MULTILINE).search(script, match.end())
        stop = end.start() if end else len(script)
        pieces.append(script[start : match.end()])
        found.append(script[match.end() : stop])
        start = end.end() if end else len(script)
    return "".join([*pieces, script[start:]]), found


def _split(text: str, fed: list[str], folder: str) -> Iterator[Command]:
    documents = iter(fed)
    command, begun, redirect = Command(folder), -1, ""
    for token in _TOKEN.finditer(text + "\n"):
        kind, value = token.lastgroup, token.group()
        if kind == "end":
            if command.words or command.outputs:
                command.text = text[begun : token.start()].strip()
                command.line = text[begun:].split("\n", 1)[0]
                folder = _led(command, folder)
                yield command
            command, begun, redirect = Command(folder), -1, ""
        elif kind == "comment":
            continue
        elif kind == "here":
            command.fed = next(documents, "")
        elif kind == "redirect":
            redirect = value
        else:
            begun = token.start() if begun < 0 else begun
            _take(command, value, redirect)
            redirect = ""
        if kind == "redirect" and begun < 0:
            begun = token.start()


def _take(command: Command, value: str, redirect: str) -> None:
    """One more word of `command`, or the file that `redirect` stands before."""
    word = _bare(value)
    if redirect:
        if ">" in redirect and not (redirect.endswith("&") and (word.isdigit() or word == "-")):
            command.outputs.append((word, ">>" in redirect))
        return
    if not command.words:
        wraps = word in _WRAPPERS or _ASSIGNS.match(value) or word.startswith("-") or _NUMBER.match(word)
        if wraps:
            return
    command.words.append(word)


def _bare(value: str) -> str:
    """A word without the quotes and backslashes that the shell takes away."""
    if not any(mark in value for mark in "'\"\\"):
        return value
    return re.sub(r"\\\n|'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)", lambda m: m[1] or m[2] or m[3] or "", value)


def _led(command: Command, folder: str) -> str:
    """The folder after `command`."""
    if command.program not in ("cd", "pushd") or not command.arguments:
        return folder
    to = command.arguments[0]
    return to if to.startswith(("/", "~", "$")) or not folder else f"{folder}/{to}"


def _inner(command: Command) -> str:
    """The script that ``bash -c`` is given."""
    for place, word in enumerate(command.words[1:-1], 1):
        if re.fullmatch(r"-\w*c", word):
            return command.words[place + 1]
    return ""
