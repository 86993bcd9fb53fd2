"""Killed, torn, full: no acknowledged entry is lost and no published tree head is contradicted."""

from __future__ import annotations

import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modelassay.errors import EvidenceError, StoreError
from modelassay.log import durable, pending
from modelassay.log.keys import PemSigner, new_key, write_new
from modelassay.log.note import Ed25519Verifier, TreeHead, parse_note, vkey_of
from modelassay.log.reader import LogReader
from modelassay.log.verify import verify_log
from modelassay.log.writer import LogWriter

APPENDER = Path(__file__).with_name("append_until_killed.py")


def heads_of(folder: Path) -> list[TreeHead]:
    path = folder / "checkpoint"
    return [TreeHead.parse(parse_note(path.read_bytes()).text)] if path.exists() else []


def test_kill_9_at_any_moment(tmp_path: Path) -> None:
    folder, key = tmp_path / "log", tmp_path / "log.pem"
    signer = new_key("ed25519", name="acme.example/log")
    write_new(key, signer.pem(None), mode=0o600)
    verifiers = [Ed25519Verifier(vkey_of(signer.public))]
    chance = random.Random(20261121)
    seen: list[TreeHead] = []
    acknowledged = 0
    for turn in range(12):
        process = subprocess.Popen(
            [sys.executable, APPENDER, folder, key, str(turn)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        first = process.stdout.readline().split()
        assert first[0] == "open"
        assert int(first[1]) >= acknowledged
        time.sleep(chance.uniform(0, 0.12))
        process.kill()
        told = [line.split() for line in process.stdout.read().splitlines() if line.count(" ") == 1]
        process.wait()
        acknowledged = max([acknowledged, *(int(size) for word, size in told if word == "appended")])
        seen += heads_of(folder)
        with LogWriter(folder) as log:
            assert log.size >= acknowledged
            assert log.published >= max((int(size) for word, size in told if word == "published"), default=0)
            log.publish(signer)
            acknowledged = log.size
        assert verify_log(folder, verifiers, remembered=seen).size == acknowledged
    assert acknowledged > 1000
    assert len({head.size for head in seen}) > 4
    for index, entry in enumerate(LogReader(folder).entries()):
        assert entry == f"entry {index}".encode() * (index % 9)


def test_readers_are_not_disturbed_by_a_writer(tmp_path: Path) -> None:
    folder, key = tmp_path / "log", tmp_path / "log.pem"
    signer = new_key("ed25519", name="acme.example/log")
    write_new(key, signer.pem(None), mode=0o600)
    verifiers = [Ed25519Verifier(vkey_of(signer.public))]
    with LogWriter(folder) as log:
        log.publish(signer)
    writer = subprocess.Popen([sys.executable, APPENDER, folder, key, "1"], stdout=subprocess.DEVNULL)
    try:
        until, sizes, seen = time.monotonic() + 2.5, set(), heads_of(folder)
        while time.monotonic() < until:
            log_now = LogReader(folder)
            sizes.add(log_now.size)
            if log_now.size:
                log_now.entry(log_now.size - 1)
                log_now.inclusion_proof(0)
            if len(sizes) % 10 == 0:
                verify_log(folder, verifiers, remembered=seen)
                seen += heads_of(folder)
    finally:
        writer.kill()
        writer.wait()
    assert len(sizes) > 5


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def ends_at(monkeypatch: pytest.MonkeyPatch, step: int) -> Iterator[list[str]]:
    """The process ends just before its write or flush number `step`."""
    steps: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any) -> Any:
            steps.append(name)
            if len(steps) > step:
                raise Killed
            return real(*arguments)

        return wrapper

    with monkeypatch.context() as patch:
        for module, name in (
            (durable, "_write"),
            (durable, "sync"),
            (pending, "_write_at"),
            (pending, "sync"),
        ):
            patch.setattr(module, name, counted(f"{module.__name__}.{name}", getattr(module, name)))
        yield steps


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushes take no time: these tests end the process in Python, not by cutting the power."""
    monkeypatch.setattr(durable, "sync", lambda file: None)
    monkeypatch.setattr(pending, "sync", lambda file: None)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(("before", "more"), [(0, 3), (250, 3), (250, 10), (255, 600), (256, 1)])
@pytest.mark.parametrize("signed", [True, False])
def test_ended_at_every_single_step(
    before: int,
    more: int,
    signed: bool,
    log_of: Callable[..., Path],
    log_key: PemSigner,
    verifiers: list,
    entry_at: Callable[[int], bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    origin = log_of(before, folder=tmp_path / "origin") if before else tmp_path / "origin"
    origin.mkdir(exist_ok=True)
    step, done = 0, False
    while not done:
        folder = tmp_path / f"step{step}"
        shutil.copytree(origin, folder)
        seen, acknowledged = heads_of(folder), before
        log = None
        with ends_at(monkeypatch, step):
            try:
                log = LogWriter(folder)
                log.append(map(entry_at, range(before, before + more)))
                acknowledged = before + more
                log.publish(log_key if signed else None)
                done = True
            except Killed:
                pass
        if log is not None:
            log._lock.release()
        tear_what_the_tree_head_does_not_cover(folder)
        seen += heads_of(folder)
        with LogWriter(folder) as again:
            assert acknowledged <= again.size <= before + more
            again.append(map(entry_at, range(again.size, before + more + 2)))
            again.publish(log_key)
        assert verify_log(folder, verifiers, remembered=seen).size == before + more + 2
        assert list(LogReader(folder).entries()) == [entry_at(i) for i in range(before + more + 2)]
        shutil.rmtree(folder)
        step += 1
    assert step > 8


def tear_what_the_tree_head_does_not_cover(folder: Path) -> None:
    """What was not flushed before the power failed may be anything; drafts and files beyond the head are."""
    from modelassay.log.tiles import parse_path

    size = (
        LogReader(folder).size
        if (folder / "checkpoint").exists() or (folder / "head.unsigned").exists()
        else 0
    )
    for path in list(folder.rglob("*")):
        tile = parse_path(path.relative_to(folder).as_posix())
        beyond = tile is not None and (tile.index * 256 + tile.width) * tile.span > size
        if path.is_file() and (beyond or path.suffix == ".draft"):
            path.write_bytes(b"torn")


def pending_log(folder: Path, entry_at: Callable[[int], bytes]) -> tuple[Path, list[int]]:
    """A log with three batches pending after five published entries, and where each batch ends."""
    with LogWriter(folder) as log:
        log.append(map(entry_at, range(5)))
        log.publish()
        ends = []
        for batch in (range(5, 8), range(8, 9), range(9, 15)):
            log.append(map(entry_at, batch))
            ends.append((folder / ".pending").stat().st_size)
    return folder / ".pending", ends


@pytest.mark.usefixtures("no_waiting")
def test_a_torn_batch_is_cut_off_wherever_it_is_torn(
    tmp_path: Path, entry_at: Callable[[int], bytes]
) -> None:
    path, ends = pending_log(tmp_path, entry_at)
    data = path.read_bytes()
    sizes = dict(zip(ends, (8, 9, 15), strict=True))
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        with LogWriter(tmp_path) as log:
            assert log.size == max((n for end, n in sizes.items() if end <= length), default=5)
            log.append([b"next"])
    for place in range(ends[1], len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x10
        path.write_bytes(changed)
        with pytest.raises(EvidenceError, match="ends within a batch"):
            verify_log(tmp_path)
        with LogWriter(tmp_path) as log:
            assert log.size == 9
    assert verify_log(tmp_path).pending == 4


def test_a_damaged_acknowledged_batch_is_refused(tmp_path: Path, entry_at: Callable[[int], bytes]) -> None:
    path, ends = pending_log(tmp_path, entry_at)
    data = path.read_bytes()
    for place in range(ends[1]):
        changed = bytearray(data)
        changed[place] ^= 0x10
        path.write_bytes(changed)
        if 33 <= place < 49:  # the random bytes: every batch is wrong then, and none can be told from torn
            with pytest.raises(EvidenceError, match="ends within a batch"):
                verify_log(tmp_path)
            continue
        with pytest.raises(EvidenceError):
            LogWriter(tmp_path)
        assert path.read_bytes() == bytes(changed)
        with pytest.raises(EvidenceError):
            verify_log(tmp_path)


def test_an_entry_cannot_pose_as_a_batch(tmp_path: Path, entry_at: Callable[[int], bytes]) -> None:
    path, _ = pending_log(tmp_path / "a", entry_at)
    frames = path.read_bytes()[49:]
    with LogWriter(tmp_path / "b") as log:
        log.append([frames])
    torn = tmp_path / "b" / ".pending"
    torn.write_bytes(torn.read_bytes()[:-1])
    with LogWriter(tmp_path / "b") as log:
        assert log.size == 0


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A full disk, for one process: no file can grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_append_without_room_is_refused_and_nothing_else_is_lost(
    tmp_path: Path, log_key: PemSigner, verifiers: list
) -> None:
    with LogWriter(tmp_path) as log:
        with files_of_at_most(20_000):
            log.append([b"a" * 5_000] * 3)
            with pytest.raises(StoreError, match="cannot be written"):
                log.append([b"b" * 5_000] * 2)
            log.append([b"c" * 100])
        log.append([b"d" * 5_000])
        log.publish(log_key)
    assert [entry[:1] for entry in LogReader(tmp_path).entries()] == [b"a", b"a", b"a", b"c", b"d"]
    assert verify_log(tmp_path, verifiers).size == 5


def test_publishing_without_room_keeps_the_old_tree_head(
    log_of: Callable[..., Path], log_key: PemSigner, verifiers: list
) -> None:
    folder = log_of(10)
    with LogWriter(folder) as log:
        log.append([b"a" * 5_000] * 20)
        with files_of_at_most(50_000), pytest.raises(StoreError, match="cannot be written"):
            log.publish(log_key)
        assert LogReader(folder).size == 10
        report = verify_log(folder, verifiers)
        assert (report.size, report.pending) == (10, 20)
        log.append([b"b"])
        log.publish(log_key)
    assert verify_log(folder, verifiers).size == 31


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small file system can be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fits(log: LogWriter, entry: bytes) -> bool:
    try:
        log.append([entry])
    except StoreError:
        return False
    return True


def test_a_full_disk(small_disk: Path, log_key: PemSigner, verifiers: list) -> None:
    folder, acknowledged = small_disk / "log", 0
    with LogWriter(folder) as log:
        log.append([b"first"])
        log.publish(log_key)
        while fits(log, b"%d" % acknowledged * 20_000):
            acknowledged = log.size
        with pytest.raises(StoreError, match="no space left"):
            log.publish(log_key)
        assert verify_log(folder, verifiers).size == 1
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    with LogWriter(folder) as log:
        assert log.size == acknowledged > 10
        log.publish(log_key)
    assert verify_log(folder, verifiers).size == acknowledged
