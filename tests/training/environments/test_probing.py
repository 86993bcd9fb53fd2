"""Live graders behind a process: flaws are found, sound ones are not accused, and nothing hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelassay.errors import UsageError
from modelassay.records import RunFinding
from modelassay.training.analyses.environment_probes import probe_findings
from modelassay.training.environments.live import LiveGrader
from modelassay.training.environments.probing import ProbedEnvironment, probe_environments
from modelassay.training.environments.tasks import EnvironmentTask, task_of

WORDS = ("harbour master", "copper kettle", "winter barley", "granite step")


def _tasks() -> list[EnvironmentTask]:
    rows = [{"id": f"t{i}", "env": "words", "prompt": f"Word {i}?", "answer": w} for i, w in enumerate(WORDS)]
    return [task for row in rows if (task := task_of(row)) is not None]


def _grader(name: str, seconds: float = 10.0) -> LiveGrader:
    return LiveGrader(f"graders_for_tests:{name}", Path(__file__).parent, seconds)


def _probed(name: str) -> tuple[ProbedEnvironment, dict[str, RunFinding]]:
    with _grader(name) as live:
        (probed,) = probe_environments(_tasks(), live)
    found = {f.slice["aspect"].removesuffix(", probed"): f for f in probe_findings([probed])}
    return probed, found


def test_a_sound_grader_is_not_accused() -> None:
    probed, found = _probed("sound")
    assert {f.outcome for f in found.values()} == {
        "solvable",
        "no reward without work",
        "tells wrong answers apart",
    }
    assert probed.gold_passes == len(WORDS)


def test_a_grader_that_looks_anywhere_is_flawed() -> None:
    _, found = _probed("anywhere")
    assert found["grader"].outcome == "flawed grader"
    assert found["grader"].values["full: every answer at once"] == len(WORDS)
    assert found["reward without work"].outcome == "no reward without work"


def test_a_grader_that_pays_for_nothing_is_hackable() -> None:
    _, found = _probed("generous")
    finding = found["reward without work"]
    assert (finding.outcome, finding.values["full: empty"]) == ("hackable", len(WORDS))
    assert "'empty'" in finding.statement
    assert finding.effect is not None
    assert finding.effect.low < 1


def test_a_flaw_is_graver_beside_what_cannot_be_solved() -> None:
    rows = [
        {"id": f"o{i}", "env": "omit", "prompt": "Which word?", "answer": word}
        for i, word in enumerate(WORDS)
    ]
    omit = [task for row in rows if (task := task_of(row)) is not None]

    def joint(name: str, tasks: list[EnvironmentTask]) -> list[RunFinding]:
        with _grader(name) as live:
            found = probe_findings(probe_environments(tasks, live), tasks)
        return [each for each in found if each.slice["environment"] == "all"]

    (finding,) = joint("anywhere", [*_tasks(), *omit])
    assert "'omit'" in finding.statement
    assert not joint("anywhere", _tasks())
    assert not joint("sound", [*_tasks(), *omit])


def test_probes_wait_for_the_gold_answer() -> None:
    probed, found = _probed("refuses_all")
    assert not probed.policies
    assert found["solvability"].outcome == "gold answers refused"
    assert found["reward without work"].state == "not_assessable"


def test_strictness_and_noise() -> None:
    probed, found = _probed("strict")
    assert probed.strict == len(WORDS)
    assert "noise" not in found
    _, found = _probed("noisy")
    assert found["noise"].values["noisy"] >= 1


def test_failures_are_recorded() -> None:
    probed, found = _probed("raises")
    assert probed.policies["empty"].failures == len(WORDS)
    assert "no completion" in found["failures"].statement


def test_a_grader_that_hangs_or_dies_is_replaced() -> None:
    with _grader("hangs", 1.0) as live:
        task = _tasks()[0]
        assert live.grade(task.raw, "0").ending == "timed out"
        assert live.grade(task.raw, task.gold) == ("graded", 1.0, "")
        assert live.restarts == 1
    with _grader("dies") as live:
        assert live.grade(task.raw, "exit").ending == "died"
        assert live.grade(task.raw, task.gold).reward == 1.0


def test_what_a_grader_prints_is_no_answer() -> None:
    with _grader("talks") as live:
        assert live.grade(_tasks()[0].raw, "wrong").reward == 0.0
    with _grader("endless") as live:
        assert live.grade(_tasks()[0].raw, "x").ending == "raised"


@pytest.mark.parametrize(
    ("name", "why"),
    [("graders_for_tests", "module:function"), ("graders_for_tests:absent", "absent"),
     ("graders_for_tests:not_callable", "not callable"), ("no_such_module:f", "no_such_module")],
)  # fmt: skip
def test_graders_that_cannot_be_used(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why), LiveGrader(name, Path(__file__).parent):
        pass
