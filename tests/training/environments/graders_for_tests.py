"""Graders that are probed: a sound one, and one for each flaw."""

from __future__ import annotations

import os
import random
import time
from typing import Any

_random = random.Random(3)


def sound(task: dict[str, Any], completion: str) -> float:
    return float(completion.strip() == task["answer"])


def anywhere(task: dict[str, Any], completion: str) -> float:
    return float(task["answer"] in completion)


def generous(task: dict[str, Any], completion: str) -> float:
    return 1.0 if not completion.strip() else sound(task, completion)


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


not_callable = 7
