"""Whether the copy of a run that was assessed is the one that was committed to.

Files are held against the digests that the run was closed with, and what a recorder bound while the run went
on against its step records and events: those stand in the log from before the run was closed, so that files
which were edited in between are told as well. What the log itself has is for `assessment.logged_run`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from modelassay.assessment.bound_files import BOUND_FILES, EVENTS, digest_of_all_files, digest_of_files
from modelassay.assessment.committing import FOLDER, Commitments, read_commitments
from modelassay.assessment.logged_run import said_by_log
from modelassay.assessment.request import LoggedRun
from modelassay.canonical import digest_bytes
from modelassay.records import RunCheckpoint, RunEvent, RunFinding, StepRecord
from modelassay.training.columns import pa
from modelassay.training.findings import run_finding
from modelassay.training.protocol.absent import Missing, as_committed, read_absent
from modelassay.training.protocol.checking import CheckedOpening
from modelassay.training.protocol.disclosure import Opened, OpenPart, leaf_of_part
from modelassay.training.protocol.parts import (
    LAYOUT,
    PARTS,
    TEXTS,
    Contents,
    Layout,
    StepKey,
    contents,
    key_of,
    restored,
    text_in,
)
from modelassay.training.run import Run


def differences(run: Run, made: Commitments) -> tuple[str, ...]:
    """What of the assessed copy is not what the run was committed to, in words.

    Raises:
        EvidenceError: a file of the copy cannot be read.
    """
    committed = made.committed
    found = []
    if committed.run != run.manifest.id:
        found.append(f"the commitment is of the run {committed.run!r}")
    if digest_bytes((run.folder / "run.json").read_bytes()) != committed.manifest:
        found.append("the manifest")
    if digest_of_files(run.folder, EVENTS) != committed.events:
        found.append("the events")
    if digest_of_files(run.folder, "coverage.json") != committed.coverage:
        found.append("the statement of coverage")
    return (*found, *_other_lines(run, made), *_other_counts(run, made.records))


def log_for(run: Run, folder: Path, *, named: bool) -> LoggedRun:
    """What the log at `folder` says of `run`, to be held against this copy of it.

    Args:
        named: whether the log was named as the developer's, so that it must have the run.

    Raises:
        EvidenceError: the log, or what the copy is committed to, is damaged.
    """
    bound = (run.folder / FOLDER / "committed.json").is_file()
    made = read_commitments(run.folder) if bound else None
    records, committed = (made.records, made.committed) if made is not None else ((), None)
    return said_by_log(run, folder, records, committed, named=named)


def _other_lines(run: Run, made: Commitments) -> Iterator[str]:
    """Metrics, checkpoints and data sets that are others, the first of each."""
    bound_by_step = {
        "metrics": other_metrics(run.folder, made.records),
        "checkpoints": other_checkpoints(run.checkpoints(), run.events(), made.records),
    }
    for name, pattern in BOUND_FILES.items():
        bound = getattr(made.committed, name)
        if which := bound_by_step.get(name, ""):
            yield which
        elif bound is not None and digest_of_all_files(run.folder, pattern) != bound:
            yield f"the {name}"


def other_metrics(folder: Path, records: Iterable[StepRecord]) -> str:
    """The first step whose record binds metrics that `folder` has not, in words; empty without any.

    A record binds the lines that its process wrote since the record before.
    """
    lines: dict[int, Iterator[bytes]] = {}
    for record in records:
        if record.metrics is None:
            continue
        path = folder / f"metrics-{record.rank:05d}.jsonl"
        digest = hashlib.sha256()
        for line in lines.setdefault(record.rank, _lines_of(path)):
            digest.update(line)
            if f"sha256:{digest.hexdigest()}" == record.metrics:
                break
        else:
            return f"the metrics of {record.phase} step {record.step}"
    return ""


def _lines_of(path: Path) -> Iterator[bytes]:
    if path.is_file():
        with path.open("rb") as file:
            yield from file


class _Saved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a recorder's ``note`` says of a checkpoint that was saved."""

    saved: str
    digest: str
    parts: tuple[str, ...]


def other_checkpoints(
    checkpoints: Sequence[RunCheckpoint], events: Iterable[RunEvent], records: Iterable[StepRecord]
) -> str:
    """The first checkpoint that events or step records have otherwise, in words; empty without any.

    One that is missing is none of them where the recorder says that it lost lines.
    """
    told = tuple(events)
    noted = {each for event in told if (each := _saved_in(event)) is not None}
    here, names = set(checkpoints), {each.name for each in noted}
    if strange := [each for each in checkpoints if each.name in names and each not in noted]:
        return f"the checkpoint {strange[0].name}"
    if any(event.kind == "gap" and event.body.get("records") for event in told):
        return ""
    if missing := sorted(noted - here, key=lambda each: (each.step, each.name)):
        return f"the checkpoint {missing[0].name}"
    digests = {each.digest for each in checkpoints}
    for record in records:
        if record.checkpoint is not None and record.checkpoint not in digests:
            return f"the checkpoint in force at {record.phase} step {record.step}"
    return ""


def _saved_in(event: RunEvent) -> RunCheckpoint | None:
    if event.kind != "note":
        return None
    try:
        said = msgspec.convert(event.body, _Saved)
    except msgspec.ValidationError:
        return None  # a note of something else
    return msgspec.convert(
        {"step": event.step, "name": said.saved, "digest": said.digest or None, "parts": said.parts},
        RunCheckpoint,
    )


def _other_counts(run: Run, records: Sequence[StepRecord]) -> Iterator[str]:
    here = _rollouts_by_key(run)
    recorded = {key_of(record): record.rollouts for record in records if record.rollouts}  # some have none
    if here != recorded:
        wrong = sorted(key for key in {*here, *recorded} if here.get(key) != recorded.get(key))
        yield f"the number of rollouts of {wrong[0].phase} step {wrong[0].step} and {len(wrong) - 1} more"


def _rollouts_by_key(run: Run) -> dict[StepKey, int]:
    counts: dict[StepKey, int] = {}
    for batch in run.batches(["phase", "step", "rank"]):
        table = (
            pa.Table.from_batches([batch]).group_by(["phase", "step", "rank"]).aggregate([([], "count_all")])
        )
        for row in table.to_pylist():
            key = StepKey(row["phase"], row["step"], row["rank"])
            counts[key] = counts.get(key, 0) + row["count_all"]
    return counts


_NO_TOKENS = b"{}\n"


def other_rollouts(run: Run, checked: CheckedOpening, records: Iterable[StepRecord]) -> tuple[str, ...]:
    """Opened rollouts that the assessed copy has otherwise: the first, in words.

    Of a part that the copy lacks, its leaf is compared with that which was committed to; of one that was
    withheld and is an empty text here, nothing can be, nor how long it was.

    Args:
        records: what the run is committed to.
    """
    layouts = {key_of(record): record.layout for record in records}
    absent = read_absent(run.folder)
    wanted: dict[StepKey, dict[int, Opened]] = {}
    for each in checked.passed:
        wanted.setdefault(each.place.key, {})[each.place.ordinal] = each
    ordinal: dict[StepKey, int] = {}
    for batch in run.batches():
        for key, parts in contents(batch, lambda key: layouts.get(key, LAYOUT)):
            if key not in wanted:
                continue
            number = ordinal.get(key, 0)
            ordinal[key] = number + 1
            answer = wanted[key].get(number)
            if answer is None:
                continue
            if other := _other_part(answer, parts, absent.of(key, number), layouts.get(key, LAYOUT)):
                return (f"the {other} of {key.phase} step {key.step} rollout {number}",)
    return ()


def _other_part(answer: Opened, parts: Contents, missing: Mapping[str, Missing], layout: Layout) -> str:
    """The first part of a rollout that the copy has otherwise than it was opened; empty without any.

    Where the grader's part was withheld a copy may lack all of ``extra``, and so the tokens of texts.
    """
    grader_open = isinstance(answer.parts["grader"], OpenPart)
    for name, mine in zip(PARTS, as_committed(parts, missing), strict=True):
        part = answer.parts[name]
        if name in missing:
            if leaf_of_part(name, part) != missing[name].leaf:
                return name
        elif isinstance(part, OpenPart):
            theirs = part.text.encode("utf-8", "surrogatepass")
            if name == "figures":
                theirs = _without_lengths(theirs, answer, parts, {*missing}, layout)
            elif name in TEXTS and layout > 1 and mine.startswith(_NO_TOKENS) and not grader_open:
                theirs = _NO_TOKENS + text_in(part.text, layout).encode("utf-8", "surrogatepass")
            if theirs != mine:
                return name
    return ""


def _without_lengths(
    figures: bytes, answer: Opened, parts: Contents, told: Collection[str], layout: Layout
) -> bytes:
    """Opened figures with the length 0 of each text that was withheld and that the copy has not.

    Args:
        told: parts of which the copy says itself that it lacks them, and how long they were.
    """
    mine = dict(zip(PARTS, parts, strict=True))
    lengths = {
        name: 0
        for name in TEXTS
        if name not in told
        and not isinstance(answer.parts[name], OpenPart)
        and not text_in(mine[name].decode(), layout)
    }
    try:
        return restored(figures, lengths, "") if lengths else figures
    except msgspec.DecodeError:
        return figures  # they are no figures, and will not be those of the copy


def copy_findings(run: Run, differs: Sequence[str]) -> tuple[RunFinding, ...]:
    """What is said of a copy in which `differs` is not what was committed to; nothing of a true one."""
    if not differs:
        return ()
    return (
        run_finding(
            "commitment",
            "another copy",
            f"What was assessed is not what the run was committed to: {'; '.join(differs)}.",
            about={"run": run.manifest.id},
            state="shown_harmful",
            severity="critical",
            method="digests and counts of the commitment against the folder",
            question="Why does the copy that was handed over differ from what was committed to?",
        ),
    )
