"""What the assessed copy lacks of its rollouts, and what may not be said of it for that reason.

The copy says itself what was erased and what was withheld from it (`training.protocol.absent`). Three things
are held against that: which rollouts lack a part, since one that only some lack can have been chosen by what
it says; what a log has of erasures; and texts that are empty without a line that says why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import comb
from typing import Any, Final

import msgspec
import numpy as np

from modelassay.assessment.parts_read import parts_read
from modelassay.assessment.request import LoggedRun
from modelassay.canonical import digest_bytes
from modelassay.records import RunFinding
from modelassay.records.findings import Severity
from modelassay.training.event_times import moment
from modelassay.training.findings import called_fine_no_longer, decimal, run_finding
from modelassay.training.protocol.absent import Absent, encoded, read_absent
from modelassay.training.protocol.checking import CheckedOpening
from modelassay.training.protocol.disclosure import Opened, OpenPart
from modelassay.training.protocol.parts import TEXTS
from modelassay.training.run import Run

MANY: Final = 0.05
"""Share of the rollouts above which a part that they lack can hide any finding."""
CHANCE: Final = 0.01
"""A draw of rollouts that is less likely than this, were the copy's empty texts recorded as such, tells."""
_OF_BEHAVIOUR: Final = frozenset(
    {"reinforcement", "emergence", "environment_pressure", "template_collapse", "resolution"}
)
_ANALYSES = "reinforcement, emergence, resolution, pressure of environments and collapse of templates"


@dataclass(frozen=True)
class Gaps:
    """What a copy lacks."""

    parts: frozenset[str] = frozenset()
    """Parts that some rollouts lack."""
    chosen: frozenset[str] = frozenset()
    """Those of them that others have, so that they can have been chosen."""
    told: str = ""
    """All of it, in words; empty where nothing is lacking."""
    against: tuple[str, ...] = ()
    """What shows that the copy is not what was challenged, in words."""
    findings: tuple[RunFinding, ...] = ()


@dataclass(frozen=True)
class _Texts:
    """Rollouts of a copy, and how many of them have an empty text, or say that it was not recorded."""

    rollouts: int
    empty: Mapping[str, int]
    not_recorded: int


def gaps_of(run: Run, *, committed: bool, checked: CheckedOpening | None, log: LoggedRun) -> Gaps:
    """What the copy `run` lacks.

    Args:
        committed: whether the run is committed to.
        checked: its opening, where it was challenged.
        log: what the developer's log says of it.

    Raises:
        EvidenceError: the list of absent parts cannot be read.
    """
    absent = read_absent(run.folder)
    if not absent and not committed:
        return Gaps()
    texts = _texts_of(run)
    listed = _listed(run, absent, texts, checked, log)
    unsaid = _unsaid(run, absent, texts, checked)
    gaps = [each for each in (listed, unsaid) if each is not None]
    return Gaps(
        frozenset().union(*(each.parts for each in gaps)),
        frozenset().union(*(each.chosen for each in gaps)),
        "; ".join(each.told for each in gaps),
        tuple(why for each in gaps for why in each.against),
        tuple(finding for each in gaps for finding in each.findings),
    )


def not_fine_without(findings: Iterable[RunFinding], gaps: Gaps) -> tuple[RunFinding, ...]:
    """`findings`, none on behaviour fine that reads a part which may be lacking for what it says."""
    why = f"this copy lacks parts of some rollouts, which may say otherwise: {gaps.told}"
    return tuple(
        called_fine_no_longer(each, why)
        if each.check in _OF_BEHAVIOUR and parts_read(each.check) & gaps.chosen
        else each
        for each in findings
    )


def _texts_of(run: Run) -> _Texts:
    import pyarrow.compute as compute

    rollouts = not_recorded = 0
    empty = dict.fromkeys(TEXTS, 0)
    for batch in run.batches(["format", *TEXTS]):
        rollouts += batch.num_rows
        not_recorded += sum(each == "absent" for each in batch.column("format").to_pylist())
        for name in TEXTS:
            lengths = compute.binary_length(batch.column(name)).to_numpy(zero_copy_only=False)
            empty[name] += int(np.sum(lengths == 0))
    return _Texts(rollouts, empty, not_recorded)


def _listed(
    run: Run, absent: Absent, texts: _Texts, checked: CheckedOpening | None, log: LoggedRun
) -> Gaps | None:
    """What the copy says itself that it lacks."""
    counts = absent.counts()
    if not counts:
        return None
    lacking = _by_part(absent)
    chosen = frozenset(part for part, count in lacking.items() if count < texts.rollouts)
    told = ", ".join(f"{part} of {number:,} {why}" for (why, part), number in counts.items())
    has = _disclosed(absent, chosen, checked)
    erased = any(why == "erased" for why, _ in counts)
    against, untold = _against_log(absent, checked, log) if erased else ((), "")
    if any(why == "withheld" and part in chosen for why, part in counts):
        against += _called_withheld(absent, log)
    statement = (
        f"This copy has not every part of every rollout: {told}. The hashes that were committed to stand "
        "for them; what these texts say was not looked at."
    )
    if chosen:
        has_them = " and ".join(sorted(chosen))
        statement += f" Other rollouts of {texts.rollouts:,} have {has_them}: who chose could read them."
    if has:
        statement += f" Of {has} drawn rollouts it was handed over without what the developer has and opened."
    statement += "".join(f" {each[0].upper()}{each[1:]}." for each in (*against, untold) if each)
    finding = run_finding(
        "commitment",
        "parts absent",
        statement,
        about={"run": run.manifest.id, "aspect": "absent parts"},
        state="not_assessable",
        severity=_severity(counts, chosen, texts.rollouts, checked, grave=bool(has or against)),
        values={f"{why}_{part}": decimal(number) for (why, part), number in counts.items()},
        method="the run's own list of absent parts, against log and opening",
        why_not="these parts were erased or withheld"
        + (f" of some rollouts and not of others; {_ANALYSES} were judged without them" if chosen else ""),
        question=_question(erased, bool(chosen)),
    )
    return Gaps(frozenset(lacking), chosen, told, against, (finding,))


def _by_part(absent: Absent) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, part), number in absent.counts().items():
        found[part] = found.get(part, 0) + number
    return found


def _severity(
    counts: Mapping[tuple[Any, Any], int],
    chosen: Collection[str],
    rollouts: int,
    checked: CheckedOpening | None,
    *,
    grave: bool,
) -> Severity:
    """High where so much can have been chosen that it may hide anything; what all lack accuses nobody."""
    least = min(MANY * rollouts, checked.most_bad) if checked is not None else MANY * rollouts
    many = any(
        number > (least if why == "withheld" else MANY * rollouts)
        for (why, part), number in counts.items()
        if part in chosen
    )
    if grave or many:
        return "high"
    if chosen:
        return "medium"
    return "low" if any(why == "erased" for why, _ in counts) else "none"


def _question(erased: bool, chosen: bool) -> str:
    if erased:
        return "When, why and on whose request were parts erased?"
    return "Why does the copy lack parts of these rollouts and not of others, and who chose them?" * chosen


def _disclosed(absent: Absent, chosen: Collection[str], checked: CheckedOpening | None) -> int:
    """How many drawn rollouts have a part open in the opening that this copy, of some, lacks."""
    return sum(
        any(
            part in chosen and isinstance(each.parts[part], OpenPart)
            for part in absent.of(each.place.key, each.place.ordinal)
        )
        for each in (checked.passed if checked is not None else ())
    )


def _against_log(
    absent: Absent, checked: CheckedOpening | None, log: LoggedRun
) -> tuple[tuple[str, ...], str]:
    """What a log says against erasures that the copy lists, and what could not be told of them."""
    if not log.manifests or log.not_this:
        return (
            (),
            "no log of the run was given (`--log`), so when and why they were erased was not told",
        )
    digest = digest_bytes(encoded(line for line in absent.lines if line.why == "erased"))
    entry = next(
        (each for each in log.erasures if each.absent == digest), None
    )  # the first: others repeat it
    if entry is None:
        return ("no entry of the log says that these parts were erased",), ""
    at = moment(entry.time)
    issued = moment(checked.challenge.issued) if checked is not None else None
    if checked is not None and at is not None and issued is not None and at > issued:
        late = f"parts were erased at {entry.time}, after the challenge of {checked.challenge.issued}"
        return (late,), ""
    return (), ""


def _called_withheld(absent: Absent, log: LoggedRun) -> tuple[str, ...]:
    """The newest erasure of the log, where the copy, which withholds some texts, does not list it."""
    if log.not_this or not log.erasures or log.erasures[-1].absent == _erased(absent):
        return ()
    return (f"the log has an erasure of parts at {log.erasures[-1].time} that this copy does not list",)


def _erased(absent: Absent) -> str:
    """The digest by which a log names all that was erased."""
    return digest_bytes(encoded(line for line in absent.lines if line.why == "erased"))


def _unsaid(run: Run, absent: Absent, texts: _Texts, checked: CheckedOpening | None) -> Gaps | None:
    """Texts that are empty, of which no line says why, and which the opening does not bear out.

    A run may be recorded without a text, and policies answer nothing: then some drawn rollouts were, too.
    """
    said = _by_part(absent)
    figures = list(_figures(checked.passed)) if checked is not None else []
    found = {}
    for name in TEXTS:
        empty = texts.empty[name] - said.get(name, 0)
        were = sum(each.get(f"{name}_characters") == 0 for each in figures)
        if 0 < empty < texts.rollouts and _chance(texts.rollouts, empty, len(figures), were) < CHANCE:
            found[name] = empty
    if found:
        return _not_said(run, found, len(figures), sure=True)
    left = texts.not_recorded - said.get("completion", 0)
    recorded_so = any(each.get("format") == "absent" for each in figures)
    if 0 < left < texts.rollouts and not recorded_so:
        return _not_said(run, {"completion": left}, len(figures), sure=False)
    return None


def _figures(opened: Iterable[Opened]) -> Iterator[dict[str, Any]]:
    """The figures of each, as they were committed to."""
    for each in opened:
        part = each.parts["figures"]
        if isinstance(part, OpenPart):
            yield msgspec.json.decode(part.text, type=dict[str, Any])


def _chance(rollouts: int, empty: int, drawn: int, seen: int) -> float:
    """The chance that `drawn` of `rollouts` have at most `seen` of the `empty`; 1 where none was drawn."""
    drawn = min(drawn, rollouts)
    ways = sum(comb(empty, k) * comb(rollouts - empty, drawn - k) for k in range(min(seen, drawn) + 1))
    return ways / comb(rollouts, drawn)


def _not_said(run: Run, found: Mapping[str, int], drawn: int, *, sure: bool) -> Gaps:
    told = ", ".join(f"{part} of {number:,} not there" for part, number in found.items())
    why = f"parts are absent, and no list says so: {told}"
    borne_out = (
        f"Of {drawn:,} drawn rollouts too few were committed to without them for that to be chance."
        if sure
        else "Whether they were recorded without them could not be told: none of them was drawn."
    )
    severity: Severity = "high" if sure else "medium" if drawn else "low"
    finding = run_finding(
        "commitment",
        "parts absent unsaid",
        f"Parts are absent, and no list says so: {told}. {borne_out}",
        about={"run": run.manifest.id, "aspect": "unlisted parts"},
        state="not_assessable",
        severity=severity,
        values={f"unsaid_{part}": Decimal(number) for part, number in found.items()},
        method="empty texts of the copy against opened figures, hypergeometric",
        why_not=f"no line of absent parts speaks of these texts; {_ANALYSES} were judged without them",
        question="Were these rollouts recorded without text, and if not, where are the texts and their list?",
    )
    parts = frozenset(found)
    return Gaps(parts, parts, told, (why,) if sure else (), (finding,))
