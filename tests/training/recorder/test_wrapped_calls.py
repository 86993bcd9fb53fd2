"""Wrapped reward functions: what training gets is as before, however they answer and however many at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modelassay import Recorder
from modelassay.training.recorder import graded
from modelassay.training.run import Run

pytestmark = pytest.mark.usefixtures("no_keys")
ASKED = {"prompts": ["1+1=", "1+1="], "completions": ["2", "33"]}


def table(store: Path, *names: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for batch in Run(store / "runs" / "r").batches(names):
        rows += zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    return rows


def lengths(completions: list[str], **_: Any) -> list[float]:
    return [float(len(c)) for c in completions]


class Judge:
    """An object that is awaited, as TRL takes them."""

    async def __call__(self, prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return lengths(completions)


def test_an_answer_that_can_be_read_once_is_read_by_training(tmp_path: Path) -> None:
    def each(completions: list[str], **_: Any) -> Iterator[float]:
        return (float(len(c)) for c in completions)

    def mapped(completions: list[str], **_: Any) -> Iterator[int]:
        return map(len, completions)

    async def later(completions: list[str], **_: Any) -> Iterator[int]:
        return map(len, completions)

    with Recorder(tmp_path, run="r", rewards={"each": 1.0, "mapped": 1.0, "later": 1.0}) as run:
        answer = run.reward(each)(**ASKED)
        assert (next(answer), list(answer)) == (1.0, [2.0])
        assert list(run.reward(mapped)(**ASKED)) == [1, 2]
        assert list(asyncio.run(run.reward(later)(**ASKED))) == [1, 2]
        run.step(1)
    names = ("completion", "reward/each", "reward/mapped", "reward/later", "reward")
    assert table(tmp_path, *names) == [("2", 1.0, 1.0, 1.0, 3.0), ("33", 2.0, 2.0, 2.0, 6.0)]


def test_what_is_awaited_is_awaited_still(tmp_path: Path) -> None:
    trl = pytest.importorskip("trl.trainer.utils", reason="the extra 'train' is not installed")
    pool = ThreadPoolExecutor(1)

    def coming(prompts: list[str], completions: list[str], **_: Any) -> Awaitable[list[float]]:
        return Judge()(prompts, completions)

    def future(prompts: list[str], completions: list[str], **_: Any) -> Future[list[float]]:
        return pool.submit(lengths, completions)

    with Recorder(tmp_path, run="r", rewards={"Judge": 1.0, "coming": 1.0, "future": 1.0}) as run:
        judge = run.reward(Judge())
        assert trl.is_async_callable(judge)
        assert asyncio.run(judge(**ASKED)) == [1.0, 2.0]
        assert asyncio.run(run.reward(coming)(**ASKED)) == [1.0, 2.0]
        assert run.reward(future)(**ASKED).result(10) == [1.0, 2.0]
        pool.shutdown()
        run.step(1)
    names = ("reward/Judge", "reward/coming", "reward/future", "reward")
    assert table(tmp_path, *names) == [(1.0, 1.0, 1.0, 3.0), (2.0, 2.0, 2.0, 6.0)]


@pytest.mark.parametrize("awaited_together", [True, False])
def test_batches_that_are_graded_at_once_are_recorded_once_each(
    tmp_path: Path, awaited_together: bool
) -> None:
    async def quick(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        await asyncio.sleep(0.01)
        return [1.0] * len(completions)

    async def slow(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        await asyncio.sleep(0.02)
        return [0.5] * len(completions)

    with Recorder(tmp_path, run="r", rewards={"quick": 1.0, "slow": 2.0}) as run:
        one, two = run.reward(quick), run.reward(slow)

        async def grade(number: int) -> None:
            asked = {"prompts": [f"p{number}"] * 2, "completions": [f"c{number}.{k}" for k in range(2)]}
            if awaited_together:
                await asyncio.gather(one(**asked), two(**asked))
            else:
                await one(**asked)
                await two(prompts=list(asked["prompts"]), completions=list(asked["completions"]))

        async def all_of_them() -> None:
            await asyncio.gather(*(grade(number) for number in range(6)))

        asyncio.run(all_of_them())
        run.step(1)
    rows = table(tmp_path, "completion", "reward/quick", "reward/slow", "reward")
    assert sorted(rows) == [(f"c{n}.{k}", 1.0, 0.5, 2.0) for n in range(6) for k in range(2)]
    assert len({group for (group,) in table(tmp_path, "group")}) == 6


def test_threads_that_grade_do_not_mix_their_batches(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", rewards={"lengths": 1.0, "second": 1.0}) as run:
        one, two = run.reward(lengths), run.reward(lengths, "second")

        def grade(number: int) -> None:
            asked = {"prompts": ["p"] * 2, "completions": ["x" * number, "y" * number]}
            one(**asked)
            two(**asked)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(grade, range(1, 65)))
        run.step(1)
    rows = table(tmp_path, "completion", "reward")
    assert sorted(rows) == sorted((text * n, 2.0 * n) for n in range(1, 65) for text in "xy")


def test_a_total_is_there_only_where_all_who_were_asked_have_answered(tmp_path: Path) -> None:
    """A late answer makes no second record of its rollouts; an unwrapped function counts, unheard."""

    async def late(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        await opened.wait()
        return [1.0] * len(completions)

    with Recorder(tmp_path, run="r", rewards={"lengths": 1.0, "late": 1.0}) as run:
        first, second = run.reward(lengths), run.reward(late)

        async def overtaken() -> None:
            nonlocal opened
            opened = asyncio.Event()
            pending = asyncio.create_task(second(**ASKED))
            await asyncio.sleep(0)
            first(**ASKED)
            run.step(1)
            opened.set()
            assert await pending == [1.0, 1.0]

        opened = asyncio.Event()
        asyncio.run(overtaken())
        first(prompts=["p"], completions=["alone"])
        run.step(2)
    assert table(tmp_path, "completion", "step", "reward") == [
        ("2", 1, None), ("33", 1, None), ("alone", 2, 5.0),
    ]  # fmt: skip
    coverage = Run(tmp_path / "runs" / "r").coverage()
    assert coverage is not None
    assert any("recorded before it answered" in each for each in coverage.statements)
    with Recorder(tmp_path, run="other", rewards={"lengths": 1.0, "unwrapped": 1.0}) as run:
        run.reward(lengths)(**ASKED)
    (batch,) = Run(tmp_path / "runs" / "other").batches(["reward"])
    assert batch.column("reward").to_pylist() == [None, None]


def test_batches_that_wait_for_a_function_that_is_never_asked_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graded, "MOST_OPEN", 3)
    with Recorder(tmp_path, run="r", rewards={"lengths": 1.0, "never": 1.0}) as run:
        grade, _ = run.reward(lengths), run.reward(lengths, "never")
        for number in range(5):
            grade(prompts=["p"], completions=["x" * (number + 1)])
        run.step(1)
    rows = table(tmp_path, "completion", "reward")
    assert rows == [("x", None), ("xx", None), ("xxx", 3.0), ("xxxx", 4.0), ("xxxxx", 5.0)]


@pytest.mark.parametrize("attached", [True, False])
def test_evaluations_of_a_trainer_are_told_from_its_training(
    tmp_path: Path, online: Callable[..., Any], attached: bool
) -> None:
    """Of one that is not attached, too: TRL's arguments tell which is which."""
    with Recorder(tmp_path / "store", run="r", rewards={"lengths": 1.0}) as run:
        function: Any = lengths if attached else run.reward(lengths)
        trainer = online(tmp_path, functions=[function], max_steps=2, eval_strategy="steps", eval_steps=2)
        if attached:
            run.attach(trainer)
        trainer.train()
    rows = table(tmp_path / "store", "phase", "step", "env")
    assert Counter(rows) == {("train", 1, "sums"): 16, ("train", 2, "sums"): 16, ("eval", 2, "eval"): 16}
    coverage = Run(tmp_path / "store" / "runs" / "r").coverage()
    assert coverage is not None
    assert not any("graded in evaluations" in each for each in coverage.statements)


def test_who_cannot_tell_evaluations_apart_says_so(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", rewards={"lengths": 1.0}) as run:
        run.reward(lengths)(**ASKED)
        run.step(1)
    with Recorder(tmp_path, run="told", rewards={"lengths": 1.0}) as run:
        run.phase = lambda: "eval"
        run.reward(lengths)(**ASKED)
    said = "Nobody told which rollouts lengths graded in evaluations: all of them are kept as training."
    coverage, told = (Run(tmp_path / "runs" / name).coverage() for name in ("r", "told"))
    assert coverage is not None
    assert told is not None
    assert said in coverage.statements
    assert told.statements == ()
    assert (told.found_train, told.found_eval) == (0, 2)
