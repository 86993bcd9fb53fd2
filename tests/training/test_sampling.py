"""Logged tokens: what z says of them, and of which runs it says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from modelassay.canonical import Digest
from modelassay.records import RewardFunction, RunCheckpoint, RunEvent, RunFinding, RunManifest
from modelassay.training.protocol.sampling import NO_TEMPERATURE, sampling_of, scores_finding
from modelassay.training.protocol.scoring import Logged, TokenScores
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

TOKENS, WORDS = 3000, 50
CHECKPOINT = RunCheckpoint(step=2, name="checkpoint-2", digest=Digest("sha256:" + "1" * 64))


def scored(step: int, *given: Any, **more: Any) -> RunFinding:
    """What is said of a step under the checkpoint before it."""
    return scores_finding(CHECKPOINT, step, *given, run="r", **more)


def scores(logp: float, entropy: float, tokens: int = 400) -> TokenScores:
    return TokenScores(np.full(tokens, logp), np.full(tokens, entropy), np.full(tokens, 0.25))


def test_tokens_that_are_too_unlikely_are_another_policys() -> None:
    assert scored(3, [], scores(-1.0, 1.0)).outcome == "consistent"
    assert scored(3, [], scores(-1.2, 1.0)).outcome == "inconsistent"
    assert scored(3, [], scores(-1.2, 1.0, 20)).outcome == "not assessable"
    assert scored(3, [], scores(-1.2, 1.0), "top_k").outcome == "not assessable"
    logged = [Logged((1,), tuple(range(400)), (-1.21,) * 400)]
    assert scored(3, logged, scores(-1.2, 1.0), "top_k").outcome == "consistent"
    found = scored(3, logged, scores(-1.5, 1.0))
    assert (found.outcome, found.statement.startswith("checkpoint-2 did not sample")) == (
        "inconsistent",
        True,
    )
    assert found.slice == {"run": "r", "from": "checkpoint-2", "digest": CHECKPOINT.digest, "step": "3"}


class Policy:
    """Distributions over words, and tokens drawn from them in one way or another."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(0)
        self.logits = self.generator.normal(size=(TOKENS, WORDS)) * 2

    def log(self, temperature: float = 1.0) -> NDArray[np.float64]:
        scaled = self.logits / temperature
        found: NDArray[np.float64] = scaled - np.log(np.exp(scaled).sum(1, keepdims=True))
        return found

    def drawn(self, temperature: float) -> NDArray[np.int64]:
        rows = np.exp(self.log(temperature))
        return np.array([self.generator.choice(WORDS, p=row / row.sum()) for row in rows])

    def scores(self, tokens: NDArray[np.int64], temperature: float = 1.0) -> TokenScores:
        log = self.log(temperature)
        p = np.exp(log)
        entropy = -(p * log).sum(1)
        spread = (p * (log + entropy[:, None]) ** 2).sum(1)
        return TokenScores(log[np.arange(TOKENS), tokens], entropy, spread)


def test_tokens_that_are_likelier_than_sampled_ones_show_nothing() -> None:
    policy = Policy()
    greedy = policy.scores(policy.logits.argmax(1))
    found = scored(3, [], greedy)
    assert (found.outcome, found.state) == ("not assessable", "not_assessable")
    assert "likelier than sampling at this temperature gives" in found.statement
    assert "top-p or at a lower temperature, or were they chosen" in found.question
    # Whoever has the checkpoint can write its log-probabilities beside tokens that were never sampled.
    forged = [Logged((1,), tuple(range(TOKENS)), tuple(greedy.logp.tolist()))]
    assert scored(3, forged, greedy).outcome == "not assessable"
    unlikely = policy.scores(policy.drawn(3.0))
    forged = [Logged((1,), tuple(range(TOKENS)), tuple(unlikely.logp.tolist()))]
    assert scored(3, forged, unlikely).outcome == "inconsistent"


def test_tokens_are_held_against_their_own_temperature() -> None:
    policy = Policy()
    tokens = policy.drawn(1.2)
    assert scored(3, [], policy.scores(tokens, 1.2), temperature=1.2).outcome == "consistent"
    assert scored(3, [], policy.scores(tokens)).outcome == "inconsistent"


def test_without_a_temperature_there_is_no_verdict_by_z() -> None:
    policy = Policy()
    taken = policy.scores(policy.drawn(1.2))
    found = scored(3, [], taken, NO_TEMPERATURE, temperature=None)
    assert (found.outcome, found.why_not) == ("not assessable", NO_TEMPERATURE)
    assert found.question.startswith("At what temperature")
    for off, outcome in [(0.01, "consistent"), (0.5, "not assessable")]:
        logged = [Logged((1,), tuple(range(TOKENS)), tuple((taken.logp + off).tolist()))]
        said = scored(3, logged, taken, NO_TEMPERATURE, temperature=None)
        assert said.outcome == outcome


def test_z_is_standard_normal_for_tokens_sampled_as_said() -> None:
    generator = np.random.default_rng(5)
    found = []
    for _ in range(400):
        p = generator.dirichlet(np.full(6, 0.5), 300)
        log = np.log(np.maximum(p, 1e-300))
        taken = np.array([generator.choice(6, p=row) for row in p])
        mean = (p * log).sum(1)
        spread = (p * (log - mean[:, None]) ** 2).sum(1)
        found.append(TokenScores(log[np.arange(300), taken], -mean, spread).surprise)
    assert abs(np.mean(found)) < 0.2
    assert 0.85 < np.std(found) < 1.15


def run(folder: Path, settings: dict[str, str]) -> Run:
    manifest = RunManifest(
        id=folder.name, name="r", origin="recorded", framework="x", configuration=settings,
        rewards=(RewardFunction(name="g"),),
    )  # fmt: skip
    with RunWriter(folder, manifest):
        pass
    return Run(folder)


@pytest.mark.parametrize(
    ("settings", "temperature", "why"),
    [
        ({"temperature": "0.7", "top_p": "1.0", "top_k": "0", "min_p": "null"}, 0.7, ""),
        ({"temperature": "1.0", "sapo_temperature_neg": "1.05", "top_k": "-1", "do_sample": "true"}, 1.0, ""),
        (
            {
                "actor_rollout_ref.rollout.temperature": "1.2",
                "actor_rollout_ref.rollout.top_k": "-1",
                "actor_rollout_ref.rollout.do_sample": "true",
                "actor_rollout_ref.rollout.val_kwargs.temperature": "0",
                "actor_rollout_ref.rollout.val_kwargs.top_p": "0.7",
                "actor_rollout_ref.rollout.val_kwargs.do_sample": "false",
            },
            1.2,
            "",
        ),
        ({"policy.generation.temperature": "0.9", "policy.generation.top_p": "1.0"}, 0.9, ""),
        ({"sampling.temperature": "0.8", "eval.sampling.temperature": "0"}, 0.8, ""),
        ({"sampling_args.temperature": "0.6"}, 0.6, ""),
        ({"rollout_temperature": "0.6", "eval_temperature": "0"}, 0.6, ""),
        ({"temperature": "1", "vllm_top_p": "0.9"}, 1.0, "top_p 0.9"),
        ({"temperature": "1", "generation_kwargs.top_k": "50"}, 1.0, "top_k 50"),
        ({"temperature": "1", "repetition_penalty": "1.1"}, 1.0, "repetition_penalty 1.1"),
        ({"temperature": "0.0"}, 0.0, "temperature 0"),
        ({"temperature": "1", "do_sample": "false"}, 1.0, "not sampled"),
        ({}, None, NO_TEMPERATURE),
        ({"temperature": "null", "judge.temperature": "0.2", "rm_temperature": "1"}, None, NO_TEMPERATURE),
        ({"actor.temperature": "1", "rollout.temperature": "0.5"}, None, "several temperatures (actor.temp"),
    ],
)  # fmt: skip
def test_sampling_is_told_by_the_settings_of_any_framework(
    tmp_path: Path, settings: dict[str, str], temperature: float | None, why: str
) -> None:
    found = sampling_of(run(tmp_path / "r", settings))
    assert found[0] == temperature
    assert why in found[1] if why else found[1] == ""


def test_a_temperature_that_was_changed_gives_no_z(tmp_path: Path) -> None:
    made = run(tmp_path / "r", {"temperature": "1.0", "learning_rate": "1"})
    for setting, why in [
        ("learning_rate", ""),
        ("temperature", "temperature was changed while the run went on"),
    ]:
        event = RunEvent(
            time="2026-05-01T00:00:00Z", kind="configuration.changed", step=4, body={"setting": setting}
        )
        (made.folder / "events.jsonl").write_bytes(msgspec.json.encode(event) + b"\n")
        assert sampling_of(Run(made.folder)) == (1.0, why)
