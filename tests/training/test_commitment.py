"""Commitments to rollouts: every part is bound, any part can be withheld, the chain holds."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from modelassay.canonical import canonical_json
from modelassay.log.merkle import leaf_hash, node_hash, root_of
from modelassay.records import RewardFunction, RunManifest, StepRecord
from modelassay.training.columns import pa
from modelassay.training.protocol.commitment import (
    NO_RECORD,
    StepCommitter,
    broken_links,
    chained,
    part_hash,
    rollout_hash,
    salts_of,
)
from modelassay.training.protocol.parts import StepKey, contents, key_of, split
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

SECRET = bytes(range(32))
EARLIER_ROOTS = ["0c3da1b74d349b73", "b3d4ff78bcb5272c", "efa56cfa01a4e205"]


@pytest.fixture
def batch(tmp_path: Path) -> pa.RecordBatch:
    manifest = RunManifest(
        id="r", name="r", origin="recorded", framework="plain", rewards=(RewardFunction(name="grader"),)
    )
    with RunWriter(tmp_path / "r", manifest) as writer:
        writer.rollouts(
            {
                "step": [1, 1, 1, 2, 2],
                "phase": ["train", "train", "eval", "train", "train"],
                "task": list("abcde"),
                "group": list("ggghh"),
                "prompt": ["1+1=", "2+2=", "3", "4", "ü"],
                "completion": ["2", "4", "", "x" * 50, "é"],
                "format": ["text"] * 5,
                "reward": [1.0, 0.1, None, 0.0, 1.0],
                "reward/grader": [1.0, 0.1, None, 0.0, 1.0],
                "trained_on": [True, True, None, True, False],
            },
            5,
        )
    (batch,) = Run(tmp_path / "r").batches()
    return batch


def roots(batch: pa.RecordBatch, secret: bytes = SECRET) -> dict[StepKey, str]:
    committer = StepCommitter("r", secret)
    committer.add(batch)
    return {key_of(record): record.root for record, _ in chained(committer)}


def test_roots_are_those_of_the_definition(batch: pa.RecordBatch) -> None:
    found = list(contents(batch))
    leaves = []
    for ordinal, row in enumerate((0, 1)):
        key, parts = found[row]
        salts = salts_of(SECRET, "r", key, ordinal)
        hashed = [sha256(b"\x00" + s + c).digest() for s, c in zip(salts, parts, strict=True)]
        whole = node_hash(node_hash(hashed[0], hashed[1]), node_hash(hashed[2], hashed[3]))
        assert whole == rollout_hash(hashed)
        leaves.append(leaf_hash(whole))
    assert roots(batch)[StepKey("train", 1, 0)] == "sha256:" + root_of(leaves).hex()


def test_a_slice_of_a_batch_is_read_as_itself(batch: pa.RecordBatch) -> None:
    whole = list(contents(batch))
    assert list(contents(batch.slice(1, 3))) == whole[1:4]
    assert list(contents(batch.slice(4))) == whole[4:]
    assert list(contents(batch.slice(5))) == []
    assert whole[4][1][1:3] == ("{}\nü".encode(), "{}\né".encode())
    assert list(contents(batch, lambda key: 1))[4][1][1:3] == ("ü".encode(), "é".encode())


def test_figures_hold_no_text_and_every_number(batch: pa.RecordBatch) -> None:
    (_, (figures, prompt, completion, grader)) = list(contents(batch))[1]
    plain = msgspec.json.decode(figures)
    assert (plain["reward"], plain["rewards"], plain["step"]) == ("0.1", {"grader": "0.1"}, 1)
    assert (plain["prompt_characters"], plain["completion_characters"]) == (4, 1)
    assert b"2+2" not in figures
    assert (prompt, completion, grader) == (b"{}\n2+2=", b"{}\n4", b'[null,null,""]')


def test_tokens_belong_to_their_text_and_every_column_to_one_part() -> None:
    extra = '{"answer":"2","completion_ids":[9,1],"logprobs":[-0.5,-0.1],"prompt_ids":[1, 2],"task":{"a":1}}'
    told = split(extra)
    assert (told.prompt, told.completion) == (
        b'{"prompt_ids":[1, 2]}',
        b'{"completion_ids":[9,1],"logprobs":[-0.5,-0.1]}',
    )
    assert told.rest == '{"answer":"2","task":{"a":1}}'
    assert split('{"prompt_ids":[1,\n2]}') == (b'{"prompt_ids":[1,2]}', b"{}", "")
    for whole in ("", "{", "[1]", '"prompt_ids"', '{"answer": "a prompt"}'):
        assert split(whole) == (b"{}", b"{}", whole)


def test_a_step_of_an_earlier_version_keeps_its_root(batch: pa.RecordBatch) -> None:
    keys = (StepKey("train", 1, 0), StepKey("eval", 1, 0), StepKey("train", 2, 0))
    earlier = StepCommitter("r", SECRET, dict.fromkeys(keys, 1))
    earlier.add(batch)
    records = [record for record, _ in chained(earlier)]
    # As the version made it that knew of no layouts.
    assert [record.root[7:23] for record in records] == EARLIER_ROOTS
    assert all(b"layout" not in canonical_json(record) for record in records)
    assert all(record.root != roots(batch)[key_of(record)] for record in records)
    with pytest.raises(msgspec.ValidationError, match="layout"):
        msgspec.json.decode(canonical_json(records[0])[:-1] + b',"layout":3}', type=StepRecord)


@pytest.mark.parametrize(
    "name", ["reward", "completion", "prompt", "env", "reward/grader", "advantage", "extra"]
)
def test_every_change_of_a_rollout_changes_its_step_alone(batch: pa.RecordBatch, name: str) -> None:
    index = batch.schema.get_field_index(name)
    values = batch.column(name).to_pylist()
    values[3] = 0.25 if pa.types.is_floating(batch.schema.field(name).type) else f"{values[3]}!"
    changed = batch.set_column(
        index, batch.schema.field(name), pa.array(values, batch.schema.field(name).type)
    )
    before, after = roots(batch), roots(changed)
    assert {key for key in before if before[key] != after[key]} == {StepKey("train", 2, 0)}


def test_dropping_or_swapping_changes_the_root(batch: pa.RecordBatch) -> None:
    key = StepKey("train", 1, 0)
    swapped = batch.take(pa.array([1, 0, 2, 3, 4]))
    dropped = batch.take(pa.array([0, 2, 3, 4]))
    assert len({roots(b)[key] for b in (batch, swapped, dropped)}) == 3


def test_salts_are_of_one_part_and_one_run(batch: pa.RecordBatch) -> None:
    key = StepKey("train", 1, 0)
    places = [(run, k, n) for run in ("r", "q") for k in (key, key._replace(rank=1)) for n in range(3)]
    every = [salt for run, k, n in places for salt in salts_of(SECRET, run, k, n)]
    assert len(set(every)) == len(every)
    assert roots(batch, bytes(32)) != roots(batch)
    assert part_hash(every[0], b"2") != part_hash(every[1], b"2")


def test_the_chain_shows_a_record_that_was_left_out(batch: pa.RecordBatch) -> None:
    committer = StepCommitter("r", SECRET)
    committer.add(batch)
    records = [record for record, _ in chained(committer)]
    assert records[0].previous == NO_RECORD
    assert [r.trained_on for r in records] == [2, None, 1]
    assert broken_links(records) == []
    assert broken_links([records[0], records[2]]) == [records[2]]
    assert broken_links(records[1:]) == [records[1]]
