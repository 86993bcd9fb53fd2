"""Examinations: read and written as files, and made into the findings of an audit that takes them in.

What an examination found stands in the audit's record whole, so that its findings follow from the record
alone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, get_args

import msgspec

from modelassay.canonical import Digest, canonical_json, digest_of
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.contradictions import contradiction
from modelassay.evidence.sufficient import AGED_FROM, BEGUN, why_not_evidence
from modelassay.records import (
    Examination,
    ExaminationKind,
    Finding,
    Measure,
)
from modelassay.records.dated import last_day

KINDS: Final[frozenset[str]] = frozenset(get_args(ExaminationKind))
"""Kinds of examinations, which are the checks of their findings."""
EXAMINED: Final = "examined"
"""Measure of the finding that says of each examination that it was made, when and of what it cannot tell."""
LARGEST: Final = 16 << 20
"""Bytes of an examination's file."""

TITLES: Final[dict[ExaminationKind, str]] = {
    "red_team": "Adaptive red team",
    "manual_red_team": "Manual red team",
    "capability": "Capability probes",
    "weights": "Weights",
    "activations": "Activations",
    "refusal_margin": "Refusal margin",
    "watched": "Watched and unwatched",
    "tampering": "Tamper resistance",
    "triggers": "Trigger hunting",
    "memory": "Memory extraction",
    "adapters": "Adapters alone and stacked",
}
UNSEEN: Final = "nothing shows that these are the same weights"
NEWEST_ATTACK: Final = "newest_attack"
"""In `Examination.details` where all that came to a result are conversations from before: the day of the
newest of them, ISO 8601; empty where that is not known."""
SAID_AGAIN: Final = "newest_said_again"
"""In `Examination.details` where some of what came to a result are such conversations: the same of those."""
READ_BY: Final = "read_by_unknown"
"""In `Examination.details` of attacks: who read the answers, where nothing shows that it tells attacks that
had their way from those that did not. Written as it is taken in, and never by its maker."""
SINCE: Final = "since"
"""Value of an examination that ages from the day on which it was begun: that day."""
COVERS_WEIGHTS: Final = "covers_weights"
"""Value of an examination of adapters that is evidence on weights too."""


def examination_bytes(examination: Examination) -> bytes:
    """The canonical JSON of `examination` and a newline: what its file holds.

    Raises:
        ValueError: its settings or details hold a float.
    """
    return canonical_json(examination) + b"\n"


def write_examination(path: Path, examination: Examination) -> None:
    """Write `examination` to `path`, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    draft.write_bytes(examination_bytes(examination))
    os.replace(draft, path)


def read_examination(path: Path) -> Examination:
    """The examination in the file at `path`.

    Raises:
        UsageError: no such file.
        EvidenceError: it is no examination, or not one that an audit can take in.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise EvidenceError(f"an examination of more than {LARGEST >> 20} MiB", where=str(path))
        examination = msgspec.json.decode(path.read_bytes(), type=Examination)
        canonical_json(examination)
    except OSError as error:
        raise UsageError(
            f"the examination cannot be read: {error.strerror}",
            where=str(path),
            mend="give the file that `--out` wrote",
        ) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise EvidenceError(f"no examination: {error}", where=str(path)) from error
    _check(examination, where=str(path))
    return examination


def _check(examination: Examination, *, where: str) -> None:
    _check_times(examination, where=where)
    for statistic in examination.statistics:
        if not all(each.is_finite() for each in (statistic.value, *statistic.null_values.values())):
            raise EvidenceError(f"the statistic {statistic.name!r} holds what is no number", where=where)
    ids = Counter(finding.id for finding in examination.findings)
    for finding in examination.findings:
        if finding.check != examination.kind or finding.measure.name == EXAMINED:
            raise EvidenceError(
                f"the finding {finding.id!r} is not one of an examination of {examination.kind}", where=where
            )
        if ids[finding.id] > 1:
            raise EvidenceError(f"the finding {finding.id!r} is there twice", where=where)
    if odd := contradiction(examination):
        raise EvidenceError(
            f"the file contradicts itself: {odd}",
            where=where,
            mend="take in the file as the command wrote it, or make the examination again",
        )


def _check_times(examination: Examination, *, where: str) -> None:
    try:
        finished, started = _moment(examination.finished), _moment(examination.started)
    except ValueError as error:
        raise EvidenceError(f"no time at which it started or finished: {error}", where=where) from error
    if finished < started:
        raise EvidenceError(
            f"it finished at {examination.finished}, before it started at {examination.started}",
            where=where,
            mend="set the clock right and make the examination again",
        )


def _moment(text: str) -> datetime:
    """A time in UTC where it names no zone.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def day_of(examination: Examination) -> date:
    """The day on which it was finished.

    Raises:
        ValueError: it does not say.
    """
    return date.fromisoformat(examination.finished[:10])


def examined_findings(examinations: Sequence[Examination]) -> tuple[Finding, ...]:
    """What `examinations` found, each after a finding that says that it was made.

    What they show is corrected over all of them (`together`). A finding's id is told apart by the
    examination's number where two of one kind name it alike. Where nothing shows that the weights examined
    are those audited, findings have a weaker tier of assurance.
    """
    return tuple(_unique(_findings(examinations)))


def _findings(examinations: Sequence[Examination]) -> Iterator[Finding]:
    from modelassay.evidence.together import corrected_together  # loads numpy, which looking up does not need

    for examination, corrected in zip(examinations, corrected_together(examinations), strict=True):
        weaker = any(UNSEEN in note for note in examination.notes)
        made = _made(examination)
        for finding in (made, *corrected.findings):
            told = msgspec.structs.replace(finding, assurance="T1") if weaker else finding
            doubted = READ_BY in examination.details and finding.judge != "exact"
            yield msgspec.structs.replace(told, judge="uncalibrated") if doubted else told


def _unique(findings: Iterable[Finding]) -> Iterator[Finding]:
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.id] += 1
        times = seen[finding.id]
        yield msgspec.structs.replace(finding, id=f"{finding.id}#{times}") if times > 1 else finding


def _made(examination: Examination) -> Finding:
    title = TITLES[examination.kind]
    count = len(examination.findings)
    since = _begun(examination)
    days = f"on {examination.finished[:10]}"
    if since and examination.started[:10] != examination.finished[:10]:
        days = f"from {examination.started[:10]} to {examination.finished[:10]}"
    said = f"{title}: examined {days}, {count} finding{'' if count == 1 else 's'}"
    why = why_not_evidence(examination)
    reader = examination.details.get(READ_BY)
    if reader:
        said += f" (read by {reader}, whose error on attacks is not known or no better than chance)"
    return Finding(
        id=f"{examination.kind}/{EXAMINED}/overall",
        check=examination.kind,
        measure=Measure(name=EXAMINED, title=title, wanted="was examined", role="descriptive", exact=True),
        state="not_assessable" if why else "shown_fine",
        statement=f"{said}, {why}." if why else f"{said}.",
        values={
            "day": Decimal(day_of(examination).toordinal()),
            **since,
            **_lasted(examination),
            **_replayed(examination),
            **_covered(examination),
        },
        method="examination taken in; the day is a proleptic Gregorian ordinal",
        rests_on=(digest_of(examination), *_evidence(examination)),
    )


def _begun(examination: Examination) -> dict[str, Decimal]:
    """Of one that ages from its beginning that day, an ordinal."""
    if examination.details.get(AGED_FROM) != BEGUN:
        return {}
    return {SINCE: Decimal(date.fromisoformat(examination.started[:10]).toordinal())}


def _lasted(examination: Examination) -> dict[str, Decimal]:
    """The minutes that a session by hand lasted, as far as it says."""
    said = examination.details.get("minutes") if examination.kind == "manual_red_team" else None
    told = isinstance(said, str) and said.replace(".", "", 1).isdecimal()
    return {"minutes": Decimal(str(said))} if told else {}


def _replayed(examination: Examination) -> dict[str, Decimal]:
    """Of conversations from before the day of the newest, an ordinal too; 0 where it is not known."""
    if examination.kind != "red_team" or NEWEST_ATTACK not in examination.details:
        return {}
    day = last_day(str(examination.details[NEWEST_ATTACK]))
    return {NEWEST_ATTACK: Decimal(day.toordinal() if day else 0)}


def _covered(examination: Examination) -> dict[str, Decimal]:
    """That adapters' weights were looked at as well, which no comparison with a whole base can do."""
    covers = examination.details.get("covers") if examination.kind == "adapters" else None
    return {COVERS_WEIGHTS: Decimal(1)} if covers == ["weights"] else {}


def _evidence(examination: Examination) -> list[str]:
    return [f"{name} sha256:{digest}" for name, digest in sorted(examination.evidence.items())]


def examination_digests(examinations: Sequence[Examination]) -> tuple[Digest, ...]:
    """The digest of each, as the log keeps it."""
    return tuple(digest_of(examination) for examination in examinations)
