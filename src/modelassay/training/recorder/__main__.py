"""``python -m modelassay.training.recorder STORE RUN NUMBER PARENT LOG``: the scribe of one training process.

The recorder starts it; its standard input is a pipe from there, on which a byte asks it to write now.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path

from modelassay.training.recorder.clerk import LiveLog
from modelassay.training.recorder.host import log_of
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.priority import WhenIdle
from modelassay.training.recorder.scribe import take_up, write_up
from modelassay.training.recorder.spool import Places
from modelassay.training.recorder.troubles import Troubles


class ParentProcess:
    """Training, as its child sees it; see `scribe.Training`.

    Args:
        process: its id.
    """

    def __init__(self, process: int) -> None:
        self._process = process
        self._closed = False

    def wait(self, seconds: float) -> None:
        """Wait for so long, or until a byte comes."""
        if self._closed:
            time.sleep(seconds)
        elif select.select([0], [], [], seconds)[0]:
            self._closed = not os.read(0, 4096)

    def is_gone(self) -> bool:
        """Whether it ended: the pipe from it is closed, or this is the child of another process now."""
        return self._closed or os.getppid() != self._process


class WithoutPandas:
    """Refuses to import pandas.

    pyarrow does so where it is installed, for the first array that it makes: a third of a second of a core,
    and memory, beside training. Nothing here needs it, and no code of the user's runs here.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """As `importlib.abc.MetaPathFinder.find_spec`."""
        if name == "pandas":
            raise ModuleNotFoundError("not wanted in this process", name=name)


def main(store: str, run: str, number: str, parent: str, log: str) -> int:
    """Write up what the process says; 0 when all of it is in the files."""
    sys.meta_path.insert(0, WithoutPandas())
    for each in (signal.SIGINT, signal.SIGTERM):  # meant for training: this ends when training does
        signal.signal(each, signal.SIG_IGN)
    turns = WhenIdle()
    place, troubles = Place(Path(store), run), Troubles(run)
    first = Places(place.folder, int(number)).load().first

    def make() -> LiveLog | None:
        return log_of(log, place)

    if int(number) == first:
        take_up(place, make, Troubles(run), below=first)
    return 0 if write_up(place, int(number), make, troubles, ParentProcess(int(parent)), turns) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
