"""What a run depends on: digests of code and batches, settings of the model, and what generates unseen."""

from __future__ import annotations

import hashlib
import sys
import types
from pathlib import Path
from types import SimpleNamespace

import pytest

from modelassay import Recorder
from modelassay.records import RunEvent
from modelassay.training.recorder.batches import DIGESTS, FIRST, Batches, take
from modelassay.training.recorder.generating import (
    NO_ROLLOUTS,
    OWN_CODE,
    UNSEEN_GENERATION,
    generated_unseen,
    told_of_rollouts,
)
from modelassay.training.recorder.model_settings import adapter_settings, base_settings
from modelassay.training.recorder.surroundings import HIDDEN, code_digests, source_file, without_secrets
from modelassay.training.recorder.training_data import rows_digest
from modelassay.training.run import Run


def test_a_module_without_a_file_is_no_error() -> None:
    """As the main module of a notebook, or of a worker that was sent its code."""
    assert not source_file(types.ModuleType("made_up"))
    assert code_digests({"training script": types.ModuleType("made_up")}) == {}


def test_a_function_has_the_digest_of_its_file_and_of_its_code() -> None:
    def grader() -> float:
        return 1.0

    def other() -> float:
        return 2.0

    found, changed = code_digests({"grader": grader}), code_digests({"grader": other})
    assert set(found) == {"grader", f"grader in {Path(__file__).name}"}
    assert found["grader"] != changed["grader"]
    assert source_file(sys.modules["json"])


def test_tokens_of_texts_are_no_secrets() -> None:
    said = {"eos_token": "<e>", "a.pad_token": "<p>", "max_new_tokens": "8", "hub_token": "x", "token": "y"}
    kept = without_secrets(said)
    assert [name for name, value in kept.items() if value == HIDDEN] == ["hub_token", "token"]


def test_everything_in_a_batch_counts_but_what_was_computed_of_it() -> None:
    torch = pytest.importorskip("torch", reason="the extra 'train' is not installed")

    def digest(batch: object) -> str:
        found = hashlib.sha256()
        take(found, batch)
        return found.hexdigest()

    batch = {"prompt_input_ids": torch.tensor([[1, 2]]), "label": [True, False], "margin": torch.ones(2)}
    same = {**dict(reversed(batch.items())), "reference_KL_logps": torch.zeros(2)}
    assert digest(batch) == digest(same)
    others = [
        {**batch, "label": [False, True]},
        {**batch, "margin": torch.zeros(2, dtype=torch.bfloat16)},
        {**batch, "prompt_input_ids": torch.tensor([[1], [2]])},
        [{"prompt": "a"}, {"prompt": "b"}],
        [{"prompt": "b"}, {"prompt": "a"}],
    ]
    assert len({digest(each) for each in [batch, *others]}) == 6


def test_batches_of_a_step_that_broke_off_are_told(tmp_path: Path) -> None:
    trainer = SimpleNamespace(training_step=lambda model, inputs: None)
    with Recorder(tmp_path, run="r", commit=False) as recorder:
        batches = Batches(recorder, trainer)
        batches.wrap()
        for step in range(1, 20):
            trainer.training_step(None, {"input_ids": [step]})
            batches.step_done(step)
        trainer.training_step(None, {"input_ids": [20]})
        batches.ended(19)
    events = Run(tmp_path / "runs" / "r").events()
    told = [(e.step, e.body[FIRST], len(e.body[DIGESTS])) for e in events if DIGESTS in e.body]
    assert told == [(16, 1, 16), (19, 17, 3)]
    (end,) = [e.body for e in events if "batches" in e.body]
    assert (end["batches"], end["batches_of_unfinished_step"]) == (20, 1)


def test_trainers_that_generate_unseen_are_known() -> None:
    kinds = {
        "makes": type("SFTTrainer", (), {"generate_from_model": None}),
        "generates": type("GKDTrainer", (), {"generate_on_policy_outputs": None}),
        "own": type("Mine", (), {"training_step": lambda self: None}),
    }
    told = {name: told_of_rollouts(kind()) for name, kind in kinds.items()}
    assert told == {
        "makes": {NO_ROLLOUTS: "SFTTrainer"},
        "generates": {UNSEEN_GENERATION: "GKDTrainer"},
        "own": {OWN_CODE: "Mine"},
    }
    events = [RunEvent(time="t", kind="note", step=0, body=dict(each)) for each in told.values()]
    assert len(generated_unseen(events)) == 2


def test_adapters_and_the_base_are_told(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"a" * 200_000)
    config = SimpleNamespace(_name_or_path=str(tmp_path), to_dict=lambda: {"hidden": 4})
    lora = SimpleNamespace(to_dict=lambda: {"r": 4, "target_modules": {"v", "q"}, "inference_mode": False})
    model = SimpleNamespace(config=config, peft_config={"default": lora})
    assert adapter_settings(model) == {"peft": {"default": {"r": 4, "target_modules": ["q", "v"]}}}
    before = base_settings(model)
    assert before.keys() == {"base.config", "base.weights_by_their_ends"}
    (tmp_path / "model.safetensors").write_bytes(b"a" * 199_999 + b"b")
    assert base_settings(model) != before


def test_rows_are_digested_with_rests_in_between() -> None:
    """A thread that always works would hold up the interpreter of training."""
    datasets = pytest.importorskip("datasets", reason="the extra 'train' is not installed")
    data = datasets.Dataset.from_dict({"text": [f"row {number}" for number in range(120)]})
    rests: list[float] = []
    assert rows_digest(data, rests.append) == rows_digest(data)
    assert len(rests) == 3
    assert min(rests) > 0
