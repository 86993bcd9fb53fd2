"""What an import that was killed leaves behind, and who may remove it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelassay.errors import UsageError
from modelassay.records import RunManifest
from modelassay.training.importers import import_run
from modelassay.training.unfinished import remove_abandoned
from modelassay.training.writing import RunWriter

_WRITES = """
import sys, time
from pathlib import Path
from modelassay.records import RewardFunction, RunManifest
from modelassay.training.writing import RunWriter
scores = (RewardFunction(name="score"),)
manifest = RunManifest(id="", name="", origin="imported", framework="verl", rewards=scores)
with RunWriter(Path(sys.argv[1]), manifest) as writer:
    writer.rollouts({"step": [1], "prompt": ["q"], "completion": ["a"]}, 1)
    print("writing", flush=True)
    time.sleep(60)
"""


def source(folder: Path) -> Path:
    (folder / "out").mkdir()
    row = {"input": "q", "output": "a", "score": 1.0}
    (folder / "out" / "1.jsonl").write_text(json.dumps(row) + "\n")
    return folder / "out"


def writing(run: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", _WRITES, str(run)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def hidden(runs: Path) -> list[Path]:
    return [path for path in runs.iterdir() if path.name.startswith(".")]


def test_the_next_import_removes_what_a_killed_one_left_and_nothing_that_is_being_written(
    tmp_path: Path,
) -> None:
    runs, rollouts = tmp_path / "runs", source(tmp_path)
    killed, alive = writing(runs / "big"), writing(runs / "other")
    try:
        import_run(rollouts, runs / "first")
        assert len(hidden(runs)) == 2
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
        import_run(rollouts, runs / "second")
        (left,) = hidden(runs)
        assert left.name.startswith(".other.")
    finally:
        for process in (killed, alive):
            process.kill()
            process.communicate(timeout=30)
    assert remove_abandoned(runs) == (left,)
    assert {path.name for path in runs.iterdir()} == {"first", "second"}


def test_only_folders_of_dead_processes_of_this_host_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(30)
    dead = ended.pid
    stay = [f".big.{dead}@elsewhere", ".big.1", ".big.notes", f"big.{dead}", f".big.{10**30}"]
    for name in (*stay, f".big.{dead}"):  # the last as earlier versions named it
        (tmp_path / name / "rollouts").mkdir(parents=True)
    (tmp_path / f".mine.{dead}").mkdir()
    assert [path.name for path in remove_abandoned(tmp_path)] == [f".big.{dead}"]
    assert {path.name for path in tmp_path.iterdir()} == {*stay, f".mine.{dead}"}


def test_of_two_that_write_one_run_at_once_the_second_is_told_so(tmp_path: Path) -> None:
    manifest = RunManifest(id="r", name="r", origin="imported", framework="verl")
    with (
        pytest.raises(UsageError, match="a run of this name is already kept"),
        RunWriter(tmp_path / "r", manifest),
    ):
        import_run(source(tmp_path), tmp_path / "elsewhere" / "r").folder.rename(tmp_path / "r")
    assert hidden(tmp_path) == []
    assert [path.name for path in (tmp_path / "r" / "rollouts").iterdir()] == ["00000-000000.parquet"]
