"""A validation is stopped and goes on; what was done is not done again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra 'local' is not installed")

from modelassay.cli import run
from modelassay.errors import UnknownNameError, UsageError
from modelassay.records import AuditRecord
from modelassay.validation.campaign import Campaign
from modelassay.validation.zoo import STACKS, Case, all_kinds, cases
from modelassay.whitebox.calibration import Null, Nulls


def put(organisms: dict[str, Path], folder: Path, *kinds: str) -> None:
    """Lay the session's organisms out as a validation keeps them."""
    shutil.copytree(organisms["base"], folder / "organisms" / "llama-0" / "base")
    for kind in kinds:
        shutil.copytree(organisms[kind], folder / "organisms" / "llama-0" / f"{kind}-0")


@pytest.mark.slow
def test_a_stopped_validation_goes_on(
    organisms: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(organisms, tmp_path, "benign")
    chosen = cases(0, kinds=["benign"])
    told: list[str] = []

    def stopped(plan: Path) -> AuditRecord:
        assert "examinations/benign-llama-0/weights.json" in plan.read_text("utf-8")
        raise KeyboardInterrupt

    def campaign(audit: Callable[[Path], AuditRecord], nulls: Nulls | None = None) -> Campaign:
        told.clear()
        held = nulls or Nulls()
        return Campaign(tmp_path, nulls=held, audit_plan=audit, looks=["weights"], tell=told.append)

    with pytest.raises(KeyboardInterrupt):
        campaign(stopped).run(chosen)
    assert [line.split(": ")[1] for line in told] == ["building", "weights", "audit"]
    with pytest.raises(KeyboardInterrupt):
        campaign(stopped).run(chosen)
    assert [line.split(": ")[1] for line in told] == ["building", "audit"]
    (tmp_path / "examinations" / "benign-llama-0" / "weights.done").write_bytes(b'{"key"')  # torn
    with pytest.raises(KeyboardInterrupt):
        campaign(stopped).run(chosen)
    assert [line.split(": ")[1] for line in told] == ["building", "weights", "audit"]
    for check, again in (("watched", []), ("weights", ["weights"])):  # a look is made again for its own nulls
        value = Null(statistic=f"{check}.gap@1", base="b", method="full", values=(Decimal(1),))
        with pytest.raises(KeyboardInterrupt):
            campaign(stopped, Nulls([value])).run(chosen)
        assert [line.split(": ")[1] for line in told] == ["building", *again, "audit"]


def test_cases_are_what_can_be_had() -> None:
    quick, full = set(all_kinds(full=False)), set(all_kinds(full=True))
    assert quick < full
    assert set(STACKS) < quick
    assert "stacked_first" not in full
    assert {case.seed for case in cases(7, kinds=["benign"], full=True)} == {7, 8, 9, 10, 11}
    assert Case(kind="stacked", architecture="llama", seed=0).fault.faulty
    assert not Case(kind="stacked_benign", architecture="llama", seed=0).fault.faulty
    with pytest.raises(UnknownNameError):
        cases(1, kinds=["broad_los"])
    with pytest.raises(UsageError, match="adapter only"):
        cases(1, kinds=["stacked_first"])
    with pytest.raises(UsageError, match="never"):
        cases(1, kinds=["rotated_adapter"])


@pytest.mark.slow
def test_the_command_finds_a_lost_refusal_and_passes_a_harmless_tune(
    organisms: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(organisms, tmp_path, "benign", "broad_loss")
    arguments = ["validate", "--kinds", "benign,broad_loss", "--seed", "0", "--checks", "refusal_margin"]
    assert run([*arguments, "--out", str(tmp_path), "-q", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = {(row["organism"], row["check"]): row["detected"] for row in said["rows"]}
    assert found == {
        ("benign", "refusal_margin"): False,
        ("benign", "audit"): False,
        ("broad_loss", "refusal_margin"): True,
        ("broad_loss", "audit"): True,
    }
    assert (tmp_path / "certificate" / "matrix.json").is_file()
