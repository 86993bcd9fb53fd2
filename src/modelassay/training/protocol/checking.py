"""The assessor's check of an opening: every drawn rollout is there, and is what the run was committed to.

What was not opened, opened late, or does not fit its commitment counts as bad: a developer gains nothing by
silence. Without a bad one, exact discovery sampling bounds how many there can be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from modelassay.canonical import digest_bytes
from modelassay.errors import EvidenceError
from modelassay.log.merkle import verify_inclusion
from modelassay.records import CommittedRun, RolloutReference, RunFinding, StepRecord
from modelassay.statistics.detection import most_bad_undetected
from modelassay.training.findings import decimal, run_finding
from modelassay.training.protocol.challenge import (
    Challenge,
    Drawn,
    chance,
    commitment_of,
    draw,
    size_of,
    wanted_of,
)
from modelassay.training.protocol.commitment import broken_links
from modelassay.training.protocol.disclosure import (
    ErasedPart,
    Opened,
    OpeningHead,
    OpenPart,
    WithheldPart,
    challenge_digest,
    leaf_of,
)
from modelassay.training.protocol.parts import PARTS, Layout, StepKey, key_of, text_in

CHECK = "challenge"
_ERASED = "was erased"


@dataclass(frozen=True)
class Failed:
    """A drawn rollout that does not count as opened."""

    place: Drawn
    why: str
    erased: bool = False
    """Whether that is because the developer erased what was asked for."""


@dataclass(frozen=True)
class CheckedOpening:
    """What a check found."""

    challenge: Challenge
    passed: tuple[Opened, ...]
    failed: tuple[Failed, ...]
    withheld: dict[str, int]
    """How many rollouts each part was withheld of, be it for that the developer has it no longer."""
    erased: dict[str, int] = field(default_factory=dict)
    """How many of them had it erased."""

    @property
    def most_bad(self) -> int:
        """Upper 95 % bound of the bad rollouts in the run, when none of the drawn is bad."""
        return most_bad_undetected(self.challenge.population, len(self.challenge.drawn))


def check_records(committed: CommittedRun, records: Sequence[StepRecord], file: bytes) -> None:
    """Hold step records against what the run was committed to.

    Args:
        file: the bytes of ``steps.jsonl``, of which `records` were read.

    Raises:
        EvidenceError: they are others, or their chain has a gap.
    """
    if digest_bytes(file) != committed.records:
        raise EvidenceError(
            "the step records are not those that the run was committed to", where=committed.run
        )
    if broken := broken_links(records):
        first = broken[0]
        raise EvidenceError(
            f"the chain of step records is broken at {first.phase} step {first.step}", where=committed.run
        )
    rollouts = sum(record.rollouts for record in records)
    if (len(records), rollouts) != (committed.steps, committed.rollouts):
        raise EvidenceError(
            f"{rollouts:,} rollouts are recorded, not {committed.rollouts:,}", where=committed.run
        )


def check_challenge(
    challenge: Challenge, committed: CommittedRun, records: Sequence[StepRecord], *, default_strata: bool
) -> None:
    """Hold a challenge against the commitment, as either side can.

    Args:
        default_strata: whether the draw used `challenge.by_window`, so that it can be drawn again.

    Raises:
        EvidenceError: it is about another commitment, or asks for others, or for fewer, than the seed gives
            for its share and probability.
    """
    if challenge.commitment != commitment_of(committed) or challenge.run != committed.run:
        raise EvidenceError("the challenge is about another commitment", where=challenge.run)
    if challenge.population != committed.rollouts:
        raise EvidenceError(
            f"the challenge speaks of {challenge.population:,} rollouts, the commitment of "
            f"{committed.rollouts:,}",
            where=challenge.run,
        )
    known = {key_of(record): record.rollouts for record in records}
    if strange := [d for d in challenge.drawn if not 0 <= d.ordinal < known.get(d.key, 0)]:
        raise EvidenceError(f"the run has no {_name(strange[0])}", where=challenge.run)
    wanted = wanted_of(committed.rollouts, *size_of(challenge))
    drawn = len(set(challenge.drawn))
    if drawn < wanted or drawn != len(challenge.drawn):
        raise EvidenceError(
            f"the challenge asks for {drawn:,} rollouts; its share and probability take {wanted:,}",
            where=challenge.run,
        )
    if default_strata and challenge.drawn != draw(records, challenge.seed, wanted):
        raise EvidenceError("the rollouts asked for are not those that the seed gives", where=challenge.run)


def check_opening(
    challenge: Challenge,
    records: Sequence[StepRecord],
    head: OpeningHead,
    opened: Sequence[Opened],
    received: str,
) -> CheckedOpening:
    """Hold an opening against a challenge and the step records.

    Args:
        received: when the assessor had it; UTC as in the challenge.

    Raises:
        EvidenceError: it answers another challenge, or opens one rollout twice.
    """
    if head.challenge != challenge_digest(challenge):
        raise EvidenceError("the opening answers another challenge", where=head.run)
    answers = {each.place: each for each in opened}
    if len(answers) != len(opened):
        raise EvidenceError("the opening opens a rollout twice", where=head.run)
    by_key = {key_of(record): record for record in records}
    late = received > challenge.deadline
    passed, failed = [], []
    for place in challenge.drawn:
        answer = answers.get(place)
        why = "opened late" if late and answer else _wrong(answer, by_key.get(place.key), challenge)
        if why or answer is None:
            failed.append(Failed(place, why, answer is not None and why.endswith(_ERASED)))
        else:
            passed.append(answer)
    kept = [(name, part) for each in passed for name, part in each.parts.items()]
    withheld = Counter(name for name, part in kept if not isinstance(part, OpenPart))
    erased = Counter(name for name, part in kept if isinstance(part, ErasedPart))
    return CheckedOpening(challenge, tuple(passed), tuple(failed), dict(withheld), dict(erased))


def _wrong(answer: Opened | None, record: StepRecord | None, challenge: Challenge) -> str:
    """Why an answer does not count; empty when it does."""
    if answer is None:
        return "not opened"
    if record is None:
        return "its step is not recorded"
    if missing := [p for p in challenge.parts if isinstance(answer.parts.get(p), WithheldPart | None)]:
        return f"{missing[0]} was asked for and is withheld"
    try:
        leaf = leaf_of(answer)
    except EvidenceError as error:
        return f"it is not what the run was committed to: {error.what}"
    try:
        proof = [bytes.fromhex(each) for each in answer.proof]
        root = bytes.fromhex(record.root.removeprefix("sha256:"))
        verify_inclusion(leaf, answer.place.ordinal, record.rollouts, proof, root)
    except (EvidenceError, ValueError):
        return "it is not what the run was committed to (changed content, wrong salt or wrong proof)"
    if gone := [p for p in challenge.parts if isinstance(answer.parts[p], ErasedPart)]:
        return f"{gone[0]} was asked for and {_ERASED}"
    return _contradiction(answer, record.layout)


def _contradiction(answer: Opened, layout: Layout) -> str:
    """Where the figures of a rollout contradict its place or its own text."""
    part = answer.parts["figures"]
    if not isinstance(part, OpenPart):
        return ""
    try:
        figures: dict[str, Any] = msgspec.json.decode(part.text, type=dict[str, Any])
        key = StepKey(figures["phase"], figures["step"], figures["rank"])
    except (msgspec.DecodeError, KeyError) as error:
        return f"its figures cannot be read: {error}"
    if key != answer.place.key:
        return "its figures are of another step"
    for name in ("prompt", "completion"):
        text = answer.parts[name]
        if isinstance(text, OpenPart) and figures.get(f"{name}_characters") != len(
            text_in(text.text, layout)
        ):
            return f"its {name} is not as long as its figures say"
    return ""


def challenge_finding(checked: CheckedOpening) -> RunFinding:
    """What the challenge says about the run."""
    challenge, failed = checked.challenge, checked.failed
    drawn = len(challenge.drawn)
    values = {
        "drawn": Decimal(drawn),
        "population": Decimal(challenge.population),
        "failed": Decimal(len(failed)),
        "detection_probability": decimal(chance(challenge)),
        **{f"withheld_{name}": Decimal(count) for name, count in sorted(checked.withheld.items())},
    }
    about = {"run": challenge.run}
    in_words = f" {told}" if (told := withheld_in_words(checked)) else ""
    if failed and all(each.erased for each in failed):
        return _not_there(checked, about, values, in_words)
    if failed:
        reasons = "; ".join(sorted({each.why for each in failed}))
        return run_finding(
            CHECK,
            "not opened",
            f"{len(failed)} of {drawn} rollouts drawn do not count as opened: {reasons}.{in_words}",
            about=about,
            state="shown_harmful",
            severity="critical",
            values=values,
            evidence=[
                RolloutReference(seq=-1, step=each.place.step, note=f"{_name(each.place)}: {each.why}")
                for each in failed[:20]
            ],
            method="discovery sampling",
            question="Why could these rollouts not be opened as they were recorded?",
        )
    return run_finding(
        CHECK,
        "opened as committed",
        f"All {drawn} rollouts drawn from {challenge.population:,} were opened as committed; "
        f"at 95 % confidence at most {checked.most_bad:,} of the run would not be.{in_words}",
        about=about,
        state="shown_fine",
        assurance="T3",
        values={**values, "most_bad": Decimal(checked.most_bad)},
        method="discovery sampling",
    )


def _not_there(
    checked: CheckedOpening, about: dict[str, str], values: dict[str, Decimal], in_words: str
) -> RunFinding:
    """What was asked for was erased, of some rollouts, and all others were opened as committed."""
    failed, drawn = checked.failed, len(checked.challenge.drawn)
    return run_finding(
        CHECK,
        "erased",
        f"Of {len(failed)} of {drawn} rollouts drawn the developer has erased what was asked for; their "
        f"leaves are those that were committed to. They do not count as opened; all others were opened as "
        f"committed.{in_words}",
        about=about,
        state="not_assessable",
        severity="high",
        values={**values, "erased": Decimal(len(failed))},
        evidence=[
            RolloutReference(seq=-1, step=each.place.step, note=f"{_name(each.place)}: {each.why}")
            for each in failed[:20]
        ],
        method="discovery sampling",
        why_not="what was asked for of rollouts that were drawn was erased",
        question="When, why and on whose request was this erased, and which entry of the log says so?",
    )


def withheld_in_words(checked: CheckedOpening) -> str:
    """What was not disclosed of rollouts that count as opened; empty when nothing was withheld."""
    told = [
        f"{name} of {checked.withheld[name]:,}"
        + (f" ({checked.erased[name]:,} of them erased)" if name in checked.erased else "")
        for name in PARTS
        if name in checked.withheld
    ]
    if not told:
        return ""
    return f"Withheld, of {len(checked.passed):,} opened, and so not checked: {', '.join(told)}."


def _name(place: Drawn) -> str:
    return f"{place.phase} step {place.step} rank {place.rank} rollout {place.ordinal}"
