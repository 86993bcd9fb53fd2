"""What TRL logs of advantages follows from rollouts however it scales, and of rewards it may leave out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelassay import Recorder
from modelassay.assessment import Request, assess_run
from modelassay.records import AssessorDeclaration
from modelassay.training.frame import read_frame
from modelassay.training.reconciliation import reconcile
from modelassay.training.run import Run

pytestmark = [pytest.mark.usefixtures("no_keys"), pytest.mark.slow]


def seldom(completions: list[str], **_: Any) -> list[float | None]:
    """None for about half of the completions."""
    return [None if c[:1] in set("0123456789abcdefg") else len(c) / 8 + c.count("e") for c in completions]


def recorded(store: Path, trainer: Any, resume: bool | None = None) -> Run:
    with Recorder(store, run="r") as recorder:
        recorder.attach(trainer)
        trainer.train(resume_from_checkpoint=resume)
    return Run(store / "runs" / "r")


def verdicts(run: Run) -> set[str]:
    found = assess_run(run, Request(declaration=AssessorDeclaration(assessor="me"))).findings
    return {each.outcome for each in found if each.check == "reconciliation"}


def test_a_penalty_of_which_little_shows_yet_accuses_nobody(
    tmp_path: Path, online: Callable[..., Any]
) -> None:
    from transformers import AutoModelForCausalLM

    base = online(tmp_path / "out", "RLOO", beta=0.0)
    base.model.save_pretrained(tmp_path / "base")  # the reference model is loaded from there
    base.processing_class.save_pretrained(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    trainer = online(tmp_path / "out", "RLOO", model=model, max_steps=2)
    assert trainer.beta == 0.05
    assert verdicts(recorded(tmp_path, trainer)) == {"agrees"}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("RLOO", {"beta": 0.0, "reward_clip_range": (-0.3, 0.5)}),
        ("RLOO", {"beta": 0.0, "normalize_advantages": True}),
        ("RLOO", {"beta": 0.0, "functions": [seldom]}),
        ("GRPO", {"scale_rewards": "batch"}),
        ("GRPO", {"multi_objective_aggregation": "normalize_then_sum"}),
    ],
)
def test_an_honest_run_agrees(
    tmp_path: Path, online: Callable[..., Any], kind: str, settings: dict[str, Any]
) -> None:
    run = recorded(tmp_path, online(tmp_path / "out", kind, **settings))
    assert verdicts(run) == {"agrees"}
    if {"beta", "functions"} <= settings.keys() or "scale_rewards" in settings:
        result = reconcile(read_frame(run), run.metrics(), group_size=4)
        assert result.compared["advantage"] == 4
        assert result.formula == ("leave one out" if kind == "RLOO" else "batch")


def test_a_run_that_is_resumed_with_other_batches_and_groups_agrees(
    tmp_path: Path, online: Callable[..., Any]
) -> None:
    for steps, resume, sizes in (
        (12, None, {}),
        (15, True, {"per_device_train_batch_size": 32, "num_generations": 8}),
    ):
        trainer = online(
            tmp_path / "out", max_steps=steps, **{"save_strategy": "steps", "save_steps": 12, **sizes}
        )
        run = recorded(tmp_path / "store", trainer, resume)
    assert verdicts(run) == {"agrees"}
