"""`modelassay verify` and `modelassay records` from the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelassay.cli import run
from modelassay.engine import Journal
from modelassay.log.keys import public_pem
from modelassay.log.note import COSIGNATURE, vkey_of

if TYPE_CHECKING:
    from conftest import House


@pytest.fixture
def anchors(house: House, tmp_path: Path) -> list[str]:
    """Options that name every key."""
    options = []
    for signer in (house.first, house.second):
        path = tmp_path / f"{signer.public.name}.pub.pem"
        path.write_bytes(public_pem(signer.public))
        options += ["--key", str(path)]
    witness = vkey_of(house.witness.public, key_type=COSIGNATURE)
    return [*options, "--log-key", str(vkey_of(house.log.public)), "--witness-key", str(witness)]


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    code = run([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_verify_says_who_and_what(
    folder: Path, anchors: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(folder), *anchors, "--threshold", "2"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("verified: made-up-0123456789\n")
    assert "cosigned by witness-1" in text
    assert "WRONG" not in text


def test_without_keys_it_is_not_verified_unless_integrity_is_all_that_is_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(folder)]) == 13
    assert "whose word this is was not checked" in capsys.readouterr().err
    assert run(["verify", str(folder), "--integrity-only"]) == 0
    assert capsys.readouterr().out.startswith("not verified")


def test_what_is_wrong_comes_first(
    folder: Path, anchors: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    text = (copy / "verdict.json").read_text()
    (copy / "verdict.json").write_text(text.replace('"outcome":"', '"outcome":" ', 1))
    assert run(["verify", str(copy), *anchors]) == 13
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("not verified")
    assert any(line.startswith("  WRONG") and "verdict.json" in line for line in lines[:4])
    assert run(["verify", str(copy), "--integrity-only"]) == 13


def test_a_witness_is_asked_for_unless_said_otherwise(
    folder: Path, anchors: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    without = anchors[:-2]
    assert run(["verify", str(folder), *without]) == 2
    assert "--no-witness" in capsys.readouterr().err
    assert run(["verify", str(folder), *without, "--no-witness"]) == 0
    assert "no witness is asked for" in capsys.readouterr().out
    assert run(["verify", str(folder), *anchors, "--no-witness"]) == 2


def test_a_trust_file(
    house: House, folder: Path, anchors: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trust = tmp_path / "trust.txt"
    trust.write_text(f"log {anchors[5]}\nwitness w {anchors[7]}\nquorum w\n")
    code, found = asked(capsys, "verify", str(folder), *anchors[:4], "--trust", str(trust))
    assert (code, found["state"]) == (0, "verified")
    assert asked(capsys, "verify", str(folder), *anchors, "--trust", str(trust))[0] == 2


def test_heads_are_remembered(
    house: House, folder: Path, anchors: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = tmp_path / "seen.json"
    options = [str(folder), *anchors, "--remember", str(seen), "--log", str(house.store / "log")]
    assert asked(capsys, "verify", *options)[0] == 0
    first = json.loads(seen.read_text())["heads"][0]
    assert first["origin"] == "log.example/1"
    code, found = asked(capsys, "verify", *options, "--head", str(house.store / "log/checkpoint"))
    assert code == 0
    assert {c["name"]: c["state"] for c in found["checks"]}["remembered"] == "passed"  # type: ignore[index,attr-defined]
    seen.write_text(seen.read_text().replace(first["root"][-6:], "000000"))
    assert asked(capsys, "verify", *options)[0] == 13


def test_redact_disclose_and_verify(
    folder: Path, anchors: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, answer = tmp_path / "redacted", tmp_path / "answer.json"
    code, done = asked(capsys, "records", "redact", str(folder), "--tag", "category=c1", "-o", str(out))
    assert code == 0
    code, found = asked(capsys, "verify", str(out), *anchors)
    assert (code, found["state"], found["withheld"]) == (0, "verified (redacted)", done["withheld"])
    from modelassay.evidence.bundle import open_bundle
    from modelassay.evidence.contents import Contents

    sample = Contents(open_bundle(folder)).samples.known[0].id
    disclosing = ["records", "disclose", str(folder), "--sample", sample, "-o", str(answer)]
    assert asked(capsys, *disclosing)[0] == 0
    code, found = asked(capsys, "verify", str(answer), *anchors)
    assert (code, found["state"]) == (0, "verified")
    assert asked(capsys, "verify", str(answer))[0] == 13


def test_erasing_asks_to_be_meant(house: House, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "records",
        "erase",
        folder.name,
        "--store",
        str(house.store),
        "--reason",
        "r",
        "--side",
        "candidate",
    ]
    assert run(arguments) == 2
    assert "--yes" in capsys.readouterr().err
    assert folder.joinpath("examples.json").exists()


def test_erase(new_house: Callable[[], House], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = new_house()
    folder = house.seal(samples=12)
    Journal.open(house.store).close()
    named = ["records", "erase", folder.name, "--store", str(house.store), "--side", "candidate", "--yes"]
    code, done = asked(capsys, *named, "--reason", "r")
    assert (code, done["erased"]) == (0, {"transcripts": 12})
    assert run(["verify", str(folder), "--integrity-only"]) == 0
    assert run([*named, "--reason", "r"]) == 2  # nothing is left to erase


def test_no_record_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["records", "redact", str(folder), "-o", str(tmp_path / "x")]) == 2
    assert run(["verify", str(tmp_path / "nothing")]) == 2
