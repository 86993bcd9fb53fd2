"""Episodes of verifiers 1: the traces of one or more agents on a task, as rollouts.

An episode holds id, env, task, group, run (with what the work was for), ok, errors and traces; a trace its
agent, task, nodes (messages, and whether they were sampled), rewards with weights, info and what stopped it.
The reward is Σ score·weight. An episode that failed may hold no trace at all. Errors of earlier attempts
stand beside ``ok: true`` where a later one went well (verifiers 00eee6c, `Episode`, `Trace`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelassay.records import RunPhase
from modelassay.training.importers.rows import Rollout, json_text, listed, name_of, number

LONGEST_FAILURE = 500
"""Characters of what a failure says."""


@dataclass(frozen=True)
class Place:
    """Where an episode stands in a run."""

    step: int
    phase: RunPhase
    where: str
    """File and line."""
    mark: str = ""
    """Before the name of its group, for groups whose names are of a step alone."""


@dataclass(frozen=True)
class Learned:
    """What is known of a trace beside the trace itself."""

    step: int | None = None
    """At which it was trained on."""
    trained_on: bool | None = None
    advantage: float | None = None


def rollouts_of(
    row: Mapping[str, Any], place: Place, learned: Callable[[str], Learned], agents: frozenset[str]
) -> Iterator[Rollout]:
    """The rollouts of an episode: those of its trainable agents, or its failure where it has none.

    Args:
        learned: what is known of the trace of an id.
        agents: trainable agents of the run; where there are several, each has groups and tasks of its own.
    """
    traces = traces_of(row)
    if not traces or (_failure(row) and not any(map(_trainable, traces))):
        yield _failed(row, place)
        return
    trainable = [trace for trace in traces if _trainable(trace)] or traces
    several = len(agents | {agent_of(trace) for trace in trainable}) > 1
    for trace in trainable:
        known = learned(name_of(trace.get("id")))
        yield _rollout(row, trace, place, known, f".{agent_of(trace)}" if several else "")


def traces_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The traces of an episode; a line that is a trace alone, as early versions wrote them, is one."""
    if "traces" not in row and isinstance(row.get("nodes"), list):
        return [dict(row)]
    return [trace for trace in listed(row.get("traces")) if isinstance(trace, dict)]


def is_episode(row: Mapping[str, Any]) -> bool:
    """Whether a line is an episode, or a trace alone."""
    return isinstance(row.get("traces"), list) or (
        isinstance(row.get("nodes"), list) and isinstance(row.get("rewards"), dict)
    )


def agents_in(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The trainable agents of some episodes."""
    return frozenset(agent_of(trace) for row in rows for trace in traces_of(row) if _trainable(trace))


def rewards_in(rows: Iterable[Mapping[str, Any]]) -> dict[str, None]:
    """Names of the reward functions of some episodes, in order."""
    found: dict[str, None] = {}
    for row in rows:
        for trace in traces_of(row):
            found.update(dict.fromkeys(inner(trace, "rewards")))
    return found


def kind_of(row: Mapping[str, Any]) -> RunPhase | None:
    """Whether an episode was for training or an evaluation; None where it does not say."""
    run = inner(row, "run")
    told = [inner(trace, "info").get("kind") for trace in traces_of(row)]
    phases: dict[Any, RunPhase] = {"train": "train", "eval": "eval"}
    kinds = (*told, inner(run, "work").get("type"), run.get("type"))
    return next((phases[kind] for kind in kinds if isinstance(kind, str) and kind in phases), None)


def agent_of(trace: Mapping[str, Any]) -> str:
    """The name of the agent of a trace."""
    agent = inner(trace, "agent")
    return name_of(agent.get("name") or agent.get("id"))


def inner(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under `key`; empty where there is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _trainable(trace: Mapping[str, Any]) -> bool:
    return bool(inner(trace, "agent").get("trainable", True))


def _failure(of: Mapping[str, Any]) -> str:
    """Why an episode or a trace failed; empty where it did not."""
    ok, errors = of.get("ok"), of.get("errors")
    failed = not ok if isinstance(ok, bool) else bool(errors)
    return json_text(errors or "not ok")[:LONGEST_FAILURE] if failed else ""


def _failed(row: Mapping[str, Any], place: Place) -> Rollout:
    """An episode that holds nothing of what its policy did."""
    return Rollout(
        step=place.step,
        phase=place.phase,
        prompt=None,
        completion=None,
        env=_env(row),
        task=_task(row) or f"unknown-{place.where}",
        group=_group(row, place),
        policy=_policy(row),
        failure=_failure(row) or "an episode without traces",
        extra={"episode": name_of(row.get("id"))},
    )


def _rollout(
    row: Mapping[str, Any], trace: Mapping[str, Any], place: Place, known: Learned, agent: str
) -> Rollout:
    prompt, completion = _messages(trace)
    scores = {n: v for n, v in inner(trace, "rewards").items() if isinstance(v, dict)}
    parts = [(number(v.get("score")), number(v.get("weight", 1))) for v in scores.values()]
    rewards = [s * w for s, w in parts if s is not None and w is not None]
    info = inner(trace, "info")
    judged = info.get("judge") or info.get("judge_calls")
    # Of several agents too it is that of the episode: their own may differ within a group.
    task = _task(row) or _task(traces_of(row)[0])
    return Rollout(
        step=place.step,
        phase=place.phase,
        prompt=prompt,
        completion=completion,
        env=_env(row),
        task=f"{task}{agent}" if task else "",
        group=_group(row, place) + agent,
        reward=sum(rewards) if rewards else None,
        rewards={name: number(value.get("score")) for name, value in scores.items()},
        advantage=number(info.get("advantage")) if known.advantage is None else known.advantage,
        trained_on=None if place.phase == "eval" else known.trained_on,
        policy=_policy(row),
        grader_output=json_text(judged) if judged else None,
        failure=_failure(row) or _failure(trace),
        finish=name_of(trace.get("stop_condition")),
        extra={
            "episode": name_of(row.get("id")),
            "weights": {n: number(v.get("weight", 1)) for n, v in scores.items()},
            **({"agent": agent[1:]} if agent else {}),
            **({"metrics": trace["metrics"]} if trace.get("metrics") else {}),
        },
    )


def _env(row: Mapping[str, Any]) -> str:
    env = inner(row, "env")
    return name_of(env.get("name") or env.get("id"))


def _task(of: Mapping[str, Any]) -> str:
    task = inner(of, "task")
    return name_of(task.get("key") or task.get("hash"))


def _group(row: Mapping[str, Any], place: Place) -> str:
    """The group that an episode names, else that of its task, else one of its own."""
    named = name_of(inner(row, "group").get("id")) or _task(row) or name_of(row.get("id"))
    return f"{place.mark}{named or place.where}"


def _policy(row: Mapping[str, Any]) -> str | None:
    policy = inner(inner(inner(row, "run"), "work"), "policy")
    return name_of(policy.get("start")) or None


def _messages(trace: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Messages before the first that was sampled, and the rest, in the order of the nodes."""
    nodes = [node for node in listed(trace.get("nodes")) if isinstance(node, dict)]
    first = next((i for i, node in enumerate(nodes) if node.get("sampled")), len(nodes))
    messages = [node.get("message") for node in nodes]
    return messages[:first], messages[first:]
