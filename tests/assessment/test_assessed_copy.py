"""A copy in which anything is otherwise than what was committed to is told; an honest one never."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from modelassay import Recorder
from modelassay.assessment.assessed_copy import differences, other_checkpoints, other_metrics
from modelassay.assessment.committing import FOLDER, commit_run, read_commitments
from modelassay.canonical import Digest, canonical_json, digest_bytes
from modelassay.errors import EvidenceError
from modelassay.evidence.notary import Notary
from modelassay.records import Actor, RunCheckpoint, RunEvent, StepRecord
from modelassay.training.protocol.challenge import commitment_of
from modelassay.training.run import Run

NOTARY = Notary(actor=Actor(name="dev"))
METRICS, CHECKPOINTS, DATASETS = (f"{n}-00000.jsonl" for n in ("metrics", "checkpoints", "datasets"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a run of four steps that was recorded and committed to as it went, with one checkpoint."""
    base = tmp_path_factory.mktemp("recorded")
    saved = base / "checkpoint-2"
    saved.mkdir()
    (saved / "optimizer.pt").write_bytes(b"state")
    with Recorder(base / "store", run="live", rewards={"g": 1.0}, notary=NOTARY) as run:
        run.dataset("tasks", role="prompts", rows=8)
        for step in range(1, 5):
            for place in range(4):
                run.rollout(
                    prompt="1+1=", completion=f"{place}", rewards={"g": 1.0}, step=step, group=f"{step}"
                )
            run.step(step, {"reward": 1.0})
            if step == 2:
                run.checkpoint(saved)
                run.flush()
        run.metrics({"train_runtime": 9.0})
    return base / "store"


@pytest.fixture
def live(recorded: Path, tmp_path: Path) -> Run:
    """A copy of that store's run, to be changed."""
    shutil.copytree(recorded, tmp_path / "store")
    return Run(tmp_path / "store" / "runs" / "live")


def edited(path: Path, edit: Callable[[str], str]) -> None:
    path.write_text(edit(path.read_text("utf-8")), "utf-8")


def other_digest(text: str) -> str:
    line = json.loads(text)
    return text.replace(line["digest"], "sha256:" + "0" * 64)


def told(run: Run) -> tuple[str, ...]:
    return differences(run, read_commitments(run.folder))


EDITS: list[tuple[str, Callable[[str], str] | None, str]] = [
    (METRICS, None, "the metrics of train step 1"),
    (METRICS, lambda text: text.replace('"reward":1.0', '"reward":2.0'), "the metrics of train step 1"),
    (METRICS, lambda text: "".join(text.splitlines(True)[1:]), "the metrics of train step 1"),
    (METRICS, lambda text: "".join(text.splitlines(True)[:3]), "the metrics of train step 4"),
    (METRICS, lambda text: text + text.splitlines(True)[-1], "the metrics"),
    (CHECKPOINTS, None, "the checkpoint checkpoint-2"),
    (CHECKPOINTS, other_digest, "the checkpoint checkpoint-2"),
    (CHECKPOINTS, lambda text: text + other_digest(text), "the checkpoint checkpoint-2"),
    (CHECKPOINTS, lambda text: text.replace('"optimizer"', '"rng"'), "the checkpoint checkpoint-2"),
    (CHECKPOINTS, lambda text: text + text.replace("checkpoint-2", "checkpoint-3"), "the checkpoints"),
    (DATASETS, None, "the datasets"),
    (DATASETS, lambda text: text.replace("8", "9"), "the datasets"),
]


@pytest.mark.parametrize(("name", "edit", "said"), EDITS)
def test_whatever_is_edited_is_named(
    live: Run, name: str, edit: Callable[[str], str] | None, said: str
) -> None:
    assert told(live) == ()
    if edit is None:
        (live.folder / name).unlink()
    else:
        edited(live.folder / name, edit)
    assert told(live) == (said,)


def test_what_was_edited_before_the_run_was_committed_to_stands_against_its_step_records(live: Run) -> None:
    store = live.folder.parent.parent
    edited(live.folder / METRICS, lambda text: text.replace('"reward":1.0', '"reward":2.0'))
    edited(live.folder / CHECKPOINTS, other_digest)
    (live.folder / FOLDER / "committed.json").unlink()
    with pytest.raises(EvidenceError, match="a commitment to other metrics, checkpoints"):
        commit_run(live, store, NOTARY)
    shutil.rmtree(store / "log")  # a log that knows of no commitment to the run
    commit_run(live, store, NOTARY)
    assert told(live) == ("the metrics of train step 1", "the checkpoint checkpoint-2")


def test_steps_without_rollouts_are_no_difference(tmp_path: Path) -> None:
    with Recorder(tmp_path / "store", run="sft", notary=NOTARY) as run:
        for step in (1, 2):
            run.step(step, {"loss": 0.5})
    assert told(Run(tmp_path / "store" / "runs" / "sft")) == ()


def test_an_imported_run_binds_its_files_whether_it_has_any_or_none(
    tmp_path: Path, write_run: Callable[..., Run]
) -> None:
    run = write_run(tmp_path / "store" / "runs" / "old", steps=2)
    commit_run(run, tmp_path / "store", NOTARY)
    assert told(run) == ()
    (run.folder / "datasets.jsonl").write_text('{"name":"late"}\n')
    edited(run.folder / "metrics.jsonl", lambda text: "".join(text.splitlines(True)[1:]))
    assert told(run) == ("the metrics", "the datasets")


def as_earlier(run: Run) -> None:
    """Its commitment as a version wrote it that did not bind metrics, checkpoints and data sets."""
    made = read_commitments(run.folder).committed
    earlier = msgspec.structs.replace(made, metrics=None, checkpoints=None, datasets=None)
    (run.folder / FOLDER / "committed.json").write_bytes(canonical_json(earlier))


def test_a_commitment_of_an_earlier_version_is_read_and_stays_as_it_is(live: Run) -> None:
    as_earlier(live)
    before = read_commitments(live.folder).committed
    assert b"datasets" not in canonical_json(before)
    again = commit_run(live, live.folder.parent.parent, NOTARY).committed
    assert (again, read_commitments(live.folder).committed) == (before, before)
    assert commitment_of(again) == commitment_of(before)
    edited(live.folder / DATASETS, lambda text: text.replace("8", "9"))
    assert told(live) == ()
    edited(live.folder / METRICS, lambda text: text.replace('"reward":1.0', '"reward":2.0'))
    assert told(live) == ("the metrics of train step 1",)
    edited(live.folder / "coverage.json", lambda text: text.replace("16", "17"))
    with pytest.raises(EvidenceError, match="no longer what it was committed to"):
        commit_run(live, live.folder.parent.parent, NOTARY)


def test_metrics_are_sought_by_process_and_in_the_order_of_steps(tmp_path: Path) -> None:
    def record(step: int, rank: int, data: bytes | None) -> StepRecord:
        digest, zeros = (digest_bytes(data) if data else None), Digest("sha256:" + "0" * 64)
        return StepRecord(
            run="r",
            phase="train",
            step=step,
            rank=rank,
            rollouts=1,
            root=zeros,
            previous=zeros,
            metrics=digest,
        )

    (tmp_path / "metrics-00000.jsonl").write_bytes(b"a\nb\nc\n")
    (tmp_path / "metrics-00001.jsonl").write_bytes(b"d\n")
    first, second = record(1, 0, b"a\nb\n"), record(2, 0, b"c\n")
    assert other_metrics(tmp_path, [first, record(1, 1, b"d\n"), record(2, 1, None), second]) == ""
    assert other_metrics(tmp_path, [second, first]) == "the metrics of train step 2"
    assert other_metrics(tmp_path, [first, record(3, 2, b"d\n")]) == "the metrics of train step 3"


def test_a_checkpoint_that_the_recorder_says_it_lost_is_not_held_against_anybody() -> None:
    saved = RunCheckpoint(step=2, name="checkpoint-2", digest=Digest("sha256:" + "1" * 64), parts=("rng",))
    body = {"saved": saved.name, "digest": saved.digest, "parts": ["rng"]}
    note = RunEvent(time="2026-01-01T00:00:00Z", kind="note", step=2, body=body)
    gap = RunEvent(time="2026-01-01T00:00:00Z", kind="gap", step=2, body={"rollouts": 0, "records": 1})
    remark = RunEvent(time="2026-01-01T00:00:00Z", kind="note", step=2, body={"saved": "my work"})
    assert other_checkpoints([saved], [note, remark], []) == ""
    assert other_checkpoints([], [note], []) == "the checkpoint checkpoint-2"
    assert other_checkpoints([], [note, gap], []) == ""
    other = msgspec.structs.replace(saved, digest=None)
    assert other_checkpoints([other], [note, gap], []) == "the checkpoint checkpoint-2"
