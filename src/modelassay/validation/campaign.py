"""Every organism built, looked into and audited; stopped anywhere, it goes on where it was.

::

    organisms/<architecture>-<seed>/…      built once
    held_out.jsonl                         what all are asked
    examinations/<case>/<check>.json       what each check said, and <check>.done with its time; a check that
                                           broke off leaves no such file and is made again
    plans/<case>.yaml                      of each audit, to be run again by hand
    assay/                                 the store of the audits
    results/<case>.json                    what was made of each
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from modelassay.canonical import canonical_json, digest_bytes, digest_of
from modelassay.errors import ModelassayError, StoppedError, StoreError
from modelassay.evidence.examined import read_examination, write_examination
from modelassay.log.durable import write_atomic
from modelassay.organisms import read_manifest, write_suite
from modelassay.suites import Dataset
from modelassay.validation.behaviour import AuditPlan, write_plan
from modelassay.validation.examining import LOOKS, Subject, looks_at
from modelassay.validation.installation import this_installation
from modelassay.validation.results import (
    COUNTED,
    CheckResult,
    Result,
    audit_result,
    check_result,
    failed,
    result,
)
from modelassay.validation.zoo import Case, built
from modelassay.version import __version__
from modelassay.whitebox.calibration import Nulls, nulls_bytes

SUITE: Final = "held_out.jsonl"
STORE: Final = "assay"
Tell = Callable[[str], None]
T = TypeVar("T")


class _Done(msgspec.Struct, frozen=True, kw_only=True):
    """A check that was made: what decided it, and how long it took."""

    key: str
    seconds: str
    failure: str = ""
    """Why it broke off, as earlier versions kept it: such a check is not done."""


_EFFORT: Final = {
    "building": 12.0,
    "weights": 1.0,
    "watched": 5.0,
    "tampering": 20.0,
    "triggers": 90.0,
    "audit": 8.0,
}
"""What steps take beside one another, roughly; any other takes 3."""


class Progress:
    """Says what is on, and about how long the rest takes at the pace so far."""

    def __init__(self, steps: Sequence[str], tell: Tell) -> None:
        self._efforts = [_EFFORT.get(step, 3.0) for step in steps]
        self._tell = tell
        self._taken, self._made = 0, 0.0
        self._started = time.monotonic()

    def begin(self, what: str) -> None:
        """A step begins."""
        left = ""
        if self._made:
            pace = (time.monotonic() - self._started) / self._made
            left = f", about {_span(pace * sum(self._efforts[self._taken :]))} left"
        self._tell(f"[{self._taken + 1}/{len(self._efforts)}{left}] {what}")

    def end(self, *, made: bool = True) -> None:
        """It ended; steps found done tell nothing of the pace."""
        self._made += self._efforts[self._taken] if made else 0.0
        self._taken += 1


class Campaign:
    """One validation under `folder`.

    Args:
        folder: keeps everything; see the module.
        nulls: what statistics are held against.
        audit_plan: runs the plan at a path, with its store at ``folder/assay``.
        looks: only these checks; all when empty.
        tell: is told in a line what is going on.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nulls: Nulls,
        audit_plan: AuditPlan,
        looks: Sequence[str] = (),
        tell: Tell = lambda line: None,
    ) -> None:
        self.folder = folder.resolve()
        self.nulls = nulls
        self._audit_plan, self._looks, self._tell = audit_plan, tuple(looks), tell
        self._nulls_digest = digest_bytes(nulls_bytes(nulls))
        self.suite = write_suite(self.folder / SUITE)
        self._samples = tuple(Dataset.from_file(self.suite).samples)

    def run(self, cases: Sequence[Case]) -> tuple[Result, ...]:
        """What was made of each of `cases`, in their order.

        Raises:
            UsageError: torch or transformers is missing, or a folder holds something else.
            StoppedError: Ctrl-C; what was done is kept.
            StoreError: the folder cannot be written.
        """
        steps = [step for case in cases for step in ("building", *self._looks_at(case), "audit")]
        progress = Progress(steps, self._tell)
        return tuple(self._one(case, progress) for case in cases)

    def _looks_at(self, case: Case) -> tuple[str, ...]:
        return looks_at(adapters=case.adapters, only=self._looks)

    def _one(self, case: Case, progress: Progress) -> Result:
        progress.begin(f"{case.name}: building")
        base, members = built(self.folder / "organisms", case)
        progress.end()
        subject = Subject(
            base=base, members=members, adapters=case.adapters, samples=self._samples, origin=SUITE
        )
        looks = self._looks_at(case)
        weights = [read_manifest(path).weights for path in (base, *members)]
        key = digest_of([__version__, this_installation(), self._nulls_digest, weights, list(looks), COUNTED])
        path = self.folder / "results" / f"{case.name}.json"
        kept = _kept(path, Result)
        kept = kept if kept is not None and kept.key == key else None
        if kept is not None and not kept.broken:
            for _ in range(len(looks) + 1):
                progress.end(made=False)
            return kept
        checks = tuple(self._look(case, subject, look, weights, progress) for look in looks)
        if kept is not None and kept.broken == tuple(one.check for one in checks if one.broken):
            progress.end(made=False)  # the audit would take in the same again
            return kept
        files = [self._file(case, look) for look, one in zip(looks, checks, strict=True) if not one.broken]
        progress.begin(f"{case.name}: audit")
        started = time.monotonic()
        record = self._audit_plan(write_plan(self.folder / "plans", case.name, subject, self.suite, files))
        found = result(case, key, checks, audit_result(record, time.monotonic() - started))
        _keep(path, found)
        progress.end()
        return found

    def _look(
        self, case: Case, subject: Subject, look: str, weights: Sequence[str], progress: Progress
    ) -> CheckResult:
        """One check, unless it came to its end before of the same weights, nulls of its own and machine."""
        path = self._file(case, look)
        nulls = digest_bytes(nulls_bytes(self.nulls.of(look)))
        key = digest_of([__version__, this_installation(), nulls, list(weights), look])
        mark = path.with_suffix(".done")
        done = _kept(mark, _Done)
        if done is not None and done.key == key and not done.failure:
            progress.end(made=False)
            return check_result(read_examination(path), case.fault, float(done.seconds))
        progress.begin(f"{case.name}: {look}")
        started = time.monotonic()
        mark.unlink(missing_ok=True)
        try:
            write_examination(path, LOOKS[look](subject, self.nulls))
            made = read_examination(path)  # as an audit takes it in, which may refuse it
        except (StoppedError, StoreError):
            raise
        except ModelassayError as error:
            progress.end()
            self._tell(f"{case.name}: {look} broke off: {error}")
            return failed(look, str(error), time.monotonic() - started)
        done = _Done(key=key, seconds=f"{time.monotonic() - started:.1f}")
        _keep(mark, done)
        progress.end()
        return check_result(made, case.fault, float(done.seconds))

    def _file(self, case: Case, look: str) -> Path:
        return self.folder / "examinations" / case.name / f"{look}.json"


def _kept(path: Path, kind: type[T]) -> T | None:
    """The record at `path`; None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _keep(path: Path, record: msgspec.Struct) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, canonical_json(record) + b"\n")


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
