"""How far a run can be believed: T0 to T4, raised by nothing but what was verified here.

- T0: a statement of the developer. T1: a log that was imported or recorded, and no more.
- T2: what was logged follows from the rollouts, step by step.
- T3: the run was committed to, then challenged; every drawn rollout was opened as committed, and the copy
  that was assessed has the same manifest, events, metrics, checkpoints, data sets, numbers of rollouts, and
  the same opened rollouts (`assessment.assessed_copy`).
- T4: T3, a witness saw the commitment before the challenge was drawn, a replay or canary passed, and none of
  them failed, nor scores of logged tokens.

What was withheld of the drawn rollouts is left out of it: claims that read it (`assessment.parts_read`) stay
where they are without a challenge, and a replay or canary that reads it takes no run to T4. So it is with
what the assessed copy lacks (`assessment.absent_parts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from modelassay.assessment.absent_parts import Gaps, gaps_of
from modelassay.assessment.assessed_copy import copy_findings, differences, other_rollouts
from modelassay.assessment.committing import FOLDER, Commitments, read_commitments
from modelassay.assessment.handed_findings import read_handed, told_of
from modelassay.assessment.in_force import in_force_findings
from modelassay.assessment.logged_run import against_log, log_findings, without_log
from modelassay.assessment.parts_read import as_far_as_checked, parts_read
from modelassay.assessment.request import Draws, Proofs
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.events import body_of, decode
from modelassay.evidence.run_events import RunClosed
from modelassay.log.proof import read_proof
from modelassay.log.trust import TooFewWitnessesError
from modelassay.records import AssuranceStep, RunFinding
from modelassay.records.findings import AssuranceTier
from modelassay.training.protocol.challenge import Challenge, decode_challenge, nonce_commitment
from modelassay.training.protocol.checking import (
    CheckedOpening,
    challenge_finding,
    check_challenge,
    check_opening,
    check_records,
    withheld_in_words,
)
from modelassay.training.protocol.disclosure import challenge_digest, decode_opening
from modelassay.training.reconciled import ODD_SIZES
from modelassay.training.run import Run

TIERS: tuple[AssuranceTier, ...] = ("T0", "T1", "T2", "T3", "T4")


@dataclass(frozen=True)
class Assured:
    """What was verified."""

    tier: AssuranceTier
    steps: tuple[AssuranceStep, ...]
    findings: tuple[RunFinding, ...]
    unchallenged: AssuranceTier
    """What the run would have without the challenge."""
    withheld: frozenset[str]
    """Parts of opened rollouts that were not disclosed, and parts that the assessed copy lacks."""
    gaps: Gaps
    """What the assessed copy lacks."""
    events_committed: bool
    """Whether the developer's events are those that the run was committed to."""


def assure(run: Run, reconciled: Sequence[RunFinding], proofs: Proofs) -> Assured:
    """Everything that can raise or lower the assurance of `run`, checked.

    Args:
        reconciled: what `training.reconciliation` found.

    Raises:
        UsageError: an opening without its challenge or the time of receipt, or a file that cannot be read.
        EvidenceError: a commitment, challenge or opening is not what it claims to be.
    """
    compared = [each for each in reconciled if each.outcome != ODD_SIZES]  # of which nothing logged disagrees
    agrees = bool(compared) and all(each.outcome == "agrees" for each in compared)
    disagrees = any(each.outcome == "disagrees" for each in reconciled)
    made = _commitments(run)
    differs = (
        *(differences(run, made) if made is not None else ()),
        *against_log(run, made.committed if made is not None else None, proofs.log),
    )
    checked = _checked(run, made, proofs)
    opened_well = checked is not None and not checked.failed
    copied = other_rollouts(run, checked, made.records) if made and checked and opened_well else ()
    handed = read_handed(run, proofs.further)
    gaps = gaps_of(run, committed=made is not None, checked=checked, log=proofs.log)
    third = made is not None and not (differs or copied or gaps.against) and opened_well and not disagrees
    seen, when = _witnessed(run, made, proofs, checked.challenge if checked else None)
    unchallenged: AssuranceTier = "T2" if agrees else "T1"
    withheld = gaps.parts | (frozenset(checked.withheld) if checked is not None else frozenset())
    rests = tuple(each for each in handed.passed if not parts_read(each.check) & withheld)
    fourth = third and seen and bool(rests) and not handed.failed
    reached = [True, True, agrees, third, fourth]
    tier = TIERS[max(i for i, ok in enumerate(reached) if ok)]
    steps = _ladder(
        reached,
        "Statements of the developer are what they are.",
        f"The run was {run.manifest.origin} and read whole.",
        _second(reconciled, agrees),
        f"{_third(made, (*differs, *copied), checked, gaps, disagrees)}"
        f"{_withheld(checked, unchallenged)}{_lacking(gaps)}"
        f"{_drawn(checked, proofs.drawn)}{without_log(proofs.log) if third else ''}",
        f"{when} {told_of(handed, rests)}",
    )
    findings = (
        *(_capped(challenge_finding(each), tier) for each in (checked,) if each),
        *copy_findings(run, (*differs, *copied)),
        *log_findings(run, proofs.log, committed=made is not None),
        *(in_force_findings(run, made.records) if made is not None else ()),
        *as_far_as_checked(
            (
                msgspec.structs.replace(each, assurance=tier if each in handed.passed else "T1")
                for each in handed.findings
            ),
            withheld,
            unchallenged,
        ),
        *gaps.findings,
    )
    events = third and made is not None and made.committed.events is not None
    return Assured(tier, steps, findings, unchallenged, withheld, gaps, events)


def _ladder(reached: Sequence[bool], *statements: str) -> tuple[AssuranceStep, ...]:
    """Every tier with whether it was reached, and what is said of it."""
    told = zip(TIERS, reached, statements, strict=True)
    return tuple(AssuranceStep(tier=tier, reached=ok, statement=text) for tier, ok, text in told)


def _capped(finding: RunFinding, tier: AssuranceTier) -> RunFinding:
    """`finding`, believed no further than the run."""
    return msgspec.structs.replace(finding, assurance=min(finding.assurance, tier))


def _commitments(run: Run) -> Commitments | None:
    if not (run.folder / FOLDER / "committed.json").is_file():
        return None
    made = read_commitments(run.folder)
    check_records(made.committed, made.records, made.file)
    return made


def _checked(run: Run, made: Commitments | None, proofs: Proofs) -> CheckedOpening | None:
    if proofs.challenge is None and proofs.opening is None:
        return None
    if proofs.challenge is None or proofs.opening is None or not proofs.received:
        raise UsageError(
            "an opening is checked against its challenge and the time at which you received it",
            mend="give --challenge, --opening and --received",
        )
    if made is None:
        raise UsageError(
            "this run is not committed to", where=str(run.folder), mend="`modelassay run commit`"
        )
    asked = decode_challenge(_read(proofs.challenge), str(proofs.challenge))
    check_challenge(asked, made.committed, made.records, default_strata=True)
    head, opened = decode_opening(_read(proofs.opening), str(proofs.opening))
    return check_opening(asked, made.records, head, opened, proofs.received)


def _witnessed(
    run: Run, made: Commitments | None, proofs: Proofs, challenge: Challenge | None
) -> tuple[bool, str]:
    """Whether a believed witness saw the commitment before the challenge was drawn; and how to say it."""
    place = run.folder / FOLDER
    if made is None:
        return False, "The run is not committed to."
    if proofs.trust is None:
        return False, "No log and witness keys were given, so the time of the commitment was not checked."
    try:
        entry, proof = _read(place / "closed.json"), read_proof(_read(place / "closed.tlog-proof"))
    except UsageError:
        return False, "There is no proof that the commitment stands in a signed log."
    if body_of(decode(entry), RunClosed).committed != made.committed:
        raise EvidenceError("the log has another commitment", where=str(place / "closed.json"))
    opened = proof.verify(entry, proofs.trust.verifiers)
    try:
        trusted = proofs.trust.judge(opened)
    except TooFewWitnessesError as error:
        again = "`modelassay run commit RUN --witness …` has it cosigned"
        raise EvidenceError(error.what, where=str(place / "closed.tlog-proof"), mend=again) from error
    if not trusted.witnesses:
        return False, "No witness cosigned the commitment."
    seen = datetime.fromtimestamp(min(trusted.witnesses.values()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if challenge is None:
        return False, f"Witnesses saw the commitment at {seen}; there was no challenge."
    if seen > challenge.issued:
        return False, f"Witnesses saw the commitment at {seen}, after the challenge of {challenge.issued}."
    return True, f"Witnesses saw the commitment at {seen}, before the challenge of {challenge.issued}."


def _second(reconciled: Sequence[RunFinding], agrees: bool) -> str:
    if agrees:
        return "What was logged follows from the rollouts."
    why = next((each.why_not for each in reconciled if each.why_not), "")
    return f"Not reconciled: {why}." if why else "What was logged does not follow from the rollouts."


def _third(
    made: Commitments | None,
    differs: Sequence[str],
    checked: CheckedOpening | None,
    gaps: Gaps,
    disagrees: bool,
) -> str:
    if differs:
        return f"The copy that was assessed is not what was committed to: {'; '.join(differs)}."
    if made is None:
        return "The run is not committed to."
    if checked is None and not made.committed.rollouts:
        return (
            "The run is committed to no rollouts: none can be drawn, and this tier and the next do not "
            f"apply. Its other files are those that were committed to.{_unbound(made)}"
        )
    if checked is None:
        return "The run is committed to, and was not challenged."
    if checked.failed:
        return (
            f"{len(checked.failed)} of {len(checked.challenge.drawn)} drawn rollouts do not count as opened."
        )
    if gaps.against:
        return f"All drawn rollouts were opened as committed, and yet {'; and '.join(gaps.against)}."
    if disagrees:
        return (
            "All drawn rollouts were opened as committed, and yet what was logged does not follow from them."
        )
    return (
        f"Committed to before the challenge: all {len(checked.challenge.drawn)} rollouts drawn of "
        f"{checked.challenge.population:,} were opened as committed.{_unbound(made)}"
    )


def _unbound(made: Commitments) -> str:
    """What a commitment of an earlier version leaves open."""
    if made.committed.metrics is not None:
        return ""
    return (
        " The files of metrics, checkpoints and data sets are not in this commitment, which an earlier "
        "version made: of them only what step records and events name is bound."
    )


def _drawn(checked: CheckedOpening | None, drawn: Draws) -> str:
    """When the assessor drew the challenge, by their own log, and how often they did."""
    when = drawn.challenges.get(challenge_digest(checked.challenge)) if checked else None
    if checked is None or when is None:
        return ""
    fixed = drawn.nonces.get(nonce_commitment(checked.challenge.nonce))
    nonce = f"from a nonce that was fixed at {fixed}" if fixed else "from a nonce that was not fixed before"
    count = len(drawn.challenges)
    often = f" It is one of {count} challenges of this run that they drew." if count > 1 else ""
    return f" The assessor's log has the challenge at {when}, {nonce}.{often}"


def _withheld(checked: CheckedOpening | None, unchallenged: AssuranceTier) -> str:
    """What the challenge left open, and what follows for claims that read it."""
    if checked is None or not checked.withheld:
        return ""
    told = withheld_in_words(checked)
    return f" {told} Claims that rest on that stay at {unchallenged}, as without a challenge."


def _lacking(gaps: Gaps) -> str:
    """What the copy itself lacks."""
    return f" This copy lacks {gaps.told}; claims that read that are not raised." if gaps.told else ""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError((error.strerror or "cannot be read").lower(), where=str(path)) from error


def raised(
    findings: Sequence[RunFinding], tier: AssuranceTier, limits: Mapping[str, AssuranceTier]
) -> tuple[RunFinding, ...]:
    """`findings` with the tier of the run, none above the limit of its check (by name)."""
    return tuple(
        msgspec.structs.replace(each, assurance=min(tier, limits.get(each.check, tier))) for each in findings
    )
