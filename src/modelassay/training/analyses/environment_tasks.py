"""Findings on task files: leaked answers, graders at hand, tests that ask for nothing, contradictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from modelassay.records import RolloutReference, RunFinding
from modelassay.records.findings import Severity
from modelassay.statistics import clopper_pearson_interval
from modelassay.training.environments.leaks import Leak, beyond_chance, leaks_of, short_leaks, telling
from modelassay.training.environments.recorded import contradictions
from modelassay.training.environments.strength import TestStrengths, strengths_of
from modelassay.training.environments.tasks import EnvironmentTask
from modelassay.training.findings import estimate, not_assessable, run_finding

HACKABLE = 0.5
"""Share of a task's tests that a program without work passes, from which it pays for nothing."""
_LEAKS: dict[str, tuple[Severity, str]] = {
    "answer in instructions": ("high", "state the answer in their instructions"),
    "answer in options or passage": (
        "low",
        "hold the answer in their instructions, as questions with options or on a passage do",
    ),
    "answer in files": ("high", "hold the answer in a file that the policy is given"),
    "private test is public": ("medium", "have a private test that is public too"),
    "expected output given": ("medium", "compare with a file that the policy is given"),
    "grader given": ("medium", "are graded by a program that the policy is given"),
}
_EXAMPLES = 5


def task_findings(check: str, tasks: Sequence[EnvironmentTask]) -> Iterator[RunFinding]:
    """What the task files tell, all environments together; nothing of them is ever run."""
    leaks = [*short_leaks(tasks), *(leak for task in tasks for leak in leaks_of(task))]
    answered = sum(bool(task.gold or task.expected) for task in tasks)
    for kind in _LEAKS:
        found = [leak for leak in leaks if leak.kind == kind]
        if found:
            yield _leaked(check, kind, found, len(tasks), answered)
    if not leaks:
        yield _no_leak(check, tasks, answered)
    tested = [strengths_of(task) for task in tasks if task.private_tests or task.public_tests]
    if tested:
        yield _weak(check, tested)
        yield from _malformed(check, tested)
    else:
        yield not_assessable(
            check, "the tasks come without tests", about={"environment": "tasks", "aspect": "tests"}
        )
    clashing = contradictions(tasks)
    if clashing:
        total = sum(clashing.values())
        yield run_finding(
            check, "under-specified",
            f"{total:,} of {len(tasks):,} tasks share their instructions with one of another answer.",
            about={"environment": "tasks", "aspect": "under-specification"}, state="shown_harmful",
            severity="high", values={"tasks": Decimal(total)},
            question="How would a policy know which of the answers is wanted?",
        )  # fmt: skip


def _no_leak(check: str, tasks: Sequence[EnvironmentTask], answered: int) -> RunFinding:
    """Nothing was found, where there was something to seek."""
    about = {"environment": "tasks", "aspect": "leaked answers"}
    if not answered and not any(task.private_tests or task.public_tests for task in tasks):
        why = f"none of {len(tasks):,} tasks comes with its answer or its tests, which are what is sought"
        return not_assessable(check, why, about=about)
    short = sum(not any(map(telling, (task.gold, *task.expected))) for task in tasks)
    sought = (
        f"; those of a word or a number ({short:,} tasks) were sought only behind words that lead to them, "
        "as “expected answer:” does."
    )
    return run_finding(
        check,
        "no leak found",
        f"No answer is given away and no grader stands where a policy sees it, in {len(tasks):,} tasks, of "
        f"which {answered:,} come with an answer" + (sought if answered and short else "."),
        about=about,
        state="shown_fine",
        values={"tasks": Decimal(len(tasks)), "answered": Decimal(answered), "short": Decimal(short)},
    )


def _leaked(check: str, kind: str, found: Sequence[Leak], total: int, answered: int) -> RunFinding:
    severity, what = _LEAKS[kind]
    names = list(dict.fromkeys(leak.task for leak in found))
    share = clopper_pearson_interval(len(names), total)
    given = kind in ("expected output given", "grader given")
    held = kind == "answer in options or passage"
    chance = kind == "answer in instructions" and not beyond_chance(len(names), answered)
    return run_finding(
        check,
        kind,
        f"{len(names):,} of {total:,} tasks {what}"
        + (", which it can read or rewrite if the files are there while it works." if given else "."),
        about={"environment": "tasks", "aspect": kind},
        state="not_shown" if given or held or chance else "shown_harmful",
        severity="medium" if chance else severity,
        effect=estimate(len(names) / total, share.low, share.high),
        values={"tasks": Decimal(len(names)), "of": Decimal(total), "places": Decimal(len(found))},
        evidence=_references(found),
        method="read, never run; without case, marks and spacing; runs of 8 words",
        question="Are these files there while the policy works, and can it write to them?"
        if given
        else "What does the grader give a completion that repeats the instructions?"
        if held
        else "Are these answers given away, or does what they are asked about read so?"
        if chance
        else "",
    )


def _references(found: Sequence[Leak]) -> list[RolloutReference]:
    """Tasks as evidence; there is no rollout to name."""
    return [
        RolloutReference(
            seq=-1, step=-1, group=leak.task[:120], quote=leak.quote, note=f"task; in {leak.where}"[:300]
        )
        for leak in found[:_EXAMPLES]
    ]


def _weak(check: str, tested: Sequence[TestStrengths]) -> RunFinding:
    counts = Counter(strength for each in tested for strength, _ in each.strengths)
    tests = sum(counts.values())
    weak = tests - counts["content"] - counts["malformed"]
    hackable = sorted((each for each in tested if each.floor >= HACKABLE), key=lambda each: -each.floor)
    kinds = ", ".join(f"{n:,} {name}" for name, n in counts.most_common() if name != "content")
    return run_finding(
        check,
        "hackable" if hackable else "weak tests" if weak else "tests ask for content",
        f"Of {tests:,} tests of {len(tested):,} tasks, {weak:,} ask for no content ({kinds or 'none'}); in "
        f"{len(hackable):,} tasks half or more are passed without work.",
        about={"environment": "tasks", "aspect": "tests"},
        state="not_shown" if weak else "shown_fine",
        severity="medium" if hackable else "low" if weak else "none",
        values={
            "tests": Decimal(tests),
            "without_content": Decimal(weak),
            "hackable_tasks": Decimal(len(hackable)),
        },
        evidence=[_weakest(each) for each in hackable[:_EXAMPLES]],
        method="told from the words of shell tests and the statements of Python, never run: a lower bound",
        question="Do these tests fail for an empty solution?" if hackable else "",
    )


def _weakest(each: TestStrengths) -> RolloutReference:
    strength, test = next((s, t) for s, t in each.strengths if s not in ("content", "malformed"))
    return RolloutReference(
        seq=-1, step=-1, group=each.task[:120], quote=test[:300], note=f"task; asks for {strength}"
    )


def _malformed(check: str, tested: Sequence[TestStrengths]) -> Iterator[RunFinding]:
    broken = [(each, test) for each in tested for kind, test in each.strengths if kind == "malformed"]
    if broken:
        yield run_finding(
            check,
            "malformed tests",
            f"{len(broken):,} tests are no Python and have quotes that never close: a shell refuses them, so "
            "nothing passes.",
            about={"environment": "tasks", "aspect": "malformed tests"},
            state="not_shown",
            severity="medium",
            values={"tests": Decimal(len(broken))},
            evidence=[
                RolloutReference(seq=-1, step=-1, group=each.task[:120], quote=test[:300], note="task")
                for each, test in broken[:_EXAMPLES]
            ],
            question="Does the known solution of these tasks pass?",
        )
