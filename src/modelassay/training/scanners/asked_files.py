"""What a task's prompt says of files: which it asks for, which it protects, which grade the answer."""

from __future__ import annotations

import re
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


@dataclass(frozen=True)
class Task:
    """One prompt."""

    prompt: str

    @cached_property
    def protects_tests(self) -> bool:
        """Whether it says that tests are not to be changed."""
        return _PROTECTED.search(self.prompt) is not None

    def names(self, path: str) -> bool:
        """Whether it names the file `path`, with or without its folder."""
        return path.rstrip("/").rpartition("/")[2] in self.prompt

    def guards(self, path: str) -> bool:
        """Whether it says of the file that it grades the answer, or must stay as it is."""
        name = re.escape(path.rstrip("/").rpartition("/")[2])
        by, run = re.compile(_GRADES_BY + name, re.IGNORECASE), re.compile(name + r"\W{0,3}" + _IS_RUN)
        return any(
            by.search(text) or run.search(text) or _KEPT.search(text) for text in self._sentences(path)
        )

    def asks_for(self, path: str) -> bool:
        """Whether it names the file as one to make or mend, and does not protect it as well."""
        if not self.names(path) or self.guards(path):
            return False
        name = re.escape(path.rstrip("/").rpartition("/")[2])
        wanted = re.compile(f"{_MAKES}{_NOT_AS_AIM}{name}(?!\\w)(?![^\\n]{{0,40}}\\bpass)", re.IGNORECASE)
        return any(wanted.search(text) for text in self._sentences(path))

    def _sentences(self, path: str) -> list[str]:
        name = path.rstrip("/").rpartition("/")[2]
        return [text for text in self._all_sentences if name in text] if name else []

    @cached_property
    def _all_sentences(self) -> list[str]:
        return _SENTENCE.split(self.prompt)


@lru_cache(maxsize=256)
def task_of(prompt: str) -> Task:
    """The task of a prompt, kept for the other rollouts of its group."""
    return Task(prompt)
