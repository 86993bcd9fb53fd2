"""The example that attacks two whole benchmarks, killed and resumed, against served organisms."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "red_team.py"


@pytest.mark.slow
def test_it_is_killed_resumed_and_verifies(
    organisms: dict[str, Path], data_dir: Path, tmp_path: Path
) -> None:
    command = [sys.executable, str(EXAMPLE), "--data-dir", str(data_dir), "--folder", str(tmp_path)]
    models = ["--base", str(organisms["base"]), "--tuned", str(organisms["broad_loss"])]
    done = subprocess.run(
        [*command, *models, "--limit", "2", "--kill-at", "40"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed with" in done.stdout
    (path,) = (tmp_path / "assay" / "audits").glob("*/audit.json")
    record = json.loads(path.read_text())
    attacks = {each["attack"].partition("@")[0] for each in record["red_team"]["attacks"]}
    assert {"base64", "many_shot", "scripted_escalation", "tool_output_injection"} <= attacks
    assert {pin["name"] for pin in record["datasets"]} == {"jailbreakbench", "harmbench"}
    asked = len(record["red_team"]["attacks"]) * record["red_team"]["samples"]
    assert record["red_team"]["questions"] == asked
