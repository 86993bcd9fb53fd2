"""The command line: every format, from a store and from a bundle; signed files byte for byte."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from modelassay.cli.export_command import NAMES
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import Bundle
from modelassay.evidence.events import WaiverGranted, WaiverWithdrawn, encode, event_of
from modelassay.exports.envelopes import sigstore_bundle, test_result_envelopes, verdict_envelope
from modelassay.exports.formats import FORMATS
from modelassay.exports.sealed import SealedAudit
from modelassay.log.reader import LogReader, log_exists
from modelassay.log.writer import LogWriter
from modelassay.records import Actor
from modelassay.report import renderer_for

Command = Callable[..., tuple[int, bytes, str]]
SIGNED = ("in-toto", "sigstore", "vsa")
test_result_envelopes.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture
def bundle(plain: SealedAudit, tmp_path: Path) -> Path:
    """A copy of the bundle, without its signatures, far from its store."""
    folder = tmp_path / "copy"
    shutil.copytree(plain.bundle.place, folder)
    for name in ("verdict.dsse.json", "verdict.sigstore.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "tests", ignore_errors=True)
    return folder


def test_the_command_offers_every_format() -> None:
    assert set(NAMES) == set(FORMATS)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in SIGNED])
def test_every_format_can_be_written_to_stdout_and_to_a_file(
    command: Command, bundle: Path, tmp_path: Path, name: str
) -> None:
    code, out, error = command(tmp_path, "export", str(bundle), "--format", name)
    assert code == 0, error
    code, told, error = command(tmp_path, "export", str(bundle), "--format", name, "-o", "out/file", "--json")
    assert code == 0, error
    written = (tmp_path / "out" / "file").read_bytes()
    assert written == out
    assert json.loads(told) == {
        "audit": json.loads((bundle / "audit.json").read_bytes())["id"],
        "format": name,
        "written": "out/file",
        "bytes": len(written),
        "sha256": hashlib.sha256(written).hexdigest(),
    }
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["file"]


@pytest.mark.parametrize("name", SIGNED)
def test_an_unsigned_audit_has_nothing_signed_to_export(
    command: Command, bundle: Path, tmp_path: Path, name: str
) -> None:
    code, out, error = command(tmp_path, "export", str(bundle), "--format", name, "-o", "out.json")
    assert (code, out) == (13, b"")
    assert "signed" in error
    assert "modelassay keys new" in error
    assert not (tmp_path / "out.json").exists()


def test_signed_files_are_copied_byte_for_byte(plain: SealedAudit) -> None:
    files = {
        "verdict.dsse.json": b'{"payload":"AA=="}',
        "verdict.sigstore.json": b'{"mediaType": 1}\n',
        "tests/a.dsse.json": b'{"a":1}\n',
        "tests/b.dsse.json": b'{"b":2}',
    }
    signed = SealedAudit(plain.record, Bundle("here", files))
    assert verdict_envelope(signed) == files["verdict.dsse.json"]
    assert sigstore_bundle(signed) == files["verdict.sigstore.json"]
    assert test_result_envelopes(signed) == b'{"a":1}\n{"b":2}\n'
    with pytest.raises(EvidenceError, match="not in this form"):
        sigstore_bundle(SealedAudit(plain.record, Bundle("here", {"verdict.dsse.json": b"{}"})))
    spread = SealedAudit(plain.record, Bundle("here", {"tests/a.dsse.json": b'{\n"a":1}'}))
    with pytest.raises(EvidenceError, match="more than one line"):
        test_result_envelopes(spread)


def test_a_signed_audit_gives_its_own_files(command: Command, signed: SealedAudit, tmp_path: Path) -> None:
    place = Path(signed.bundle.place)
    code, out, error = command(tmp_path, "export", str(place), "--format", "vsa")
    assert code == 0, error
    assert out == (place / "verdict.dsse.json").read_bytes()
    code, out, error = command(tmp_path, "export", str(place), "--format", "in-toto")
    assert code == 0, error
    results = sorted((place / "tests").glob("*.dsse.json"))
    assert results
    assert out.splitlines() == [path.read_bytes().rstrip(b"\n") for path in results]


def test_an_audit_is_found_by_the_start_of_its_id(
    command: Command, plain: SealedAudit, tmp_path: Path
) -> None:
    store = Path(plain.bundle.place).parents[1]
    found = ("--format", "junit", "--store", str(store))
    code, out, error = command(tmp_path, "export", plain.record.id[:-4], *found)
    assert code == 0, error
    assert ElementTree.fromstring(out).tag == "testsuites"
    code, _, error = command(tmp_path, "export", "nothing-like-it", *found)
    assert code == 2
    assert "unknown audit" in error


def test_an_archive_is_a_bundle_too(command: Command, bundle: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "bundle"), "zip", bundle)
    code, out, error = command(tmp_path, "export", archive, "--format", "annex-iv")
    assert code == 0, error
    assert out == command(tmp_path, "export", str(bundle), "--format", "annex-iv")[1]


def test_options_of_another_format_are_refused(command: Command, bundle: Path, tmp_path: Path) -> None:
    code, _, error = command(tmp_path, "export", str(bundle), "--format", "junit", "--spec", "1.7")
    assert code == 2
    assert "--spec" in error
    code, _, error = command(tmp_path, "export", str(bundle), "--format", "annex-iv", "--framework", "soc3")
    assert code == 2
    assert "did you mean 'soc2'" in error
    code, _, error = command(tmp_path, "export", str(bundle), "--format", "inspect", "-o", "candidate.eval")
    assert code == 2
    assert "name it candidate.json" in error
    assert not (tmp_path / "candidate.eval").exists()


def test_options_reach_their_formats(command: Command, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "ci.yaml").write_text("version: 1\nbaseline: x\ncandidate: y\n")
    _, out, _ = command(tmp_path, "export", str(bundle), "--format", "sarif", "--location", "ci.yaml")
    place = json.loads(out)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("ci.yaml", 3)
    _, out, _ = command(tmp_path, "export", str(bundle), "--format", "cyclonedx", "--spec", "1.7")
    assert json.loads(out)["specVersion"] == "1.7"
    _, out, _ = command(tmp_path, "export", str(bundle), "--format", "inspect", "--side", "baseline")
    assert json.loads(out)["eval"]["metadata"]["side"] == "baseline"
    command(tmp_path, "export", str(bundle), "--format", "annex-iv", "-o", "map.html")
    assert (tmp_path / "map.html").read_bytes().startswith(b"<!doctype html>")


def test_a_card_that_exists_is_kept(command: Command, bundle: Path, tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("# Ours\n\nWords.\n")
    for _ in range(2):
        code, _, error = command(tmp_path, "export", str(bundle), "--format", "model-card", "-o", "README.md")
        assert code == 0, error
    text = card.read_text()
    assert text.count("## Safety audit") == 1
    assert "# Ours\n\nWords.\n" in text
    card.write_bytes(b"\xff\xfe")
    code, _, error = command(tmp_path, "export", str(bundle), "--format", "model-card", "-o", "README.md")
    assert code == 2
    assert "UTF-8" in error
    assert card.read_bytes() == b"\xff\xfe"


def test_one_dataset_of_several_is_chosen(command: Command, declared: SealedAudit, tmp_path: Path) -> None:
    bundle = declared.bundle.place
    code, _, error = command(tmp_path, "export", bundle, "--format", "croissant")
    assert code == 2
    assert "--dataset: asked-1, trained-on-1" in error
    code, out, error = command(
        tmp_path, "export", bundle, "--format", "croissant", "--dataset", "trained-on-1"
    )
    assert code == 0, error
    assert json.loads(out)["name"] == "tickets <b>"
    code, _, error = command(tmp_path, "export", bundle, "--format", "croissant", "--dataset", "trained-on-9")
    assert code == 2
    assert "did you mean 'trained-on-1'" in error


def test_waivers_of_the_stores_log_suppress_results(
    command: Command, plain: SealedAudit, tmp_path: Path
) -> None:
    store = tmp_path / "assay"
    shutil.copytree(Path(plain.bundle.place).parents[1], store)
    found = ("export", plain.record.id, "--format", "sarif", "--store", "assay")
    assert b"suppressions" not in command(tmp_path, *found)[1]
    start = LogReader(store / "log").size if log_exists(store / "log") else 0
    waivers = [
        ("Ann", "2999-01-01", plain.record.id),
        ("Ben", "2000-01-01", plain.record.id),
        ("Cy", "2999-01-01", "x-0"),
    ]
    entries = [
        encode(
            event_of(
                WaiverGranted(
                    audit=audit,
                    payload="sha256:" + "0" * 64,
                    holder=holder,
                    key="",
                    reason="pilot",
                    expires=expires,
                ),
                seq=start + number,
                time="2026-11-21T12:00:00Z",
                actor=Actor(name="test"),
            )
        )
        for number, (holder, expires, audit) in enumerate(waivers)
    ]
    with LogWriter(store / "log") as log:
        log.append(entries)
        log.publish(None)
    code, out, error = command(tmp_path, *found)
    assert code == 0, error
    told = [s["justification"] for s in json.loads(out)["runs"][0]["results"][0]["suppressions"]]
    assert told == ["pilot (accepted by Ann until 2999-01-01)"]
    withdrawn = WaiverWithdrawn(audit=plain.record.id, payload=f"sha256:{0:064}", key="", reason="incident")
    with LogWriter(store / "log") as log:
        event = event_of(withdrawn, seq=log.size, time="2026-11-21T13:00:00Z", actor=Actor(name="test"))
        log.append([encode(event)])
        log.publish(None)
    assert b"suppressions" not in command(tmp_path, *found)[1]


def test_reports_may_be_named_so_too(plain: SealedAudit) -> None:
    assert renderer_for("out/x.sarif").name == "sarif"
    assert renderer_for("out/x.cdx.json").name == "cyclonedx"
    assert renderer_for("out/x.json").name == "json"
