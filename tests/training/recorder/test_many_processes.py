"""A trainer on two processes that talk to each other: one run, nothing twice, nothing missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from modelassay.assessment.committing import commit_run, read_commitments
from modelassay.assessment.recording import own_notary
from modelassay.training.frame import read_frame
from modelassay.training.reconciliation import prompt_tokens_of, reconcile
from modelassay.training.run import Run

TRAINING = """
import importlib.util, sys
from pathlib import Path
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer
from modelassay import Recorder

spec = importlib.util.spec_from_file_location("tiny", sys.argv[1])
tiny = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny)
settings = {
    **tiny.COMMON, "per_device_train_batch_size": 6, "per_device_eval_batch_size": 4, "num_generations": 4,
    "max_completion_length": 6, "max_steps": 3, "eval_strategy": "steps", "eval_steps": 2,
}
trainer = GRPOTrainer(
    model=tiny.tiny_model(),
    reward_funcs=[tiny.longer_is_better, tiny.has_a_nine],
    args=GRPOConfig(output_dir=sys.argv[2] + "/training", **settings),
    train_dataset=Dataset.from_dict({"prompt": tiny.PROMPTS}),
    eval_dataset=Dataset.from_dict({"prompt": [f"{a}-1=" for a in range(4)]}),
    processing_class=tiny.tiny_tokenizer(),
)
assert trainer.args.world_size == 2
with Recorder(sys.argv[2] + "/store", run="two") as recorder:
    recorder.attach(trainer)
    trainer.train()
"""


@pytest.mark.slow
def test_two_processes_of_a_trainer_make_one_run(tmp_path: Path) -> None:
    """Six rollouts each, in groups of four: every second group is on both."""
    pytest.importorskip("trl", reason="the extra 'train' is not installed")
    script = tmp_path / "train.py"
    script.write_text(TRAINING, "utf-8")
    tiny = Path(__file__).with_name("conftest.py")
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, tiny, tmp_path]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MODELASSAY_KEYS": str(tmp_path / "no-keys")}
    done = subprocess.run(
        [sys.executable, *map(str, words)], env=environment, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr[-3000:]
    run = Run(tmp_path / "store" / "runs" / "two")
    found: Counter[tuple[object, ...]] = Counter()
    positions: dict[str, set[int]] = {}
    for batch in run.batches(["phase", "step", "rank", "group", "position"]):
        for row in batch.to_pylist():
            found[(row["phase"], row["step"], row["rank"])] += 1
            positions.setdefault(row["group"], set()).add(row["position"])
    train = {("train", step, rank): 6 for step in (1, 2, 3) for rank in (0, 1)}
    evaluation = {("eval", step, rank): 8 for step in (2, 3) for rank in (0, 1)}
    assert found == {**train, **evaluation}
    assert set(map(frozenset, positions.values())) == {frozenset(range(4))}
    result = reconcile(read_frame(run), run.metrics(), group_size=4, prompt_tokens=prompt_tokens_of(run))
    assert result.disagreements == ()
    assert {"reward", "reward_std", "num_tokens", "advantage"} <= set(result.compared)
    coverage = run.coverage()
    assert coverage is not None
    assert (coverage.found_train, coverage.expected_train, coverage.gaps) == (36, 36, 0)
    assert not any("clock" in statement for statement in coverage.statements)
    assert len(run.datasets()) == 2
    live = read_commitments(run.folder)
    assert commit_run(run, tmp_path / "store", own_notary()).committed == live.committed
    assert live.committed.rollouts == 68
