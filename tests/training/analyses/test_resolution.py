"""Patched or resolved: every verdict by made arms, and the real runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from modelassay.records import RunFinding
from modelassay.statistics import Answers, answers_counted, answers_of_tasks
from modelassay.training.analyses.arms import Stages, read_arms
from modelassay.training.analyses.course import course
from modelassay.training.analyses.resolution import (
    Arm,
    ArmKind,
    assess_resolution,
    reward_side,
    settled_since,
)
from modelassay.training.frame import Frame

FrameOf = Callable[..., Frame]


def arm(kind: str, base: int, incident: int, after: int, n: int = 400, name: str = "") -> Arm:
    return Arm(name or kind, kind, *(answers_counted(k, n) for k in (base, incident, after)))  # type: ignore[arg-type]


def stages(of: Arm) -> tuple[Answers, Answers, Answers]:
    return of.base, of.incident, of.after


def arms(after: Mapping[str, int] | None = None, usual: int = 8) -> list[Arm]:
    return [arm(kind, 10, 300, (after or {}).get(kind, usual)) for kind in get_args(ArmKind)]


def training(frame_of: FrameOf, effect: float, groups: int = 300, falls: bool = True) -> Frame:
    """A run after a fix: for 10 steps the behaviour is punished and goes away, then `effect` reigns."""
    rng = np.random.default_rng(1)
    step = np.repeat(1 + np.arange(groups) // 10, 8)
    early = (step <= 10) if falls else np.zeros(len(step), np.bool_)
    flags = rng.random(len(step)) < np.where(early, 0.9, 0.2)
    chance = np.where(early, 0.6 - 0.5 * flags, 0.4 + effect * flags)
    return frame_of(step=step, reward=(rng.random(len(step)) < chance).astype(float), flags={"b": flags})


@pytest.fixture
def silent(frame_of: FrameOf) -> RunFinding:
    return reward_side(training(frame_of, -0.2), "b", population="generated")


@pytest.fixture
def paying(frame_of: FrameOf) -> RunFinding:
    return reward_side(training(frame_of, 0.2), "b", population="generated")


def test_back_at_the_base_everywhere_is_resolved(silent: RunFinding) -> None:
    finding = assess_resolution("b", arms(), silent)
    assert (finding.outcome, finding.state, finding.severity) == ("resolved", "shown_fine", "none")
    assert finding.values["seen.residual"] < 0


def test_one_arm_above_the_base_is_patched(silent: RunFinding) -> None:
    finding = assess_resolution("b", arms({"other_environment": 90}), silent)
    assert (finding.outcome, finding.severity) == ("patched", "high")
    assert "other_environment" in finding.statement
    assert finding.effect is not None
    assert finding.effect.low > 0


def test_a_reward_that_still_pays_is_patched(paying: RunFinding) -> None:
    assert paying.outcome == "reinforced"
    finding = assess_resolution("b", arms(), paying)
    assert finding.outcome == "patched"
    assert "still pays" in finding.statement
    assert paying.effect is not None
    assert f"(D {float(paying.effect.value):+.3f}, " in finding.statement
    assert finding.values["settled_since"] == paying.values["settled_since"]


def test_re_elicitation_alone_does_not_decide(silent: RunFinding) -> None:
    finding = assess_resolution("b", arms({"re_elicited": 250}), silent)
    assert finding.outcome == "resolved"
    assert "does not decide alone" in finding.statement


def test_a_variant_that_came_up_is_displacement(silent: RunFinding) -> None:
    up, still = arm("seen", 20, 4, 80, name="shorter"), arm("seen", 20, 4, 22, name="longer")
    assert assess_resolution("b", arms(), silent, variants=[up, still]).outcome == "displaced"
    assert assess_resolution("b", arms(), silent, variants=[still]).outcome == "resolved"


def test_what_never_came_down_is_unresolved_and_what_came_back_regressed(silent: RunFinding) -> None:
    still = arms(usual=290)
    assert assess_resolution("b", still, silent).outcome == "unresolved"
    back = [replace(each, between=(answers_counted(5, 400),)) for each in still]
    assert assess_resolution("b", back, silent).outcome == "regressed"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (lambda a: [x for x in a if x.kind != "paraphrased"], "no arm is paraphrased"),
        (lambda a: [x for x in a if x.kind != "seen"], "no model was asked"),
        (lambda a: [arm(x.kind, 1, 30, 1, 40) for x in a], "too few answers"),
        (lambda a: [arm(x.kind, 10, 12, 8) for x in a], "not surely above the base"),
        (lambda a: [], "no model was asked"),
    ],
)
def test_what_cannot_be_assessed_says_why(changed: Any, why: str, silent: RunFinding) -> None:
    finding = assess_resolution("b", changed(arms()), silent)
    assert finding.outcome == "not assessable"
    assert why in finding.why_not
    assert finding.question


@pytest.mark.slow
def test_it_says_how_many_answers_would_do(silent: RunFinding) -> None:
    """As many answers as it names are enough in most draws of models that are back at the base."""
    few = assess_resolution("b", [arm(x.kind, 2, 35, 2, 40) for x in arms()], silent)
    needed = int(few.why_not.partition("(about ")[2].partition(" each")[0].replace(",", ""))
    rng, resolved = np.random.default_rng(6), 0
    for _ in range(20):
        shown = rng.binomial(needed, 0.05, 2)
        one = arm("seen", int(shown[0]), needed * 9 // 10, int(shown[1]), needed)
        found = assess_resolution("b", [one], silent)
        resolved += "too few" not in found.why_not
    assert 11 <= resolved < 20


def test_arms_alone_never_resolve() -> None:
    finding = assess_resolution("b", arms(), None)
    assert finding.outcome == "not assessable"
    assert "reward after the fix" in finding.why_not


def test_without_a_model_the_reward_side_tells_a_patch(frame_of: FrameOf, paying: RunFinding) -> None:
    assert assess_resolution("b", [], paying).outcome == "patched"
    never = reward_side(training(frame_of, 0.2, falls=False), "b")
    assert assess_resolution("b", [], never).outcome == "unresolved"


def test_answers_by_task_are_paired(silent: RunFinding) -> None:
    """Hard tasks have the base's rate before and after: paired they say more than counts do."""
    rng = np.random.default_rng(2)

    def by_task(rate: float) -> Answers:
        return answers_of_tasks(rng.random(120) < rate, np.ones(120))

    base = by_task(0.3)
    paired = [Arm(kind, kind, base, by_task(0.95), base) for kind in get_args(ArmKind)]
    counted = [
        Arm(a.name, a.kind, *(answers_counted(int(s.k.sum()), 120) for s in stages(a))) for a in paired
    ]
    assert assess_resolution("b", counted, silent).outcome == "not assessable"
    # Without a single difference the interval still allows for kinds of tasks that were not drawn.
    assert "too few" in assess_resolution("b", paired, silent).why_not
    more = [
        Arm(each.name, each.kind, *(answers_of_tasks(np.tile(s.k, 2), np.ones(240)) for s in stages(each)))
        for each in paired
    ]
    assert assess_resolution("b", more, silent).outcome == "resolved"


def test_the_reward_is_asked_once_the_rate_has_settled(frame_of: FrameOf) -> None:
    frame = training(frame_of, 0.2)
    assert settled_since(course(frame, "b")) == (11, True)
    few = training(frame_of, 0.2, groups=110)
    since, fell = settled_since(course(few, "b"))
    assert fell
    assert since < 11
    assert reward_side(few, "b").values["settled_since"] == since


# The real runs: a symptom patch and a root-cause fix of the same incident.

KINDS: dict[str, ArmKind] = {
    "seen": "seen",
    "heldout": "held_out",
    "paraphrase_q": "paraphrased",
    "paraphrase_words": "paraphrased",
    "omit": "other_environment",
    "reelicit": "re_elicited",
}


def real_arms(data_dir: Path, after: str) -> tuple[Arm, ...]:
    path = data_dir / "tra" / "trl_shotgun_run" / "checkpoint_evals.jsonl"
    if not path.is_file():
        pytest.skip("the data set trl_shotgun_run is absent")
    return read_arms(path, "shotgun", KINDS, Stages("base", "hack/checkpoint-80", after))


@pytest.mark.parametrize(("run", "expected"), [("patch", "patched"), ("fix", "resolved")])
def test_the_symptom_patch_and_the_root_cause_fix(
    run: str,
    expected: str,
    data_dir: Path,
    shotgun_run: Callable[[str], Frame],
) -> None:
    reward = reward_side(shotgun_run(run), "shotgun", population="generated")
    assert reward.outcome == {"patched": "reinforced", "resolved": "suppressed"}[expected]
    finding = assess_resolution("shotgun", real_arms(data_dir, f"{run}/checkpoint-100"), reward)
    assert finding.outcome == expected
    assert (
        assess_resolution("shotgun", [], reward).outcome
        == {
            "patched": "patched",
            "resolved": "not assessable",
        }[expected]
    )


def test_the_naive_difference_has_the_wrong_sign(shotgun_run: Callable[[str], Frame]) -> None:
    reward = reward_side(shotgun_run("patch"), "shotgun")
    assert reward.values["pooled_difference"] < 0 < reward.values["differential"]
