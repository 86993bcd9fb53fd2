"""A run's folder, shared by all processes that record into it; and one after another, when it is resumed."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from modelassay.errors import EvidenceError, StoreError, UsageError
from modelassay.log.durable import DRAFT
from modelassay.records import RewardFunction, RunManifest

_CLOSED = "closed\n"
_STOPPED = "stopped\n"
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Place:
    """Where one run is recorded.

    Args:
        store: the store's folder.
        run: id of the run.

    Raises:
        UsageError: the name cannot be that of a folder, or the run that has it was imported.
        StoreError: the folder cannot be made.
    """

    def __init__(self, store: Path, run: str) -> None:
        if not RUN_NAME.fullmatch(run):
            raise UsageError(
                f"a run cannot be called {run[:120]!r}",
                mend="use letters, digits, dot, dash and underscore, at most 100 of them",
            )
        self.store = store.absolute()  # training may go to another folder
        self.run = run
        self.folder = self.store / "runs" / run
        known = self.manifest()
        if known is not None and known.origin != "recorded":
            raise UsageError(
                "an imported run of this name is kept here", where=str(self.folder), mend="choose another"
            )
        try:
            (self.folder / "rollouts").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot be made: {error.strerror}", where=str(self.folder)) from error

    @property
    def exists(self) -> bool:
        """Whether the run has begun."""
        return (self.folder / "run.json").is_file()

    def manifest(self) -> RunManifest | None:
        """The run's manifest; None before it is settled.

        Raises:
            EvidenceError: it cannot be read.
        """
        path = self.folder / "run.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=RunManifest)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise EvidenceError(f"the manifest cannot be read: {error}", where=str(path)) from error

    def settle(self, manifest: RunManifest, found: tuple[str, ...] = ()) -> RunManifest:
        """Write the manifest, which never changes from here on; the one that is there when one is.

        Args:
            found: names of reward functions, should `manifest` have none.

        Raises:
            OSError: the disk is full.
        """
        path = self.folder / "run.json"
        if not path.exists():
            whole = msgspec.structs.replace(
                manifest, rewards=manifest.rewards or tuple(RewardFunction(name=name) for name in found)
            )
            draft = path.with_name(f"run.json.{os.getpid()}{DRAFT}")
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")
            try:
                os.link(draft, path)  # unlike a rename, never replaces what another process wrote
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        settled = self.manifest()
        assert settled is not None
        return settled

    def claim(self, rank: int, world: int) -> int:
        """The number under which a process records: its rank, or the next free one with the same remainder.

        Raises:
            OSError: the disk is full.
        """
        (self.folder / "processes").mkdir(exist_ok=True)
        number = rank
        while True:
            try:
                os.close(os.open(self.folder / "processes" / f"{number:05d}", os.O_CREAT | os.O_EXCL, 0o644))
                return number
            except FileExistsError:
                number += world

    def done(self, process: int) -> None:
        """Say that a process will write no more.

        Raises:
            OSError: the disk is full.
        """
        (self.folder / "processes" / f"{process:05d}").write_text("done\n")

    def stopped(self, *processes: int) -> None:
        """Say that a process will write no more, since it was killed: it closes no run.

        Args:
            processes: all numbers that it had.

        Raises:
            OSError: the disk is full.
        """
        for process in processes:
            (self.folder / "processes" / f"{process:05d}").write_text(_STOPPED)

    def closer(self, first: int) -> int | None:
        """Who is to close the run: of the processes from number `first` on the first that was not killed."""
        paths = sorted((self.folder / "processes").iterdir())
        alive = (int(path.name) for path in paths if path.read_text() != _STOPPED)
        return min((number for number in alive if number >= first), default=None)

    @contextmanager
    def closing(self, *, waits: bool) -> Iterator[bool]:
        """Be the only process that closes the run; False while another one does.

        Where there are no locks, every process may.

        Args:
            waits: wait for the other.

        Raises:
            OSError: there is no such folder.
        """
        lock = os.open(self.folder / "processes", os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        except OSError:  # of the file system: it has no locks
            yield waits
        else:
            yield True
        finally:
            os.close(lock)

    def processes(self) -> dict[int, bool]:
        """Every number that was claimed, and whether nothing more will be written under it."""
        folder = self.folder / "processes"
        return {int(path.name): path.stat().st_size > 0 for path in sorted(folder.iterdir())}

    def closed(self, process: int) -> None:
        """Say that `process` has closed the run: who comes later closes it anew.

        Raises:
            OSError: the disk is full.
        """
        (self.folder / "processes" / f"{process:05d}").write_text(_CLOSED)

    def is_closed(self, first: int) -> bool:
        """Whether that was said by one of the processes that ran together, from number `first` on."""
        paths = sorted((self.folder / "processes").iterdir())
        return any(int(path.name) >= first and path.read_text() == _CLOSED for path in paths)

    def part(self, process: int, number: int) -> Path:
        """Where part `number` of a process goes while it grows."""
        return self.folder / "rollouts" / f"{process:05d}-{number:06d}.arrows"

    def parts_from(self, process: int, number: int) -> list[Path]:
        """Parts of a process from `number` on that were not sealed."""
        found = sorted((self.folder / "rollouts").glob(f"{process:05d}-*.arrows"))
        return [path for path in found if int(path.stem.partition("-")[2]) >= number]

    def ballast(self, process: int) -> Path:
        """Where a process keeps some room on the disk."""
        return self.folder / f".ballast-{process:05d}"

    def keep_settings(self, rank: int, settings: Mapping[str, str]) -> None:
        """Keep what is in force in a rank now, for the process that resumes the run after this one.

        Raises:
            OSError: the disk is full.
        """
        path = self._settings(rank)
        draft = path.with_name(f"{path.name}{DRAFT}")
        draft.write_bytes(msgspec.json.encode(settings))
        draft.replace(path)  # not waited for: training would wait as well

    def kept_settings(self, rank: int) -> dict[str, str] | None:
        """What was in force last in a rank; None where nothing was kept, or a crash left it unreadable."""
        try:
            return msgspec.json.decode(self._settings(rank).read_bytes(), type=dict[str, str])
        except (FileNotFoundError, ValueError):
            return None

    def _settings(self, rank: int) -> Path:
        return self.folder / f".in-force-{rank:05d}.json"

    def lines(self, stem: str, process: int) -> Path:
        """Where records of a process go; those of its steps beside the commitments."""
        if stem == "steps":
            (self.folder / "commitments").mkdir(exist_ok=True)
            return self.folder / "commitments" / f"steps-{process:05d}.jsonl"
        return self.folder / f"{stem}-{process:05d}.jsonl"
