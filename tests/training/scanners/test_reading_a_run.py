"""Scanners on a run on disk, through the frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from modelassay.records import RunManifest
from modelassay.training.frame import read_frame
from modelassay.training.run import Run
from modelassay.training.scanners.hard_coded import HardCoding
from modelassay.training.scanners.reasoning_leak import ReasoningLeak
from modelassay.training.scanners.template_collapse import TemplateCollapse
from modelassay.training.scanners.test_tampering import TestTampering
from modelassay.training.writing import RunWriter

EXIT = "```python\nimport os\nos._exit(0)\n```"
PLAIN = "```python\nprint(input())\n```"


def test_flags_and_scores_stand_in_the_frame(tmp_path: Path) -> None:
    manifest = RunManifest(id="run", name="run", origin="imported", framework="plain")
    message = json.dumps([{"role": "assistant", "content": EXIT}])
    with RunWriter(tmp_path / "run", manifest) as writer:
        writer.rollouts(
            {
                "step": [1, 1, 2, 2, 2],
                "phase": ["train"] * 5,
                "task": ["t"] * 5,
                "group": ["a", "a", "b", "b", "b"],
                "prompt": ["Solve it."] * 5,
                "completion": [EXIT, PLAIN, message, "", f"<think>{'why ' * 9}</think>4"],
                "format": ["text", "text", "messages", "absent", "text"],
            },
            5,
        )
    template = TemplateCollapse()
    scanners = [TestTampering(), HardCoding(), ReasoningLeak(), template]
    frame = read_frame(Run(tmp_path / "run"), scanners)
    assert frame.flags["grader_exploit"].tolist() == [True, False, True, False, False]
    assert frame.flags["reasoning_graded"].tolist() == [False, False, False, False, True]
    assert frame.scanned_by["early_exit"] == f"test_tampering@{TestTampering.version}"
    assert np.isfinite(frame.scores["hard_coding_score"]).all()
    assert sorted(template.steps) == [1, 2]
    assert scanners[0].quote("Solve it.", message) == "os._exit(0)"
