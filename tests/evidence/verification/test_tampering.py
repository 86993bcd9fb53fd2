"""Every change of a single byte of any file of a bundle is found, and the file is named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import Bundle, gunzip, open_bundle
from modelassay.evidence.contents import pack_lines, sha256_hex, write_sums
from modelassay.evidence.verification import verify_bundle

if TYPE_CHECKING:
    from conftest import House

SMALL = 100
"""Bytes of a file of which every one is changed in the fast test; the slow one changes all of every file."""
SAMPLED = 48
"""Positions that are changed in larger files, besides the first and last dozen."""


def others(byte: int, position: int) -> list[int]:
    """Values to put in the place of `byte`: single bits, another case, white space, a neighbour, zero."""
    values = [byte ^ (1 << position % 8), byte ^ 0x20, byte ^ 0x80, 0x20, 0x0A, (byte + 1) % 256, 0]
    return [value for value in dict.fromkeys(values) if value != byte]


def positions(size: int, seed: str) -> list[int]:
    if size <= SMALL:
        return list(range(size))
    drawn = random.Random(seed).sample(range(size), SAMPLED)
    return sorted({*range(12), *drawn, *range(size - 12, size)})


def accepted(house: House, bundle: Bundle, name: str, changes: Iterator[tuple[int, int]]) -> list[str]:
    """The changes that were not found, or blamed on another file."""
    trust = house.trust
    data = bundle.read(name)
    missed = []
    for position, value in changes:
        changed = data[:position] + bytes([value]) + data[position + 1 :]
        found = verify_bundle(Bundle("", {**bundle.files, name: changed}), trust, stop_early=True)
        blamed = [check.where for check in found.checks if check.state == "failed"]
        if found.state != "not verified" or not any(name in where for where in blamed):
            missed.append(
                f"{name}[{position}] {data[position]:#04x} -> {value:#04x}: {found.state}, {blamed}"
            )
    return missed


def flips(data: bytes, name: str, *, each: int) -> Iterator[tuple[int, int]]:
    """Positions and values: `each` values at every position, in turn."""
    for position in positions(len(data), name):
        values = others(data[position], position)
        for step in range(each):
            yield position, values[(position + step) % len(values)]


def test_no_changed_byte_is_accepted(house: House, bundle: Bundle) -> None:
    missed = [
        line
        for name in bundle.files
        for line in accepted(house, bundle, name, flips(bundle.read(name), name, each=1))
    ]
    assert not missed


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_changed_byte_is_accepted_at_any_place(house: House, bundle: Bundle) -> None:
    missed = []
    for name, data in bundle.files.items():
        values = [others(byte, at) for at, byte in enumerate(data)]
        changes = ((at, each[at % len(each)]) for at, each in enumerate(values))
        missed += accepted(house, bundle, name, changes)
    assert not missed


@pytest.mark.parametrize("name", ["audit.json", "log/closed.json", "proof.tlog-proof", "scores.jsonl.gz"])
def test_bytes_added_or_cut_off(house: House, bundle: Bundle, name: str) -> None:
    data = bundle.read(name)
    for changed in (data + b"\n", data + b"\0", data[:-1], b" " + data, data + data, b"", data[1:]):
        found = house.verify(Bundle("", {**bundle.files, name: changed}))
        assert found.state == "not verified"
        assert any(name in check.where for check in found.checks if check.state == "failed")


def test_a_renamed_file_is_refused(house: House, folder: Path, tmp_path: Path) -> None:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        copy = tmp_path / path.name
        shutil.copytree(folder, copy)
        name = path.relative_to(folder)
        (copy / name).rename((copy / name).with_name("x" + name.name))
        if name.parent.name == "tests":  # evaluators may be called anything; the signed statement names them
            found = house.verify(open_bundle(copy))
            assert any(str(name) in c.where for c in found.checks if c.state == "failed")
        else:
            with pytest.raises(EvidenceError) as raised:
                open_bundle(copy)
            assert name.name in raised.value.where
        shutil.rmtree(copy)


ODD = (
    None,
    True,
    -1,
    0,
    2**53 - 1,
    10**30,
    "",
    "NaN",
    "-1",
    "Infinity",
    "\x00",
    "9999-99-99",
    [],
    {},
    [[]],
    {"a": 1},
)


def changed_somewhere(value: object, drawn: random.Random) -> object:
    """Plain data with one odd value at a place drawn at random, or one key or item gone."""
    if drawn.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return drawn.choice([odd for odd in ODD if odd != value])
    if isinstance(value, dict):
        key = drawn.choice(sorted(value))
        if drawn.random() < 0.1:
            return {name: inner for name, inner in value.items() if name != key}
        return {**value, key: changed_somewhere(value[key], drawn)}
    at = drawn.randrange(len(value))
    if drawn.random() < 0.1:
        return value[:at] + value[at + 1 :]
    return [*value[:at], changed_somewhere(value[at], drawn), *value[at + 1 :]]


def resealed(bundle: Bundle, name: str, data: bytes) -> Bundle:
    """A forger's bundle: a changed file, and sums that fit it."""
    files = {**bundle.files, name: data}
    names = [line[66:] for line in files["SHA256SUMS"].decode().splitlines()]
    return Bundle("", {**files, "SHA256SUMS": write_sums({each: sha256_hex(files[each]) for each in names})})


SEALED = ("audit.json", "verdict.json", "findings.json", "policy.json", "plan.json", "examples.json")
EVENTS = ("log/opened.json", "log/closed.json", "log/issued.json")
PACKED = ("scores.jsonl.gz", "samples.jsonl.gz", "transcripts.jsonl.gz", "commitments.jsonl.gz")


@pytest.mark.parametrize("name", [*SEALED, *EVENTS, *PACKED])
def test_odd_values_anywhere_fail_a_check_and_nothing_else(bundle: Bundle, name: str) -> None:
    encode = msgspec.json.Encoder(order="sorted").encode
    drawn = random.Random(name)
    for _ in range(12):
        data = bundle.read(name)
        if name in PACKED:
            lines = gunzip(data, where="").splitlines()
            at = drawn.randrange(len(lines))
            lines[at] = encode(changed_somewhere(msgspec.json.decode(lines[at]), drawn))
            changed = pack_lines(lines)
        else:
            plain = encode(changed_somewhere(msgspec.json.decode(data), drawn))
            pretty = name in ("policy.json", "plan.json")
            changed = msgspec.json.format(plain, indent=2) if pretty else plain
            changed += b"" if name in EVENTS else b"\n"
        unsealed = Bundle("", {**bundle.files, name: changed})
        found = verify_bundle(unsealed if name in EVENTS else resealed(bundle, name, changed))
        assert not found.intact
