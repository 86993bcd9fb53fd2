"""Answers that stand where the policy can read them, and graders that it can overwrite. Read, never run.

- the gold answer, or an expected output, in the instructions: exactly (without case, marks and spacing), or a
  run of eight words of it; apart from those that stand among options or in a passage (`standing`), as in
  questions that are asked so;
- either of them in a file that the policy is given;
- a test that compares with, or runs, a file that the policy is given: it can read the answer off, or rewrite
  the grader;
- a private test that is a public one too.

Answers of fewer than four words and twelve characters stand anywhere by chance: they are sought only where
words such as “expected answer:” lead straight to them (`led_to`). Longer ones seem to be led to by chance at
times, in a passage; only `beyond_chance` of them are sure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelassay.training.data.hashing import hash_words, runs, words_of
from modelassay.training.environments.led_to import LedTo, short_answer
from modelassay.training.environments.standing import standing_of
from modelassay.training.environments.tasks import EnvironmentTask

RUN = 8
FEWEST_WORDS = 4
FEWEST_CHARACTERS = 12
_BY_CHANCE = 0.05
_BY_CHANCE_LEAST = 3
_STUB = re.compile(
    r"(?i)your (?:solution|implementation|code)|TODO|pass\s*$|NotImplemented|\A\s*\Z|placeholder"
)
_GRADER = re.compile(
    r"\b(?:python3?|bash|sh|node|ruby|perl|pytest|\./)\s*(?:-[a-z]\s+)*([\w./-]+\.(?:py|sh|js|rb|pl))\b"
)
_COMPARED = re.compile(r"\b(?:diff|cmp|comm)\b[^;&|]*")
_PATH = re.compile(r"[\w./-]+\.[A-Za-z0-9]{1,6}\b")
_GRADING = re.compile(r"(?i)(?:^|[/_-])(?:test|verif|valid|check|grade|judge|score|expected|harness|assert)")


@dataclass(frozen=True)
class Leak:
    """Something that a policy can see or change and should not."""

    task: str
    environment: str
    kind: str
    """``answer in instructions``, ``answer in options or passage``, ``answer in files``,
    ``expected output given``, ``grader given``, ``private test is public``."""
    where: str
    quote: str


def short_leaks(tasks: Iterable[EnvironmentTask]) -> list[Leak]:
    """Short answers that instructions lead straight to; told of an environment as a whole."""
    found: dict[str, tuple[LedTo, list[EnvironmentTask]]] = {}
    for task in tasks:
        answer = task.gold or (task.expected[0] if len(task.expected) == 1 else "")
        if short_answer(answer) and not (telling(answer) and shared_run(answer, task.instructions)):
            led, asked = found.setdefault(task.environment, (LedTo(), []))
            led.see(answer, task.instructions)
            asked.append(task)
    return [
        _leak(asked[place], "answer in instructions", "instructions", answer)
        for led, asked in found.values()
        for place, answer in led.given_away().items()
    ]


def leaks_of(task: EnvironmentTask) -> Iterator[Leak]:
    """Every leak of a task that is known from the task alone."""
    answers = [answer for answer in (task.gold, *task.expected) if telling(answer)]
    for answer in answers:
        shared = shared_run(answer, task.instructions)
        if shared:
            stated = standing_of(answer, task.instructions, shared) == "stated"
            kind = "answer in instructions" if stated else "answer in options or passage"
            yield _leak(task, kind, "instructions", shared)
        for path, text in task.files.items():
            if not _STUB.search(text) and (shared := shared_run(answer, text)):
                yield _leak(task, "answer in files", path, shared)
    public = {" ".join(test.split()) for test in task.public_tests}
    for test in task.private_tests:
        if " ".join(test.split()) in public:
            yield _leak(task, "private test is public", "public tests", test)
    yield from _given(task)


def _given(task: EnvironmentTask) -> Iterator[Leak]:
    """Files that tests rest on and that the policy is given, each once."""
    seen: set[str] = set()
    for test in (*task.private_tests, *task.public_tests):
        for match in _GRADER.finditer(test):
            path = match[1].removeprefix("./")
            text = task.files.get(path)
            if text is not None and path not in seen and _GRADING.search(path) and not _STUB.search(text):
                seen.add(path)
                yield _leak(task, "grader given", path, test)
        for compared in _COMPARED.findall(test):
            for path in _PATH.findall(compared):
                used = path in test.replace(compared, " ") and not _GRADING.search(path)  # round trips
                if path in task.files and path not in seen and not used and task.files[path].strip():
                    seen.add(path)
                    yield _leak(task, "expected output given", path, test)


def shared_run(answer: str, text: str) -> str:
    """The answer, or a run of `RUN` words of it, where `text` has it; else empty."""
    ours, theirs = words_of(answer), words_of(text)
    joined = "".join(ours)
    if len(ours) < RUN:
        at = "".join(theirs).find(joined)
        return answer.strip()[:200] if at >= 0 else ""
    known, _ = runs(hash_words([theirs]), RUN)
    wanted, _ = runs(hash_words([ours]), RUN)
    table = set(known.tolist())
    place = next((at for at, value in enumerate(wanted.tolist()) if value in table), None)
    return "" if place is None else " ".join(ours[place : place + RUN])


def beyond_chance(leaked: int, answered: int) -> bool:
    """Whether so many prompts give their answers away, of those with an answer, that it is no coincidence."""
    return leaked >= max(_BY_CHANCE_LEAST, _BY_CHANCE * answered)


def telling(answer: str) -> bool:
    """Whether an answer is long enough not to stand in a text by chance."""
    words = words_of(answer)
    return len(words) >= FEWEST_WORDS and sum(map(len, words)) >= FEWEST_CHARACTERS


def _leak(task: EnvironmentTask, kind: str, where: str, quote: str) -> Leak:
    return Leak(task.id, task.environment, kind, where, quote[:300])
