"""Whether settings and code that step records name are those that the run's events tell of.

A recorder says in an event what is in force whenever it changes, and names its digest in the record of each
step. Who takes every event of a change out of the record leaves records that name what nothing tells of. The
digest is of all that is in force, and an event tells only what changed: what it says is not held against the
digest, and of a change of several settings, each an event with that digest, one may be missing unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from modelassay.canonical import digest_of
from modelassay.records import RunEvent, RunFinding, StepRecord
from modelassay.training.findings import not_assessable, run_finding
from modelassay.training.run import Run

CHECK = "in_force"
_TOLD_BY: Final = {"configuration": ("configuration", "configuration.changed"), "code": ("code",)}
"""Fields of step records, and the kinds of events that tell what is in force."""


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
    known = {digest for event in told if (digest := _digest(event.body))}
    strange = [record for record in named if getattr(record, name) not in known]
    values = {"steps": Decimal(len(named)), "changes": Decimal(len(told)), "untold": Decimal(len(strange))}
    if not strange:
        return run_finding(
            CHECK,
            "as told",
            f"Every digest of {name} in {len(named):,} step records is named by an event of the run.",
            about=about,
            state="shown_fine",
            values=values,
            method="digests of step records against events",
        )
    if why := _not_known(events, told, name):
        return not_assessable(CHECK, why, about=about)
    first = strange[0]
    return run_finding(
        CHECK,
        "untold",
        f"{len(strange):,} of {len(named):,} step records name {name} that no event of the run tells of, the "
        f"first at {first.phase} step {first.step}.",
        about=about,
        state="shown_harmful",
        severity="high",
        values=values,
        method="digests of step records against events",
        question=f"Which {name} was in force from step {first.step} on, and why does no event say so?",
    )


def _digest(body: Mapping[str, Any]) -> str:
    """The digest of what an event says to be in force; empty where it does not say."""
    if digest := body.get("digest"):
        return str(digest)
    try:
        return digest_of(body["digests"]) if "digests" in body else ""
    except ValueError:
        return ""  # it holds what has no digest


def _not_known(events: Sequence[RunEvent], told: Sequence[RunEvent], name: str) -> str:
    """Why what was in force need not be told by an event that is here; empty where it must be."""
    if any(event.kind == "gap" and event.body.get("records") for event in events):
        return "the recorder lost events, which may be those that tell what was in force"
    # A version that names the digest of code at all names it in every event that a process writes of code.
    newer = {event.rank for event in told if event.body.get("digest")} if name == "code" else set()
    if any(not _digest(event.body) and event.rank not in newer for event in told):
        return "events of changes name no digest, as those of earlier versions"
    return ""
