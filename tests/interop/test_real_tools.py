"""Logs that Inspect AI itself writes, where it is installed: read, paired and sealed like any."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from modelassay.interop import Mark, pair_runs, read_run

WRITE = """
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import includes, match

def answers(wrong):
    number = 0
    while True:
        number += 1
        output = ModelOutput.from_content("mockllm/model", "8" if wrong and number % 5 == 0 else "7")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        yield output

samples = [
    Sample(input=f"What is {n} + {7 - n}? " + "please " * 40, target="7", id=n, metadata={"category": "sums"})
    for n in range(10)
]
task = Task(dataset=samples, scorer=[match(), includes()], epochs=2, name="adding")
for folder, wrong in (("base", False), ("tuned", True)):
    model = get_model("mockllm/model", custom_outputs=answers(wrong), memoize=False)
    eval(task, model=model, log_dir=f"{sys.argv[1]}/{folder}", log_format=sys.argv[2], display="none",
         temperature=0, max_tokens=64)
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("inspect_ai") is None, reason="inspect-ai is not installed")
@pytest.mark.parametrize("form", ["eval", "json"])
def test_logs_that_inspect_writes(tmp_path: Path, form: str) -> None:
    subprocess.run([sys.executable, "-c", WRITE, str(tmp_path), form], check=True, timeout=240)
    base, tuned = (read_run(next((tmp_path / side).glob(f"*.{form}"))) for side in ("base", "tuned"))
    assert base.task == "adding"
    assert base.version
    assert base.decoding.max_tokens == 64
    assert [scorer.exact for scorer in base.scorers] == [True, True]
    wrong = [item for item in tuned.items if item.marks["match"] == Mark(value=0.0, label="I")]
    assert len(wrong) == 4
    paired = pair_runs(base, tuned)
    assert (len(paired.samples), paired.epochs) == (10, 2)
    assert all("please" in sample.messages[-1].content for sample in paired.samples)
