"""Files that an agent reads, writes, edits and removes: by tools for files, shells, Python, patches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from modelassay.training.scanners.messages import ToolCall
from modelassay.training.scanners.shell import Command, commands_of, scripts_cut_short

How = Literal["read", "written", "added to", "edited", "removed", "made"]
"""*written*: its whole content; *edited*: a part, so it was there; *made*: empty, or a folder."""


@dataclass(frozen=True, slots=True)
class Touch:
    """One file that is touched."""

    path: str
    how: How
    quote: str
    """Words that do it, verbatim."""


_PATHS = ("path", "file_path", "filepath", "file", "filename", "file_name", "target_file", "abs_path")
_OLD = ("old_str", "old_string", "old_text", "search", "original", "old_content")
_NEW = ("new_str", "new_string", "new_text", "replace", "replacement", "updated", "new_content")
_WHOLE = ("content", "contents", "file_text", "text", "code", "data", "code_edit")
_READS = re.compile(r"view|read|open|show|cat|list|find|grep|search")
_REMOVES = re.compile(r"delete|remove|unlink")
_SCRIPTS = ("command", "cmd", "commands", "bash", "script", "keystrokes", "")
_PATCH_FILE = re.compile(r"(?m)^\*\*\* (Add|Update|Delete) File: ([^\n]+?)[ \t]*$")
_DIFF_FILE = re.compile(r"(?m)^--- (\S+)[^\n]*\n\+\+\+ (\S+)")


def touched_by(call: ToolCall) -> Iterator[Touch]:
    """The files that a call touches, in order."""
    given = call.arguments
    path = next((given[key] for key in _PATHS if given.get(key)), "")
    if path and "\n" not in path:
        how = _how(call, path)
        if how:
            yield Touch(path, how, path)
    for key, value in given.items():
        if "*** " in value or "+++ " in value:
            yield from touched_in_patch(value)
        if key in _SCRIPTS or key == "input":
            for script in (value, *scripts_cut_short(value)):
                yield from touched_in_shell(script)
        if key in ("code", "input", "script", "") and "(" in value:
            yield from touched_in_python(value)


def _how(call: ToolCall, path: str) -> How | None:
    """What a call does to the file that it names."""
    given = call.arguments
    verb = f"{call.name} {given.get('command', '') if len(given.get('command', '')) < 20 else ''}".lower()
    old = next((given[key] for key in _OLD if given.get(key)), "")
    if old:
        new = next((given[key] for key in _NEW if given.get(key)), "")
        return "added to" if old.strip() in new else "edited"
    if "insert" in verb or "append" in verb:
        return "added to"
    if any(key in given for key in _WHOLE):
        return "written"
    if _REMOVES.search(verb):
        return "removed"
    return "read" if _READS.search(verb) else None


def touched_in_patch(text: str) -> Iterator[Touch]:
    """Files of a patch: of Codex's envelope, or a unified diff."""
    for match in _PATCH_FILE.finditer(text):
        kind: dict[str, How] = {"Add": "written", "Update": "edited", "Delete": "removed"}
        yield Touch(match[2], kind[match[1]], match[0])
    for match in _DIFF_FILE.finditer(text):
        old, new = (re.sub(r"^[ab]/", "", name) for name in match.groups())
        if old == "/dev/null":
            yield Touch(new, "written", match[0])
        else:
            yield Touch(old, "removed" if new == "/dev/null" else "edited", match[0])


def touched_in_shell(script: str) -> Iterator[Touch]:
    """The files that commands of a shell touch."""
    for command in commands_of(script):
        yield from _touched(command)


def _touched(command: Command) -> Iterator[Touch]:
    restores = command.program == "git" and any(word.startswith("HEAD:") for word in command.words)
    for path, appended in command.outputs:
        if path not in ("-", "/dev/null") and not restores:
            yield _touch(command, path, "added to" if appended else "written")
    changed = tuple(_changed(command))
    for path, how in changed:
        yield _touch(command, path, how)
    if not changed:
        for word in command.arguments:
            if "/" in word or "." in word:
                yield _touch(command, word, "read")
    if command.program.startswith("python"):
        yield from touched_in_python(command.fed)
        if "-c" in command.words[:-1]:
            yield from touched_in_python(command.words[command.words.index("-c") + 1])
    elif command.fed and ("*** " in command.fed or "+++ " in command.fed):
        yield from touched_in_patch(command.fed)


def _touch(command: Command, path: str, how: How) -> Touch:
    if command.folder and not path.startswith(("/", "~", "$")):
        path = f"{command.folder}/{path}"
    return Touch(path, how, command.text)


def _changed(command: Command) -> Iterator[tuple[str, How]]:
    """Files that the program itself changes, by what it is."""
    program, paths, options = command.program, command.arguments, command.words[1:]
    if program in ("rm", "unlink", "rmdir", "shred"):
        yield from ((path, "removed") for path in paths)
    elif program in ("cp", "install", "ln", "rsync") and len(paths) > 1:
        yield _into(paths[-1], paths[0]), "written"
    elif program == "mv" and len(paths) > 1:
        yield from ((path, "removed") for path in paths[:-1])
        yield _into(paths[-1], paths[0]), "written"
    elif program == "tee":
        added = any(word in ("-a", "--append") for word in options)
        yield from ((path, "added to" if added else "written") for path in paths)
    elif program in ("touch", "mkdir", "create"):
        yield from ((path, "made") for path in paths)
    elif program == "truncate" or program == "chattr":
        yield from ((path, "edited") for path in paths[-1:])
    elif program == "chmod" and paths and re.match(r"0|[a-z]*-", paths[0]):
        yield from ((path, "edited") for path in paths[1:])
    elif program == "find":
        yield from _changed_by_find(options)
    elif program in ("sed", "perl", "ruby") and any(re.match(r"-\w*i|--in-place", word) for word in options):
        apart = any(word.startswith("--expression=") for word in options)
        yield from ((path, "edited") for path in (paths if apart else paths[1:]))
    elif program in ("curl", "wget"):
        yield from (
            (options[n + 1], "written") for n, word in enumerate(options[:-1]) if word in ("-o", "-O")
        )
    elif program == "dd":
        yield from ((word[3:], "written") for word in options if word.startswith("of="))
    elif program == "git":
        yield from _changed_by_git(options)


def _into(target: str, source: str) -> str:
    """What a copy writes: `target`, or in a folder the file named as `source`."""
    return target + source.rpartition("/")[2] if target.endswith("/") else target


def _changed_by_find(options: list[str]) -> Iterator[tuple[str, How]]:
    """What ``find`` deletes, or gives to another program, by the folder and the pattern of names."""
    found = options[0] if options and not options[0].startswith("-") else "."
    for place, word in enumerate(options[:-1]):
        if word in ("-name", "-iname", "-path"):
            found = f"{found.rstrip('/')}/{options[place + 1]}"
    if "-delete" in options:
        yield found, "removed"
    if "-exec" in options:
        words = options[options.index("-exec") + 1 :]
        yield from _changed(Command("", [found if word == "{}" else word for word in words]))


_HERE_AND_NOW = re.compile(r"HEAD$|--|\.$")


def _changed_by_git(options: list[str]) -> Iterator[tuple[str, How]]:
    """What ``git rm`` and a checkout of other revisions change; one of the current revision restores."""
    while len(options) > 1 and options[0] in ("-C", "-c"):
        options = options[2:]
    kind, rest = (options[0], options[1:]) if options else ("", [])
    if kind == "rm" and "--cached" not in rest:
        yield from ((word, "removed") for word in rest if not word.startswith("-"))
    elif kind == "mv":
        yield from ((word, "removed") for word in [w for w in rest if not w.startswith("-")][:-1])
    elif kind in ("checkout", "restore") and "-b" not in rest:
        source, paths = _taken_from(kind, rest)
        if source and not _HERE_AND_NOW.match(source):
            yield from ((path, "edited") for path in paths)


def _taken_from(kind: str, words: list[str]) -> tuple[str, list[str]]:
    """The revision that a checkout names, empty for the current one, and the paths that it brings back."""
    source, paths = "", []
    for place, word in enumerate(words):
        if word.startswith("--source="):
            source = word.removeprefix("--source=")
        elif place and words[place - 1] in ("-s", "--source"):
            source = word
        elif not word.startswith("-"):
            paths.append(word)
    if kind == "checkout" and len(paths) > (0 if "--" in words else 1) and words[:1] != ["--"]:
        return paths[0], paths[1:]
    return source, paths


_WHAT = r"(?P<what>[rbf]?[\"'][^\"'\n]+[\"']|[A-Za-z_]\w*)"
_PATH = rf"(?:(?:pathlib\.)?Path\(\s*{_WHAT}\s*\))"
_IN_PYTHON: tuple[tuple[How, re.Pattern[str]], ...] = (
    ("written", re.compile(rf"\bopen\(\s*{_WHAT}\s*,\s*(?:mode\s*=\s*)?[\"'](?:w|x|r\+)")),
    ("added to", re.compile(rf"\bopen\(\s*{_WHAT}\s*,\s*(?:mode\s*=\s*)?[\"']a")),
    ("written", re.compile(rf"(?:{_PATH}|\b(?P<name>[A-Za-z_]\w*))\.write_(?:text|bytes)\(")),
    ("removed", re.compile(rf"\b(?:os\.(?:remove|unlink)|shutil\.rmtree)\(\s*{_WHAT}")),
    ("removed", re.compile(rf"(?:{_PATH}|\b(?P<name>[A-Za-z_]\w*))\.unlink\(")),
    ("written", re.compile(rf"\bshutil\.(?:copy\w{{0,5}}|move)\([^,\n]{{1,300}},\s*{_WHAT}")),
)
_ASSIGNED = re.compile(r"\b([A-Za-z_]\w*)\s*=\s*(?:(?:pathlib\.)?Path\(\s*)?[rbf]?[\"']([^\"'\n]+)[\"']")
_RUN = re.compile(
    r"\b(?:os\.(?:system|popen)|subprocess\.\w+)\(\s*[rbf]?(?:\"((?:[^\"\\\n]|\\.)+)\"|'((?:[^'\\\n]|\\.)+)')"
)
_RUN_LIST = re.compile(r"\bsubprocess\.\w+\(\s*\[\s*((?:[\"'][^\"'\n]*[\"']\s*(?:,\s*)?)+)\]")


_READ_IN_PYTHON = re.compile(
    rf"\bopen\(\s*{_WHAT}\s*(?:\)|,\s*(?:(?:mode\s*=\s*)?[\"']r[bt]?[\"']|encoding|errors|newline))"
    rf"|(?:Path\(\s*(?P<path>[\"'][^\"'\n]+[\"'])\s*\)|\b(?P<name>[A-Za-z_]\w*))\.read_(?:text|bytes)\("
)
_MAY = ("open(", "write_", "unlink", "remove(", "rmtree", "shutil.", "subprocess", "os.")


def touched_in_python(code: str) -> Iterator[Touch]:
    """Files that Python code writes and removes, by their names in the code, and what it gives to shells."""
    if not any(word in code for word in _MAY):
        return
    names = dict(_ASSIGNED.findall(code))
    read = {_named(match, names) for match in _READ_IN_PYTHON.finditer(code)}
    for how, pattern in _IN_PYTHON:
        for match in pattern.finditer(code):
            if path := _named(match, names):
                yield Touch(path, "edited" if how == "written" and path in read else how, match.group())
    for script in scripts_in_python(code):
        yield from touched_in_shell(script)


def _named(match: re.Match[str], names: Mapping[str, str]) -> str:
    """The path that a call names, by itself or by a name that `names` knows."""
    groups = match.groupdict()
    what = groups.get("what") or groups.get("path") or groups.get("name") or ""
    return what.lstrip("rbf").strip("\"'") if what[-1:] in ("'", '"') else names.get(what, "")


def scripts_in_python(code: str) -> Iterator[str]:
    """What Python code gives to a shell as one string, or runs as a list of words."""
    for match in _RUN.finditer(code):
        yield match[1] or match[2]
    for match in _RUN_LIST.finditer(code):
        yield " ".join(re.findall(r"[\"']([^\"'\n]*)[\"']", match[1]))
