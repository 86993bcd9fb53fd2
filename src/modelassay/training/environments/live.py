"""A grader asked about completions, in a process of its own that may hang or die without harm.

The grader is a Python callable named ``module:function``; it is given the task's row and a completion and
returns a number. It is the user's own code and runs only because the user names it. Each question has a time
limit; a process that exceeds it, or dies, is replaced, and the outcome recorded. With it ends whatever it
started, as far as that stayed in its process group.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from modelassay.errors import UsageError

Ending = Literal["graded", "raised", "timed out", "died"]


class Grade(NamedTuple):
    """What came of one question."""

    ending: Ending
    reward: float
    """NaN unless graded; a grader that raises may still give reward in training, which is for its owner to
    say."""
    why: str = ""


class LiveGrader:
    """A grader behind a process boundary; a context manager.

    Args:
        name: ``module:function``.
        folder: where it is looked for first, beside installed packages.
        seconds: limit of each question, and of the import.

    Raises:
        UsageError: it cannot be imported, or is not callable.
    """

    def __init__(self, name: str, folder: Path | None = None, seconds: float = 10.0) -> None:
        if name.count(":") != 1 or not all(name.split(":")):
            raise UsageError("a grader is named module:function", where=name)
        self._name, self._folder, self._seconds = name, folder or Path.cwd(), seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: Queue[bytes] = Queue()
        self.restarts = 0

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def grade(self, task: Mapping[str, Any], completion: str) -> Grade:
        """What the grader gives for `completion`."""
        if self._process is None:
            self.restarts += 1
            self._start()
        question = json.dumps({"task": dict(task), "completion": completion}, default=str)
        answer = self._ask(question.encode() + b"\n")
        if isinstance(answer, Grade):
            return answer
        if "raised" in answer:
            return Grade("raised", math.nan, str(answer["raised"])[:300])
        return Grade("graded", float(answer["reward"]))

    def _ask(self, question: bytes) -> dict[str, Any] | Grade:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(question)
            self._process.stdin.flush()
            line = self._answers.get(timeout=self._seconds)
        except Empty:
            self._stop()
            return Grade("timed out", math.nan, f"no answer in {self._seconds:g} s")
        except OSError:
            line = b""
        if not line:
            return Grade("died", math.nan, f"the process ended with {self._stop()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "modelassay.training.environments.grading_process", self._name],
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            failed = self._failed(self._process)
        except BaseException:  # an interrupt while it starts: nothing may be left running
            self._stop()
            raise
        if failed:
            self._stop()
            raise UsageError(f"the grader cannot be used: {failed}", where=self._name)

    def _failed(self, process: subprocess.Popen[bytes]) -> str:
        """Why the process does not answer; empty once it does."""
        self._answers = Queue()
        threading.Thread(target=_forward, args=(process, self._answers), daemon=True).start()
        try:
            ready = self._answers.get(timeout=max(self._seconds, 30.0))
        except Empty:
            return "it did not start in time"
        if not ready:
            return f"its process ended with {self._stop()} while it was imported"
        return str(json.loads(ready).get("failed", ""))

    def _stop(self) -> int | None:
        """End the process and all that it started; its exit code, None where there was none."""
        process, self._process = self._process, None
        if process is None:
            return None
        # Before it is waited for: until then nothing else can have its number. Where it ended and left
        # nothing behind there is no such group, or (on macOS) none that takes signals.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return code


def _forward(process: subprocess.Popen[bytes], answers: Queue[bytes]) -> None:
    """Lines of the process as they come; an empty one when it ends."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            answers.put(line)
    except ValueError:
        pass  # closed while reading: the process was stopped
    answers.put(b"")
