"""Commitments: what their words promise, recomputed here from scratch."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelassay.canonical import canonical_json
from modelassay.errors import StoreError
from modelassay.evidence.commitments import Commitments, leaf_of, order_digest, salt_of, secret_salt
from modelassay.log.merkle import Tree, leaf_hash, verify_inclusion
from modelassay.records import PairKey

SECRET = bytes(range(32))


def test_leaf_and_salt_are_what_the_format_says() -> None:
    salt = hmac.new(SECRET, b"transcripts|12", hashlib.sha256).digest()[:16]
    assert salt_of(SECRET, "transcripts", 12) == salt
    sha256 = hashlib.sha256(b"{}").hexdigest()
    leaf = leaf_of("transcripts", 12, salt.hex(), sha256)
    assert leaf == canonical_json({"file": "transcripts", "index": 12, "salt": salt.hex(), "sha256": sha256})


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_the_root_covers_every_record_and_proves_each(count: int) -> None:
    records = [b'{"id":%d}' % index for index in range(count)]
    commitments = Commitments("samples", SECRET)
    lines = [json.loads(commitments.add(record)) for record in records]
    assert [(line["file"], line["index"]) for line in lines] == [("samples", i) for i in range(count)]
    leaves = [
        leaf_hash(leaf_of("samples", line["index"], line["salt"], hashlib.sha256(record).hexdigest()))
        for line, record in zip(lines, records, strict=True)
    ]
    tree = Tree(leaves)
    found = commitments.records
    assert (found.n, found.root) == (count, "sha256:" + tree.root().hex())
    for index, leaf in enumerate(leaves):
        verify_inclusion(leaf, index, count, tree.inclusion_proof(index), tree.root())


def test_equal_records_do_not_look_equal() -> None:
    leaves = {leaf_of("samples", 0, salt_of(SECRET, "samples", i).hex(), "0" * 64) for i in range(50)}
    assert len(leaves) == 50


def test_the_order_is_bound() -> None:
    keys = [PairKey(sample=f"sha256:{i:064x}", epoch=epoch) for epoch in range(2) for i in range(3)]
    text = "".join(f"{key.sample} {key.epoch}\n" for key in keys)
    assert order_digest(keys) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert order_digest(keys) != order_digest(reversed(keys))


def test_the_secret_is_drawn_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        drawn = set(pool.map(lambda _: secret_salt(tmp_path, "a-1"), range(32)))
    assert len(drawn) == 1
    assert len(drawn.pop()) == 32
    path = tmp_path / "secrets" / "a-1.salt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert secret_salt(tmp_path, "a-2") != secret_salt(tmp_path, "a-1")
    path.write_bytes(b"short")
    with pytest.raises(StoreError, match="damaged"):
        secret_salt(tmp_path, "a-1")
