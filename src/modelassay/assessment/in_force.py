"""Whether settings and code that step records name are those that the run's events tell of, in their order.

A recorder says in an event what is in force whenever it changes, and names its digest in the record of each
step. Who takes every event of a change out of the record leaves records that name what nothing tells of: be
it new, or something that had been in force before and has come back (`told_in_order`). The digest is of all
that is in force, and an event tells only what changed: what it says is not held against the digest, and of
a change of several settings, each an event with that digest, one may be missing unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from modelassay.assessment.told_in_order import Untold, digest_of_event, untold
from modelassay.records import RunEvent, RunFinding, StepRecord
from modelassay.training.findings import not_assessable, run_finding
from modelassay.training.run import Run

CHECK = "in_force"
_TOLD_BY: Final = {"configuration": ("configuration", "configuration.changed"), "code": ("code",)}
"""Fields of step records, and the kinds of events that tell what is in force."""
_METHOD: Final = "digests of step records against events, in order"


def in_force_findings(run: Run, records: Sequence[StepRecord]) -> tuple[RunFinding, ...]:
    """One finding on settings and one on code; records that name neither say that they were not checked.

    Args:
        records: what the run is committed to.
    """
    events = run.events()
    return tuple(_finding(run, records, events, name) for name in _TOLD_BY)


def _finding(run: Run, records: Sequence[StepRecord], events: Sequence[RunEvent], name: str) -> RunFinding:
    about = {"aspect": name, "run": run.manifest.id}
    named = [record for record in records if getattr(record, name) is not None]
    if not named:
        return not_assessable(CHECK, f"no step record names the {name} in force", about=about)
    told = [event for event in events if event.kind in _TOLD_BY[name]]
    found = untold(named, name, told, events)
    if not found.records:
        return _told(named, told, found, name, about)
    if why := _not_known(events, told, name):
        return not_assessable(CHECK, why, about=about)
    first = found.records[0]
    return run_finding(
        CHECK,
        "untold",
        f"{len(found.records):,} of {len(named):,} step records name {name} that no event of the run tells "
        f"of where it came into force, the first at {first.phase} step {first.step}.",
        about=about,
        state="shown_harmful",
        severity="high",
        values=_values(named, told, found),
        method=_METHOD,
        question=f"Which {name} was in force from step {first.step} on, and why does no event say so?",
    )


def _told(
    named: Sequence[StepRecord],
    told: Sequence[RunEvent],
    found: Untold,
    name: str,
    about: Mapping[str, str],
) -> RunFinding:
    """Nothing is missing; or it is not known, since the recorder itself may not have told it."""
    if found.why_not_known:
        return not_assessable(
            CHECK, found.why_not_known, about=about, question=f"Which {name} was in force, and since when?"
        )
    return run_finding(
        CHECK,
        "as told",
        f"Every digest of {name} in {len(named):,} step records is named by an event of the run, where it "
        "came into force.",
        about=about,
        state="shown_fine",
        values=_values(named, told, found),
        method=_METHOD,
    )


def _values(named: Sequence[StepRecord], told: Sequence[RunEvent], found: Untold) -> dict[str, Decimal]:
    counts = {"steps": len(named), "changes": len(told), "untold": len(found.records)}
    return {name: Decimal(count) for name, count in counts.items()}


def _not_known(events: Sequence[RunEvent], told: Sequence[RunEvent], name: str) -> str:
    """Why what was in force need not be told by an event that is here; empty where it must be."""
    if any(event.kind == "gap" and event.body.get("records") for event in events):
        return "the recorder lost events, which may be those that tell what was in force"
    # A version that names the digest of code at all names it in every event that a process writes of code.
    newer = {event.rank for event in told if event.body.get("digest")} if name == "code" else set()
    if any(not digest_of_event(event) and event.rank not in newer for event in told):
        return "events of changes name no digest, as those of earlier versions"
    return ""
