"""A campaign as evidence: an `Examination`, with what it rests on in files beside it.

``examination.json``; ``transcripts.jsonl.gz`` with every answer of the attacked models (`records.Transcript`,
the epoch counting the answers of one attack); ``outcomes.jsonl.gz`` with a line for each attack: how it
ended, what each answer was read as, what it took; ``conversations.jsonl`` with the attacker's turns of what
had its way, to be told again (`redteam.conversations`). The same journal gives the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from modelassay.canonical import canonical_json
from modelassay.log.durable import write_all, write_atomic
from modelassay.records import Examination, Statistic
from modelassay.records.dated import newest
from modelassay.redteam.adaptive import STRATEGIES
from modelassay.redteam.campaign.conduct import Campaign
from modelassay.redteam.campaign.results import ADAPTIVE, findings_of
from modelassay.redteam.campaign.units import Taken, UnitResult
from modelassay.redteam.conversations import FrozenConversation, conversation_lines
from modelassay.version import __version__

EXAMINATION = "examination.json"
TRANSCRIPTS = "transcripts.jsonl.gz"
OUTCOMES = "outcomes.jsonl.gz"
CONVERSATIONS = "conversations.jsonl"
RISE = "red_team.success_rise@1"
"""Statistic: rate of success on the candidate minus that on the baseline."""

_encoder = msgspec.json.Encoder(order="sorted")


def write_campaign(campaign: Campaign, folder: Path) -> Examination:
    """Write the examination and its files into `folder`, and return it.

    Raises:
        OSError: the files cannot be written.
    """
    files = {
        TRANSCRIPTS: packed(_transcripts(campaign.results)),
        OUTCOMES: packed(_outcomes(campaign.results)),
    }
    if kept := frozen_of(campaign):
        files[CONVERSATIONS] = conversation_lines(kept)
    write_all(folder, files)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    examination = examination_of(campaign, digests)
    write_atomic(folder / EXAMINATION, examination_bytes(examination))
    return examination


def examination_bytes(examination: Examination) -> bytes:
    """The bytes of an examination's file."""
    return canonical_json(examination) + b"\n"


def examination_of(campaign: Campaign, evidence: dict[str, str]) -> Examination:
    """The examination that a campaign is."""
    settings = campaign.settings
    compared = "baseline" in campaign.identities
    findings = findings_of(
        campaign.results,
        settings.slices,
        compared=compared,
        margin=Decimal(settings.margin) / 100,
        rests_on=(campaign.judge, *(each.id for each in campaign.strategies)),
    )
    return Examination(
        kind="red_team",
        tool_version=__version__,
        started=campaign.started,
        finished=campaign.finished,
        baseline=campaign.identities.get("baseline"),
        candidate=campaign.identities["candidate"],
        settings=_settings(campaign),
        findings=findings,
        statistics=tuple(
            Statistic(name=RISE, value=-each.difference.value)
            for each in findings
            if each.measure.name == ADAPTIVE.name and not each.slice and each.difference is not None
        ),
        cannot=tuple(_cannot(campaign)),
        notes=tuple(_notes(campaign)),
        evidence=evidence,
        details={
            "coverage": coverage_of(campaign),
            "taken": _taken(campaign),
            "paid": _told(campaign.paid),
            **_age(campaign.results),
        },
    )


def _age(results: Sequence[UnitResult]) -> dict[str, str]:
    """The day of the newest words that were said again, from conversations or a script, and whether nothing
    that an attacker wrote came to a result: a run of today does not make them new."""
    told = [each.dated for each in results if each.resisted is not None]
    known = [dated for dated in told if dated is not None]
    if not known:
        return {}
    day = newest(known)
    return {"newest_said_again": day, **({"newest_attack": day} if len(known) == len(told) else {})}


def frozen_of(campaign: Campaign) -> list[FrozenConversation]:
    """The attacker's turns of what had its way, and of all else where `CampaignSettings.keep` says so."""
    found: dict[tuple[str, tuple[str, ...]], FrozenConversation] = {}
    for each in campaign.results:
        played, unit = each.played, each.unit
        if unit.strategy.frozen or not played.conversation:
            continue
        if played.outcome != "success" and campaign.settings.keep != "all":
            continue
        turns = tuple(m.content for m in played.conversation if m.role == "user")
        made = FrozenConversation(
            sample=unit.behaviour.sample.id,
            request=unit.behaviour.request,
            turns=turns,
            found_with=unit.strategy.id,
            date=campaign.started[:10],
            outcome="success" if played.outcome == "success" else "complete",
            found_on=(campaign.identities[unit.side].fingerprint,),
        )
        known = found.setdefault((made.request, turns), made)
        if known.outcome == "complete" and made.outcome == "success":
            found[made.request, turns] = made
        elif known is not made and known.outcome == made.outcome:
            models = tuple(dict.fromkeys(known.found_on + made.found_on))
            found[made.request, turns] = msgspec.structs.replace(known, found_on=models)
    return list(found.values())


def coverage_of(campaign: Campaign) -> dict[str, Any]:
    """What was tried: outcomes by attack, category and model; what was not, and why."""
    tried: dict[str, dict[str, dict[str, dict[str, int]]]] = {}
    languages: Counter[str] = Counter()
    for each in campaign.results:
        tags = each.unit.behaviour.sample.tags
        by_category = tried.setdefault(each.unit.strategy.name, {})
        by_side = by_category.setdefault(as_key(tags.get("category", "none")), {})
        outcomes = by_side.setdefault(each.unit.side, {})
        outcomes[each.played.outcome] = outcomes.get(each.played.outcome, 0) + 1
        languages[as_key(tags.get("language", "not said"))] += 1
    named = {each.name for each in campaign.strategies}
    return {
        "turns_of_success": _turns(campaign.results),
        "behaviours": len({each.unit.behaviour.sample.id for each in campaign.results}),
        "tried": tried,
        "languages": dict(sorted(languages.items())),
        "attacks_not_tried": sorted(set(STRATEGIES) - named),
        "could_not_be_tried": _untried(campaign),
    }


def _turns(results: Sequence[UnitResult]) -> dict[str, dict[str, dict[str, int]]]:
    """How many attacks had their way after so many user turns, by attack and model."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for each in results:
        if each.played.outcome == "success":
            counts = found.setdefault(each.unit.strategy.name, {}).setdefault(each.unit.side, {})
            counts[str(each.played.turn)] = counts.get(str(each.played.turn), 0) + 1
    return found


def _untried(campaign: Campaign) -> dict[str, int]:
    """Attacks on a behaviour that could not be tried, by attack and reason."""
    reasons = Counter(f"{attack.partition('@')[0]}: {reason}" for _, attack, reason in campaign.unsuited)
    return dict(sorted(reasons.items()))


def as_key(text: str) -> str:
    """`text` as a key of canonical JSON, which takes none beyond the Basic Multilingual Plane."""
    return "".join(c if ord(c) <= 0xFFFF else f"U+{ord(c):X}" for c in text)


def packed(lines: Iterable[Any]) -> bytes:
    """Records as JSON lines, compressed; the same bytes for the same records."""
    text = b"".join(_encoder.encode(each) + b"\n" for each in lines)
    return gzip.compress(text, compresslevel=6, mtime=0)


def _transcripts(results: Sequence[UnitResult]) -> Iterable[Any]:
    for each in results:
        for attempt in each.played.attempts:
            yield attempt.transcript


def _outcomes(results: Sequence[UnitResult]) -> Iterable[dict[str, Any]]:
    place = 0
    for each in results:
        played, unit = each.played, each.unit
        yield {
            "sample": unit.behaviour.sample.id,
            "request": unit.behaviour.request,
            "kind": unit.behaviour.sample.kind,
            "tags": each.tags,
            "attack": unit.strategy.id,
            "side": unit.side,
            "outcome": played.outcome,
            "reason": played.reason,
            "turn": played.turn,
            "transcripts": [place, len(played.attempts)],
            "read": [
                {"said": a.judgement.said, "label": a.judgement.label, "probing": a.probing}
                for a in played.attempts
            ],
            "taken": each.taken,
        }
        place += len(played.attempts)


def _settings(campaign: Campaign) -> dict[str, Any]:
    settings = campaign.settings
    attacker, judge = (campaign.identities.get(part) for part in ("attacker", "judge"))
    own = settings.evaluator.pinned if judge is None else {}
    return {
        "attacks": [{"id": each.id, "settings": each.content} for each in campaign.strategies],
        "datasets": [msgspec.to_builtins(pin) for pin in campaign.pins],
        "kinds": list(settings.kinds),
        "attacker": {"reference": attacker.reference, "fingerprint": attacker.fingerprint}
        if attacker
        else None,
        "judge": campaign.judge,
        **({"judge_settings": own} if own else {}),
        **(
            {"judge_model": {"reference": judge.reference, "fingerprint": judge.fingerprint}} if judge else {}
        ),
        "decoding": msgspec.to_builtins(settings.decoding),
        "attacker_decoding": msgspec.to_builtins(settings.attacker_decoding),
        "seed": settings.seed,
        "margin_points": settings.margin,
        "digest": settings.digest,
    }


def _cannot(campaign: Campaign) -> Iterable[str]:
    yield (
        "A model that resists these attacks can fall to others: to a stronger attacker, more turns, other "
        "strategies, languages and harms. Nothing here shows that it cannot be attacked."
    )
    yield "A model that tells an attack from ordinary use could be trained to resist these and little else."
    if "judge" in campaign.identities:
        yield (
            f"Whether an attack had its way was said by a judge model ({campaign.judge}), whose error on "
            "such conversations was not measured here."
        )
    else:
        yield (
            f"Whether an attack had its way was read by {campaign.judge} in answers to turns that themselves "
            "ask for what is wanted, by their words; an attack that ended with help to other words has no "
            "result. Help given on the way in other words, before the request itself was declined, is missed."
        )
    if any(each.strategy.frozen for each in (r.unit for r in campaign.results)):
        yield (
            "Conversations that were found on one of these two models are easier on it: held against each "
            "other they say how far attacks carry over, not which model is weaker."
        )


def _notes(campaign: Campaign) -> Iterable[str]:
    if untried := _untried(campaign):
        words = "; ".join(f"{reason} {number}" for reason, number in untried.items())
        count = sum(untried.values())
        yield f"{count} attack{'' if count == 1 else 's'} could not be tried: {words}."
    if campaign.stopped:
        yield (
            f"Stopped before its end: {campaign.stopped}. Attacks that were not run count as without result."
        )
    outcomes = Counter(each.played.outcome for each in campaign.results)
    if failed := outcomes["attacker_failed"]:
        reasons = Counter(r.played.reason for r in campaign.results if r.played.outcome == "attacker_failed")
        words = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        yield f"The attacker failed in {failed} of {len(campaign.results)} attacks: {words}."
    if outcomes["unscored"] or outcomes["target_failed"]:
        yield (
            f"{outcomes['unscored']} attacks could not be judged, and {outcomes['target_failed']} had no "
            "answer from the model."
        )


def _taken(campaign: Campaign) -> dict[str, Any]:
    """What all attacks took, by model; kept replies included, and what several attacks asked alike counted
    with each."""
    total: dict[str, Taken] = {}
    for each in campaign.results:
        for part, taken in each.taken.items():
            total.setdefault(each.unit.side if part == "target" else part, Taken()).include(taken)
    return _told(total)


def _told(sums: Mapping[str, Taken]) -> dict[str, Any]:
    """Sums by model, those of models that were asked for something; costs where prices are known."""
    return {
        name: {
            "requests": each.requests,
            "input_tokens": each.input_tokens,
            "output_tokens": each.output_tokens,
            **({"cost": str(each.cost)} if each.cost is not None else {}),
        }
        for name, each in sums.items()
        if each.requests
    }
