"""That what was asked is what it says it is: samples are named by content, attacks make what was put."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelassay.canonical import digest_bytes
from modelassay.comparison import red_team_of
from modelassay.config import Plan
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import SAMPLES
from modelassay.evidence.checks import NotDoneError
from modelassay.evidence.contents import Contents
from modelassay.evidence.recompute import sides_of
from modelassay.records import AttackedRequest, Sample
from modelassay.redteam import ATTACK_TAG, FAMILY_TAG, SAMPLE_TAG, attacks_at_hand, put_under, request_of
from modelassay.suites import DATASET_TAG

_sorted = msgspec.json.Encoder(order="sorted")


def samples_are_themselves(contents: Contents) -> str:
    """That each sample's id is the digest of its content, and that none occurs twice.

    Raises:
        EvidenceError: names the line.
    """
    seen: set[str] = set()
    for sample in contents.samples.known:
        if sample.id in seen or sample.id != _id_of(sample):
            what = "occurs twice" if sample.id in seen else "is not named by its content"
            raise EvidenceError(f"sample {sample.id} {what}", where=SAMPLES)
        seen.add(sample.id)
    return f"{len(seen):,} samples, each named by the digest of its content"


def attacks_follow(contents: Contents) -> str:
    """That attacked samples ask what their attacks make of the samples behind them, as far as the attacks are
    at hand, and that the table of their outcomes follows from the scores.

    Raises:
        EvidenceError: names the sample, or the field of the table.
        NotDoneError: samples are withheld.
    """
    record, samples = contents.record, contents.samples
    attacked = [sample for sample in samples.known if sample.attacked is not None]
    if not attacked and record.red_team is None:
        return "nothing that is shown was attacked" if samples.withheld else "nothing was attacked"
    if samples.withheld:
        raise NotDoneError("samples are withheld, so what attacks did is taken as signed", required=False)
    by_id = {sample.id: sample for sample in samples.known}
    for sample in attacked:
        _check_behind(sample, by_id)
    untried = record.red_team.untried if record.red_team else ()
    again = red_team_of(samples.known, *sides_of(contents), record.policy, untried=untried)
    if again is not None and record.red_team is not None and not record.red_team.kept:
        # Earlier versions did not say when regression items were found; without it attacks count as older.
        again = msgspec.structs.replace(again, kept="")
    if again is not None and record.red_team is not None and not record.red_team.whole_attacks:
        again = msgspec.structs.replace(again, whole_attacks=False)  # likewise, of an earlier version
    if again is not None and record.red_team is not None and record.red_team.regressed is None:
        again = msgspec.structs.replace(again, regressed=None)  # likewise
    if again is not None and record.red_team is not None and record.red_team.unsettled is None:
        again = msgspec.structs.replace(again, unsettled=None)  # likewise
    if again != record.red_team:
        raise EvidenceError("the outcomes of the attacks do not follow from the scores", where="audit.json")
    made, told = _as_asked(contents)
    rest = len(attacked) - made
    told += f"; {rest:,} are of attacks that are not at hand, and taken as signed" if rest else ""
    return f"{len(attacked):,} attacked samples: {made:,} are what their attacks make again{told}"


def _check_behind(sample: Sample, by_id: Mapping[str, Sample]) -> None:
    """Refuse an attacked sample that misstates the one behind it; that one may be no part of the audit."""
    assert sample.attacked is not None
    behind = by_id.get(sample.attacked.sample)
    attacked = sample.attacked
    said = {ATTACK_TAG: attacked.attack, FAMILY_TAG: attacked.family, SAMPLE_TAG: attacked.sample}
    # A dataset of attacks may label the sample behind otherwise than another dataset, or set no tags.
    made_here = behind is not None and behind.tags.get(DATASET_TAG) == sample.tags.get(DATASET_TAG)
    wrong = ""
    if any(sample.tags.get(tag, "" if made_here else text) != text for tag, text in said.items()):
        wrong = "has tags of another attack"
    elif behind is not None and request_of(behind) != sample.attacked.request:
        wrong = "asks for something else than the sample behind it"
    elif behind is not None and made_here and behind.kind != sample.kind:
        wrong = "is of another kind than the sample behind it"
    if wrong:
        raise EvidenceError(f"attacked sample {sample.id} {wrong}", where=SAMPLES)


def _as_asked(contents: Contents) -> tuple[int, str]:
    """How many samples the attacks make again, and in words how they were cut where that is not today's way.

    Earlier versions cut attempts of one attack to the plan's forms. Answers that are judged or decided again
    may be theirs, so there either is right, whatever the newer record says of how they were judged.

    Raises:
        EvidenceError: one that the attacks make was not asked.
    """
    record, samples = contents.record, contents.samples.known
    if record.red_team is not None and record.red_team.whole_attacks:
        made = _made_again(contents.plan, samples, whole=True)
        missing = _not_asked(made, samples)
        if missing is None or not record.judged_again:
            _refuse(missing)
            return len(made), ""
    made = _made_again(contents.plan, samples, whole=False)
    _refuse(_not_asked(made, samples))
    again = record.judged_again and record.red_team is not None
    cut = ", attempts cut to the plan's forms as earlier versions did" if again else ""
    return len(made), cut


def _made_again(plan: Plan, samples: Sequence[Sample], *, whole: bool) -> Sequence[Sample]:
    """What the attacks of `plan` make of `samples`, letter for letter.

    Args:
        plan: the audit's.
        samples: all that were asked.
        whole: whether every attempt of an attack was put, however few forms the plan asks for.
    """
    if plan.red_team is None:
        return ()
    given = [sample for sample in samples if sample.attacked is None]
    made, _ = put_under(plan.red_team, attacks_at_hand(plan.red_team), given, seed=plan.seed, whole=whole)
    return made


def _not_asked(made: Sequence[Sample], samples: Sequence[Sample]) -> AttackedRequest | None:
    """What is behind the first of `made` that is not among `samples`."""
    there = {sample.id for sample in samples}
    return next((sample.attacked for sample in made if sample.id not in there and sample.attacked), None)


def _refuse(missing: AttackedRequest | None) -> None:
    if missing is not None:
        raise EvidenceError(
            f"what {missing.attack} makes of sample {missing.sample} was not asked", where=SAMPLES
        )


def _id_of(sample: Sample) -> str:
    """`records.sample_id`, for content that is known to hold nothing inexact."""
    content: dict[str, Any] = {
        "messages": sample.messages,
        "tools": sample.tools,
        "reference": sample.reference,
        "context": sample.context,
    }
    content |= {"choices": sample.choices} if sample.choices else {}
    content |= {"follow_ups": sample.follow_ups} if sample.follow_ups else {}
    return digest_bytes(_sorted.encode(content))
