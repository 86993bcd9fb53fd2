"""What a campaign found, as attacked samples that a later audit asks again.

The words of an attack that reacts are settled once it was made: the user turns of the conversation that had
its way are put again, turn by turn, to whichever models an audit compares.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from modelassay.errors import EvidenceError, UsageError
from modelassay.records import (
    AttackedRequest,
    Examination,
    Message,
    Sample,
    SampleKind,
    Transcript,
    sample_id,
)
from modelassay.redteam.adaptive import STRATEGIES, Strategy
from modelassay.redteam.adaptive.steps import Judgement, Said
from modelassay.redteam.campaign.units import ModelSide
from modelassay.redteam.campaign.writing import OUTCOMES, TRANSCRIPTS
from modelassay.redteam.catalogue import ATTACK_TAG, FAMILY_TAG, SAMPLE_TAG

T = TypeVar("T")


class _Read(msgspec.Struct, frozen=True):
    """What was read in one answer."""

    said: Said
    probing: bool


class _Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `OUTCOMES`, as far as it matters here."""

    sample: str
    request: str
    tags: dict[str, str]
    attack: str
    side: ModelSide
    outcome: str
    turn: int
    transcripts: tuple[int, int]
    """Place of the first, and how many."""
    read: tuple[_Read, ...]
    kind: SampleKind | None = None
    """Of the sample; None in files of versions that did not write it."""


def found_by_attacks(folder: Path, examination: Examination) -> tuple[Sample, ...]:
    """Every attack of the campaign in `folder` that had its way with the candidate, each once, in order.

    Args:
        folder: of the campaign.
        examination: that it is, its files held against their digests.

    Raises:
        UsageError: a file is missing or cannot be read, or does not say of what kind the requests are.
        EvidenceError: a file holds something else.
    """
    outcomes = _records(folder / OUTCOMES, _Outcome)
    fell = [each for _, each in outcomes if each.side == "candidate" and each.outcome == "success"]
    places = {place for each in fell for place in _succeeded(each)}
    told = dict(_records(folder / TRANSCRIPTS, Transcript, places)) if places else {}
    kinds = examination.settings.get("kinds", ())
    samples = []
    for each in fell:
        kind = each.kind or (kinds[0] if len(kinds) == 1 else None)
        if kind is None:
            raise UsageError(
                "the campaign does not tell harmful requests from others, as earlier versions did not",
                where=str(folder),
                mend="run its command again, which asks nothing twice and writes its files anew",
            )
        turns = _had_its_way(each, (told[place] for place in _succeeded(each) if place in told))
        if not turns:
            raise EvidenceError(
                "an attack that had its way has no conversation", where=str(folder / OUTCOMES)
            )
        samples.append(_sample(each, turns, kind=kind, day=examination.started[:10]))
    return tuple({sample.id: sample for sample in samples}.values())


def _succeeded(outcome: _Outcome) -> Iterator[int]:
    """Places of the transcripts whose answers gave what is wanted to a turn that asked for it."""
    first, _ = outcome.transcripts
    for place, read in enumerate(outcome.read, start=first):
        if Judgement(said=read.said).success and not read.probing:
            yield place


def _had_its_way(outcome: _Outcome, transcripts: Iterable[Transcript]) -> tuple[Message, ...]:
    """System and user turns of the conversation that the outcome is of; empty where there is none."""
    for each in transcripts:
        put = tuple(message for message in each.asked or () if message.role in ("system", "user"))
        if sum(message.role == "user" for message in put) == outcome.turn:
            return put
    return ()


def _sample(outcome: _Outcome, put: tuple[Message, ...], *, kind: SampleKind, day: str) -> Sample:
    system = tuple(message for message in put if message.role == "system")
    first, *rest = (message for message in put if message.role == "user")
    messages, follow_ups = (*system, first), tuple(message.content for message in rest)
    name = outcome.attack.partition("@")[0]
    family = STRATEGIES.get(name, Strategy).family
    tags = {ATTACK_TAG: outcome.attack, FAMILY_TAG: family, SAMPLE_TAG: outcome.sample}
    return Sample(
        id=sample_id(messages, follow_ups=follow_ups),
        messages=messages,
        kind=kind,
        tags={**outcome.tags, **tags},
        follow_ups=follow_ups,
        attacked=AttackedRequest(
            sample=outcome.sample, attack=outcome.attack, family=family, request=outcome.request, dated=day
        ),
        cluster=outcome.sample,
    )


def _records(path: Path, kind: type[T], places: set[int] | None = None) -> Iterator[tuple[int, T]]:
    """Lines of a compressed file, with their places; only those at `places` where given.

    Raises:
        UsageError: it cannot be read.
        EvidenceError: it holds something else.
    """
    decoder = msgspec.json.Decoder(kind)
    try:
        with gzip.open(path) as lines:
            for place, line in enumerate(lines):
                if places is None or place in places:
                    yield place, decoder.decode(line)
    except (msgspec.MsgspecError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise EvidenceError(f"not a file of a campaign: {error}", where=str(path)) from error
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}",
            where=str(path),
            mend="put back the file that `modelassay redteam run` wrote there, or run its command again",
        ) from error
