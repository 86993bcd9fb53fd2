"""The demo of a training run tells what was planted, and what it leaves can be checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelassay.cli import run
from modelassay.cli.run_demo import check_words


@pytest.mark.slow
def test_the_report_names_the_patched_over_episode(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("trl", reason="the extra 'train' is not installed")
    assert run(["run", "demo", "--folder", str(tmp_path), "--quiet", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["as_planted"]
    assert told["story"]["patched_over"] in {"patched", "displaced", "unresolved", "regressed", "returned"}
    folder = Path(told["folder"])
    words = ["run", "verify", *map(str, check_words(tmp_path, folder))]
    assert run(words) == 0
    page = folder / "report.html"
    page.write_bytes(page.read_bytes().replace(b"patched", b"resolved"))
    assert run(words) == 13
