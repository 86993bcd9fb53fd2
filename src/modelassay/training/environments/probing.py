"""A live environment probed: gold answers, policies without work, spoilt answers, repeated grading.

The gold-sanity gate comes first: a task whose gold answer does not get full reward says nothing about probes
(its grader refuses everything, or its gold is wrong), and is counted as such; only answers without work are
asked there too, and stand apart, since full reward for them is none for work either way. A gold answer at
which the grader raised, hung or died was not graded, and says nothing of the environment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from modelassay.training.environments.live import Grade, LiveGrader
from modelassay.training.environments.null_policies import Attempt, faithful, null_attempts, probes
from modelassay.training.environments.tasks import EnvironmentTask

REGRADED = 5
"""Times that one completion is graded."""


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
    for done, task in enumerate(tasks, 1):
        probed = found.setdefault(task.environment, ProbedEnvironment(task.environment, full))
        peers = [other for other in tasks if other.environment == task.environment]
        _Probe(task, grader, probed).run(peers)
        progress(done)
    return tuple(found.values())


@dataclass
class _Probe:
    task: EnvironmentTask
    grader: LiveGrader
    probed: ProbedEnvironment

    def run(self, peers: Sequence[EnvironmentTask]) -> None:
        self.probed.tasks += 1
        before = self.probed.gold_graded
        sane = self._gold() if self.task.gold else False
        told = self.probed.policies if sane or not self.task.gold else self.probed.elsewhere
        if not self.task.gold or self.probed.gold_graded > before:
            for attempt in self._attempts(peers, sane):
                self._try(attempt, told)
        self._again(self.task.gold if sane else "0")

    def _attempts(self, peers: Sequence[EnvironmentTask], sane: bool) -> Iterator[Attempt]:
        yield from null_attempts(self.task, peers)
        if sane:
            yield from probes(self.task, peers)

    def _gold(self) -> bool:
        self.probed.with_gold += 1
        grades = [self._grade(attempt.completion) for attempt in faithful(self.task)]
        plain, spaced = grades
        if plain.ending != "graded":
            why = f"{plain.ending}: {plain.why}"
            if len(self.probed.gold_failures) < 3 and why not in self.probed.gold_failures:
                self.probed.gold_failures.append(why)
            return False
        self.probed.gold_graded += 1
        self.probed.gold_reward += plain.reward
        self.probed.gold_highest = max(self.probed.gold_highest, plain.reward)
        passes = self._full(plain)
        self.probed.gold_passes += passes
        self.probed.strict += passes and spaced.ending == "graded" and not self._full(spaced)
        if not passes:
            nothing = self._grade("")
            self.probed.gold_above += nothing.ending == "graded" and plain.reward > nothing.reward
        return passes

    def _try(self, attempt: Attempt, told: dict[str, PolicyResult]) -> None:
        result = told.setdefault(attempt.policy, PolicyResult(attempt.policy, attempt.knows))
        grade = self._worst(attempt)
        if self._full(grade) and attempt.control and self._full(self._grade(attempt.control)):
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

    def _again(self, completion: str) -> None:
        grades = [self._grade(completion) for _ in range(REGRADED)]
        rewards = {round(grade.reward, 9) for grade in grades if grade.ending == "graded"}
        self.probed.regraded += 1
        self.probed.noisy += len(rewards) > 1

    def _grade(self, completion: str) -> Grade:
        grade = self.grader.grade(self.task.raw, completion)
        if grade.ending != "graded" and len(self.probed.failures) < 20:
            self.probed.failures.append(f"{self.task.id}: {grade.ending}: {grade.why}")
        return grade

    def _full(self, grade: Grade) -> bool:
        return grade.ending == "graded" and grade.reward >= self.probed.full - 1e-9
