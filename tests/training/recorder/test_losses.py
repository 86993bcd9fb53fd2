"""What cannot be recorded: every rollout of it stands in a gap, and training does not notice."""

from __future__ import annotations

import errno
import multiprocessing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modelassay import Recorder
from modelassay.records import RunCoverage
from modelassay.training.cut_short import CutShort, cut_short
from modelassay.training.frame import read_frame
from modelassay.training.lacking import lacks_of
from modelassay.training.reconciliation import reconcile
from modelassay.training.recorder.files import Appending, Ballast
from modelassay.training.recorder.generation import Generation
from modelassay.training.recorder.items import End, Line, Loss, Rollouts, StepDone
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.spool import Places, Spool, SpoolReader
from modelassay.training.run import Run

pytestmark = pytest.mark.usefixtures("no_keys")


def coverage(store: Path) -> RunCoverage:
    found = Run(store / "runs" / "r").coverage()
    assert found is not None
    return found


def test_rollouts_that_cannot_be_written_are_a_gap_every_time(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", commit=False) as run:
        for number in range(10):
            odd = object() if number > 4 else None
            run.rollout(prompt="p", completion="c", step=1, policy=odd)
        columns = {"step": [2] * 4, "prompt": ["p"] * 4, "completion": ["c"] * 4, "group": ["g"] * 4}
        run.rollouts(4, {**columns, "reward": [1.0] * 3})
        run.rollouts(4, columns)
        run.step(2)
    kept = Run(tmp_path / "runs" / "r")
    found = coverage(tmp_path)
    assert (found.found_train, found.expected_train, found.gaps) == (9, 18, 9)
    gaps = [event.body for event in kept.events() if event.kind == "gap"]
    assert {(gap["first_step"], gap["last_step"]) for gap in gaps} <= {(1, 1), (2, 2), (1, 2)}
    (errors,) = (each for each in found.statements if each.startswith("Errors of the recorder"))
    assert "recording a rollout: TypeError (5 times)" in errors
    assert "recording rollouts: ValueError (1 times)" in errors


def test_a_batch_of_a_trainer_that_cannot_be_read_is_a_gap(tmp_path: Path) -> None:
    """The trainer's masks are not what they were: its rollouts are lost, and counted."""
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True),
        state=SimpleNamespace(global_step=6),
        _calculate_rewards=lambda *_: SimpleNamespace(tolist=lambda: [[1.0]] * 4),
        _generate_and_score_completions=lambda inputs: {"advantages": "none"},
    )
    with Recorder(tmp_path, run="r", commit=False) as run:
        Generation(run, trainer, tokens=False).wrap()
        inputs = [{"prompt": "p"}] * 4
        trainer._calculate_rewards(inputs, ["p"] * 4, ["c"] * 4, [[1]] * 4)
        assert trainer._generate_and_score_completions(inputs) == {"advantages": "none"}
        assert trainer._generate_and_score_completions(inputs) == {"advantages": "none"}
    (gap,) = (event for event in Run(tmp_path / "runs" / "r").events() if event.kind == "gap")
    assert (gap.body["rollouts"], gap.body["first_step"], gap.body["last_step"]) == (8, 7, 7)
    assert coverage(tmp_path).gaps == 8


def test_calls_of_reward_functions_that_cannot_be_read_are_gaps(tmp_path: Path) -> None:
    def good(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return [1.0] * len(completions)

    def short(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return [1.0]

    def judge(queries: list[str], prompts: list[str], labels: list[str]) -> list[float]:
        return [1.0]

    with Recorder(tmp_path, run="r", rewards=("good", "short"), commit=False) as run:
        both = [run.reward(good), run.reward(short)]
        whole, mixed = ["a", "b"], ["a", "b", "c"]
        for reward in both:
            reward(["p", "p"], whole)  # the second answers with one score for two: it alone is lost
        for reward in both:
            reward(["p"], mixed)  # fewer prompts than completions: all three are lost, once
        assert run.reward(judge)(["q", "q"], ["", ""], ["", ""]) == [1.0]
        run.step(1)
    found = coverage(tmp_path)
    assert (found.found_train, found.gaps) == (2, 5)


def test_what_forks_say_is_a_gap(tmp_path: Path) -> None:
    def score(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> float:
        return 1.0

    def lists(prompts: list[str], completions: list[str]) -> list[float]:
        return [1.0] * len(completions)

    with Recorder(tmp_path, run="r") as run:
        wrapped, listed = run.reward(score), run.reward(lists)
        wrapped("m", "answer", "gold")
        run.step(1)

        def work() -> None:
            for _ in range(8):
                wrapped("m", "answer", "gold")
            listed(["p"] * 3, ["c"] * 3)
            run.close()

        forks = [multiprocessing.get_context("fork").Process(target=work) for _ in range(2)]
        for fork in forks:
            fork.start()
        for fork in forks:
            fork.join(30)
        assert [fork.exitcode for fork in forks] == [0, 0]
    found = coverage(tmp_path)
    assert (found.found_train, found.expected_train, found.gaps) == (1, 23, 22)
    assert any("forked off" in each for each in found.statements)
    assert not list((tmp_path / "runs" / "r").glob(".*"))


def test_forks_of_a_recorder_that_has_said_nothing_are_counted_too(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", commit=False) as run:
        fork = multiprocessing.get_context("fork").Process(
            target=lambda: run.rollout(prompt="p", completion="c", step=3)
        )
        fork.start()
        fork.join(30)
        run.rollout(prompt="p", completion="c", step=1)
    found = coverage(tmp_path)
    assert (found.found_train, found.gaps) == (1, 1)
    assert any("1 rollouts of steps 3 to 3 were lost" in each for each in found.statements)


def test_a_folder_that_refuses_at_first_costs_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refusing(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with Recorder(tmp_path, run="r", commit=False) as run:
        with monkeypatch.context() as patch:
            patch.setattr(Place, "claim", refusing)
            run.rollout(prompt="p", completion="c", step=1)
            run.step(1, {"loss": 1.0})
        run.rollout(prompt="p", completion="c", step=2)
    found = coverage(tmp_path)
    assert (found.found_train, found.gaps) == (1, 1)
    assert "No space left on device" in capfd.readouterr().err


def test_rollouts_after_the_end_are_told_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Recorder(tmp_path, run="r", commit=False) as run:
        run.rollout(prompt="p", completion="c", step=1)
    run.rollout(prompt="p", completion="c", step=1)
    assert "1 rollouts came after the run was closed" in capfd.readouterr().err


def test_a_recorder_that_is_closed_in_the_middle_of_a_step_says_so(tmp_path: Path) -> None:
    run = Recorder(tmp_path, run="r", rewards={"correct": 1.0}, commit=False)
    for step in range(1, 5):
        for number in range(4 if step < 4 else 3):
            run.rollout(
                prompt="p", completion="c", rewards={"correct": 1.0}, step=step, group=f"{number // 2}-{step}"
            )
        if step < 4:
            run.step(step)
    run.close()
    kept = Run(tmp_path / "runs" / "r")
    assert cut_short(kept) == (CutShort(4, 1),)
    result = reconcile(read_frame(kept), [], lacks=lacks_of(kept))
    assert (result.disagreements, result.lacking) == ((), (4,))
    assert any("step 4 was done: it may lack" in each for each in coverage(tmp_path).statements)


def test_steps_may_be_numbers_of_numpy_or_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    steps = [np.int64(1), np.array(2), np.float32(3), 4.0, torch.tensor(5)]
    with Recorder(tmp_path, run="r", commit=False) as run:
        for step in steps:
            run.rollout(prompt="p", completion="c", step=step)
            columns = {"step": [step], "prompt": ["p"], "completion": ["c"], "group": ["g"]}
            run.rollouts(1, columns)
            run.event("note", step=step, seen="yes")
            run.step(step, {"loss": 0.5})
    kept = Run(tmp_path / "runs" / "r")
    assert [each.step for each in kept.metrics()] == [1, 2, 3, 4, 5]
    assert [event.step for event in kept.events() if "seen" in event.body] == [1, 2, 3, 4, 5]
    assert read_frame(kept).step.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert coverage(tmp_path).gaps == 0


def test_a_value_that_is_no_step_costs_nothing_but_what_has_it(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", commit=False) as run:
        for odd in (2**70, True, "2", 1.5):
            run.rollout(prompt="p", completion="c", step=odd)
            columns = {"step": [1, odd], "prompt": ["p"] * 2, "completion": ["c"] * 2, "group": ["g"] * 2}
            run.rollouts(2, columns)
            run.step(odd, {"loss": 1.0})
        run.rollout(prompt="p", completion="c", step=1)
        run.step(1, {"loss": 0.5})
    kept, found = Run(tmp_path / "runs" / "r"), coverage(tmp_path)
    assert (found.found_train, found.expected_train, found.gaps) == (1, 13, 12)
    assert [each.step for each in kept.metrics()] == [1]
    assert sum(event.body["records"] for event in kept.events() if event.kind == "gap") == 8


def test_a_loss_whose_reason_cannot_be_spelt_is_counted_and_in_nobodys_way(tmp_path: Path) -> None:
    places = Places(tmp_path, 0)
    spool = Spool(places)
    spool.lost.add(Loss(rollouts=3, records=1, first_step=2, last_step=2**80, reason="\ud800"))
    assert spool.put(StepDone(2)) == ""
    loss, done = SpoolReader(places, 0, 0).read(1 << 20)
    assert isinstance(loss, Loss)
    assert (loss.rollouts, loss.records, loss.last_step, done) == (3, 1, -1, StepDone(2))


def test_a_full_disk_leaves_room_to_tell_all_that_it_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept for that is not used up by later rollouts."""
    places, ballast, append = Places(tmp_path, 0), tmp_path / "ballast", Appending.append

    def on_a_small_disk(file: Appending, data: bytes) -> None:
        taken = sum(each.stat().st_size for each in tmp_path.iterdir())
        if taken + len(data) > Ballast.BYTES + 100_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(file, data)

    monkeypatch.setattr(Appending, "append", on_a_small_disk)
    spool, kept = Spool(places, ballast=Ballast(ballast)), 0
    for step in range(1, 101):
        columns = {"step": [step], "completion": ["c" * 9_000]}
        kept += not spool.put(Rollouts(1, columns))
        spool.put(Line("metrics", b"x" * 200))
    assert kept < 12
    assert ballast.stat().st_size > Ballast.BYTES // 4
    spool.put(End())
    found = SpoolReader(places, 0, 0).read(1 << 20)
    assert sum(item.rollouts for item in found if isinstance(item, Loss)) == 100 - kept
    assert [type(item) for item in found].count(Line) == 100
    assert isinstance(found[-1], End)
