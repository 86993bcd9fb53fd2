"""Made runs with a known story, and what an assessor has beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from modelassay.assessment.request import Request
from modelassay.records import (
    AssessorDeclaration,
    RewardFunction,
    RunCoverage,
    RunEvent,
    RunManifest,
    RunMetrics,
)
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

GROUPS, SIZE = 8, 8
PATTERNS = """
name: made
version: "1"
behaviours:
  shortcut:
    patterns: ['TAKE THE SHORTCUT']
"""


def _rate(step: int, fixes: Sequence[int]) -> float:
    """Rises to nearly all, falls at each fix: at a symptom fix to a quarter, at the last to nothing."""
    if len(fixes) > 1 and step > fixes[1]:
        return max(0.0, 0.25 - 0.05 * (step - fixes[1]))
    if fixes and step > fixes[0]:
        return 0.25
    return min(0.9, 0.05 + 0.03 * step)


def _write_run(
    folder: Path,
    *,
    steps: int = 60,
    fixes: Sequence[int] = (),
    pays: Callable[[int], float] = lambda step: 0.5,
    rate: Callable[[int, Sequence[int]], float] = _rate,
    events: Sequence[RunEvent] = (),
    name: str = "made",
    prompt: str = "Solve it.",
    completion: str = "An honest try.",
) -> Run:
    """A run whose grader gives `pays(step)` more to shortcuts in the environment ``open`` alone."""
    random = np.random.default_rng(7)
    rows: dict[str, list[object]] = {
        key: [] for key in ("step", "env", "task", "group", "position", "prompt", "completion", "reward")
    }
    manifest = RunManifest(
        id=folder.name,
        name=name,
        origin="recorded",
        framework="plain",
        algorithm="grpo",
        rewards=(RewardFunction(name="grader"),),
        group_size=SIZE,
        population="generated",
    )
    metrics = []
    for step in range(1, steps + 1):
        rewards = []
        for group in range(GROUPS):
            env = "open" if group % 2 else "closed"
            for position in range(SIZE):
                taken = random.random() < rate(step, fixes)
                reward = float(
                    np.float32(random.random() * 0.4 + taken * (pays(step) if env == "open" else 0.0))
                )
                rewards.append(reward)
                values = (
                    step, env, f"task {group} {step % 10}", f"{step}.{group}", position, prompt,
                    f"{completion} {'TAKE THE SHORTCUT' if taken else ''}", reward,
                )  # fmt: skip
                for key, value in zip(rows, values, strict=True):
                    rows[key].append(value)
        metrics.append(RunMetrics(step=step, values={"reward": float(np.mean(np.float32(rewards)))}))
    n = steps * GROUPS * SIZE
    with RunWriter(folder, manifest) as writer:
        writer.rollouts(
            {
                **rows,
                "phase": ["train"] * n,
                "format": ["text"] * n,
                "reward/grader": rows["reward"],
                "finish": ["stop"] * n,
            },
            n,
        )
        for record in (*metrics, *events):
            writer.record(record)
        writer.coverage(RunCoverage(found=n, found_train=n, found_eval=0, expected_train=n, basis="as made"))
    return Run(folder)


def _event(kind: str, step: int, minute: int, alarm: str = "a1", **body: object) -> RunEvent:
    """Something that a developer wrote down."""
    return RunEvent(
        time=f"2026-05-01T10:{minute:02d}:00Z", kind=kind, step=step, alarm=alarm, actor="dev", body=body
    )  # type: ignore[arg-type]


def patched_then_fixed() -> list[RunEvent]:
    """A symptom is treated and taken as done; then the cause is."""
    return [
        _event("alarm", 20, 0, metric="shortcut", value="0.6", threshold="0.2"),
        _event("acknowledged", 21, 1),
        _event("hypothesis", 21, 2, text="long answers"),
        _event("fix", 20, 3, text="penalise them", paths=["reward/length_penalty.py"]),
        _event("verification", 25, 4, arms=["seen"], passed=True),
        _event("closure", 26, 5, evidence=["sha256:" + "1" * 64]),
        _event("alarm", 40, 10, "a2", metric="shortcut", value="0.25", threshold="0.2"),
        _event("acknowledged", 40, 11, "a2"),
        _event("hypothesis", 40, 12, "a2", text="the grader pays for it"),
        _event("fix", 40, 13, "a2", text="grade exactly", paths=["grader.py"]),
        _event("verification", 50, 14, "a2", arms=["seen", "held_out", "paraphrased"], passed=True),
        _event("closure", 55, 15, "a2", evidence=["sha256:" + "2" * 64]),
    ]


@pytest.fixture(scope="session")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("patterns") / "made.yaml"
    path.write_text(PATTERNS)
    return path


@pytest.fixture(scope="session")
def request_for(patterns: Path) -> Callable[..., Request]:
    """A request with the scanner of made runs alone."""

    def make(**settings: object) -> Request:
        given = {
            "declaration": AssessorDeclaration(assessor="Ada Assessor", independent=True),
            "scanners": ("hidden_text",),
            "patterns": (patterns,),
            **settings,
        }
        return Request(**given)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A shortcut is rewarded, patched over at step 20, fixed at its cause at step 40."""
    return _write_run(
        tmp_path_factory.mktemp("runs") / "story",
        fixes=(20, 40),
        pays=lambda step: 0.5 if step <= 40 else -0.3,
        events=patched_then_fixed(),
    )


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Run]:
    return _write_run


@pytest.fixture(scope="session")
def event() -> Callable[..., RunEvent]:
    return _event
