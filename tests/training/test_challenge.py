"""Commit, challenge, open, check: an honest developer passes, every kind of dishonesty is caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from modelassay.canonical import digest_bytes
from modelassay.errors import EvidenceError, StoreError, UsageError
from modelassay.records import CommittedRun, RewardFunction, RunManifest, StepRecord
from modelassay.statistics import detection_probability
from modelassay.training.protocol.challenge import (
    Challenge,
    chance,
    decode_challenge,
    draw,
    make_challenge,
    new_nonce,
    seed_of,
)
from modelassay.training.protocol.checking import (
    CheckedOpening,
    challenge_finding,
    check_challenge,
    check_opening,
    check_records,
)
from modelassay.training.protocol.commitment import StepCommitter, chained
from modelassay.training.protocol.disclosure import (
    Opened,
    OpeningHead,
    OpenPart,
    WithheldPart,
    challenge_digest,
    decode_opening,
    open_rollouts,
)
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

SECRET = bytes(range(32))
STEPS, PER_STEP = 12, 16


@dataclass(frozen=True)
class Case:
    run: Run
    records: list[StepRecord]
    file: bytes
    committed: CommittedRun
    challenge: Challenge

    def opening(self, withhold: tuple[str, ...] = ()) -> list[Opened]:
        return list(open_rollouts(self.run, SECRET, self.challenge, self.records, withhold))

    def check(self, opened: list[Opened], received: str = "2026-05-01T00:00:00Z") -> CheckedOpening:
        head = OpeningHead(run="r", challenge=challenge_digest(self.challenge), opened="2026-05-01T00:00:00Z")
        return check_opening(self.challenge, self.records, head, opened, received)


def write(folder: Path, edit: Callable[[list[str]], None] = lambda completions: None) -> Run:
    rows = STEPS * PER_STEP
    completions = [f"answer {i}" for i in range(rows)]
    edit(completions)
    manifest = RunManifest(
        id="r", name="r", origin="recorded", framework="plain", rewards=(RewardFunction(name="g"),)
    )
    with RunWriter(folder, manifest) as writer:
        writer.rollouts(
            {
                "step": [1 + i // PER_STEP for i in range(rows)],
                "phase": ["train"] * rows,
                "task": [f"t{i}" for i in range(rows)],
                "group": [f"g{i // 4}" for i in range(rows)],
                "prompt": [f"question {i}" for i in range(rows)],
                "completion": completions,
                "format": ["text"] * rows,
                "reward": [float(i % 2) for i in range(rows)],
                "reward/g": [float(i % 2) for i in range(rows)],
            },
            rows,
        )
    return Run(folder)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    run = write(tmp_path / "r")
    committer = StepCommitter("r", SECRET)
    for batch in run.batches(rows=50):
        committer.add(batch)
    records = [record for record, _ in chained(committer)]
    file = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
    committed = CommittedRun(
        run="r",
        manifest=digest_bytes(b""),
        records=digest_bytes(file),
        steps=len(records),
        rollouts=STEPS * PER_STEP,
    )
    challenge = make_challenge(
        committed, records, nonce=new_nonce(), randomness="round 7", share=0.1, probability=0.95,
        issued="2026-04-30T00:00:00Z", deadline="2026-05-02T00:00:00Z", parts=("figures", "completion"),
    )  # fmt: skip
    return Case(run, records, file, committed, challenge)


def test_an_honest_developer_passes(case: Case) -> None:
    check_records(case.committed, case.records, case.file)
    check_challenge(case.challenge, case.committed, case.records, default_strata=True)
    checked = case.check(case.opening(withhold=("prompt", "grader")))
    finding = challenge_finding(checked)
    assert (finding.outcome, finding.assurance, checked.failed) == ("opened as committed", "T3", ())
    assert checked.withheld == {"prompt": len(case.challenge.drawn), "grader": len(case.challenge.drawn)}
    assert chance(case.challenge) >= 0.95


def test_what_is_withheld_is_not_in_the_opening(case: Case) -> None:
    text = msgspec.json.encode(case.opening(withhold=("prompt",))).decode()
    assert "answer " in text
    assert "question " not in text


def failures(case: Case, opened: list[Opened], **more: str) -> set[str]:
    checked = case.check(opened, **more)
    assert challenge_finding(checked).severity == ("critical" if checked.failed else "none")
    return {each.why for each in checked.failed}


def test_silence_lateness_and_withholding_what_was_asked_for_count_as_bad(case: Case) -> None:
    opened = case.opening()
    assert failures(case, opened[1:]) == {"not opened"}
    assert failures(case, opened, received="2026-05-02T00:00:01Z") == {"opened late"}
    assert failures(case, case.opening(withhold=("completion",))) == {
        "completion was asked for and is withheld"
    }


def changed(opened: Opened, name: str, **fields: str) -> Opened:
    part = opened.parts[name]
    assert isinstance(part, OpenPart)
    return msgspec.structs.replace(
        opened, parts={**opened.parts, name: msgspec.structs.replace(part, **fields)}
    )


@pytest.mark.parametrize("name", ["figures", "prompt", "completion", "grader"])
def test_changed_content_and_wrong_salts_are_caught(case: Case, name: str) -> None:
    opened = case.opening()
    part = opened[0].parts[name]
    assert isinstance(part, OpenPart)
    for bad in (
        changed(opened[0], name, text=part.text + " "),
        changed(opened[0], name, salt="00" * 16),
        changed(opened[0], name, salt="no salt"),
        msgspec.structs.replace(opened[0], proof=opened[1].proof),
        msgspec.structs.replace(opened[0], proof=()),
    ):
        (why,) = failures(case, [bad, *opened[1:]])
        assert "not what the run was committed to" in why


def shifted(opened: Opened, name: str, by: int) -> Opened:
    """The same bytes under the hash: the first `by` of the content go to the salt; below 0, come from it."""
    part = opened.parts[name]
    assert isinstance(part, OpenPart)
    row = bytes.fromhex(part.salt) + part.text.encode()
    return changed(opened, name, salt=row[: 16 + by].hex(), text=row[16 + by :].decode())


def test_bytes_moved_between_salt_and_content_are_caught(case: Case) -> None:
    opened = case.opening(withhold=("figures", "prompt", "grader"))
    case = replace(case, challenge=msgspec.structs.replace(case.challenge, parts=("completion",)))
    assert failures(case, opened) == set()
    cut = [shifted(each, "completion", len("answer ")) for each in opened]
    assert failures(case, cut) == {
        "it is not what the run was committed to: the salt of its completion does not have 16 bytes"
    }
    grown = [
        shifted(each, "completion", -1)
        for each in opened
        if isinstance(part := each.parts["completion"], OpenPart) and bytes.fromhex(part.salt)[-1] < 0x80
    ]
    assert len(grown) > 3
    assert len(case.check(grown).passed) == 0


@pytest.mark.parametrize("by", [-1, 1])
def test_bytes_moved_between_withheld_leaves_are_caught(case: Case, by: int) -> None:
    first, *others = case.opening(withhold=("prompt", "grader", "completion", "figures"))
    case = replace(case, challenge=msgspec.structs.replace(case.challenge, parts=()))
    assert failures(case, [first, *others]) == set()
    leaves = {name: part.leaf for name, part in first.parts.items() if isinstance(part, WithheldPart)}
    row, place = leaves["figures"] + leaves["prompt"], 64 + 2 * by
    moved = {
        "figures": WithheldPart(leaf=row[:place]),
        "prompt": WithheldPart(leaf=row[place:]),
    }
    bad = msgspec.structs.replace(first, parts={**first.parts, **moved})
    (why,) = failures(case, [bad, *others])
    assert "the leaf of its figures does not have 32 bytes" in why


def test_another_rollout_in_its_place_is_caught(case: Case) -> None:
    opened = case.opening()
    swapped = [
        msgspec.structs.replace(opened[0], place=opened[1].place),
        msgspec.structs.replace(opened[1], place=opened[0].place),
        *opened[2:],
    ]
    assert len(case.check(swapped).failed) == 2


def test_a_run_that_was_changed_cannot_be_opened(case: Case, tmp_path: Path) -> None:
    def edit(completions: list[str]) -> None:
        completions[:] = [f"{text}!" for text in completions]

    other = replace(case, run=write(tmp_path / "edited" / "r", edit))
    with pytest.raises(StoreError, match="not those that the run is committed to"):
        other.opening()


def test_records_that_were_changed_are_caught(case: Case) -> None:
    with pytest.raises(EvidenceError, match="not those that the run was committed to"):
        check_records(case.committed, case.records, case.file + b" ")
    shorter = case.records[:3] + case.records[4:]
    file = b"".join(msgspec.json.encode(record) + b"\n" for record in shorter)
    forged = msgspec.structs.replace(case.committed, records=digest_bytes(file))
    with pytest.raises(EvidenceError, match="chain of step records is broken at train step 5"):
        check_records(forged, shorter, file)
    with pytest.raises(EvidenceError, match="another commitment"):
        check_challenge(case.challenge, forged, case.records, default_strata=True)


def test_an_assessor_cannot_choose_the_sample(case: Case) -> None:
    honest = set(case.challenge.drawn)
    wanted = next(place for place in draw(case.records, case.challenge.seed, 192) if place not in honest)
    chosen = tuple(sorted((*case.challenge.drawn[1:], wanted)))
    with pytest.raises(EvidenceError, match="not those that the seed gives"):
        check_challenge(
            msgspec.structs.replace(case.challenge, drawn=chosen),
            case.committed,
            case.records,
            default_strata=True,
        )
    data = msgspec.json.encode(msgspec.structs.replace(case.challenge, nonce=new_nonce()))
    with pytest.raises(EvidenceError, match="seed is not made of"):
        decode_challenge(data)


@pytest.mark.parametrize("default_strata", [True, False])
def test_a_challenge_that_was_cut_down_or_labelled_anew_is_refused(case: Case, default_strata: bool) -> None:
    drawn, few = case.challenge.drawn, draw(case.records, case.challenge.seed, 1)
    for changes, match in [
        ({"drawn": drawn[:1], "population": 1}, "speaks of 1 rollouts, the commitment of 192"),
        ({"population": 191}, "speaks of 191"),
        ({"drawn": ()}, "asks for 0 rollouts"),
        ({"drawn": few}, f"asks for {len(few)} rollouts"),
        ({"drawn": (*drawn[1:], drawn[1])}, "rollouts; its share and probability take"),
        ({"share": "0.01"}, "its share and probability take"),
        ({"probability": "0.999999"}, "its share and probability take"),
    ]:
        cut = decode_challenge(msgspec.json.encode(msgspec.structs.replace(case.challenge, **changes)))
        with pytest.raises(EvidenceError, match=match):
            check_challenge(cut, case.committed, case.records, default_strata=default_strata)


def test_a_challenge_of_which_no_sense_can_be_made_is_refused(case: Case) -> None:
    for changes, match in [
        ({"share": "x"}, "decimals"),
        ({"share": "nan"}, "the share nan"),
        ({"share": "0"}, "the share 0"),
        ({"probability": "1"}, "the probability 1"),
        ({"parts": ("answer",)}, "'answer'"),
        ({"parts": ()}, "no part"),
        ({"nonce": "00"}, "cannot be read"),
        ({"commitment": "sha256:xy"}, "cannot be read"),
    ]:
        data = msgspec.json.encode(msgspec.structs.replace(case.challenge, **changes))
        with pytest.raises(EvidenceError, match=match):
            decode_challenge(data)
    with pytest.raises(EvidenceError, match="not a challenge"):
        decode_challenge(b"\xff")
    with pytest.raises(UsageError, match="no part"):
        make_challenge(
            case.committed, case.records, nonce=new_nonce(), randomness="", share=0.1, probability=0.9,
            issued="", deadline="", parts=(),
        )  # fmt: skip


def test_an_opening_answers_its_challenge_once(case: Case) -> None:
    opened = case.opening()
    with pytest.raises(EvidenceError, match="twice"):
        case.check([*opened, opened[0]])
    other = replace(case, challenge=msgspec.structs.replace(case.challenge, issued="2026-04-30T00:00:01Z"))
    head = OpeningHead(run="r", challenge=challenge_digest(case.challenge), opened="x")
    with pytest.raises(EvidenceError, match="another challenge"):
        check_opening(other.challenge, case.records, head, opened, "2026-05-01T00:00:00Z")
    lines = [msgspec.json.encode(head), *(msgspec.json.encode(each) for each in opened)]
    assert decode_opening(b"\n".join(lines)) == (head, opened)
    with pytest.raises(EvidenceError, match=r"o\.jsonl:2"):
        decode_opening(b"\n".join([lines[0], lines[1][:-5]]), "o.jsonl")


def test_bad_numbers_and_names_are_refused(case: Case) -> None:
    def made(**changes: object) -> Challenge:
        settings = {"nonce": new_nonce(), "randomness": "", "share": 0.1, "probability": 0.9}
        settings |= {"issued": "", "deadline": ""}
        return make_challenge(case.committed, case.records, **{**settings, **changes})  # type: ignore[arg-type]

    for changes, match in [
        ({"nonce": "abc"}, "hexadecimal"),
        ({"share": 0.0}, "share"),
        ({"probability": 1.0}, "probability"),
        ({"parts": ("answer",)}, "'answer'"),
    ]:
        with pytest.raises(UsageError, match=match):
            made(**changes)
    none = msgspec.structs.replace(case.committed, rollouts=0)
    with pytest.raises(UsageError, match="T3 and T4 need opened rollouts"):
        make_challenge(
            none, (), nonce=new_nonce(), randomness="", share=0.1, probability=0.9, issued="", deadline=""
        )


def test_the_draw_is_spread_over_the_run_and_as_likely_to_find_as_said(case: Case) -> None:
    rng, repetitions, wanted = np.random.default_rng(11), 600, 24
    bad = {
        (int(step), int(o)) for step, o in zip(rng.integers(1, 13, 9), rng.integers(0, 16, 9), strict=True)
    }
    found = 0
    for number in range(repetitions):
        seed = seed_of(case.challenge.commitment, f"{number:064x}", "")
        drawn = draw(case.records, seed, wanted)
        assert {d.step for d in drawn} - set(range(1, 13)) == set()
        found += any((d.step, d.ordinal) in bad for d in drawn)
    size = len(draw(case.records, case.challenge.seed, wanted))
    said = detection_probability(STEPS * PER_STEP, len(bad), size)
    assert abs(found / repetitions - said) < 4 * np.sqrt(said * (1 - said) / repetitions) + 0.02
