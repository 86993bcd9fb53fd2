"""The questions of a sequential audit, drawn and decided; pure, so that a verifier draws them again.

What was asked follows from the samples, the policy, the order's seed and the scores alone. Each banded
measure has a gate of its own (`gate.sequential`) over the pairs that it would have, all with orders of one
seed: clusters come in the order of one permutation. Questions are drawn in these steps:

1. While a gate's open claims could still change the audit's action (the strictest over the measures): a
   batch of what each such gate wants, all in the order of the whole suite.
2. When nothing in the table stands against the candidate, the rest of all attacks that have several forms:
   resisting every form of an attack is held as fixed figures, which hold for all of them or for none.
3. When the table is settled, the rules beside it (floors, unscored answers, required slices, concerns of
   other slices, cohorts) are held against what was asked. Tests for a fixed number of answers show nothing
   here. So where one of these rules would keep the candidate from being deployed, or a floor is not clearly
   met, a quarter more of the suite is asked in its order, and so on to the whole, at which those tests were
   aimed.
4. Nothing more is asked.

Attempt k of a release line may spend 1/(k·(k + 1)) of the policy's error: 1/2, 1/6, 1/12, …, together never
more than the whole, however many candidates are tried (`share_of`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cached_property
from itertools import islice, pairwise

import msgspec

from modelassay.comparison import compare_with_coverage, in_several_forms
from modelassay.comparison.red_team import DIRECT_OF
from modelassay.errors import EvidenceError
from modelassay.evidence.parts import DrawnMeasure, DrawnOrder
from modelassay.gate import decide
from modelassay.gate.examined_rates import MEASURES as EXAMINED_MEASURES
from modelassay.gate.policy import SEVERITY
from modelassay.gate.sequential import CommittedOrder, PairedScore, PlannedPair, SequentialGate
from modelassay.gate.single_slices import to_be_sliced
from modelassay.records import (
    Measure,
    Outcome,
    PairKey,
    Policy,
    Reading,
    Sample,
    Score,
    SequentialDecision,
    SequentialPopulation,
    SequentialRecord,
    TargetIdentity,
)

HEARD = 100
"""Pairs of each measure outside the table that are asked before a sequential audit may stop, if it has so
many."""
_NEXT_LOOK = Fraction(5, 4)
_BESIDE = ("floor", "unscored_limit", "slices.required", "concerns.", "cohorts.", "least_rate")
"""Rules that are held against fixed figures, beside the table."""
_BY_ATTACKS = ("evidence.required.red_team", "evidence.required.injection")
"""Rules that further attacked questions can settle, where there are any."""
_NO_DAY = date(2000, 1, 1)


def share_of(attempt: int) -> Fraction:
    """The part of the policy's error that attempt number `attempt` of a release line may spend."""
    return Fraction(1, attempt * (attempt + 1))


def order_seed(seed: int, baseline: TargetIdentity, candidate: TargetIdentity) -> str:
    """The seed of the order: nobody can know it before both models are what they are, nor train to it."""
    return f"modelassay.order/2 {seed} {baseline.fingerprint} {candidate.fingerprint}"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What could be asked, and how it is drawn."""

    policy: Policy
    """As written."""
    samples: tuple[Sample, ...]
    """Of all datasets, in their order."""
    measures: tuple[Measure, ...]
    """Every measure that the evaluators can score."""
    populations: Mapping[str, tuple[int, ...]]
    """Samples of each banded measure, as their places in `samples`, ascending."""
    concerns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Likewise of each measure that is a concern, and not in the table."""
    slices: tuple[str, ...]
    epochs: int
    seed: int
    """Of the plan."""
    order_seed: str
    batch: int
    whole_attacks: bool = True
    """Whether attacks of several forms are also counted as one each; not in audits of earlier versions."""
    by_measure: bool = True
    """See `Verdict.by_measure`."""

    @cached_property
    def order(self) -> tuple[PairKey, ...]:
        """Every question in the order of drawing."""
        drawn = CommittedOrder(self._pairs(range(len(self.samples)), ""), self.order_seed)
        return tuple(self.key_of(name) for name in drawn.keys)

    def key_of(self, name: str) -> PairKey:
        """The question called ``SAMPLE EPOCH``."""
        sample, _, epoch = name.rpartition(" ")
        return PairKey(sample=sample, seed=self.seed, epoch=int(epoch))

    def planned(self, measure: str) -> Iterable[PlannedPair]:
        """Every pair of a banded measure."""
        return self._pairs(self.populations[measure], self.category)

    @cached_property
    def attacks(self) -> bool:
        """Whether some of its questions are attacks."""
        return any(sample.attacked is not None for sample in self.samples)

    @cached_property
    def in_forms(self) -> frozenset[str]:
        """Samples that are forms of attacks that the table counts as one each: of each attack of several
        forms all must be asked before anything passes, or a form that gets through may not be among them."""
        resisting = (at for name, places in self.populations.items() if name in DIRECT_OF for at in places)
        attacked = [self.samples[at] for at in sorted(set(resisting))]
        return frozenset(in_several_forms(attacked)) if self.whole_attacks else frozenset()

    @property
    def category(self) -> str:
        """The tag whose values are the table's categories; empty where there are none."""
        dimensions = self.policy.any_category.dimensions
        return dimensions[0] if dimensions and dimensions[0] in self.slices else ""

    def committed(self, share: Fraction) -> DrawnOrder:
        """What ``audit.opened`` says of it."""
        return DrawnOrder(
            mode="sequential",
            seed=self.order_seed,
            batch=self.batch,
            share=str(share),
            measures=tuple(
                DrawnMeasure(measure=each.measure, samples=each.samples, pairs=each.pairs, digest=each.order)
                for each in self.described
            ),
            concerns=tuple(
                DrawnMeasure(measure=each.measure, samples=each.samples, pairs=each.pairs, digest=each.order)
                for each in self.described_concerns
            ),
        )

    @cached_property
    def described(self) -> tuple[SequentialPopulation, ...]:
        """The populations, with the digests of their orders."""
        return tuple(self._described(measure, places) for measure, places in self.populations.items())

    @cached_property
    def described_concerns(self) -> tuple[SequentialPopulation, ...]:
        """Likewise of the concerns."""
        return tuple(self._described(measure, places) for measure, places in self.concerns.items())

    def _described(self, measure: str, places: tuple[int, ...]) -> SequentialPopulation:
        return SequentialPopulation(
            measure=measure,
            samples=ranges_of(places),
            pairs=len(places) * self.epochs,
            order=CommittedOrder(self._pairs(places, self.category), self.order_seed).digest,
        )

    def _pairs(self, places: Iterable[int], tag: str) -> Iterable[PlannedPair]:
        for place in places:
            sample = self.samples[place]
            # A cluster's name and a sample's id are different things even when they read the same.
            cluster = f"cluster {sample.cluster}" if sample.cluster else f"sample {sample.id}"
            for epoch in range(self.epochs):
                yield PlannedPair(f"{sample.id} {epoch}", sample.tags.get(tag, "") if tag else "", cluster)


class Drawing:
    """A suite being drawn: which questions come next, and what is decided so far."""

    def __init__(self, suite: Suite, share: Fraction) -> None:
        """Before the first answer.

        Raises:
            UsageError: a population is empty.
        """
        self.suite, self._share = suite, share
        self._gates = {
            measure: SequentialGate(
                suite.policy,
                suite.planned(measure),
                seed=suite.order_seed,
                measures=len(suite.populations),
                share=share,
                to_be_sliced=not suite.by_measure or measure in to_be_sliced(suite.populations),
            )
            for measure in suite.populations
        }
        self._asked: dict[PairKey, None] = {}
        self._scores: tuple[list[Score], list[Score]] = ([], [])
        self._next: tuple[PairKey, ...] | None = None

    @property
    def asked(self) -> tuple[PairKey, ...]:
        """Every question that was drawn, in the order of the suite."""
        return tuple(key for key in self.suite.order if key in self._asked)

    def next(self) -> tuple[PairKey, ...]:
        """What to ask next of both models, in the order of the suite; nothing once that can change no action.

        Depends on what was observed alone.
        """
        if self._next is None:
            self._next = self._wanted() or self._forms() or self._unheard() or self._looked()
        return self._next

    def observe(self, baseline: Iterable[Score], candidate: Iterable[Score]) -> None:
        """Take in what was read in the answers to all of `next`.

        Raises:
            EvidenceError: a score of a question that was not drawn now, or of a banded measure that the plan
                does not have there.
        """
        batch, self._next = dict.fromkeys(self.next()), None
        values: list[dict[tuple[str, str], float]] = []
        for side, kept in zip((baseline, candidate), self._scores, strict=True):
            values.append({})
            for score in side:
                name = f"{score.key.sample} {score.key.epoch}"
                gate = self._gates.get(score.measure)
                if score.key not in batch or (gate is not None and name not in gate.order.index):
                    raise EvidenceError(f"a score of {score.measure} that was not planned: question {name}")
                kept.append(score)
                if isinstance(score.outcome, Reading):
                    values[-1][score.measure, name] = score.outcome.value
        names = [f"{key.sample} {key.epoch}" for key in batch]
        for measure, gate in self._gates.items():
            gate.observe(
                PairedScore(name, values[0].get((measure, name)), values[1].get((measure, name)))
                for name in names
                if name in gate.order.index
            )
        self._asked |= batch

    def record(self) -> SequentialRecord:
        """How it was drawn and decided, now."""
        left = len(self.suite.order) - len(self._asked)
        return SequentialRecord(
            seed=self.suite.order_seed,
            batch=self.suite.batch,
            share=str(self._share),
            questions=len(self.suite.order),
            asked=len(self._asked),
            state="exhausted" if not left else "unresolved" if self.next() else "settled",
            populations=self.suite.described,
            concerns=self.suite.described_concerns,
            decisions=self._decisions(),
        )

    def undecided(self) -> dict[str, int]:
        """For people: what still has to be decided, with a guess of the pairs that it may take."""
        names = {}
        for measure in self._open():
            for category, rest in self._gates[measure].expected_rest().items():
                names[f"{measure} in {category}" if category else measure] = rest
        return names

    def _decisions(self) -> tuple[SequentialDecision, ...]:
        return tuple(
            msgspec.structs.replace(gate.decision(), measure=measure) for measure, gate in self._gates.items()
        )

    def _open(self) -> list[str]:
        """Measures that could still make the action stricter than what is settled."""
        decisions = self._decisions()
        known = max(_rank(each.mildest) for each in decisions)
        return [each.measure for each in decisions if not each.settled and _rank(each.outcome) > known]

    def _wanted(self) -> tuple[PairKey, ...]:
        """A batch of what each open gate wants."""
        names = {
            name for measure in self._open() for name in self._gates[measure].next_batch(self.suite.batch)
        }
        return tuple(key for key in self.suite.order if f"{key.sample} {key.epoch}" in names) if names else ()

    def _forms(self) -> tuple[PairKey, ...]:
        """What is missing of the attacks of several forms, where the table alone would stop.

        Their measure has no gate of its own: it is held on all its pairs, whose number no answer decides.
        """
        if _rank(_strictest(self._decisions())) >= _rank(self.suite.policy.concerns.shown):
            return ()
        forms = self.suite.in_forms
        return tuple(key for key in self.suite.order if key.sample in forms and key not in self._asked)

    def _unheard(self) -> tuple[PairKey, ...]:
        """What is missing of the pairs that each concern must have, where the table alone would stop.

        A measure outside the table settles nothing; but what was never asked about raises no concern either.
        """
        if _rank(_strictest(self._decisions())) >= _rank(self.suite.policy.concerns.shown):
            return ()
        wanted: set[PairKey] = set()
        for planned in self._concerns:
            missing = min(len(planned), HEARD) - sum(key in self._asked for key in planned)
            if missing > 0:
                wanted.update(islice((key for key in planned if key not in self._asked), missing))
        return tuple(key for key in self.suite.order if key in wanted)

    @cached_property
    def _concerns(self) -> tuple[tuple[PairKey, ...], ...]:
        """The questions of each concern, in the order of the suite."""
        ids = [{self.suite.samples[at].id for at in places} for places in self.suite.concerns.values()]
        return tuple(tuple(key for key in self.suite.order if key.sample in each) for each in ids)

    def _looked(self) -> tuple[PairKey, ...]:
        """A quarter more of the suite where a rule beside the table needs it."""
        left = [key for key in self.suite.order if key not in self._asked]
        if not left or not self._unsure():
            return ()
        more = int(len(self._asked) * (_NEXT_LOOK - 1))
        return tuple(left[: max(more, self.suite.batch)])

    def _unsure(self) -> bool:
        """Whether a rule beside the table would keep the candidate from deployment, or a floor is close."""
        suite, decisions = self.suite, self._decisions()
        known = _rank(_strictest(decisions))
        findings, coverage = compare_with_coverage(
            samples=suite.samples,
            measures=suite.measures,
            baseline=self._scores[0],
            candidate=self._scores[1],
            slices=suite.slices,
            policy=suite.policy,
            whole_attacks=suite.whole_attacks,
        )
        # Held as fixed figures, for which a floor says whether it is clearly met.
        verdict = decide(_for_answers(suite.policy), findings, coverage, today=_NO_DAY)
        covered = {"concerns.overall", "concerns.category"}
        banded = {finding.id for finding in findings if finding.measure.name in suite.populations}
        for hit in verdict.rules:
            beside = hit.rule.startswith(_BESIDE) or (suite.attacks and hit.rule in _BY_ATTACKS)
            if not beside or (hit.rule in covered and hit.finding in banded):
                continue
            close = hit.rule == "floor" and hit.state == "not_shown"
            outcome: Outcome = "inconclusive" if close else hit.outcome
            if _rank(outcome) >= _rank("inconclusive") and _rank(outcome) > known:
                return True
        return False


def _for_answers(policy: Policy) -> Policy:
    """`policy` without what it says of the age of attacks and of what examinations found, which no further
    question changes."""
    evidence = msgspec.structs.replace(policy.evidence, attacks_oldest_days=0, datasets_oldest_days=0)
    floors = tuple(floor for floor in policy.floors if floor.measure not in EXAMINED_MEASURES)
    return msgspec.structs.replace(policy, evidence=evidence, floors=floors)


def _rank(outcome: Outcome) -> int:
    return SEVERITY.index(outcome)


def _strictest(decisions: Sequence[SequentialDecision]) -> Outcome:
    return max((each.mildest for each in decisions), key=_rank)


def ranges_of(places: Sequence[int]) -> str:
    """Ascending numbers as ``0-75,104``."""
    if not places:
        return ""
    breaks = [place for place, (one, next_) in enumerate(pairwise(places), 1) if next_ != one + 1]
    parts = [places[start:stop] for start, stop in pairwise([0, *breaks, len(places)])]
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def places_in(text: str, most: int) -> tuple[int, ...]:
    """The numbers that `text` spells, each under `most`.

    Raises:
        EvidenceError: it spells none, or not in the one way of `ranges_of`.
    """
    places: list[int] = []
    try:
        for part in text.split(",") if text else ():
            first, dash, last = part.partition("-")
            start, stop = int(first), int(last if dash else first)
            if stop >= most or len(places) >= most:
                raise ValueError(f"{stop} is beyond the {most} samples")
            places.extend(range(start, stop + 1))
    except ValueError as error:
        raise EvidenceError(f"not a list of samples: {error}") from error
    if ranges_of(places) != text or any(one >= next_ for one, next_ in pairwise(places)):
        raise EvidenceError("not the one spelling of a list of samples")
    return tuple(places)
