"""What a task's prompt says of files: which it asks for, which it protects, which grade the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

_PROTECTED = re.compile(
    r"(?:do\s*n[o']?t|never|must not|should not|cannot|may not)\s+(?:\w+\s+){0,3}"
    r"(?:modify|change|edit|alter|touch|delete|overwrite)[^.\n]{0,60}test|tests?[^.\n]{0,40}"
    r"(?:should|must|may)\s+not\s+be\s+(?:modified|changed|edited)",
    re.IGNORECASE,
)
_KEPT = re.compile(
    r"(?:do\s*n[o']?t|never|must not|should not|cannot|may not)\s+(?:\w+\s+){0,3}(?:be\s+)?"
    r"(?:modif|chang|edit|alter|touch|delet|overwrit|read|open|look)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n+")
_MAKES = (
    r"\b(?:write|create|add|implement|make|build|fix|update|extend|edit|rewrite|complete|refactor|correct"
    r"|configure|produce|save|put|bug|improve|change|modify|port|optimi[sz]e|document)\b"
)
_NOT_AS_AIM = r"(?:(?!\b(?:so that|such that|until|using|with|against|by|pass|passes|runs?)\b)[^\n]){0,120}?"
_GRADES_BY = (
    r"(?:graded|scored|judged|verified|evaluated|checked|validated|tested|measured|rewarded)"
    r"\s+(?:by|with|using|via|against|through)\b[^\n]{0,60}"
)
_IS_RUN = (
    r"[^.\n]{0,30}?\b(?:(?:is|are|will be|gets?)\s+(?:\w+\s+)?(?:run|executed|used|called|invoked)"
    r"|(?:which |that |it )?(?:grades|scores|checks|verifies|judges|decides|evaluates))\b"
)


_NEAR = 300
"""Characters before and after a name that are read."""
_MOST_SENTENCES = 20


@dataclass(frozen=True)
class Task:
    """One prompt."""

    prompt: str

    @cached_property
    def protects_tests(self) -> bool:
        """Whether it says that tests are not to be changed."""
        return _PROTECTED.search(self.prompt) is not None

    def names(self, path: str) -> bool:
        """Whether it names the file `path`, with or without its folder; folders only with theirs."""
        name = _name(path)
        return path in self.prompt or ("." in name and name in self.prompt)

    def guards(self, path: str) -> bool:
        """Whether it says of the file that it grades the answer, or must stay as it is."""
        return self._answer("guards", _name(path), self._guards)

    def asks_for(self, path: str) -> bool:
        """Whether it names the file as one to make or mend, and does not protect it as well."""
        return self._answer("asks for", _name(path), self._asks_for)

    def _answer(self, question: str, name: str, asked: Callable[[str], bool]) -> bool:
        key = question, name
        if key not in self._answers:
            self._answers[key] = asked(name)
        return self._answers[key]

    @cached_property
    def _answers(self) -> dict[tuple[str, str], bool]:
        return {}

    def _guards(self, name: str) -> bool:
        near = self._sentences(name)
        name = re.escape(name)
        by, run = re.compile(_GRADES_BY + name, re.IGNORECASE), re.compile(name + r"\W{0,3}" + _IS_RUN)
        return any(by.search(text) or run.search(text) or _KEPT.search(text) for text in near)

    def _asks_for(self, name: str) -> bool:
        near = self._sentences(name)
        if not near or self.guards(name):
            return False
        wanted = re.compile(
            rf"{_MAKES}{_NOT_AS_AIM}(?<![\w-]){re.escape(name)}(?!\w)(?![^\n]{{0,40}}\bpass)", re.IGNORECASE
        )
        return any(wanted.search(text) for text in near)

    def _sentences(self, name: str) -> list[str]:
        """What the prompt says around the name of a file."""
        found: list[str] = []
        place = self.prompt.find(name) if name else -1
        while place >= 0 and len(found) < _MOST_SENTENCES:
            end = place + len(name)
            before = _SENTENCE.split(self.prompt[max(0, place - _NEAR) : place])[-1]
            found.append(before + name + _SENTENCE.split(self.prompt[end : end + _NEAR])[0])
            place = self.prompt.find(name, end)
        return found


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


@lru_cache(maxsize=256)
def task_of(prompt: str) -> Task:
    """The task of a prompt, kept for the other rollouts of its group."""
    return Task(prompt)
