"""Graders that are probed: a sound one, and one for each flaw."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_random = random.Random(3)


def sound(task: dict[str, Any], completion: str) -> float:
    return float(completion.strip() == task["answer"])


def anywhere(task: dict[str, Any], completion: str) -> float:
    return float(task["answer"] in completion)


def generous(task: dict[str, Any], completion: str) -> float:
    return 1.0 if not completion.strip() else sound(task, completion)


def by_length(task: dict[str, Any], completion: str) -> float:
    return min(1.0, len(completion) / 200)


def strict(task: dict[str, Any], completion: str) -> float:
    return float(completion == task["answer"])


def refuses_all(task: dict[str, Any], completion: str) -> float:
    return 0.0


def noisy(task: dict[str, Any], completion: str) -> float:
    return sound(task, completion) * float(_random.random() < 0.6)


def raises(task: dict[str, Any], completion: str) -> float:
    if not completion:
        raise ValueError("no completion")
    return sound(task, completion)


def hangs(task: dict[str, Any], completion: str) -> float:
    if completion == "0":
        time.sleep(60)
    return sound(task, completion)


def dies(task: dict[str, Any], completion: str) -> float:
    if "exit" in completion:
        os._exit(0)
    return sound(task, completion)


def talks(task: dict[str, Any], completion: str) -> float:
    print('{"reward": 1.0}')
    return sound(task, completion)


def endless(task: dict[str, Any], completion: str) -> float:
    return float("nan")


def returns_a_table(task: dict[str, Any], completion: str) -> Any:
    return {"verdict": 1.0}


def penalty(task: dict[str, Any], completion: str) -> float:
    """Full reward is 0."""
    return sound(task, completion) - 1.0


def number(task: dict[str, Any], completion: str) -> float:
    """Sound: compares the number after the first ####, which other tasks may share."""
    said, right = (re.search(r"####\s*(-?\d+)", text) for text in (completion, task["answer"]))
    return float(said is not None and right is not None and said[1] == right[1])


def anywhere_if_empty(task: dict[str, Any], completion: str) -> float:
    """Sound, but of a task without an answer everything is right."""
    return 1.0 if not task["answer"] else sound(task, completion)


def in_part(task: dict[str, Any], completion: str) -> float:
    return max(sound(task, completion), 0.3)


def only_gold(task: dict[str, Any], completion: str) -> float:
    if task["answer"] not in completion:
        raise ValueError("cannot be parsed")
    return 1.0


def reads(task: dict[str, Any], completion: str) -> float:
    """Runs a program that reads a line."""
    program = [sys.executable, "-c", "import sys; sys.exit(len(sys.stdin.readline()))"]
    return float(subprocess.run(program, check=False).returncode == 0)


def leaves_a_child(task: dict[str, Any], completion: str) -> float:
    """Starts a program that never ends, writes its number into the task's file, and waits where asked to."""
    child = subprocess.Popen([sys.executable, "-c", "import time\nwhile True: time.sleep(1)"])
    Path(task["file"]).write_text(str(child.pid))
    if completion == "wait":
        child.wait()
    return 1.0


def boxed(task: dict[str, Any], completion: str) -> float:
    found = re.search(r"\\boxed\{(.*?)\}", completion, re.DOTALL)
    return sound(task, found[1]) if found else 0.0


def tagged(task: dict[str, Any], completion: str) -> float:
    found = re.search(r"<answer>(.*?)</answer>", completion, re.DOTALL)
    return sound(task, found[1]) if found else 0.0


def as_json(task: dict[str, Any], completion: str) -> float:
    try:
        return sound(task, json.loads(completion)["answer"])
    except (ValueError, TypeError, KeyError):
        return 0.0


async def awaited(task: dict[str, Any], completion: str) -> float:
    return sound(task, completion)


def in_a_table(task: dict[str, Any], completion: str) -> Any:
    return {"score": sound(task, completion), "why": "equal"}


def in_a_pair(task: dict[str, Any], completion: str) -> Any:
    return sound(task, completion), {"why": "equal"}


_right: set[str] = set()


def remembers(task: dict[str, Any], completion: str) -> float:
    """Pays for a task that was solved once."""
    if sound(task, completion):
        _right.add(task["answer"])
    return float(task["answer"] in _right)


def remembers_all(task: dict[str, Any], completion: str) -> float:
    """Pays for every task once one was solved."""
    remembers(task, completion)
    return float(bool(_right))


def never(task: dict[str, Any], completion: str) -> float:
    time.sleep(60)
    return 0.0


not_callable = 7
