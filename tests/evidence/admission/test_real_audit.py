"""From a real audit of local weights to admission: what the target loaded is what is hashed again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from modelassay.cli import run

PLAN = """\
version: 1
name: adapter
baseline: hf:{base}
candidate:
  model: hf:{base}+{adapter}@0.5
  system_prompt: "@prompt.txt"
datasets: [{{use: starter, limit: 12}}]
decoding: {{max_tokens: 4}}
policy: suite-only
release: {{line: adapters, target: "https://models.example/adapter"}}
"""
ADMISSION = """\
version: 1
keys: keys/ci.verdict.pub.pem
log: keys/ci.log.vkey
target: https://models.example/adapter
line: adapters
"""


def test_an_audited_adapter_is_known_again_and_nothing_else(
    tmp_path: Path,
    organisms: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELASSAY_KEYS", "keys")
    base, adapter = tmp_path / "base", tmp_path / "lora"
    shutil.copytree(organisms["base"], base)
    shutil.copytree(organisms["category_loss_adapter"], adapter)
    Path("prompt.txt").write_text("You are careful.\n")
    Path("plan.yaml").write_text(PLAN.format(base=base, adapter=adapter))
    Path("admission.yaml").write_text(ADMISSION)
    assert run(["keys", "new", "ci", "--unencrypted"]) == 0
    outcome = run(["audit", "plan.yaml", "-q"])
    (bundle,) = Path("assay/audits").iterdir()

    def admitting(*arguments: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        given = ("--policy", "admission.yaml", "--evidence", str(bundle), "--log", "assay/log", "--json")
        code = run(["admit", *arguments, *given])
        told = json.loads(capsys.readouterr().out)
        return code, [c["name"] for c in told["conditions"] if not c["proved"]]

    asked = (str(base), "--adapter", f"{adapter}@0.5", "--system-prompt", "prompt.txt")
    assert outcome in (10, 11, 12)  # twelve questions show nothing
    assert admitting(*asked) == (outcome, ["outcome"])
    assert admitting(str(base), *asked[3:]) == (13, ["outcome", "weights"])
    assert admitting(*asked[:3]) == (13, ["outcome", "weights"])
    assert admitting(str(base), "--adapter", f"{adapter}@1", *asked[3:]) == (13, ["outcome", "weights"])
    assert admitting(*asked, "--dtype", "float16") == (13, ["outcome", "weights"])
    (adapter / "adapter_config.json").write_text((adapter / "adapter_config.json").read_text() + " ")
    assert admitting(*asked) == (13, ["outcome", "weights"])
