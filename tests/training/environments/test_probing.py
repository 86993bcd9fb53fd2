"""Live graders behind a process: flaws are found, sound ones are not accused, and nothing hangs."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modelassay.errors import UsageError
from modelassay.records import RunFinding
from modelassay.training.analyses.environment_probes import probe_findings
from modelassay.training.environments.live import LiveGrader
from modelassay.training.environments.probing import HANGS, ProbedEnvironment, probe_environments
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


def _of_tasks(name: str, tasks: list[EnvironmentTask], full: float = 1.0) -> dict[str, RunFinding]:
    with _grader(name) as live:
        probed = probe_environments(tasks, live, full=full)
    return {f.slice["aspect"].removesuffix(", probed"): f for f in probe_findings(probed)}


def test_a_grader_that_fails_at_every_gold_answer_accuses_nobody() -> None:
    _, found = _probed("returns_a_table")
    for aspect in ("solvability", "reward without work"):
        assert found[aspect].state == "not_assessable"
        assert "not 'dict'" in found[aspect].why_not


def test_another_scale_is_told_by_its_highest_reward() -> None:
    found = _of_tasks("penalty", _tasks())
    assert found["solvability"].state == "not_assessable"
    assert "--full 1" in found["solvability"].why_not
    assert "at most 0: name" in found["solvability"].why_not
    assert _of_tasks("penalty", _tasks(), full=0.0)["solvability"].outcome == "solvable"
    _, found = _probed("refuses_all")
    assert (found["solvability"].state, found["solvability"].severity) == ("not_shown", "medium")
    assert "None gets more than 0 (--full is 1)" in found["solvability"].statement


def test_a_sound_grader_is_not_accused_of_answers_that_tasks_share() -> None:
    """As in sums for children: many have the same number, and the number of some is 0."""
    rows = [
        {"id": f"t{n}", "prompt": f"{n}?", "answer": f"It is {n} and so on, so it is\n#### {n % 7}"}
        for n in range(40)
    ]
    found = _of_tasks("number", [task for row in rows if (task := task_of(row)) is not None])
    assert found["reward without work"].severity == "none"
    assert (found["grader"].outcome, found["grader"].state) == ("tells wrong answers apart", "shown_fine")


def test_padding_that_is_paid_where_gold_is_not_is_hackable() -> None:
    """The reward is for length: no gold answer gets it in full, a long one without any work does."""
    found = _of_tasks("by_length", _tasks())
    floor = found["reward without work"]
    assert (floor.outcome, floor.severity) == ("hackable", "high")
    assert "whose gold answer is not paid in full" in floor.statement
    without = [replace(task, gold="") for task in _tasks()]
    floor = _of_tasks("by_length", without)["reward without work"]
    assert floor.outcome == "hackable"
    assert "gold" not in floor.statement


def test_one_odd_task_is_told_and_does_not_make_an_environment_hackable() -> None:
    golds = [f"word {n}" for n in range(30)]
    tasks = [
        EnvironmentTask(gold, "words", f"Q {gold}", gold=gold, raw={"answer": gold if n else ""})
        for n, gold in enumerate(golds)
    ]
    finding = _of_tasks("anywhere_if_empty", tasks)["reward without work"]
    assert (finding.outcome, finding.severity) == ("paid at times", "medium")
    assert finding.values["full: empty"] == 1


def test_partial_reward_without_work_is_told() -> None:
    _, found = _probed("in_part")
    finding = found["reward without work"]
    assert (finding.outcome, finding.state, finding.values["floor"]) == (
        "paid in part",
        "not_shown",
        Decimal("0.3"),
    )


def test_a_grader_that_fails_at_every_null_answer_says_so() -> None:
    _, found = _probed("only_gold")
    assert found["solvability"].outcome == "solvable"
    assert "raised, hung or died at every answer" in found["reward without work"].why_not


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


def test_programs_of_a_grader_read_no_questions() -> None:
    with _grader("reads", 20.0) as live:
        assert [live.grade({"q": n}, "x").reward for n in range(3)] == [1.0, 1.0, 1.0]


def _ended(file: Path) -> bool:
    """Whether the program whose number stands in `file` is gone, or will be when its parent is told."""
    number = int(file.read_text())
    for _ in range(100):
        try:
            status = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if status == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are told by /proc")
def test_nothing_that_a_grader_started_outlives_it(tmp_path: Path) -> None:
    file = tmp_path / "number"
    with _grader("leaves_a_child", 1.5) as live:
        assert live.grade({"file": str(file)}, "wait").ending == "timed out"
        assert _ended(file)
        assert live.grade({"file": str(file)}, "at once").ending == "graded"
    assert _ended(file)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are told by /proc")
def test_nothing_outlives_whoever_asked(tmp_path: Path) -> None:
    """The one that asks is killed in the midst of a question."""
    file, folder = tmp_path / "number", Path(__file__).parent
    program = (
        "from pathlib import Path\n"
        "from modelassay.training.environments.live import LiveGrader\n"
        f"with LiveGrader('graders_for_tests:leaves_a_child', Path({str(folder)!r}), 60.0) as live:\n"
        f"    live.grade({{'file': {str(file)!r}}}, 'wait')\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", program])
    try:
        for _ in range(600):
            if file.is_file() and file.read_text():
                break
            time.sleep(0.05)
    finally:
        asking.kill()
        asking.wait()
    assert _ended(file)


def test_a_module_that_leaves_on_import_says_why() -> None:
    with (
        pytest.raises(UsageError, match="SystemExit: needs an accelerator"),
        LiveGrader("grader_that_exits:grade", Path(__file__).parent),
    ):
        pass


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


@pytest.mark.parametrize("name", ["boxed", "tagged", "as_json", "awaited", "in_a_table", "in_a_pair"])
def test_answers_and_rewards_come_in_many_forms(name: str) -> None:
    probed, found = _probed(name)
    assert probed.gold_passes == len(WORDS)
    assert {f.outcome for f in found.values()} == {
        "solvable",
        "no reward without work",
        "tells wrong answers apart",
    }


@pytest.mark.parametrize("name", ["remembers", "remembers_all"])
def test_a_grader_that_remembers_is_told_as_that_and_pays_not_for_nothing(name: str) -> None:
    _, found = _probed(name)
    assert found["reward without work"].outcome == "no reward without work"
    assert (found["state"].outcome, found["state"].values["remembering"]) == ("remembers", len(WORDS))


def test_what_is_never_answered_is_not_asked_without_end() -> None:
    live = LiveGrader("graders_for_tests:never", folder=Path(__file__).parent, seconds=0.1)
    with live:
        (probed,) = probe_environments(_tasks(), live)
    assert live.restarts <= HANGS
    assert "not asked any more" in " ".join(probed.gold_failures)


@pytest.mark.parametrize(
    ("row", "gold"),
    [
        ({"instance_id": "a", "problem_statement": "Mend it.", "patch": "diff"}, "diff"),
        ({"prompt": [{"role": "user", "content": "2+2?"}], "reward_model": {"ground_truth": "4"}}, "4"),
        ({"prompt": "2+2?", "reward_spec": {"method": "rule", "ground_truth": "4"}}, "4"),
        ({"data": {"question": "2+2?", "answer": "4"}}, "4"),
    ],
)
def test_tasks_of_frameworks_are_read_with_their_answers(row: dict[str, Any], gold: str) -> None:
    task = task_of(row)
    assert task is not None
    assert (task.gold, task.raw) == (gold, row)
