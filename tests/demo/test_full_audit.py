"""The example that walks through the whole product, top to bottom, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "full_audit.sh"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_it_runs_from_top_to_bottom(tmp_path: Path) -> None:
    here = {key: value for key, value in os.environ.items() if not key.startswith("MODELASSAY")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{here['PATH']}"
    work = tmp_path / "not there yet"
    done = subprocess.run(
        ["bash", str(EXAMPLE), str(work)],
        cwd=tmp_path,
        env={**here, "OMP_NUM_THREADS": "1", "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout.count("\n== ") == EXAMPLE.read_text().count('\nstep "')
    codes = [int(code) for code in re.findall(r"^exit code (\d+)$", done.stdout, re.MULTILINE)]
    blocked, drawn, harmless, _, admitted, refused, imported, accepted = codes
    assert (blocked, drawn, imported, accepted) == (11, 11, 10, 0)
    assert harmless in {0, 10}
    assert (admitted, refused) == (0, 13)
    assert "sealed folder is intact" in done.stdout
    assert "verified: benign-" in done.stdout
    kept = sorted(path.name.rpartition("-")[0] for path in (work / "assay" / "audits").iterdir())
    assert kept == ["benign", "category-loss", "category-loss-drawn", "imported"]
    assert json.loads((work / "handover.json").read_text())
    assert "<html" in (work / "report.html").read_text()
