"""Parts of rollouts erased for good from a run, and copies of a run that are handed over without them.

What was committed to of them stays as leaves (`training.protocol.absent`): every other rollout can be opened
as ever, and the run closed, or committed to again after it was resumed. The log says that, when and why parts
were erased, not what they said.

The secret of the run stays, since salts of all other parts are made from it: whoever holds it can still tell
whether a text that they guess is the one that was erased. Copies that left the store, reports that quote, and
what the developer wrote into events or names of tasks are beyond reach.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.assessment.committing import FOLDER, run_secret, step_records
from modelassay.canonical import digest_bytes
from modelassay.errors import StoreError, UsageError
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.notary import Notary
from modelassay.evidence.run_events import RunErased
from modelassay.log.durable import write_atomic
from modelassay.training.columns import pa
from modelassay.training.protocol.absent import FILE, Removable, Why, encoded
from modelassay.training.protocol.mentions import says
from modelassay.training.protocol.removal import Chosen, Removal, plan_removal, write_without
from modelassay.training.recorder.spool import spools
from modelassay.training.run import Run
from modelassay.training.unfinished import Unfinished

_STEP = re.compile(r'"(?:global_|training_|train_)?(?:step|iteration)"\s*:\s*\d{1,12}\b')
_TEXTS = ("prompt", "completion", "grader_input", "grader_output", "extra")


def rollouts_that(
    seqs: Collection[int] = (),
    tasks: Collection[str] = (),
    groups: Collection[str] = (),
    containing: Collection[str] = (),
) -> Chosen:
    """Rollouts with one of these numbers, tasks or groups, or whose text says one of `containing`."""

    def chosen(batch: pa.RecordBatch) -> NDArray[np.bool_]:
        import pyarrow.compute as compute

        found = np.isin(batch.column("seq").to_numpy(), sorted(seqs))
        for name, wanted in (("task", tasks), ("group", groups)):
            column = batch.column(name)
            found |= np.asarray(
                compute.is_in(column, pa.array(sorted(wanted), column.type)).to_numpy(zero_copy_only=False),
                np.bool_,
            )
        for name in _TEXTS if containing else ():
            column = batch.column(name).to_pylist()
            found |= np.fromiter((bool(said) and says(said, containing) for said in column), np.bool_)
        return np.asarray(found, np.bool_)

    return chosen


def all_rollouts(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Every rollout of a batch."""
    return np.ones(batch.num_rows, np.bool_)


def erase_parts(
    run: Run, store: Path, notary: Notary, chosen: Chosen, parts: Collection[Removable], *, reason: str
) -> Removal:
    """Erase `parts` of the chosen rollouts of `run`, which `store` keeps, and log it.

    It is logged first; a crash later leaves text that the same call then erases.

    Raises:
        UsageError: no rollout is meant, or a part that stays tells what is erased.
        StoreError: the run is still being recorded, is not what it was committed to, or cannot be written.
    """
    removal = _planned(run, store, chosen, parts, erased=True)
    lines = encoded(removal.absent.lines)
    ledger = Ledger(store, notary)
    ledger.append_once(
        RunErased(
            run=run.manifest.id,
            parts=removal.parts,
            rollouts=removal.rollouts,
            absent=digest_bytes(lines),
            reason=reason,
        )
    )
    try:
        (run.folder / FOLDER).mkdir(exist_ok=True)
        write_atomic(run.folder / FILE, lines)
        write_without(run, removal, run.folder / "rollouts", whole=False)
    except OSError as error:
        raise StoreError(
            f"the parts could not be erased: {error.strerror}",
            where=str(run.folder),
            mend="make room and run the same command again",
        ) from error
    ledger.sign()
    return removal


def still_saying(run: Run, texts: Collection[str]) -> int:
    """How many rollouts of `run` say one of `texts`: after an erasure, in parts that were not erased."""
    chosen = rollouts_that(containing=texts)
    return sum(int(chosen(batch).sum()) for batch in run.batches())


def copy_without(
    run: Run, store: Path, to: Path, parts: Collection[Removable], chosen: Chosen = all_rollouts
) -> Removal:
    """Write a copy of `run` to `to` that withholds `parts` of the chosen rollouts, to be handed over.

    Rows that could not be read are left out of it but for the step that they name; they hold text.

    Raises:
        UsageError: as of `erase_parts`; or `to` exists.
        StoreError: likewise.
    """
    if to.exists():
        raise UsageError("this folder exists", where=str(to), mend="name a new one")
    removal = _planned(run, store, chosen, parts, erased=False)
    if removal.named:
        raise UsageError(
            f"tasks or groups of {removal.named:,} rollouts are named by what is withheld",
            where=str(run.folder),
            mend="names are figures, which a copy keeps: of this run that text cannot be withheld",
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Unfinished(to)
    try:
        _copy_files(run.folder, unfinished.path)
        (unfinished.path / FOLDER).mkdir(exist_ok=True)
        (unfinished.path / FILE).write_bytes(encoded(removal.absent.lines))
        write_without(run, removal, unfinished.path / "rollouts", whole=True)
        unfinished.finish()
    except OSError as error:
        unfinished.discard()
        raise StoreError(
            f"the copy cannot be written: {error.strerror}", where=str(to), mend="make room"
        ) from error
    except BaseException:
        unfinished.discard()
        raise
    return removal


def _planned(run: Run, store: Path, chosen: Chosen, parts: Collection[Removable], *, erased: bool) -> Removal:
    if spools(run.folder):
        raise StoreError(
            "the run is still being recorded, or its recorder was killed",
            where=str(run.folder),
            mend="wait until training ends; `modelassay run commit` writes up what a killed recorder left",
        )
    secret = run_secret(store, run.manifest.id)
    why: Why = "erased" if erased else "withheld"
    return plan_removal(run, secret, step_records(run.folder), chosen, parts, why)


def _copy_files(folder: Path, to: Path) -> None:
    """Everything of a run but its rollouts and what is hidden."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or name.parts[0] == "rollouts" or any(p.startswith(".") for p in name.parts):
            continue
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        if name.as_posix() == "quarantine.jsonl":
            (to / name).write_bytes(b"".join(_without_text(path)))
        else:
            shutil.copy2(path, to / name)


def _without_text(quarantine: Path) -> Iterator[bytes]:
    for line in quarantine.read_bytes().splitlines():
        try:
            row: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError:
            continue  # half a line
        steps = _STEP.findall(str(row.get("row", "")))[:1]
        yield msgspec.json.encode({**row, "row": f"{{{steps[0]}}}" if steps else ""}) + b"\n"
