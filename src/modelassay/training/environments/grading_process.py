"""The process in which a user's grader runs: questions on one pipe, answers on another.

What the grader itself prints goes nowhere, so that it cannot be taken for an answer, and what it or a
program that it starts reads is empty, so that neither takes a question. When the questions end, whoever asked
is gone: the process ends with everything that it started, in the midst of a question too.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import math
import os
import signal
import sys
import threading
from queue import SimpleQueue
from typing import Any


def main(name: str) -> None:
    """Import ``module:function`` and answer questions until they end."""
    asked = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with open(os.devnull, "r+", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 0)
        os.dup2(nowhere.fileno(), 1)
    questions: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(asked, questions), daemon=True).start()
    sys.path.insert(0, os.getcwd())
    module, function = name.split(":")
    try:
        grade = getattr(importlib.import_module(module), function)
        failed = "" if callable(grade) else f"{name} is not callable"
    except (Exception, SystemExit) as error:  # whatever the user's module raises is what they must read
        failed = f"{type(error).__name__}: {error}"
    _say(answers, {"failed": failed} if failed else {"ready": True})
    if failed:
        return
    while line := questions.get():
        question = json.loads(line)
        _say(answers, _graded(grade, question["task"], question["completion"]))


def _read(asked: Any, questions: SimpleQueue[str]) -> None:
    for line in asked:
        questions.put(line)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    questions.put("")


def _graded(grade: Any, task: dict[str, Any], completion: str) -> dict[str, Any]:
    try:
        reward = _number(grade(task, completion))
    except Exception as error:  # a grader that raises is a finding, not a fault of ours
        return {"raised": f"{type(error).__name__}: {error}"}
    return {"reward": reward} if math.isfinite(reward) else {"raised": f"the reward is {reward}"}


def _number(given: Any) -> float:
    """A reward as graders give it: a number, what becomes one when it is awaited, the first part of several,
    or the score of a table."""
    if inspect.isawaitable(given):
        given = asyncio.run(_awaited(given))
    if isinstance(given, dict):
        given = next((given[name] for name in ("score", "reward") if name in given), given)
    elif isinstance(given, tuple | list) and given:
        given = given[0]
    return float(given)


async def _awaited(given: Any) -> Any:
    return await given


def _say(answers: Any, what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
