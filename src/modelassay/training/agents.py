"""Whose rollouts are whose, where several agents of a run were trained (prime-rl)."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from modelassay.training.logged_statistics import Statistic, statistic_named
from modelassay.training.run import Run


def agents_of(run: Run) -> NDArray[np.str_] | None:
    """The agent of every rollout, in their order; None where what was logged tells of one agent at most."""
    logged = {name for each in run.metrics() for name in each.values}
    statistics = [found for name in logged if (found := statistic_named(name)) is not None and found.agent]
    if len({each.agent for each in statistics}) < 2:
        return None
    told = [_agent(extra) for batch in run.batches(["extra"]) for extra in batch.column("extra").to_pylist()]
    return np.array(told if any(told) else [_trained(statistics)] * len(told), np.str_)


def _agent(extra: str) -> str:
    """The agent that the further columns of a rollout name; empty where they name none."""
    further = json.loads(extra) if extra else {}
    agent = further.get("agent") if isinstance(further, dict) else None
    return agent if isinstance(agent, str) else ""


def _trained(statistics: list[Statistic]) -> str:
    """The only agent of which something was trained on; empty where there are several."""
    trained = {each.agent for each in statistics if each.trained_on}
    return trained.pop() if len(trained) == 1 else ""
