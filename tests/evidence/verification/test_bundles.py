"""Bundles as folders and archives: the same files, and no tricks."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import Bundle, gunzip, open_bundle
from modelassay.evidence.contents import Contents
from modelassay.log.durable import DRAFT


def zipped(files: dict[str, bytes], path: Path, *, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(prefix + name, data)
    return path


@pytest.mark.parametrize("prefix", ["", "audit-1/"])
@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_an_archive_holds_the_same(bundle: Bundle, tmp_path: Path, form: str, prefix: str) -> None:
    path = tmp_path / f"bundle.{form}"
    if form == "zip":
        zipped(dict(bundle.files), path, prefix=prefix)
    else:
        with tarfile.open(path, "w:gz" if form == "tar.gz" else "w") as archive:
            archive.add(bundle.place, prefix.rstrip("/") or ".")
    assert open_bundle(path).files == bundle.files


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/passwd",
        "log/../../x",
        "a\\..\\b",
        "log/closed.json\0.txt",
        "C:\\x",
        "extra.txt",
        "log/x",
    ],
)
def test_names_that_lead_elsewhere_or_do_not_belong(bundle: Bundle, tmp_path: Path, name: str) -> None:
    for path in (
        zipped({**bundle.files, name: b"x"}, tmp_path / "b.zip"),
        tarred({**bundle.files, name.replace("\0", "?"): b"x"}, tmp_path / "b.tar"),
    ):
        with pytest.raises(EvidenceError):
            open_bundle(path)


def tarred(files: dict[str, bytes], path: Path, *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info)
    return path


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tars(bundle: Bundle, tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("report.html")
    info.type, info.linkname = kind, "audit.json"
    with pytest.raises(EvidenceError, match="plain file"):
        open_bundle(tarred(dict(bundle.files), tmp_path / "b.tar", info))


def test_links_in_zips(bundle: Bundle, tmp_path: Path) -> None:
    path = zipped(dict(bundle.files), tmp_path / "b.zip")
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("report.html")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(EvidenceError, match="plain file"):
        open_bundle(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(bundle: Bundle, tmp_path: Path) -> None:
    path = zipped(dict(bundle.files), tmp_path / "b.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("audit.json", b"{}")
    with pytest.raises(EvidenceError, match="twice"):
        open_bundle(path)


@pytest.mark.parametrize("what", ["file", "folder", "log"])
def test_symbolic_links_in_folders(folder: Path, tmp_path: Path, what: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    if what == "log":
        shutil.move(copy / "log", tmp_path / "elsewhere")
        (copy / "log").symlink_to(tmp_path / "elsewhere")
    elif what == "file":
        (copy / "audit.json").rename(tmp_path / "audit.json")
        (copy / "audit.json").symlink_to(tmp_path / "audit.json")
    else:
        (copy / "report.html").symlink_to(tmp_path)
    with pytest.raises(EvidenceError, match="symbolic link"):
        open_bundle(copy)


def test_a_pipe_does_not_block(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    os.mkfifo(copy / "report.html")
    with pytest.raises(EvidenceError, match="plain file"):
        open_bundle(copy)


@pytest.mark.parametrize("name", ["notes.txt", "log/more.json", "sub/x", "AUDIT.JSON"])
def test_unexpected_files_in_folders(folder: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_bytes(b"x")
    with pytest.raises(EvidenceError) as raised:
        open_bundle(copy)
    assert raised.value.where in (name, name.partition("/")[0])


@pytest.mark.parametrize("name", ["waivers/1.dsse.json", "verdict.dsse.json", "log/issued.json"])
def test_a_file_that_is_being_written_is_not_there_yet(folder: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(folder, tmp_path / "b")
    draft = tmp_path / "b" / f"{name}{DRAFT}"
    draft.parent.mkdir(exist_ok=True)
    draft.write_bytes(b"{")
    assert open_bundle(tmp_path / "b").files == open_bundle(folder).files


def test_gzip_bombs_and_tails() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(EvidenceError, match="more than"):
        gunzip(bomb, where="x", most=1_000_000)
    good = gzip.compress(b"line\n")
    assert gunzip(good, where="x") == b"line\n"
    for bad in (good + b"\0", good + good, good[:-1], b"", good[1:]):
        with pytest.raises(EvidenceError):
            gunzip(bad, where="x")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"epochs":1', b'"epochs":1,"epochs":1'),
        (b'"epochs":1', b'"epochs":1.0'),
        (b'"epochs":1', b'"epochs":100000000000000000000000000000'),
        (b'"epochs":1', b'"epochs": 1'),
        (b'"epochs":1', b'"epochs":1,"newer":2'),
        (b'"epochs":1', b'"epochs":1' + b"0" * 5000),
        (b'"epochs":1', b'"epochs":' + b"[" * 100_000),
        (b'"epochs":1', b'"epochs":"\\ud800"'),
        (b'"epochs":1', b'"epochs":\xff'),
    ],
)
def test_json_that_can_be_read_in_two_ways(bundle: Bundle, before: bytes, after: bytes) -> None:
    data = bundle.read("audit.json")
    assert before in data
    changed = Bundle("", {**bundle.files, "audit.json": data.replace(before, after)})
    with pytest.raises(EvidenceError) as raised:
        _ = Contents(changed).record
    assert raised.value.where == "audit.json"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 10**6))
def test_damaged_archives_are_refused_cleanly(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int
) -> None:
    path = tmp_path_factory.mktemp("noise") / "b"
    small = io.BytesIO()
    with zipfile.ZipFile(small, "w") as archive:
        archive.writestr("audit.json", b"{}" * 50)
    data = bytearray(small.getvalue())
    at = place % len(data)
    data[at : at + len(noise)] = noise
    for content in (noise, bytes(data), gzip.compress(noise)):
        path.write_bytes(content)
        with pytest.raises(EvidenceError):
            open_bundle(path)
