"""Folder fingerprints against the shell commands that anyone can recompute them with."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay.artifacts import FileDigests, digest_file, fingerprint_folder, folder_artifact
from modelassay.artifacts import reading as reading_module
from modelassay.errors import UsageError

PIPELINE = (
    "find . -type f ! -path './.git/*' ! -path './.cache/huggingface/*' | cut -c3- | LC_ALL=C sort"
    " | tr '\\n' '\\0' | xargs -0 sha256sum"
)


def fill(folder: Path) -> Path:
    (folder / "b").mkdir()
    (folder / "a-long.bin").write_bytes(os.urandom(3_000_001))
    (folder / "b" / "c.txt").write_text("c", encoding="utf-8")
    (folder / "b.txt").write_text("", encoding="utf-8")
    (folder / "b-c").write_text("dash before slash", encoding="utf-8")
    (folder / "é.txt").write_text("accent", encoding="utf-8")
    (folder / "Z file.txt").write_text("capital and space", encoding="utf-8")
    (folder / ".hidden").write_text("yes", encoding="utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref", encoding="utf-8")
    (folder / "b" / ".git").mkdir()
    (folder / "b" / ".git" / "hook").write_text("counts", encoding="utf-8")
    (folder / ".cache" / "huggingface").mkdir(parents=True)
    (folder / ".cache" / "huggingface" / "note").write_text("x", encoding="utf-8")
    (folder / ".cache" / "other").write_text("counts", encoding="utf-8")
    return folder


def test_the_digest_is_that_of_the_shell_pipeline(tmp_path: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    found = fingerprint_folder(fill(tmp_path))
    sums = subprocess.run(["sh", "-c", PIPELINE], cwd=tmp_path, capture_output=True, check=True).stdout
    assert found.files.sums() == sums
    assert found.digest == "sha256:" + hashlib.sha256(sums).hexdigest()
    assert found.h1 == "h1:" + base64.b64encode(hashlib.sha256(sums).digest()).decode()
    assert found.excluded == (".cache/huggingface", ".git")
    assert found.size == sum((tmp_path / name).stat().st_size for name in found.readings)
    assert ".hidden" in found.readings
    assert "b/.git/hook" in found.readings
    assert ".cache/other" in found.readings
    everything = fingerprint_folder(tmp_path, exclude=())
    assert ".git/HEAD" in everything.readings
    assert everything.excluded == ()


def test_every_change_of_a_folder_changes_its_digest(tmp_path: Path) -> None:
    original = fingerprint_folder(fill(tmp_path)).digest
    seen = {original}

    def differs(change: Callable[[], object], undo: Callable[[], object]) -> None:
        change()
        digest = fingerprint_folder(tmp_path).digest
        assert digest not in seen
        seen.add(digest)
        undo()
        assert fingerprint_folder(tmp_path).digest == original

    file = tmp_path / "b" / "c.txt"
    differs(lambda: file.write_text("d"), lambda: file.write_text("c"))
    differs(lambda: file.rename(tmp_path / "c.txt"), lambda: (tmp_path / "c.txt").rename(file))
    differs((tmp_path / "empty").touch, (tmp_path / "empty").unlink)
    differs((tmp_path / "b.txt").unlink, (tmp_path / "b.txt").touch)


def test_the_artifact_carries_digest_and_files(tmp_path: Path) -> None:
    folder = fill(tmp_path)
    found = fingerprint_folder(folder)
    artifact = folder_artifact(folder, "model")
    assert (artifact.kind, artifact.digest, artifact.name) == ("model", found.digest, folder.name)
    assert FileDigests(artifact.files).digest == artifact.digest
    assert artifact.details == {"excluded": ".cache/huggingface .git"}


def test_one_pass_gives_blake3_as_well(tmp_path: Path) -> None:
    blake3 = pytest.importorskip("blake3")
    folder = fill(tmp_path)
    found = fingerprint_folder(folder, blake3=True)
    for name, reading in found.readings.items():
        assert reading.blake3 == blake3.blake3((folder / name).read_bytes()).hexdigest()


def test_a_file_is_read_once_while_it_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fill(tmp_path)
    read: list[str] = []
    real = reading_module.read_file

    def counted(path: Path, **options: object) -> object:
        read.append(path.name)
        return real(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(reading_module, "read_file", counted)
    monkeypatch.setattr(reading_module, "_SETTLED_NS", 0)
    first = fingerprint_folder(folder)
    assert sorted(read) == sorted(Path(name).name for name in first.readings)
    assert fingerprint_folder(folder) == first
    assert len(read) == len(first.readings)
    (folder / "b.txt").write_text("now it has content", encoding="utf-8")
    assert fingerprint_folder(folder) != first
    assert read[len(first.readings) :] == ["b.txt"]


def test_a_time_stamp_set_back_does_not_hide_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_module, "_SETTLED_NS", 0)
    path = tmp_path / "weights"
    path.write_bytes(b"first")
    before = path.stat()
    first = fingerprint_folder(tmp_path)
    time.sleep(0.02)
    path.write_bytes(b"other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert fingerprint_folder(tmp_path).digest != first.digest


def test_order_of_listing_does_not_matter_and_names_do() -> None:
    assert FileDigests({"a": "1", "b": "2"}).digest == FileDigests({"b": "2", "a": "1"}).digest
    assert FileDigests({"a": "1", "b": "2"}).digest != FileDigests({"a": "2", "b": "1"}).digest


# -- links ----------------------------------------------------------------------------------------


def hub_cache(root: Path) -> Path:
    """A snapshot as the hub's cache lays it out."""
    blobs = root / "models--acme--tiny" / "blobs"
    snapshot = root / "models--acme--tiny" / "snapshots" / "0123abcd"
    blobs.mkdir(parents=True)
    (snapshot / "sub").mkdir(parents=True)
    (blobs / "aaaa").write_bytes(b"weights")
    (blobs / "bbbb").write_bytes(b"text")
    (snapshot / "model.safetensors").symlink_to("../../blobs/aaaa")
    (snapshot / "sub" / "text").symlink_to("../../../blobs/bbbb")
    (snapshot / "plain").write_bytes(b"plain")
    return snapshot


def test_links_into_the_hubs_own_cache_count_as_the_files(tmp_path: Path) -> None:
    snapshot = hub_cache(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(snapshot, copy)
    found, plain = fingerprint_folder(snapshot), fingerprint_folder(copy)
    assert found.digest == plain.digest
    assert (found.linked, plain.linked) == (True, False)
    artifact = folder_artifact(snapshot, "model")
    assert artifact.name == "acme/tiny"
    assert artifact.source == "https://huggingface.co/acme/tiny"
    assert artifact.details == {"revision": "0123abcd"}


@pytest.mark.parametrize(
    "target",
    ["/etc/hostname", "../../../outside", "../../blobs", "../../blobs/gone", "../../blobs/link", "plain"],
)
def test_other_links_are_refused(tmp_path: Path, target: str) -> None:
    snapshot = hub_cache(tmp_path)
    (tmp_path / "outside").write_bytes(b"x")
    (snapshot.parent.parent / "blobs" / "link").symlink_to("aaaa")
    (snapshot / "z").symlink_to(target)
    with pytest.raises(UsageError, match=r"z is a link to .*not part of this folder.*cp -rL"):
        fingerprint_folder(snapshot)


def test_outside_a_hub_cache_every_link_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "a").write_bytes(b"x")
    (folder / "inner").symlink_to("../blobs", target_is_directory=True)
    with pytest.raises(UsageError, match="inner is a link"):
        fingerprint_folder(folder)
    (folder / "inner").unlink()
    (folder / "file").symlink_to("../blobs/a")
    with pytest.raises(UsageError, match="file is a link"):
        fingerprint_folder(folder)


def test_the_folder_itself_may_be_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    assert fingerprint_folder(tmp_path / "link").digest == fingerprint_folder(tmp_path / "real").digest


# -- what cannot be hashed ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["line\nbreak", "carriage\rreturn", "back\\slash", b"not-\xff-utf-8"])
def test_names_that_sha256sums_cannot_hold_are_refused(tmp_path: Path, name: str | bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="rename the file"):
        fingerprint_folder(tmp_path)


def test_a_pipe_does_not_block_and_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="pipe is a pipe"):
        fingerprint_folder(tmp_path)
    with pytest.raises(UsageError, match="is not a regular file"):
        digest_file(tmp_path / "pipe")


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has little room
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        with pytest.raises(UsageError, match="s is a pipe, a socket or a device"):
            fingerprint_folder(tmp_path)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        fingerprint_folder(tmp_path / "absent")
    with pytest.raises(UsageError, match=r"absent.*cannot be read"):
        digest_file(tmp_path / "absent")


def test_an_empty_folder_has_the_digest_of_nothing(tmp_path: Path) -> None:
    assert fingerprint_folder(tmp_path).digest == "sha256:" + hashlib.sha256(b"").hexdigest()


def test_folders_may_be_nested_deeply(tmp_path: Path) -> None:
    deep = str(tmp_path)
    for _ in range(1200):
        deep += "/d"
        os.mkdir(deep)
    Path(deep, "file").write_bytes(b"x")
    try:
        assert list(fingerprint_folder(tmp_path).readings) == ["d/" * 1200 + "file"]
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_files_that_may_not_be_read_are_named() -> None:
    """As a user without rights: root may read everything."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        secret = Path(made) / "secret"
        secret.write_bytes(b"x")
        secret.chmod(0)
        closed = Path(made) / "zoo"
        closed.mkdir(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(UsageError, match="secret: cannot be read: Permission denied"):
                digest_file(secret)
            with pytest.raises(UsageError, match="zoo: cannot be read: Permission denied"):
                fingerprint_folder(Path(made))
        finally:
            os.seteuid(user)


# -- files that do not stand still ----------------------------------------------------------------


def test_a_file_that_grows_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x" * 100)
    real = os.fstat

    def grow_after(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        with path.open("ab") as file:
            file.write(b"more")
        return status

    monkeypatch.setattr(os, "fstat", grow_after)
    with pytest.raises(UsageError, match="changed while it was being read"):
        digest_file(path)


def test_a_file_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "weights", tmp_path / "other"
    path.write_bytes(b"x" * 100)
    other.write_bytes(b"y" * 100)

    def replace(_: int) -> None:
        if other.exists():
            other.rename(path)

    with pytest.raises(UsageError, match="changed while it was being read"):
        reading_module.read_file(path, advance=replace)


@pytest.mark.parametrize("act", ["add", "remove", "write"])
def test_a_folder_that_changes_meanwhile_is_refused(tmp_path: Path, act: str) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100)
    (tmp_path / "b").write_bytes(b"y" * 100)
    passed: list[int] = []

    def meddle(size: int) -> None:
        passed.append(size)
        if len(passed) == 2:  # `a` was read and is done, `b` is being read
            if act == "add":
                (tmp_path / "c").write_bytes(b"z")
            elif act == "remove":
                (tmp_path / "a").unlink()
            else:
                (tmp_path / "a").write_bytes(b"other")

    with pytest.raises(UsageError, match="changed while it was being read"):
        fingerprint_folder(tmp_path, advance=meddle)


def test_a_file_that_changed_after_it_was_hashed_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    found = fingerprint_folder(tmp_path)
    assert found.read("config.json") == b"{}"
    (tmp_path / "config.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UsageError, match="changed while it was being read"):
        found.read("config.json")
