"""Examinations as a plan takes them in: held against the models that the audit is of, and against the files
beside them that they rest on; each once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import msgspec

from modelassay.canonical import digest_of
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.examined import NEWEST_ATTACK, SAID_AGAIN, UNSEEN
from modelassay.evidence.sufficient import (
    ALSO_IN,
    GREEDY,
    NAMED,
    TIED_BY,
    VOUCHED,
    WRITTEN_HERE,
    assessed,
    enough_without,
    limited,
)
from modelassay.records import Decoding, Examination, TargetIdentity

NOT_BESIDE: Final = "Not beside the file when it was taken in, so not held against their digests"
_SESSION: Final = "session.jsonl"
"""The file of a session's events in `Examination.evidence`."""
_SAID_BY_PLAN: Final = "but the word of whoever wrote the plan, who vouches for it"
_REPORTED: Final = "name in a report"
"""Strength of an identity that stands on another tool's word."""
_REPLAYED: Final = "replayed_resistance"
"""Measure of conversations from before (`redteam.campaign.results`)."""
_SCRIPT: Final = "scripted:"
"""Begins the reference of an attacker that reads from a script (`redteam.adaptive.scripted`)."""
_ADDRESS: Final = ("kind", "base_url", "model", "callable", "source", "declared")
"""Parts of an identity that tell where a model is reached, which the sentence on its reference tells."""
_DECIDING: Final = ("weights", "config", "tokenizer", "chat_template")
"""Parts of an identity that must agree; a dtype may differ, and then it is said."""
_FILES: Final = ("weights", "config", "tokenizer")
"""Those that are files of the model itself, however it is reached."""
_BY_PLAN: Final = " (`--plan PLAN` of modelassay redteam and inspect)"
_PROMPT: Final = "system_prompt"
"""Another part, which decides the answers: of `_ANSWERS` it must agree, while looks inside the weights
know no system prompt."""
_ANSWERS: Final = frozenset({"red_team", "manual_red_team", "capability"})
"""Kinds that say how a model answered."""


def fitting(
    examination: Examination,
    baseline: TargetIdentity,
    candidate: TargetIdentity,
    *,
    where: str,
    vouched: str = "",
    decoding: Decoding | None = None,
) -> Examination:
    """`examination` for an audit of these models, with a note on whatever is not the same.

    Replays and scripts that do not say how old they are, as earlier versions wrote them, are of unknown age.
    How much of it may be without a result, and what ties it to the candidate where its identity does not, is
    written down, and `why_not_evidence` holds it against that.

    Args:
        vouched: the model that it examined, as it names it, where the plan vouches that this is the
            candidate.
        decoding: how the audit has answers generated; None compares none.

    Raises:
        UsageError: it examined another model, or another than the plan vouches for.
    """
    if vouched and vouched != examination.candidate.reference:
        raise _vouched_otherwise(examination, vouched, where=where)
    notes: list[str] = []
    sides = [("candidate", examination.candidate, candidate)]
    if examination.baseline is not None:
        sides.append(("baseline", examination.baseline, baseline))
        notes += _own_sides(examination, examination.baseline)
    elsewhere = bool(vouched) and examination.candidate.reference != candidate.reference
    for name, examined, audited in sides:
        notes += _compared(
            name,
            examined,
            audited,
            where=where,
            vouched=name == "candidate" and bool(vouched),
            elsewhere=elsewhere,
            answers=examination.kind in _ANSWERS,
        )
    other_decoding, drawn = _decoded_otherwise(examination, decoding)
    known = dict.fromkeys((*examination.notes, *notes, *other_decoding))
    details = {key: value for key, value in examination.details.items() if key not in WRITTEN_HERE}
    if NEWEST_ATTACK not in details and _said_again(examination):
        details[NEWEST_ATTACK] = details.get(SAID_AGAIN, "")
    if not _tied(examination.candidate, candidate):
        details[TIED_BY] = VOUCHED if vouched else ""
    if drawn:
        details[GREEDY] = drawn
    return msgspec.structs.replace(
        examination, notes=tuple(known), details={**details, **limited(examination.kind)}
    )


def _decoded_otherwise(examination: Examination, decoding: Decoding | None) -> tuple[tuple[str, ...], str]:
    """A sentence where answers were generated otherwise than the audit's; and the audit's temperature, where
    they were greedy and the audit's are not."""
    said = examination.settings.get("decoding")
    if decoding is None or examination.kind not in _ANSWERS or not isinstance(said, dict):
        return (), ""
    theirs = [str(said.get(name, getattr(Decoding(), name))) for name in ("temperature", "top_p")]
    ours = [decoding.temperature, decoding.top_p]
    if not all(ours) or [_number(each) for each in theirs] == [_number(each) for each in ours]:
        return (), ""
    note = (
        f"Answers were generated at temperature {theirs[0]}, top-p {theirs[1]}, and those of the audit at "
        f"temperature {ours[0]}, top-p {ours[1]}."
    )
    return (note,), ours[0] if _number(theirs[0]) == 0 < _number(ours[0]) else ""


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(-1)


def _tied(examined: TargetIdentity, audited: TargetIdentity) -> bool:
    """Whether what is known of two models shows that they are one, as far as `_compared` lets them pass."""
    both = "weights" in examined.details and "weights" in audited.details
    return both or examined.fingerprint == audited.fingerprint


def _said_again(examination: Examination) -> bool:
    """Whether what came to a result are words from before, conversations or an attacker's script, or too few
    others to count by themselves."""
    if examination.kind != "red_team":
        return False
    attacker = examination.settings.get("attacker")
    reference = attacker.get("reference") if isinstance(attacker, dict) else ""
    if isinstance(reference, str) and reference.startswith(_SCRIPT):
        return True
    replayed = any(finding.measure.name == _REPLAYED for finding in assessed(examination))
    return replayed and not enough_without(examination, _REPLAYED)


def _compared(
    name: str,
    examined: TargetIdentity,
    audited: TargetIdentity,
    *,
    where: str,
    vouched: bool,
    elsewhere: bool,
    answers: bool,
) -> Iterator[str]:
    """What is not the same of two models, in sentences.

    Args:
        vouched: the plan vouches that they are one.
        elsewhere: the plan vouches for a candidate that was reached otherwise than it is audited, such as at
            another server; so may the baseline have been.
        answers: what was examined is how the model answered, which its system prompt decides too.

    Raises:
        UsageError: they are two, or answered under two system prompts.
    """
    if examined.fingerprint == audited.fingerprint:
        return
    if not _tied(examined, audited):
        alike = examined.strength == audited.strength
        if alike and not elsewhere:
            raise _other(name, examined, audited, where=where, may_vouch=True)
        if examined.strength == _REPORTED and not vouched:
            yield f"Of the {name}, {examined.reference}: {NAMED}."
        said = f"The {name} was examined as {examined.reference} and audited as {audited.reference}: {UNSEEN}"
        yield f"{said} {_SAID_BY_PLAN}." if vouched else f"{said}."
        if alike:
            yield from _under_another(name, examined, audited, but=_ADDRESS)
        return
    if _parts(examined) != _parts(audited):
        raise _other(name, examined, audited, where=where)
    if answers and examined.details.get(_PROMPT) != audited.details.get(_PROMPT):
        raise _otherwise_prompted(name, examined, where=where)
    yield from _under_another(name, examined, audited)


def _own_sides(examination: Examination, baseline: TargetIdentity) -> Iterator[str]:
    """That a rise from one side to the other is not of the models alone, where it is not."""
    prompts = {side.details.get(_PROMPT) for side in (baseline, examination.candidate)}
    if examination.kind in _ANSWERS and len(prompts) > 1:
        yield (
            "The candidate was asked under another system prompt than the baseline, so what differs between "
            "their answers is of model and prompt together."
        )


def _under_another(
    name: str, examined: TargetIdentity, audited: TargetIdentity, *, but: Sequence[str] = ()
) -> Iterator[str]:
    if differing := _differing(examined, audited, but=but):
        yield f"The {name} was examined under another {' and '.join(differing)} than audited."


def _differing(examined: TargetIdentity, audited: TargetIdentity, *, but: Sequence[str] = ()) -> list[str]:
    """Names of the parts in which two identities differ."""
    return sorted(
        key
        for key in {*examined.details, *audited.details}
        if examined.details.get(key) != audited.details.get(key) and key not in but
    )


def _parts(identity: TargetIdentity) -> dict[str, str]:
    return {
        key: value
        for key, value in identity.details.items()
        if key in _DECIDING or key.startswith("adapter.")
    }


def _other(
    name: str, examined: TargetIdentity, audited: TargetIdentity, *, where: str, may_vouch: bool = False
) -> UsageError:
    mend = "examine the model that is audited, or leave the file out"
    if may_vouch and name == "candidate" and examined.reference != audited.reference:
        mend = (
            f"write candidate_model: {examined.reference!r} if that is the candidate, or leave the file out"
        )
    told = f"not {audited.reference}"
    if examined.reference == audited.reference:
        differing = _differing(examined, audited) or ["identity"]
        told = f"whose {' and '.join(differing)} {'is' if len(differing) == 1 else 'are'} not as audited"
        if not any(key in _FILES or key.startswith("adapter.") for key in differing):
            mend = f"examine the model as the plan reaches it{_BY_PLAN}, or leave the file out"
    return UsageError(
        f"this examination is of another {name}: {examined.reference}, {told}", where=where, mend=mend
    )


def _otherwise_prompted(name: str, examined: TargetIdentity, *, where: str) -> UsageError:
    return UsageError(
        f"this examination is of another {name}: {examined.reference} under another system prompt than is "
        "audited",
        where=where,
        mend=f"examine the model under the system prompt that the plan gives it{_BY_PLAN}, or leave the file "
        "out",
    )


def _vouched_otherwise(examination: Examination, vouched: str, *, where: str) -> UsageError:
    examined = examination.candidate.reference
    return UsageError(
        f"the plan vouches for {vouched}, and this is an examination of {examined}",
        where=where,
        mend=f"write candidate_model: {examined!r} if that is the candidate, or leave the file out",
    )


def beside(examination: Examination, folder: Path, *, where: str) -> Examination:
    """`examination` after the files in `folder` that it rests on were held against their digests, with a note
    on those that are not there.

    Args:
        folder: where its own file lies.

    Raises:
        EvidenceError: one of them is another than it was made with.
        UsageError: one of them cannot be read.
    """
    absent = []
    for name, digest in sorted(examination.evidence.items()):
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise EvidenceError(f"it rests on a file elsewhere than beside it: {name!r}", where=where)
        path = folder / name
        if not path.is_file():
            absent.append(name)
        elif _sha256(path) != digest:
            raise EvidenceError(
                f"{name} is not the file that this examination was made with: its digest is another",
                where=where,
                mend="put back the file that was written with it, or make the examination again",
            )
    if not absent:
        return examination
    note = f"{NOT_BESIDE}: {', '.join(absent)}."
    return msgspec.structs.replace(examination, notes=tuple(dict.fromkeys((*examination.notes, note))))


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error


def refuse_repeated(examinations: Sequence[Examination], names: Sequence[str]) -> None:
    """That each is there once.

    Args:
        names: their files, as the plan has them.

    Raises:
        UsageError: two are the same.
    """
    first: dict[str, str] = {}
    for examination, name in zip(examinations, names, strict=True):
        digest = digest_of(examination)
        if digest in first:
            raise UsageError(
                "the same examination is taken in twice"
                + ("" if first[digest] == name else f": it is {first[digest]} too"),
                where=name,
                mend="leave one of them out of `examinations`",
            )
        first[digest] = name


def sessions_once(examinations: Sequence[Examination]) -> tuple[Examination, ...]:
    """`examinations`, where each person's session counts once: as the one that tells it furthest.

    A session that is written down, and gone on with, is told by several files; each tells its minutes from
    the beginning. The shorter ones say which goes further.
    """
    return tuple(_once(place, examinations) for place in range(len(examinations)))


def _once(place: int, examinations: Sequence[Examination]) -> Examination:
    ours = examinations[place]
    if ours.kind != "manual_red_team":
        return ours
    same = [at for at, other in enumerate(examinations) if at == place or _same_session(ours, other)]
    longest = max(same, key=lambda at: (_minutes(examinations[at]), examinations[at].finished, -at))
    if longest == place:
        return ours
    details: dict[str, Any] = {**ours.details, ALSO_IN: examinations[longest].finished}
    return msgspec.structs.replace(ours, details=details)


def _same_session(one: Examination, other: Examination) -> bool:
    """Whether both were made from one file of events, or one began as the other did."""
    if other.kind != one.kind:
        return False
    events = one.evidence.get(_SESSION)
    return (events is not None and events == other.evidence.get(_SESSION)) or _began(one) == _began(other)


def _began(session: Examination) -> tuple[str, Any, str]:
    return session.started, session.settings.get("tester"), session.candidate.fingerprint


def _minutes(session: Examination) -> Decimal:
    try:
        minutes = Decimal(str(session.details.get("minutes", 0)))
    except InvalidOperation:
        return Decimal(0)
    return minutes if minutes.is_finite() else Decimal(0)
