"""Answers that come to begin, vary or speak otherwise are told, with the rollouts that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from modelassay.records import RunFinding
from modelassay.training.analyses.form import LEAST_STEPS, assess_form, shift
from modelassay.training.columns import pa
from modelassay.training.scanners.template_collapse import StepForm, TemplateCollapse

ROWS, STEPS = 16, 60
OPENING = "Certainly! As a careful assistant, I will answer step by step. "


def forms(
    write: Callable[[int, int, np.random.Generator], str], steps: int = STEPS
) -> Mapping[int, StepForm]:
    random = np.random.default_rng(2)
    scanner = TemplateCollapse()
    for step in range(1, steps + 1):
        scanner.scan(
            pa.record_batch(
                {
                    "seq": pa.array(range(step * ROWS, (step + 1) * ROWS)),
                    "step": pa.array([step] * ROWS),
                    "phase": pa.array(["train"] * ROWS),
                    "prompt": pa.array([f"task {row % 4}" for row in range(ROWS)], pa.large_string()),
                    "completion": pa.array(
                        [write(step, row, random) for row in range(ROWS)], pa.large_string()
                    ),
                    "format": pa.array(["text"] * ROWS),
                }
            )
        )
    return scanner.steps


def words(random: np.random.Generator, pool: int = 300, count: int = 40, stem: str = "word") -> str:
    names = [f"{stem}{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(pool)]
    return " ".join(names[i] for i in random.integers(0, pool, count))


def found(steps: Mapping[int, StepForm]) -> dict[str, RunFinding]:
    return {each.slice.get("aspect", ""): each for each in assess_form(steps)}


def test_a_run_that_stays_as_it_is_is_steady_in_everything() -> None:
    told = found(forms(lambda step, row, random: words(random)))
    assert {name: each.outcome for name, each in told.items()} == {
        "openings": "steady", "variety": "steady", "vocabulary": "steady",
    }  # fmt: skip
    assert not any(each.evidence for each in told.values())
    assert {each.severity for each in told.values()} == {"none"}


def test_an_opening_that_takes_over_is_told_with_the_rollouts_that_begin_so() -> None:
    def write(step: int, row: int, random: np.random.Generator) -> str:
        return (OPENING if random.random() < step / STEPS else "") + words(random)

    opening = found(forms(write))["openings"]
    assert (opening.outcome, opening.state, opening.severity) == ("collapsed", "shown_harmful", "medium")
    assert opening.effect is not None
    assert opening.effect.low >= 0.2
    assert len(opening.evidence) == 5
    for each in opening.evidence:
        assert OPENING.startswith(each.quote)
        assert each.seq // ROWS == each.step > 2 * STEPS // 3


def test_a_rise_that_leaves_most_answers_as_they_were_is_no_collapse() -> None:
    def write(step: int, row: int, random: np.random.Generator) -> str:
        return (OPENING if random.random() < 0.4 * step / STEPS else "") + words(random)

    assert found(forms(write))["openings"].outcome != "collapsed"


def test_answers_that_vary_less_and_less_are_told_and_longer_ones_are_not() -> None:
    narrow = found(forms(lambda step, row, random: words(random, pool=max(5, 300 - 6 * step))))
    assert narrow["variety"].outcome == "narrowed"
    assert {each.step for each in narrow["variety"].evidence} <= set(range(41, 61))
    longer = found(forms(lambda step, row, random: words(random, count=40 + 4 * step)))
    assert longer["variety"].outcome == "steady"


def test_words_that_the_start_did_not_use_are_told() -> None:
    def write(step: int, row: int, random: np.random.Generator) -> str:
        strange = int(30 * max(0, step - 35) / 25)
        return words(random, count=40 - strange) + " " + words(random, count=strange, stem="glyph")

    drifted = found(forms(write))["vocabulary"]
    assert drifted.outcome == "drifted"
    assert all(each.quote.startswith("glyph") for each in drifted.evidence)


def test_short_runs_single_words_and_invalid_steps_are_said() -> None:
    (short,) = assess_form(forms(lambda step, row, random: words(random), steps=LEAST_STEPS - 1))
    assert short.outcome == "not assessable"
    (invalid,) = assess_form(forms(lambda step, row, random: words(random)), invalid=range(10, 60))
    assert invalid.outcome == "not assessable"
    assert "variety" not in found(forms(lambda step, row, random: f"{random.integers(100)}"))


def test_the_interval_of_a_shift_is_that_of_welch() -> None:
    """Thirds 1 2 3 4 5 and 4 5 6 7 8: variance 2.5 each, t(0.975, 4) = 2.776445 (tables)."""
    change = shift(np.array([1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 4, 5, 6, 7, 8], np.float64))
    assert (change.early, change.late, change.value) == (3, 6, 3)
    assert change.high - change.value == pytest.approx(2.776445, abs=1e-5)
    assert change.value - change.low == pytest.approx(2.776445, abs=1e-5)
