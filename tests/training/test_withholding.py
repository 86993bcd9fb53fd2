"""What is withheld of a rollout is not told by what is disclosed of it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from modelassay.errors import UsageError
from modelassay.records import CommittedRun, RewardFunction, RunManifest, StepRecord
from modelassay.training.protocol.challenge import Challenge, make_challenge, new_nonce
from modelassay.training.protocol.checking import challenge_finding, check_opening
from modelassay.training.protocol.commitment import StepCommitter, chained
from modelassay.training.protocol.disclosure import OpeningHead, OpenPart, challenge_digest, open_rollouts
from modelassay.training.protocol.parts import Layout, StepKey
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

SECRET = bytes(range(32))
PROMPT, COMPLETION = "Which herbs help against a cold?", "Thyme and sage, says my aunt."
TOKENS = {"prompt_ids": [5, 6, 7], "completion_ids": [8, 9], "logprobs": [-0.1, -0.2]}


def run_with(folder: Path, *, task: str = "t", extra: object = "", seen: str | None = None) -> Run:
    manifest = RunManifest(
        id="r", name="r", origin="recorded", framework="plain", rewards=(RewardFunction(name="g"),)
    )
    with RunWriter(folder, manifest) as writer:
        writer.rollouts(
            {
                "step": [1, 1],
                "phase": ["train"] * 2,
                "task": [task] * 2,
                "prompt": [PROMPT] * 2,
                "completion": [COMPLETION] * 2,
                "format": ["text"] * 2,
                "grader_input": [seen] * 2,
                "extra": [json.dumps(extra) if extra else ""] * 2,
            },
            2,
        )
    return Run(folder)


def committed(run: Run, layout: Layout = 2) -> tuple[list[StepRecord], Challenge]:
    committer = StepCommitter("r", SECRET, {StepKey("train", 1, 0): layout})
    for batch in run.batches():
        committer.add(batch)
    records = [record for record, _ in chained(committer)]
    whole = CommittedRun(
        run="r", manifest=records[0].root, records=records[0].root, steps=len(records), rollouts=2
    )
    challenge = make_challenge(
        whole, records, nonce=new_nonce(), randomness="", share=0.5, probability=0.9,
        issued="2026-04-30T00:00:00Z", deadline="2026-05-02T00:00:00Z", parts=("figures",),
    )  # fmt: skip
    return records, challenge


def opening(run: Run, withhold: tuple[str, ...], layout: Layout = 2) -> bytes:
    records, challenge = committed(run, layout)
    opened = list(open_rollouts(run, SECRET, challenge, records, withhold))
    head = OpeningHead(run="r", challenge=challenge_digest(challenge), opened="2026-05-01T00:00:00Z")
    checked = check_opening(challenge, records, head, opened, "2026-05-01T00:00:00Z")
    assert challenge_finding(checked).outcome == "opened as committed"
    assert checked.withheld.keys() == set(withhold)
    return b"".join(map(msgspec.json.encode, opened))


@pytest.mark.parametrize("withhold", [("prompt",), ("completion",), ("prompt", "completion")])
def test_tokens_go_with_their_text(tmp_path: Path, withhold: tuple[str, ...]) -> None:
    told = opening(run_with(tmp_path / "r", extra={"answer": "sage", **TOKENS}), withhold).decode()
    assert "sage" in told
    for part, marks in (("prompt", ("prompt_ids", "herbs")), ("completion", ("n_ids", "logp", "aunt"))):
        assert [mark in told for mark in marks] == [part not in withhold] * len(marks)


def test_tokens_that_an_earlier_version_left_with_the_grader_are_not_opened(tmp_path: Path) -> None:
    run = run_with(tmp_path / "r", extra=TOKENS)
    for text in ("prompt", "completion"):
        with pytest.raises(UsageError, match=rf"{text}_ids of extra, in the part grader") as refused:
            opening(run, (text,), layout=1)
        assert refused.value.mend == "--withhold grader too"
        assert b"_ids" not in opening(run, (text, "grader"), layout=1)
    assert b"herbs" in opening(run, (), layout=1)


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"task": PROMPT}, "task, in the part figures"),
        ({"seen": f"[Q] {PROMPT.upper()} [A] …"}, "grader_input, in the part grader"),
        ({"seen": json.dumps([{"content": PROMPT}])}, "grader_input"),
        ({"extra": {"question": "herbs help against a cold?"}}, "question of extra"),
        ({"extra": {"turns": [{"said": f"{PROMPT}\n"}]}}, "turns of extra"),
        ({"extra": {"input_ids": [[1, 2, 3, 4, 5, 6, 7, 8]]}}, "input_ids of extra"),
    ],
)
def test_a_prompt_that_an_open_part_repeats_cannot_be_withheld(
    tmp_path: Path, settings: dict[str, object], where: str
) -> None:
    run = run_with(tmp_path / "r", **settings)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=where):
        opening(run, ("prompt",))
    assert opening(run, ())
    if "figures" not in where:
        assert opening(run, ("prompt", "grader"))


def test_what_says_nothing_of_the_prompt_stays_open(tmp_path: Path) -> None:
    extra = {"answer": "thyme or sage", "sources": [3, 4], "score": 0.5}
    run = run_with(tmp_path / "r", extra=extra, seen="Thyme and sage")
    assert b"sources" in opening(run, ("prompt",))


def test_an_open_part_is_text_and_its_tokens(tmp_path: Path) -> None:
    run = run_with(tmp_path / "r", extra=TOKENS)
    records, challenge = committed(run)
    part = next(iter(open_rollouts(run, SECRET, challenge, records))).parts["prompt"]
    assert isinstance(part, OpenPart)
    assert part.text == f'{{"prompt_ids":[5, 6, 7]}}\n{PROMPT}'
