"""Code that a policy wrote: blocks, files, commands. It is parsed, never run."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelassay.training.scanners.messages import Turn

MOST_CODE = 60_000
"""Characters of one block beyond which it is searched as text, not parsed."""


@dataclass(frozen=True, slots=True)
class Code:
    """A piece of code."""

    text: str
    path: str = ""
    """File that it is to be written to; empty when the block does not say."""
    language: str = ""
    """As the fence says, in lower case; ``sh`` for commands of tools."""
    shown: bool = False
    """Whether `path` is only the name that a listing gives itself, in a comment or the line before."""

    @property
    def is_shell(self) -> bool:
        """Whether it is commands for a shell."""
        return self.language in {"sh", "bash", "shell", "zsh", "console"}


_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n`]*$", re.MULTILINE)
_FILE = re.compile(r"<file\b[^>\n]*?\b(?:path|name)\s*=\s*[\"']?([^\"'>\s]+)[^>\n]*>", re.IGNORECASE)
_END = re.compile(r"</file\s*>", re.IGNORECASE)
_HEREDOC = re.compile(
    r"(?:cat|tee)\b[^\n]*?(?:>{1,2}"
    r"|tee(?:\s+-a)?)\s*[\"']?([\w./~${}-]+)[^\n]*?<<-?\s*[\"']?(\w+)[\"']?[^\n]*\n"
    r"|(?:cat|tee)\b[^\n]*?<<-?\s*[\"']?(\w+)[\"']?\s*>{1,2}\s*[\"']?([\w./~${}-]+)[^\n]*\n"
)
_STARTS = r"(?:from [\w.]+ import |import [\w.]+|def \w+\(|class \w+|async def |@\w+|#!|#include)"
_LOOKS_LIKE_CODE = re.compile(f"^{_STARTS}", re.MULTILINE)
CODE_SIEVE = rf"```|~~~|<file\b|\*\*\* Begin Patch|(?m:^{_STARTS})"
"""RE2 pattern of texts in which `blocks_in` may find code."""
_PATH_KEYS = ("path", "file_path", "filepath", "file", "filename", "file_name")
_TEXT_KEYS = ("content", "file_text", "new_str", "new_string", "text", "code", "insert_text", "patch", "diff")
_COMMAND_KEYS = ("command", "cmd", "commands", "bash", "script", "keystrokes", "input")
_PATCH = "*** Begin Patch"
_PATCHED = re.compile(
    r"(?ms)^(\*\*\* (?:Add|Update|Delete) File: ([^\n]+))\n?"
    r"(.*?)(?=^\*\*\* (?:(?:Add|Update|Delete) File:|End Patch)|\Z)"
)
_ENVELOPE = re.compile(r"(?s)\*\*\* Begin Patch.*?(?:\*\*\* End Patch|\Z)")


def codes_in(turns: Iterable[Turn]) -> tuple[Code, ...]:
    """Every piece of code in the assistant's messages, in order; of each, that in its reasoning first.

    Fences and ``<file path=…>`` elements that are never closed, as generations cut short leave them, reach
    to the end. Text without fences counts as code when it looks like it.
    """
    found: list[Code] = []
    for turn in turns:
        if turn.role != "assistant":
            continue
        if turn.reasoning:
            found += blocks_in(turn.reasoning)
        found += blocks_in(turn.text)
        for call in turn.calls:
            found += _call_code(call.name, call.arguments)
    return tuple(found)


def blocks_in(text: str) -> list[Code]:
    """Files, patches and fenced blocks in `text`."""
    found: list[Code] = []
    if _PATCH in text:
        found += _patches(text)
        text = _ENVELOPE.sub("", text)
    rest = text
    if "<file" in text or "<FILE" in text:
        pieces = []
        start = 0
        for match in _FILE.finditer(text):
            if match.start() < start:
                continue
            end = _END.search(text, match.end())
            stop = end.start() if end else len(text)
            found.append(Code(_unfenced(text[match.end() : stop]), match.group(1), ""))
            pieces.append(text[start : match.start()])
            start = end.end() if end else len(text)
        rest = "\n".join([*pieces, text[start:]])
    if "```" in rest or "~~~" in rest:
        found += _fenced(rest)
    elif _LOOKS_LIKE_CODE.search(rest):
        found.append(Code(rest))
    for code in tuple(found):
        if "<<" in code.text:
            found += _here_documents(code.text)
    return found


_NAMED = re.compile(
    r"\s*(?:#|//|--|<!--)\s*(?:file\s*name|file|path)?\s*[:=]?\s*[`\"']?([\w./-]+\.(?:py|sh|ini|cfg|toml"
    r"|js|ts|json))\b"
)
_NAMED_BEFORE = re.compile(r"[`*\"']([\w./-]+\.(?:py|sh|ini|cfg|toml|js|ts|json))[`*\"']+\s*:?\s*\Z")


def _block(text: str, language: str, before: str) -> Code:
    """A fenced block; its file is the one that its first comment or the line before the fence names."""
    named = _NAMED.match(text) or _NAMED_BEFORE.search(before[-120:])
    return Code(text, named.group(1) if named else "", language, named is not None)


def _fences(text: str) -> Iterator[re.Match[str]]:
    """Fence lines, in order."""
    place = 0
    while True:
        ticks, tildes = text.find("```", place), text.find("~~~", place)
        place = min(p for p in (ticks, tildes, len(text)) if p >= 0)
        if place == len(text):
            return
        start = text.rfind("\n", 0, place) + 1
        if match := _FENCE.match(text, start):
            yield match
        end = text.find("\n", place)
        place = len(text) if end < 0 else end


def _fenced(text: str) -> Iterator[Code]:
    opened: re.Match[str] | None = None
    for match in _fences(text):
        if opened is None:
            opened = match
        elif match.group(1).startswith(opened.group(1)) and not match.group(2):
            yield _block(
                text[opened.end() + 1 : match.start()], opened.group(2).lower(), text[: opened.start()]
            )
            opened = None
        elif match.group(2):  # a new block begins although the last was not closed
            yield _block(
                text[opened.end() + 1 : match.start()], opened.group(2).lower(), text[: opened.start()]
            )
            opened = match
    if opened is not None:
        yield _block(text[opened.end() + 1 :], opened.group(2).lower(), text[: opened.start()])


def _unfenced(text: str) -> str:
    """The text of a file without the fence lines that some policies put inside."""
    return _FENCE.sub("", text) if "```" in text or "~~~" in text else text


def _here_documents(text: str) -> Iterator[Code]:
    for match in _HEREDOC.finditer(text):
        path, word = (match.group(1), match.group(2)) if match.group(1) else (match.group(4), match.group(3))
        end = re.compile(rf"^\s*{re.escape(word)}\s*$", re.MULTILINE).search(text, match.end())
        yield Code(text[match.end() : end.start() if end else len(text)], path, "")


def _patches(text: str) -> Iterator[Code]:
    """What patches in Codex's envelope write into files, and what they take away, by file.

    Lines that a patch only names to say where it belongs are not of the policy.
    """
    for head, path, body in _PATCHED.findall(text):
        lines = body.split("\n")
        added = [line[1:] for line in lines if line.startswith("+")]
        removed = [line for line in lines if line.startswith("-")]
        if " Delete " in head:
            yield Code(head, "", "sh")
        if added:
            yield Code("\n".join(added), path.strip())
        if removed:
            yield Code("\n".join(removed), path.strip(), "diff")


def _call_code(name: str, arguments: object) -> Iterator[Code]:
    assert isinstance(arguments, dict)
    path = next((arguments[k] for k in _PATH_KEYS if arguments.get(k)), "")
    patched = [value for value in arguments.values() if _PATCH in value]
    if patched:
        yield from _patches("\n".join(patched))
    for key, value in arguments.items():
        if _PATCH in value:
            value = _ENVELOPE.sub("", value)
        if key in _COMMAND_KEYS and key != "input":
            yield Code(value, "", "sh")
            if "<<" in value:
                yield from _here_documents(value)
        elif key in _TEXT_KEYS or key == "input":
            yield Code(value, path, "python" if name in {"python", "execute_python"} else "")
        elif key == "":
            yield from blocks_in(value) or [Code(value)]


def parsed(text: str) -> ast.Module | None:
    """The syntax tree of Python `text`; None when it does not parse or is too long."""
    if len(text) > MOST_CODE:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#[^\n]*")


def without_comments(text: str) -> str:
    """`text` without what looks like comments of Python or a shell (``#`` after white space to the end)."""
    return _COMMENT.sub("", text) if "#" in text else text
