"""A real run is resumed: it goes on in the same record, and a replayed segment is the same to the bit."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from modelassay import Recorder
from modelassay.assessment.committing import read_commitments
from modelassay.cli.replay_start import start_of
from modelassay.cli.run_replay import command
from modelassay.errors import EvidenceError, UsageError
from modelassay.records import RunFinding
from modelassay.training.protocol.replay import Replayed, recorded_checkpoint, replay_finding
from modelassay.training.protocol.rollout_comparison import compare_rollouts, logged_rollouts
from modelassay.training.protocol.sampling import sampling_of, scores_finding
from modelassay.training.protocol.scoring import Logged, score_tokens
from modelassay.training.protocol.set_up import other_set_up
from modelassay.training.protocol.weight_distance import weight_deviation
from modelassay.training.run import Run

SETTINGS = {
    "per_device_train_batch_size": 64, "max_completion_length": 8, "save_strategy": "steps", "save_steps": 2,
    "max_steps": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, online: Callable[..., Any]) -> tuple[Run, Path]:
    """Four steps with checkpoints 2 and 4."""
    base = tmp_path_factory.mktemp("original")
    trainer = online(base / "out", **SETTINGS)
    with Recorder(base / "store", run="r", commit=False) as recorder:
        recorder.attach(trainer)
        trainer.train()
    return Run(base / "store" / "runs" / "r"), base / "out"


def replayed(base: Path, online: Callable[..., Any], start: Path, **changed: Any) -> tuple[Run, Path]:
    trainer = online(base / "out", **{**SETTINGS, **changed})
    time.sleep(
        1 - time.time() % 1
    )  # rollouts have whole seconds, and a replay is of other ones than the record
    with Recorder(base / "store", run="again", commit=False) as recorder:
        recorder.attach(trainer)
        trainer.train(resume_from_checkpoint=str(start))
    return Run(base / "store" / "runs" / "again"), base / "out"


def test_a_segment_is_replayed_to_the_bit(
    tmp_path: Path, original: tuple[Run, Path], online: Callable[..., Any]
) -> None:
    run, claimed = original
    start = claimed / "checkpoint-2"
    again, out = replayed(tmp_path, online, start)
    rollouts = compare_rollouts(run, again, 3, 4)
    assert (rollouts.recorded, rollouts.replayed, rollouts.equal, rollouts.by_tokens) == (128, 128, 128, True)
    weights = weight_deviation(out / "checkpoint-4", claimed / "checkpoint-4", start)
    assert (weights.ratio, weights.differing) == (0, ())
    assert weights.moved > 0
    finding = replay_finding(run.checkpoints()[0], Replayed(rollouts, weights), run="r")
    assert (finding.outcome, finding.assurance) == ("replayed", "T2")
    assert other_set_up(run, again, 2, 4) == ()
    arguments = [str(run.folder), str(again.folder), "--from", str(start), "--store", str(tmp_path)]
    ends = ["--to", str(claimed / "checkpoint-4"), "--reached", str(out / "checkpoint-4")]
    done = CliRunner().invoke(command, [*arguments, *ends, "-o", str(tmp_path / "finding.json")])
    assert done.exit_code == 0, done.output
    assert "128 of 128 recorded rollouts token by token" in done.output
    assert msgspec.json.decode((tmp_path / "finding.json").read_bytes(), type=RunFinding) == finding
    forged = forge(run, tmp_path / "forged", start)
    own = ["--own", str(nearly(claimed / "checkpoint-4", tmp_path / "own"))]
    for more, said in [
        ([], "0 of 128 recorded rollouts"),
        (own, "checkpoint-2 did not sample the"),
        ([*own, "--own-run", str(again.folder)], "where 0 of them may differ by the developer's own"),
    ]:
        done = CliRunner().invoke(command, [str(forged), *arguments[1:], *ends, *more])
        assert (done.output.startswith("deviates: "), said in done.output) == (True, True), done.output
    done = CliRunner().invoke(command, [*arguments, *ends, *own])
    assert done.output.startswith("replayed: Training replayed from checkpoint-2 gives 128 of 128")
    (out / "checkpoint-2").mkdir()
    with pytest.raises(EvidenceError, match="is not the one recorded"):
        recorded_checkpoint(run, out / "checkpoint-2")


def forge(run: Run, folder: Path, checkpoint: Path) -> Path:
    """A copy of `run` whose rollouts of the steps 3 and 4 say what the checkpoint would hardly ever say."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    prompt = logged_rollouts(run, 3)[0].prompt
    said = {token: score_tokens(checkpoint, [Logged(prompt, (token,) * 7)]).surprise for token in range(16)}
    token = min(said, key=lambda each: said[each])
    shutil.copytree(run.folder, folder)
    for part in (folder / "rollouts").iterdir():
        table = parquet.read_table(part)
        columns = {name: table[name].to_pylist() for name in ("step", "completion", "extra")}
        for place, step in enumerate(columns["step"]):
            if step in (3, 4):
                extra = json.loads(columns["extra"][place])
                extra["completion_ids"] = [token] * 7
                columns["completion"][place], columns["extra"][place] = "+" * 7, json.dumps(extra)
        for name in ("completion", "extra"):
            field = table.schema.get_field_index(name)
            table = table.set_column(
                field, table.schema.field(field), pa.array(columns[name], pa.large_string())
            )
        parquet.write_table(table, part)
    return folder


def nearly(checkpoint: Path, folder: Path) -> Path:
    """A copy of a checkpoint whose weights end a little elsewhere, as on another machine."""
    from safetensors.numpy import load_file, save_file

    folder.mkdir()
    weights = load_file(checkpoint / "model.safetensors")
    save_file({name: each * (1 + 1e-6) for name, each in weights.items()}, folder / "model.safetensors")
    return folder


def test_other_training_does_not_replay(
    tmp_path: Path, original: tuple[Run, Path], online: Callable[..., Any]
) -> None:
    run, claimed = original
    start = claimed / "checkpoint-2"
    again, out = replayed(tmp_path, online, start, reward_weights=[1.0, 0.25])
    rollouts = compare_rollouts(run, again, 3, 4)
    assert rollouts.first is not None
    assert rollouts.first.step == 4
    weights = weight_deviation(out / "checkpoint-4", claimed / "checkpoint-4", start)
    found = Replayed(rollouts, weights)
    finding = replay_finding(run.checkpoints()[0], found, run="r")
    assert (finding.outcome, finding.severity) == ("deviates", "high")
    set_up = other_set_up(run, again, 2, 4)
    assert any(each.endswith("1.0 in the record and 0.25 in the replay") for each in set_up)
    finding = replay_finding(run.checkpoints()[0], replace(found, set_up=set_up), run="r")
    assert (finding.outcome, finding.severity) == ("not assessable", "none")


def test_tokens_are_scored_under_the_checkpoint_that_sampled_them(
    tmp_path: Path, original: tuple[Run, Path]
) -> None:
    run, claimed = original
    logged = logged_rollouts(run, 3)
    assert len(logged) == 64
    temperature, why_not = sampling_of(run)
    assert (temperature, why_not) == (1.0, "")
    checkpoint = run.checkpoints()[0]
    scores = score_tokens(claimed / "checkpoint-2", logged)
    right = scores_finding(checkpoint, 3, logged, scores, run="r")
    assert right.outcome == "consistent"
    # The policy at the end of another course: its last layer points elsewhere.
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(claimed / "checkpoint-2")
    with torch.no_grad():
        model.lm_head.weight.mul_(8)
    model.save_pretrained(tmp_path / "other")
    wrong = scores_finding(checkpoint, 3, logged, score_tokens(tmp_path / "other", logged), run="r")
    assert wrong.outcome == "inconsistent"


def test_tokens_are_scored_under_an_adapter_on_its_base(tmp_path: Path, small: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch", reason="the extra 'train' is not installed")
    peft = pytest.importorskip("peft", reason="the extra 'train' is not installed")
    base, adapter, merged = (tmp_path / name for name in ("base", "adapter", "merged"))
    small().save_pretrained(base)
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    torch.manual_seed(5)
    wrapped = peft.get_peft_model(small(), config)
    wrapped.save_pretrained(adapter)
    wrapped.merge_and_unload().save_pretrained(merged)
    logged = [Logged((2, 3), (4, 5, 6))]
    start = start_of(None, None, f"hf:{base}+{adapter}")  # type: ignore[arg-type]
    found = score_tokens(start.folder, logged, base=start.base)
    assert np.allclose(found.logp, score_tokens(merged, logged).logp, atol=1e-5)
    assert not np.allclose(found.logp, score_tokens(base, logged).logp, atol=1e-5)
    for wrong in (str(tmp_path / "none"), f"hf:{base}+{adapter}@0.5"):
        with pytest.raises(UsageError):
            start_of(None, None, wrong)  # type: ignore[arg-type]


def test_a_resumed_run_goes_on_in_its_record(
    tmp_path: Path, online: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "none"))
    for resumed in (False, True):
        trainer = online(tmp_path / "out", **{**SETTINGS, "max_steps": 4 if resumed else 3})
        with Recorder(tmp_path / "store", run="r") as recorder:
            recorder.attach(trainer)
            trainer.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-2") if resumed else None)
    run = Run(tmp_path / "store" / "runs" / "r")
    (event,) = [e for e in run.events() if e.kind == "resumed"]
    assert (event.step, event.rank) == (2, 1)
    changed = {e.body["setting"] for e in run.events() if e.kind == "configuration.changed"}
    assert "max_steps" in changed
    records = read_commitments(run.folder).records
    assert [(r.rank, r.step) for r in records] == [(0, 1), (0, 2), (0, 3), (1, 3), (1, 4)]
    coverage = run.coverage()
    assert coverage is not None
    assert coverage.repeated_steps == (3,)
    groups = [group for batch in run.batches(["group"]) for group in batch.column("group").to_pylist()]
    assert len(set(groups)) == 5 * 16


def test_groups_of_a_trainer_that_trains_twice_are_kept_apart(
    tmp_path: Path, online: Callable[..., Any]
) -> None:
    """Its second training begins at step 1 again, with other rollouts."""
    trainer = online(tmp_path / "out", max_steps=2)
    with Recorder(tmp_path / "store", run="r", commit=False) as recorder:
        recorder.attach(trainer)
        for _ in range(2):
            trainer.train()
    run = Run(tmp_path / "store" / "runs" / "r")
    assert [(e.step, e.rank) for e in run.events() if e.kind == "resumed"] == [(0, 1)]
    rows = [row for batch in run.batches(["group", "rank", "step"]) for row in batch.to_pylist()]
    assert Counter((row["rank"], row["step"]) for row in rows) == dict.fromkeys(
        [(0, 1), (0, 2), (1, 1), (1, 2)], 16
    )
    assert set(Counter(row["group"] for row in rows).values()) == {4}
