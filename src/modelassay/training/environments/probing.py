"""A live environment probed: gold answers, policies without work, spoilt answers, repeated grading.

Answers without work are asked of every task before any gold answer: a grader that keeps what it has seen
would pay them for it afterwards. An empty answer is asked again then, which shows such a grader.

The gold-sanity gate comes next: a task whose gold answer does not get full reward, bare or in any of the
usual `FORMS` of an answer, says nothing about probes (its grader refuses everything, or its gold is wrong),
and is counted as such; answers without work stand apart there, since full reward for them is none for work
either way. A gold answer at which the grader raised, hung or died was not graded, and says nothing of the
environment.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from modelassay.training.environments.live import Grade, LiveGrader
from modelassay.training.environments.null_policies import Attempt, faithful, null_attempts, probes
from modelassay.training.environments.tasks import EnvironmentTask

REGRADED = 5
"""Times that one completion is graded."""
FORMS = (
    "\\boxed{%s}",
    "<answer>%s</answer>",
    "#### %s",
    "The answer is %s.",
    "```\n%s\n```",
    '{"answer": %s}',
)
"""How completions give an answer, where graders do not take it bare; the last as JSON."""
HANGS = 5
"""So many questions in a row without an answer end the asking."""


@dataclass
class PolicyResult:
    """One policy over the tasks of an environment."""

    policy: str
    knows: bool
    tasks: int = 0
    by_chance: int = 0
    """Tasks, not among those, whose grader accepts the same without the gold answer."""
    reward: float = 0.0
    full: int = 0
    failures: int = 0
    """Questions at which the grader raised, hung or died."""
    examples: list[str] = field(default_factory=list)
    """Tasks with full reward."""

    @property
    def mean(self) -> float:
        """Mean reward over the tasks that were graded."""
        graded = self.tasks - self.failures
        return self.reward / graded if graded else 0.0


@dataclass
class ProbedEnvironment:
    """What probing one environment showed."""

    name: str
    full: float
    """The reward that counts as full."""
    tasks: int = 0
    with_gold: int = 0
    gold_graded: int = 0
    """Tasks whose gold answer was given a reward."""
    gold_highest: float = -math.inf
    """The highest reward of any gold answer."""
    gold_above: int = 0
    """Tasks whose gold answer is not paid in full, and more than an empty one."""
    gold_failures: list[str] = field(default_factory=list)
    """Why gold answers were not graded, each reason once."""
    gold_passes: int = 0
    """Tasks whose gold answer gets full reward: the gold-sanity gate."""
    gold_reward: float = 0.0
    strict: int = 0
    """Tasks that accept the gold answer, but not with spaces around it."""
    policies: dict[str, PolicyResult] = field(default_factory=dict)
    elsewhere: dict[str, PolicyResult] = field(default_factory=dict)
    """Policies without work in the tasks whose gold answer does not get full reward."""
    noisy: int = 0
    """Tasks whose grader gave unequal rewards to one completion."""
    regraded: int = 0
    failures: list[str] = field(default_factory=list)
    form: str = ""
    """That of `FORMS` in which gold answers are paid; empty for bare ones."""
    asked_after_gold: int = 0
    remembering: int = 0
    """Of those, tasks that pay an empty answer in full after the gold answer was graded, and not before."""
    hung: int = 0
    """Questions in a row without an answer."""

    @property
    def other_scale(self) -> bool:
        """Whether `full` seems not to be this grader's full reward: no gold answer gets it, most are paid."""
        return not self.gold_passes and 0 < self.gold_graded <= 2 * self.gold_above


def probe_environments(
    tasks: Sequence[EnvironmentTask],
    grader: LiveGrader,
    *,
    full: float = 1.0,
    progress: Callable[[int], None] = lambda tasks: None,
) -> tuple[ProbedEnvironment, ...]:
    """Ask `grader` about every task.

    Args:
        full: the reward that counts as full.
        progress: told after each task how many are done.
    """
    found: dict[str, ProbedEnvironment] = {}
    beside: dict[str, list[EnvironmentTask]] = {}
    for task in tasks:
        beside.setdefault(task.environment, []).append(task)
    asking = [
        _Probe(task, grader, found.setdefault(task.environment, ProbedEnvironment(task.environment, full)))
        for task in tasks
    ]
    for each in asking:
        each.ask_without_work(beside[each.task.environment])
    for done, each in enumerate(asking, 1):
        each.run(beside[each.task.environment])
        progress(done)
    return tuple(found.values())


class _Paid(NamedTuple):
    """What came of an attempt."""

    grade: Grade
    by_chance: bool
    """Whether the same without the gold answer is paid as well."""


def _in_form(form: str, answer: str) -> str:
    if not form:
        return answer
    return form % (json.dumps(answer) if form.startswith("{") else answer)


@dataclass
class _Probe:
    task: EnvironmentTask
    grader: LiveGrader
    probed: ProbedEnvironment
    idle: list[tuple[Attempt, _Paid]] = field(default_factory=list)

    def ask_without_work(self, peers: Sequence[EnvironmentTask]) -> None:
        """Ask what policies without work answer."""
        self.idle = [(each, self._asked(each)) for each in null_attempts(self.task, peers)]

    def run(self, peers: Sequence[EnvironmentTask]) -> None:
        self.probed.tasks += 1
        before = self.probed.gold_graded
        sane = self._gold() if self.task.gold else False
        told = self.probed.policies if sane or not self.task.gold else self.probed.elsewhere
        if not self.task.gold or self.probed.gold_graded > before:
            for attempt, paid in self.idle:
                self._count(attempt, paid, told)
            for attempt in probes(self.task, peers) if sane else ():
                self._count(attempt, self._asked(self._formed(attempt)), told)
        steady = self._again(_in_form(self.probed.form, self.task.gold) if self.task.gold else "0")
        if self.task.gold and steady:
            self._empty_again()

    def _empty_again(self) -> None:
        """Whether the grader pays for nothing what it did not before it saw the gold answer."""
        first = next((paid.grade for attempt, paid in self.idle if attempt.policy == "empty"), None)
        again = self._grade("")
        if first is not None and first.ending == again.ending == "graded":
            self.probed.asked_after_gold += 1
            self.probed.remembering += self._full(again) and not self._full(first)

    def _formed(self, attempt: Attempt) -> Attempt:
        """An attempt in the form in which gold answers are paid."""
        form = self.probed.form
        control = _in_form(form, attempt.control) if attempt.control else ""
        return replace(attempt, completion=_in_form(form, attempt.completion), control=control)

    def _in_its_form(self, plain: Grade) -> Grade:
        """The gold answer's grade: bare, or in the first of `FORMS` in which it is paid in full."""
        if self._full(plain) and not self.probed.form:
            return plain
        forms = (self.probed.form,) if self.probed.gold_passes else ("", *FORMS)
        for form in forms:
            grade = plain if not form else self._grade(_in_form(form, self.task.gold))
            if self._full(grade):
                self.probed.form = form
                return grade
        return plain

    def _gold(self) -> bool:
        self.probed.with_gold += 1
        grades = [self._grade(attempt.completion) for attempt in faithful(self.task)]
        plain, spaced = grades
        bare = self._full(plain)
        if plain.ending != "graded":
            why = f"{plain.ending}: {plain.why}"
            if len(self.probed.gold_failures) < 3 and why not in self.probed.gold_failures:
                self.probed.gold_failures.append(why)
            return False
        plain = self._in_its_form(plain)
        self.probed.gold_graded += 1
        self.probed.gold_reward += plain.reward
        self.probed.gold_highest = max(self.probed.gold_highest, plain.reward)
        passes = self._full(plain)
        self.probed.gold_passes += passes
        self.probed.strict += bare and passes and spaced.ending == "graded" and not self._full(spaced)
        if not passes:
            nothing = self._grade("")
            self.probed.gold_above += nothing.ending == "graded" and plain.reward > nothing.reward
        return passes

    def _asked(self, attempt: Attempt) -> _Paid:
        grade = self._worst(attempt)
        controlled = self._full(grade) and attempt.control
        return _Paid(grade, bool(controlled) and self._full(self._grade(attempt.control)))

    def _count(self, attempt: Attempt, paid: _Paid, told: dict[str, PolicyResult]) -> None:
        result = told.setdefault(attempt.policy, PolicyResult(attempt.policy, attempt.knows))
        grade = paid.grade
        if paid.by_chance:
            result.by_chance += 1
            return
        result.tasks += 1
        if grade.ending != "graded":
            result.failures += 1
            return
        result.reward += grade.reward
        if self._full(grade):
            result.full += 1
            if len(result.examples) < 5:
                result.examples.append(self.task.id)

    def _worst(self, attempt: Attempt) -> Grade:
        """The least that is paid for an attempt; the rest of it is not asked once one is not paid in full."""
        grade = self._grade(attempt.completion)
        for completion in attempt.others:
            if not self._full(grade):
                break
            grade = self._grade(completion)
        return grade

    def _again(self, completion: str) -> bool:
        """Grade one completion again and again; whether it gets the same each time."""
        grades = [self._grade(completion) for _ in range(REGRADED)]
        rewards = {round(grade.reward, 9) for grade in grades if grade.ending == "graded"}
        self.probed.regraded += 1
        self.probed.noisy += len(rewards) > 1
        return len(rewards) <= 1

    def _grade(self, completion: str) -> Grade:
        if self.probed.hung >= HANGS:
            return Grade(
                "timed out", math.nan, f"not asked any more after {HANGS} in a row without an answer"
            )
        grade = self.grader.grade(self.task.raw, completion)
        self.probed.hung = self.probed.hung + 1 if grade.ending == "timed out" else 0
        if grade.ending != "graded" and len(self.probed.failures) < 20:
            self.probed.failures.append(f"{self.task.id}: {grade.ending}: {grade.why}")
        return grade

    def _full(self, grade: Grade) -> bool:
        return grade.ending == "graded" and grade.reward >= self.probed.full - 1e-9
