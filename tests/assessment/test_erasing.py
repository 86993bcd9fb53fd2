"""What is erased, or withheld from a copy, leaves everything else provable, and accuses nobody."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay import Recorder
from modelassay.assessment.absent_parts import Gaps, gaps_of
from modelassay.assessment.assess import assess
from modelassay.assessment.assessed_copy import differences, other_rollouts
from modelassay.assessment.committing import commit_run, read_commitments, run_secret
from modelassay.assessment.erasing import copy_without, erase_parts, rollouts_that, still_saying
from modelassay.assessment.request import LoggedRun, Proofs, Request
from modelassay.errors import StoreError, UsageError
from modelassay.evidence.ledger import read_events
from modelassay.evidence.notary import Notary
from modelassay.evidence.run_events import RunErased
from modelassay.records import Actor, Assessment
from modelassay.training.protocol.absent import FILE, Removable, read_absent
from modelassay.training.protocol.challenge import Challenge, make_challenge, new_nonce
from modelassay.training.protocol.checking import CheckedOpening, challenge_finding, check_opening
from modelassay.training.protocol.disclosure import ErasedPart, OpeningHead, challenge_digest, open_rollouts
from modelassay.training.run import Run

NOTARY = Notary(actor=Actor(name="dev"))
STEPS, ROLLOUTS = 4, 8
WHEN = "2026-05-01T00:00:00Z"


def record(store: Path, steps: Iterable[int] = range(1, STEPS + 1)) -> Run:
    with Recorder(store, run="live", rewards={"g": 1.0}, notary=NOTARY) as run:
        for step in steps:
            for place in range(ROLLOUTS):
                run.rollout(
                    prompt=f"What helps patient {step}{place} most?",
                    completion=f"Rest and tea, dose {place}.",
                    rewards={"g": float(place % 2)},
                    step=step,
                    group=f"{step}/{place // 4}",
                    task=f"task {step}/{place // 4}",
                    grader_output=f"verdict {place}",
                    extra={"prompt_ids": [step, place], "completion_ids": [place], "source": "clinic"},
                )
            run.step(step, {"reward": 0.5})
    return Run(store / "runs" / "live")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("recorded") / "store"
    record(store)
    return store


@pytest.fixture
def live(recorded: Path, tmp_path: Path) -> Run:
    shutil.copytree(recorded, tmp_path / "store")
    return Run(tmp_path / "store" / "runs" / "live")


def store_of(run: Run) -> Path:
    return run.folder.parent.parent


def challenged(run: Run, parts: tuple[str, ...]) -> Challenge:
    """A challenge that draws every rollout."""
    made = read_commitments(run.folder)
    return make_challenge(
        made.committed, made.records, nonce=new_nonce(), randomness="", share=0.001, probability=0.99,
        issued="2026-04-30T00:00:00Z", deadline="2026-05-02T00:00:00Z", parts=parts,
    )  # fmt: skip


def opened(run: Run, parts: tuple[str, ...] = ("figures",), withhold: tuple[str, ...] = ()) -> CheckedOpening:
    challenge, records = challenged(run, parts), read_commitments(run.folder).records
    answers = list(open_rollouts(run, run_secret(store_of(run), "live"), challenge, records, withhold))
    head = OpeningHead(run="live", challenge=challenge_digest(challenge), opened=WHEN)
    return check_opening(challenge, records, head, answers, WHEN)


def erase(run: Run, parts: tuple[Removable, ...] = ("prompt", "completion", "grader")) -> None:
    chosen = rollouts_that(seqs=[2], containing=["patient 35"])
    erase_parts(run, store_of(run), NOTARY, chosen, parts, reason="request 7")


def texts(run: Run) -> str:
    return "".join(str(row) for batch in run.batches() for row in batch.to_pylist())


def test_what_is_erased_is_gone_and_all_else_opens_as_committed(live: Run) -> None:
    before = texts(live)
    assert all(word in before for word in ("patient 12", "patient 35", "verdict"))
    erase(live)
    after = texts(live)
    assert not any(word in after for word in ("patient 12", "patient 35"))
    assert "patient 13" in after
    checked = opened(live)
    assert (len(checked.passed), checked.failed) == (STEPS * ROLLOUTS, ())
    assert checked.erased == {"prompt": 2, "completion": 2, "grader": 2} == checked.withheld
    assert "prompt of 2 (2 of them erased)" in challenge_finding(checked).statement
    assert other_rollouts(live, checked, read_commitments(live.folder).records) == ()
    assert differences(live, read_commitments(live.folder)) == ()
    (logged,) = [each.read(RunErased) for each in read_events(store_of(live) / "log", RunErased)]
    assert (logged.rollouts, logged.parts, logged.reason) == (
        2,
        ("prompt", "completion", "grader"),
        "request 7",
    )


def test_an_erased_run_is_committed_to_again_and_goes_on(live: Run) -> None:
    before = read_commitments(live.folder)
    erase(live)
    assert commit_run(live, store_of(live), NOTARY) == before
    record(store_of(live), [STEPS + 1])
    after = read_commitments(live.folder)
    assert set(before.records) < set(after.records)
    assert opened(live).failed == ()


def test_a_run_is_closed_after_something_of_it_was_erased(live: Run) -> None:
    for name in ("committed.json", "steps.jsonl"):
        (live.folder / "commitments" / name).unlink()
    shutil.rmtree(store_of(live) / "log")
    erase(live)
    commit_run(live, store_of(live), NOTARY)
    assert opened(live).failed == ()


def test_what_was_asked_for_and_is_erased_is_told_from_what_is_missing(live: Run) -> None:
    erase(live, ("completion",))
    checked = opened(live, ("figures", "completion"))
    assert {(each.why, each.erased) for each in checked.failed} == {
        ("completion was asked for and was erased", True)
    }
    finding = challenge_finding(checked)
    assert (finding.outcome, finding.state, len(checked.failed)) == ("erased", "not_assessable", 2)
    withheld = opened(live, ("figures",), ("completion",))
    forged = msgspec.structs.replace(withheld.passed[0], parts={
        **withheld.passed[0].parts, "completion": ErasedPart(leaf="0" * 64),
    })  # fmt: skip
    head = OpeningHead(run="live", challenge=challenge_digest(withheld.challenge), opened=WHEN)
    records = read_commitments(live.folder).records
    wrong = check_opening(withheld.challenge, records, head, [forged], WHEN)
    assert challenge_finding(wrong).outcome == "not opened"
    assert not any(each.erased for each in wrong.failed)


def test_erasing_twice_changes_nothing_more_and_a_crash_is_made_up_for(live: Run) -> None:
    parts = {path: path.read_bytes() for path in (live.folder / "rollouts").iterdir()}
    erase(live)
    lines = (live.folder / FILE).read_bytes()
    for path, data in parts.items():  # it was killed before the files were written anew
        path.write_bytes(data)
    assert opened(live).failed == ()
    chosen = rollouts_that(seqs=[2], containing=["patient 35"])
    again = erase_parts(live, store_of(live), NOTARY, chosen, ["prompt", "completion", "grader"], reason="x")
    assert (again.rollouts, (live.folder / FILE).read_bytes()) == (0, lines)
    assert "patient 12" not in texts(live)


def test_a_text_is_not_erased_while_another_part_tells_it(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="live", rewards={"g": 1.0}, notary=NOTARY) as run:
        run.rollout(
            prompt="Who?", completion="The nurse.", rewards={"g": 1.0}, step=1, grader_input="The nurse."
        )
        run.step(1)
    found = Run(tmp_path / "runs" / "live")
    with pytest.raises(UsageError, match="grader_input") as refused:
        erase_parts(found, tmp_path, NOTARY, rollouts_that(seqs=[0]), ["completion"], reason="x")
    assert "grader" in (refused.value.mend or "")
    assert "nurse" in texts(found)
    with pytest.raises(UsageError, match="no rollout"):
        erase_parts(found, tmp_path, NOTARY, rollouts_that(tasks=["none"]), ["completion"], reason="x")


PERSON = 'Zoë "Jane"\nRoe'


@pytest.mark.parametrize(
    "said",
    [
        {"completion": f"Dear {PERSON},"},
        {"completion": "dear zoë  \"JANE\" roe"},
        {"completion": "Dear Zoe\u0308 \"Jane\" Roe"},
        {"completion": f"as JSON: {json.dumps({'to': PERSON})} sent"},
        {"completion": json.dumps([{"role": "assistant", "content": PERSON}])},
        {"completion": json.dumps([{"role": "assistant", "content": [
            {"type": "text", "text": 'Zoë "Jane"'}, {"type": "text", "text": "Roe"}]}])},
        {"completion": json.dumps([{"role": "assistant", "content": "", "tool_calls": [
            {"function": {"name": "mail", "arguments": json.dumps({"to": PERSON})}}]}])},
        {"grader_input": json.dumps(json.dumps({"about": [PERSON]}))},
        {"extra": {"note": json.dumps({"about": json.dumps(PERSON)})}},
        {"extra": {PERSON: 1}},
    ],
)  # fmt: skip
def test_a_name_is_found_however_it_is_kept(tmp_path: Path, said: dict[str, Any]) -> None:
    with Recorder(tmp_path, run="live", rewards={"g": 1.0}, notary=NOTARY) as run:
        for row in (said, {"completion": "Dear Jane, Roe is a deer, and Zoë came."}):
            run.rollout(**{"prompt": "Who?", "completion": "x", "rewards": {"g": 1.0}, "step": 1, **row})
        run.step(1)
    found = Run(tmp_path / "runs" / "live")
    chosen = rollouts_that(containing=[PERSON])
    assert [bool(each) for batch in found.batches() for each in chosen(batch)] == [True, False]
    assert still_saying(found, [PERSON]) == 1
    erase_parts(found, tmp_path, NOTARY, chosen, ["prompt", "completion", "grader"], reason="x")
    assert still_saying(Run(found.folder), [PERSON]) == 0


def test_a_run_that_was_changed_is_not_erased_from(live: Run) -> None:
    import pyarrow.parquet as parquet

    (path,) = (live.folder / "rollouts").glob("*.parquet")
    table = parquet.read_table(path)
    parquet.write_table(table.take([1, 0, *range(2, len(table))]), path)
    with pytest.raises(StoreError, match="not those that the run is committed to"):
        erase(live)
    challenge, records = challenged(live, ("figures",)), read_commitments(live.folder).records
    damaged: list[object] = []
    secret = run_secret(store_of(live), "live")
    found = list(open_rollouts(live, secret, challenge, records, (), damaged))  # type: ignore[arg-type]
    assert (len(damaged), len(found)) == (1, (STEPS - 1) * ROLLOUTS)


@pytest.mark.parametrize(
    "parts", [("prompt",), ("prompt", "grader"), ("completion",), ("prompt", "completion")]
)
def test_a_copy_without_texts_is_the_run_that_was_committed_to(
    live: Run, tmp_path: Path, parts: tuple[Removable, ...]
) -> None:
    to = tmp_path / "shown" / "live"
    done = copy_without(live, store_of(live), to, parts)
    copy = Run(to)
    assert done.rollouts == STEPS * ROLLOUTS
    told = texts(copy)
    marks = {
        "prompt": ("patient", "prompt_ids"),
        "completion": ("tea", "n_ids"),
        "grader": ("clinic", "verdict"),
    }
    for part, words in marks.items():
        assert [word in told for word in words] == [part not in parts] * 2
    records = read_commitments(to).records
    assert differences(copy, read_commitments(to)) == ()
    for withhold in (parts, ()):
        assert other_rollouts(copy, opened(live, ("figures",), withhold), records) == ()
    with pytest.raises(UsageError, match="exists"):
        copy_without(live, store_of(live), to, parts)


def test_a_changed_copy_without_texts_is_told(live: Run, tmp_path: Path) -> None:
    to = tmp_path / "live"
    copy_without(live, store_of(live), to, ["prompt"])
    lines, records = (to / FILE).read_text(), read_commitments(to).records
    checked = opened(live, ("figures",), ("prompt",))
    leaf = next(read_absent(to).lines).leaves[:64]
    for edit, said in (
        (lines.replace(leaf, "0" * 64), "the prompt"),
        (lines.replace("[27,", "[26,", 1), "the figures"),
    ):
        assert edit != lines
        (to / FILE).write_text(edit)
        (other,) = other_rollouts(Run(to), checked, records)
        assert other.startswith(said)


def blanked(run: Run, to: Path, columns: Iterable[str]) -> Run:
    """A copy that was made by hand, and says nothing of what it lacks."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    shutil.copytree(run.folder, to)
    for path in (to / "rollouts").glob("*.parquet"):
        table = parquet.read_table(path)
        for name in columns:
            index = table.schema.get_field_index(name)
            field = table.schema.field(index)
            table = table.set_column(index, field, pa.array([""] * len(table), field.type))
        parquet.write_table(table, path)
    return Run(to)


def test_lengths_of_withheld_texts_that_a_copy_has_not_accuse_nobody(live: Run, tmp_path: Path) -> None:
    copy = blanked(live, tmp_path / "live", ["prompt", "extra"])
    records = read_commitments(copy.folder).records
    assert other_rollouts(copy, opened(live, ("figures",), ("prompt", "completion", "grader")), records) == ()
    (other,) = other_rollouts(copy, opened(live), records)  # all is open: it is seen that this is not it
    assert other == "the figures of train step 1 rollout 0"
    copy = blanked(live, tmp_path / "other", ["task"])
    (other,) = other_rollouts(copy, opened(live, ("figures",), ("prompt",)), records)
    assert other == "the figures of train step 1 rollout 0"


def lacking(run: Run) -> Gaps:
    return gaps_of(run, committed=True, checked=None, log=LoggedRun())


def grave(found: Assessment) -> set[str]:
    return {each.statement for each in found.findings if each.severity in ("high", "critical")}


def test_an_assessment_of_such_a_copy_says_what_it_lacks(
    live: Run, tmp_path: Path, request_for: Callable[..., Request]
) -> None:
    challenge = challenged(live, ("figures", "completion"))
    records = read_commitments(live.folder).records
    secret = run_secret(store_of(live), "live")
    answers = open_rollouts(live, secret, challenge, records, ("prompt", "grader"))
    head = OpeningHead(run="live", challenge=challenge_digest(challenge), opened=WHEN)
    (tmp_path / "challenge.json").write_bytes(msgspec.json.encode(challenge))
    (tmp_path / "opening.jsonl").write_bytes(
        b"".join(msgspec.json.encode(each) + b"\n" for each in (head, *answers))
    )
    proofs = Proofs(
        challenge=tmp_path / "challenge.json", opening=tmp_path / "opening.jsonl", received=WHEN
    )  # fmt: skip
    whole = grave(assess(live, request_for(proofs=proofs)))
    copy_without(live, store_of(live), tmp_path / "live", ["prompt", "grader"])
    for run in (Run(tmp_path / "live"), blanked(live, tmp_path / "by-hand" / "live", ["prompt", "extra"])):
        found = assess(run, request_for(proofs=proofs))
        assert grave(found) <= whole
        assert next(step for step in found.assurance if step.tier == "T3").reached
        (noise,) = [f for f in found.findings if f.slice.get("aspect") == "noise"]
        assert (noise.state, "32 of 32 rollouts" in noise.why_not) == ("not_assessable", True)
    assert lacking(live).findings == ()
    (finding,) = lacking(Run(tmp_path / "live")).findings
    assert finding.severity == "none"
    assert "prompt of 32 withheld, grader of 32 withheld" in finding.statement
