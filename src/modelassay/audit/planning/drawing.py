"""Sequential against fixed: the prompts that the sequential gate is expected to ask, by simulation.

Each repetition makes up answers of both models to the plan's own prompts at the assumed rates, and has
`gate.sequential` decide the deployment table on them, every prompt once. Seeded, so it can be repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.audit.planning.assumptions import Assumptions
from modelassay.audit.planning.slices import judged_apart, scale_of
from modelassay.gate.sequential import PairedScore, PlannedPair, SequentialGate
from modelassay.records import Policy, Sample, SampleKind
from modelassay.statistics import paired_cells

FEWEST = 24
"""Prompts of a batch, at least; a long suite is drawn in about thirty."""
_BATCHES = 30


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate would draw for one kind of prompt and one kind of candidate."""

    kind: str
    drop: float
    """True drop of the simulated candidate, on the policy's scale; 0 is an unchanged one."""
    prompts: int
    """All of them, which is what fixed mode asks."""
    expected: float
    """Mean of the prompts that were drawn until the outcome was settled."""
    ninth_decile: int
    """In nine of ten repetitions it took no more."""
    outcomes: dict[str, int]
    """How often each outcome was reached."""
    repetitions: int
    seed: int

    @property
    def share(self) -> float:
        """Of the prompts of fixed mode."""
        return self.expected / self.prompts


def drawings(
    policy: Policy, samples: Sequence[Sample], assumed: Assumptions, *, repetitions: int, seed: int
) -> Iterable[Drawing]:
    """An unchanged candidate and one that lost the assumed drop, for each kind that is judged."""
    for name, kind, chosen in judged_apart(samples) if repetitions else ():
        for drop in (0.0, assumed.drop):
            found = _drawing(kind, drop, chosen, policy, assumed, repetitions, seed)
            yield msgspec.structs.replace(found, kind=name)


def _drawing(
    kind: SampleKind,
    drop: float,
    samples: Sequence[Sample],
    policy: Policy,
    assumed: Assumptions,
    repetitions: int,
    seed: int,
) -> Drawing:
    tags = policy.any_category.dimensions
    planned = [PlannedPair(s.id, s.tags.get(tags[0], "") if tags else "", s.cluster or s.id) for s in samples]
    rng = np.random.default_rng([seed, round(drop * 1e6), kind == "harmful"])
    codes = np.unique([each.cluster for each in planned], return_inverse=True)[1]
    alone = kind == "harmful" and not any(sample.attacked for sample in samples)
    size = max(FEWEST, len(planned) // _BATCHES)
    drawn, outcomes = [], Counter[str]()
    for repetition in range(repetitions):
        before, after = _answers(kind, drop, codes, policy, assumed, rng)
        scores = {
            each.key: PairedScore(each.key, float(b), float(c))
            for each, b, c in zip(planned, before.tolist(), after.tolist(), strict=True)
        }
        gate = SequentialGate(policy, planned, seed=f"plan:{seed}:{repetition}", to_be_sliced=alone)
        while batch := gate.next_batch(size):
            gate.observe([scores[key] for key in batch])
        decision = gate.decision()
        drawn.append(decision.pairs_observed)
        outcomes[decision.outcome] += 1
    return Drawing(
        kind=kind,
        drop=drop,
        prompts=len(planned),
        expected=round(float(np.mean(drawn)), 1),
        ninth_decile=sorted(drawn)[-1 - len(drawn) // 10],
        outcomes=dict(sorted(outcomes.items())),
        repetitions=repetitions,
        seed=seed,
    )


def _answers(
    kind: SampleKind,
    drop: float,
    clusters: NDArray[np.intp],
    policy: Policy,
    assumed: Assumptions,
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Yes/no answers of baseline and candidate.

    A prompt takes its cluster's common answer with probability √ρ, else one of its own, which gives any two
    prompts of one cluster the correlation ρ.
    """
    rate = assumed.rate_of(kind)
    lost = rate * drop if scale_of(kind, policy, assumed) == "relative" else min(drop, rate)
    cells = paired_cells(rate, rate - lost, None, assumed.correlation_of(kind))
    edges = np.cumsum([cells.p11, cells.p10, cells.p01])
    own = rng.random(clusters.size)
    common = rng.random(int(clusters.max()) + 1)[clusters]
    takes = rng.random(clusters.size) < np.sqrt(assumed.correlation_in_cluster)
    cell = np.searchsorted(edges, np.where(takes, common, own), side="right")
    return cell < 2, (cell == 0) | (cell == 2)
