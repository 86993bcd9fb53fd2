"""Paths that cannot be used are told in a sentence, whichever command meets them."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from modelassay import cli
from modelassay.records import RunManifest
from modelassay.training.writing import RunWriter


def test_a_nonce_in_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nonce = tmp_path / "missing" / "nonce.txt"
    words = ["run", "challenge", "--prepare", "--nonce", str(nonce), "--store", str(tmp_path / "assay")]
    assert cli.run(words) == 2
    told = capsys.readouterr().err
    assert f"{nonce}: no such file or directory" in told
    assert "its folder must be there" in told


def test_a_file_where_a_folder_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    words = ["run", "challenge", "--prepare", "--nonce", str(tmp_path / "file" / "n"), "--json"]
    assert cli.run([*words, "--store", str(tmp_path / "assay")]) == 2
    assert "not a directory" in json.loads(capsys.readouterr().out)["error"]["what"]


def test_a_report_is_refused_before_the_run_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "assay"
    (store / "runs").mkdir(parents=True)
    with RunWriter(
        store / "runs" / "tiny", RunManifest(id="tiny", name="tiny", origin="imported", framework="plain")
    ):
        pass
    (tmp_path / "file").write_text("")
    report = tmp_path / "file" / "report.html"
    assert cli.run(["run", "assess", "tiny", "-o", str(report), "--store", str(store)]) == 2
    assert f"--output {report}: its folder cannot be made" in capsys.readouterr().err
    assert not (store / "assessments").exists()


def test_a_challenge_is_drawn_and_logged_only_where_it_can_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "assay"
    nonce = tmp_path / "nonce"
    nonce.write_text("0" * 64 + "\n")
    words = ["run", "challenge", str(tmp_path), "--nonce", str(nonce), "--store", str(store), "-o"]
    assert cli.run([*words, str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err or not store.exists()
    assert cli.run([*words, str(nonce / "challenge.json")]) == 2
    assert "its folder cannot be made" in capsys.readouterr().err
    assert not store.exists()


def test_what_is_no_fault_of_a_path_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOENT, "No such file or directory")  # of no path: something else is broken

    monkeypatch.setattr(cli.modelassay, "main", fails)
    with pytest.raises(OSError, match="No such file"):
        cli.run([])

    def draft(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "gone/x.json.draft")

    monkeypatch.setattr(cli.modelassay, "main", draft)
    assert cli.run([]) == 2
    assert "gone/x.json: no such file" in capsys.readouterr().err
