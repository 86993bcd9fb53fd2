"""A whole log, checked: every changed byte is found and named, and so are rollbacks and forks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay.errors import EvidenceError, StoreError, UsageError
from modelassay.log.keys import PemSigner, new_key
from modelassay.log.merkle import Tree, leaf_hash
from modelassay.log.note import Ed25519Verifier, SignatureLine, TreeHead, vkey_of
from modelassay.log.reader import LogReader, log_exists
from modelassay.log.verify import verify_log
from modelassay.log.writer import LogWriter


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def test_every_changed_byte_is_found_and_its_file_named(log_of: Callable[..., Path], verifiers: list) -> None:
    folder = log_of(3, 260, 263)  # a full tile, two partial ones of the second, two levels
    assert verify_log(folder, verifiers).size == 263
    tried = 0
    for path in files_of(folder):
        data = path.read_bytes()
        step = 1 if len(data) < 400 else 41
        for place in (*range(0, len(data), step), len(data) - 1):
            changed = bytearray(data)
            changed[place] ^= 1 << place % 8
            path.write_bytes(changed)
            with pytest.raises(EvidenceError) as caught:
                verify_log(folder, verifiers)
            assert path.relative_to(folder).as_posix() in str(caught.value)
            tried += 1
        path.write_bytes(data)
    assert tried > 1000
    assert verify_log(folder, verifiers).size == 263


def test_every_changed_byte_of_an_unsigned_log_is_found(log_of: Callable[..., Path]) -> None:
    folder = log_of(6, signer=None)
    for path in files_of(folder):
        data = path.read_bytes()
        for place in range(len(data)):
            changed = bytearray(data)
            changed[place] ^= 0x04
            path.write_bytes(changed)
            with pytest.raises(EvidenceError):
                verify_log(folder)
        path.write_bytes(data)
    report = verify_log(folder)
    assert (report.size, report.head, report.unsigned, report.opened) == (6, None, 6, None)


def test_a_changed_entry_is_named(log_of: Callable[..., Path], verifiers: list) -> None:
    folder = log_of(600)
    path = folder / "tile/entries/001"
    path.write_bytes(path.read_bytes().replace(b"entry 300", b"entry 301"))
    with pytest.raises(EvidenceError, match="tile/entries/001: entry 300 was changed"):
        verify_log(folder, verifiers)
    with pytest.raises(EvidenceError, match="entry 300 was changed"):
        LogReader(folder).entry(299)


def test_two_entries_changed_over_are_named(
    log_of: Callable[..., Path], verifiers: list, entry_at: Callable[[int], bytes]
) -> None:
    from modelassay.log.tiles import join_entries

    folder = log_of(5)
    entries = [entry_at(index) for index in (0, 2, 1, 3, 4)]
    (folder / "tile/entries/000.p/5").write_bytes(join_entries(entries))
    with pytest.raises(EvidenceError, match="entry 1 was changed"):
        verify_log(folder, verifiers)


@pytest.mark.parametrize("size", [5, 256, 263, 600])
def test_a_missing_or_cut_file_is_named(size: int, log_of: Callable[..., Path], verifiers: list) -> None:
    folder = log_of(2, size)
    for path in files_of(folder):
        name, data = path.relative_to(folder).as_posix(), path.read_bytes()
        for damage in (path.unlink, lambda: path.write_bytes(data[:-1]), lambda: path.write_bytes(data * 2)):  # noqa: B023
            damage()
            if not path.exists() and name.endswith(".p/2"):
                pass  # only an older tree head needs it
            else:
                with pytest.raises(EvidenceError) as caught:
                    verify_log(folder, verifiers)
                expected = "no log here" if not path.exists() and name == "checkpoint" else name
                assert expected in str(caught.value)
            path.write_bytes(data)


@pytest.mark.parametrize(
    "name",
    ["tile/0/001", "tile/0/000.p/9", "tile/1/000.p/1", "tile/notes.txt", "notes.txt", "tile/entries/001.p/1"],
)
def test_a_file_too_many_is_named(name: str, log_of: Callable[..., Path], verifiers: list) -> None:
    folder = log_of(2, 5)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x" * 32)
    with pytest.raises(EvidenceError, match=name):
        verify_log(folder, verifiers)


def test_links_are_refused(log_of: Callable[..., Path], verifiers: list, tmp_path: Path) -> None:
    folder = log_of(5)
    path = folder / "tile/0/000.p/5"
    shutil.copy(path, tmp_path / "elsewhere")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EvidenceError, match="symbolic link"):
        verify_log(folder, verifiers)
    with pytest.raises(EvidenceError, match=r"tile/0/000\.p/5"):
        LogReader(folder)


def head_of(folder: Path) -> TreeHead:
    return LogReader(folder).head()


def test_a_longer_log_continues_every_earlier_head(log_of: Callable[..., Path], verifiers: list) -> None:
    remembered = []
    for size in (1, 2, 255, 256, 257, 900):
        remembered.append(head_of(log_of(size)))
    folder = log_of(901)
    assert verify_log(folder, verifiers, remembered=remembered).size == 901


def test_rollback_fork_and_another_log_are_told_apart(
    log_of: Callable[..., Path], log_key: PemSigner, verifiers: list, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    folder = log_of(300)
    shutil.copytree(folder, old)
    newer = head_of(log_of(400))
    with pytest.raises(EvidenceError, match="rollback: it had 400 entries once and has 300 now"):
        verify_log(old, verifiers, remembered=[newer])
    with LogWriter(old) as log:
        log.append(b"other %d" % number for number in range(200))
        log.publish(log_key)
    with pytest.raises(EvidenceError, match="fork: its first 400 entries"):
        verify_log(old, verifiers, remembered=[newer])
    elsewhere = TreeHead("other.example/log", newer.size, newer.root)
    with pytest.raises(EvidenceError, match="another log"):
        verify_log(folder, verifiers, remembered=[elsewhere])


def test_a_head_by_another_key_or_for_another_origin_is_refused(
    log_of: Callable[..., Path], log_key: PemSigner
) -> None:
    folder = log_of(5)
    other = new_key("ed25519", name=log_key.public.name)
    with pytest.raises(EvidenceError, match="checkpoint: no signature by a key that is trusted"):
        verify_log(folder, [Ed25519Verifier(vkey_of(other.public))])
    from modelassay.log.note import sign_note

    text = TreeHead("other.example/log", 5, LogReader(folder).root).text
    (folder / "checkpoint").write_bytes(sign_note(text, [log_key]))
    with pytest.raises(EvidenceError, match=r"other\.example/log is signed by acme\.example/log"):
        verify_log(folder, [Ed25519Verifier(vkey_of(log_key.public))])


def test_what_a_key_did_not_sign_is_said(
    log_of: Callable[..., Path], log_key: PemSigner, verifiers: list
) -> None:
    folder = log_of(5)
    before = (folder / "checkpoint").read_bytes()
    log_of(9, signer=None)
    report = verify_log(folder, verifiers)
    assert (report.size, report.unsigned) == (9, 4)
    assert (folder / "checkpoint").read_bytes() == before
    with LogWriter(folder) as log:
        log.publish(log_key)
    assert verify_log(folder, verifiers).unsigned == 0
    assert not (folder / "head.unsigned").exists()


def test_a_log_without_entries_is_whole(tmp_path: Path, log_key: PemSigner, verifiers: list) -> None:
    with LogWriter(tmp_path) as log:
        assert log.append([]) == range(0)
        log.publish(log_key)
    assert verify_log(tmp_path, verifiers).size == 0
    assert list(LogReader(tmp_path).entries()) == []


def test_no_log_is_said(tmp_path: Path) -> None:
    assert not log_exists(tmp_path)
    for attempt in (verify_log, LogReader):
        with pytest.raises(EvidenceError, match="no log here"):
            attempt(tmp_path)


def test_one_writer_at_a_time_and_the_other_is_named(tmp_path: Path) -> None:
    import os

    with LogWriter(tmp_path), pytest.raises(StoreError, match=f"writing to this log: pid {os.getpid()} on"):
        LogWriter(tmp_path)
    LogWriter(tmp_path).close()


def test_publishing_again_changes_no_byte_and_keeps_cosignatures(
    log_of: Callable[..., Path], log_key: PemSigner
) -> None:
    folder = log_of(5)
    with LogWriter(folder) as log:
        cosigned = log.add_signatures([SignatureLine("witness.example", b"abcd", b"signature")])
        assert log.publish(log_key) == cosigned
    assert (folder / "checkpoint").read_bytes() == cosigned
    with LogWriter(folder) as log:
        log.append([b"more"])
        assert b"witness.example" not in (log.publish(log_key) or b"")


def test_an_origin_stays_when_the_key_changes(log_of: Callable[..., Path], log_key: PemSigner) -> None:
    folder = log_of(5)
    new = new_key("ed25519", name="acme.example/new-key")
    with LogWriter(folder) as log:
        with pytest.raises(UsageError, match=r"origin is 'acme\.example/log'"):
            log.publish(new, origin="other.example")
        log.publish(new)
        assert log.origin == "acme.example/log"
    renamed = [Ed25519Verifier(vkey_of(new.public, name="acme.example/log"))]
    assert verify_log(folder, renamed).size == 5
    with pytest.raises(EvidenceError):
        verify_log(folder, [Ed25519Verifier(vkey_of(log_key.public))])


def test_an_entry_too_long_takes_its_whole_batch_with_it(tmp_path: Path) -> None:
    with LogWriter(tmp_path) as log:
        with pytest.raises(UsageError, match="log entry 1 has 65,536 bytes"):
            log.append([b"short", b"x" * 65_536])
        assert log.size == 0
        assert log.append([b"x" * 65_535]) == range(1)


def test_a_writer_refuses_a_log_that_was_changed(log_of: Callable[..., Path], log_key: PemSigner) -> None:
    folder = log_of(5)
    tile = folder / "tile/0/000.p/5"
    data = tile.read_bytes()
    tile.write_bytes(data[:-1] + b"x")
    with pytest.raises(EvidenceError, match="do not lead to the tree head"):
        LogWriter(folder)
    tile.write_bytes(data)
    (folder / "checkpoint").unlink()
    with pytest.raises(EvidenceError, match="tiles and no tree head"):
        LogWriter(folder)
    assert tile.read_bytes() == data


def test_a_tree_head_replaced_under_a_writer_is_noticed(
    log_of: Callable[..., Path], log_key: PemSigner
) -> None:
    folder = log_of(5)
    old = (folder / "checkpoint").read_bytes()
    log_of(9)
    with LogWriter(folder) as log:
        log.append([b"x"])
        (folder / "checkpoint").write_bytes(old)
        with pytest.raises(StoreError, match="was replaced"):
            log.publish(log_key)


def test_a_reader_keeps_its_state_while_the_log_grows(
    log_of: Callable[..., Path], entry_at: Callable[[int], bytes]
) -> None:
    log = LogReader(log_of(200))
    log_of(700)  # the partial tile of 200 is replaced by a full one
    assert log.size == 200
    assert list(log.entries(198)) == [entry_at(198), entry_at(199)]
    assert log.inclusion_proof(7) == Tree(leaf_hash(entry_at(i)) for i in range(200)).inclusion_proof(7)


def test_partial_tiles_stay_until_the_full_one_is_there(log_of: Callable[..., Path]) -> None:
    folder = log_of(3, 7, 200)
    assert sorted(p.name for p in (folder / "tile/0/000.p").iterdir()) == ["200", "3", "7"]
    log_of(256)
    assert not (folder / "tile/0/000.p").exists()
    assert not (folder / "tile/entries/000.p").exists()
    assert (folder / "tile/0/000").stat().st_size == 8192
