"""Private prompts of the audit that are put to the deployed model again, to notice when it answers otherwise.

Who they are follows from a seed: prompts are ordered by category and, within it, by HMAC-SHA256 of their id
under the seed; one of each cluster is kept; every k-th is taken from a start that follows from the seed too
(systematic sampling, so that categories have the share that they had in the audit). Those taken go in turn to
the active set and to the part that is held back.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from modelassay.canonical import digest_bytes
from modelassay.errors import UsageError
from modelassay.handover.document import Baseline, Canaries, Canary, CanarySet, Notice, Threshold
from modelassay.handover.facts import SealedFacts
from modelassay.handover.thresholds import answers_from
from modelassay.records import Policy, Sample
from modelassay.statistics.noticing import EVIDENCE

PER_MEASURE = 100
"""Active canaries of one measure: put daily, they show a fall from 98 % to 90 % within a day."""
MOST = 100_000
_START_BITS = 32
RULE = (
    "Put the active canaries to the deployed model on schedule, under the sealed decoding, and read the "
    "answers with the same evaluators in the same version. Greedy answers of an unchanged model repeat "
    "themselves: a run then counts once, and only what changed is news. When the active ones may be known "
    "outside, or have raised an alarm, go on with those held back, and draw others with another seed."
)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which canaries are wanted.

    Raises:
        UsageError: not a number of canaries that can be.
    """

    seed: str = ""
    """Any text, better a secret one; empty takes the digest of the bundle."""
    per_measure: int = PER_MEASURE
    """Most active canaries of one measure."""
    with_text: bool = False
    """Whether the prompts themselves are written too."""

    def __post_init__(self) -> None:
        if not 1 <= self.per_measure <= MOST:
            raise UsageError(f"{self.per_measure} canaries a measure", mend=f"ask for 1 to {MOST:,}")


def canaries_of(
    facts: SealedFacts,
    policy: Policy,
    baselines: Sequence[Baseline],
    thresholds: Sequence[Threshold],
    choice: Choice,
) -> Canaries:
    """A set for each banded measure that was scored over all samples."""
    seed = (choice.seed or facts.sums).encode()
    sets = []
    for baseline in baselines:
        if baseline.role == "banded" and not baseline.slice:
            lines = [line for line in thresholds if line.baseline == baseline.finding]
            sets.append(_set(facts, policy, baseline, lines, choice, seed))
    return Canaries(
        seed=digest_bytes(seed),
        default_seed=not choice.seed,
        evidence=int(EVIDENCE),
        per_measure=choice.per_measure,
        datasets=tuple(pin.source or pin.name for pin in facts.record.datasets),
        sets=tuple(each for each in sets if each.active),
        rule=RULE,
    )


def chosen(samples: Iterable[Sample], dimensions: Sequence[str], count: int, seed: bytes) -> list[Sample]:
    """At most `count` samples, spread over the values of the tags `dimensions`; see the module."""
    clusters: dict[str, tuple[bytes, Sample]] = {}
    for sample in samples:
        rank = (_hash(seed, sample.id), sample)
        place = f"cluster {sample.cluster}" if sample.cluster else f"sample {sample.id}"
        if place not in clusters or rank[0] < clusters[place][0]:
            clusters[place] = rank
    ordered = sorted(
        clusters.values(), key=lambda rank: ([rank[1].tags.get(tag, "") for tag in dimensions], rank[0])
    )
    taken = min(count, len(ordered))
    start = int.from_bytes(_hash(seed, "start")[: _START_BITS // 8], "big")
    places = (
        ((index << _START_BITS) + start) * len(ordered) // (taken << _START_BITS) for index in range(taken)
    )
    return [ordered[place][1] for place in places]


def _set(
    facts: SealedFacts,
    policy: Policy,
    baseline: Baseline,
    lines: Sequence[Threshold],
    choice: Choice,
    seed: bytes,
) -> CanarySet:
    wanted = facts.wanted.get(baseline.measure, {})
    pool = (sample for sample in facts.samples if sample.id in wanted)
    drawn = chosen(pool, policy.any_category.dimensions, 2 * choice.per_measure, seed)
    active, held = _canaries(drawn[::2], wanted, choice), _canaries(drawn[1::2], wanted, choice)
    total = sum((canary.wanted for canary in active), Decimal(0))
    audited = round(total / max(1, len(active)), 6)
    return CanarySet(
        measure=baseline.measure,
        evaluator=baseline.evaluator,
        active=active,
        held_back=held,
        audited=audited,
        notices=tuple(_notices(lines, audited, len(active))),
    )


def _notices(lines: Iterable[Threshold], audited: Decimal, size: int) -> Iterator[Notice]:
    """What it takes `size` canaries, `audited` of them wanted, to notice a fall to each threshold."""
    for line in lines:
        answers = answers_from(audited, size, line.rate) if size else None
        if answers is not None:
            yield Notice(rule=line.rule, rate=line.rate, answers=answers, runs=math.ceil(answers / size))


def _canaries(samples: Iterable[Sample], wanted: Mapping[str, Decimal], choice: Choice) -> tuple[Canary, ...]:
    found = (
        Canary(
            sample=sample.id,
            wanted=wanted[sample.id],
            messages=sample.messages if choice.with_text else (),
        )
        for sample in samples
    )
    return tuple(sorted(found, key=lambda canary: canary.sample))


def _hash(seed: bytes, what: str) -> bytes:
    return hmac.new(seed, f"canary|{what}".encode(), hashlib.sha256).digest()
