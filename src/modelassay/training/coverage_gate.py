"""How much of a run is in the record, as findings: rates over a remnant are no rates over the run."""

from __future__ import annotations

from modelassay.records import RunCoverage, RunFinding, RunManifest
from modelassay.records.findings import Severity
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.run import Run

CHECK = "coverage_gate"
WHOLE = 0.999
"""Share of rollouts from which a record counts as whole."""
REMNANT = 0.5
"""Share below which it is only a remnant."""
SHOWN_LINES = 5
LONGEST_REASON = 200


def coverage_findings(manifest: RunManifest, coverage: RunCoverage | None) -> tuple[RunFinding, ...]:
    """Completeness and survivorship, a finding each."""
    if coverage is None:
        return (not_assessable(CHECK, "the record carries no statement of its coverage"),)
    findings = [_completeness(coverage)]
    if manifest.population == "trained_on":
        findings.append(
            run_finding(
                CHECK,
                "survivors only",
                "The record holds only rollouts that were trained on. Groups of equal rewards are gone, and "
                "with them an exploit that is fully learned: rates are rates among survivors.",
                about={"what": "population"},
                state="not_assessable",
                severity="high",
                why_not="what was filtered out before training is not in the record",
                question="Can the rollouts that were filtered out be handed over, or counted?",
            )
        )
    return tuple(findings)


def unread_lines(run: Run) -> tuple[RunFinding, ...]:
    """Lines of metrics, checkpoints and data that could not be read whole; none where all could."""
    for _ in run.metrics():
        pass
    run.checkpoints(), run.datasets()
    if not run.unread:
        return ()
    shown = [f"{place}: {why[:LONGEST_REASON]}" for place, why in list(run.unread.items())[:SHOWN_LINES]]
    more = " …" if len(run.unread) > SHOWN_LINES else ""
    return (
        run_finding(
            CHECK,
            "lines left out",
            f"{len(run.unread):,} lines of metrics, checkpoints and data could not be read whole "
            f"({'; '.join(shown)}{more}). What they say is not in this report.",
            about={"what": "lines"},
            state="not_shown",
            severity="low",
            values={"lines": decimal(len(run.unread))},
            question="What do these lines say?",
        ),
    )


def _completeness(coverage: RunCoverage) -> RunFinding:
    counts = {
        "duplicated": coverage.duplicated,
        "quarantined": coverage.quarantined,
        "lost": coverage.gaps,
        "overwritten_steps": len(coverage.overwritten_steps),
        "missing_steps": len(coverage.missing_steps),
        "repeated_steps": len(coverage.repeated_steps),
    }
    values = {name: decimal(count) for name, count in counts.items() if count}
    values |= {"found": decimal(coverage.found_train)}
    if coverage.expected_train is None:
        why = coverage.basis or "nothing in the source says how many rollouts were generated"
        return not_assessable(CHECK, why, question="How many rollouts were generated, step by step?")
    share = min(1.0, coverage.found_train / coverage.expected_train) if coverage.expected_train else 1.0
    values |= {"expected": decimal(coverage.expected_train), "share": decimal(share)}
    flaws = [name for name in counts if counts[name] and name != "duplicated"]
    what = f"{coverage.found_train:,} of {coverage.expected_train:,} training rollouts"
    if share >= WHOLE and not flaws:
        return run_finding(
            CHECK,
            "complete",
            f"The record holds {what}.",
            state="shown_fine",
            values=values,
            rests_on=(coverage.basis, *coverage.statements),
        )
    severity: Severity = "high" if share < REMNANT else "medium" if share < WHOLE else "low"
    details = ", ".join(f"{name.replace('_', ' ')}: {counts[name]:,}" for name in flaws)
    return run_finding(
        CHECK,
        "remnant" if share < REMNANT else "incomplete",
        f"The record holds {what} ({share:.1%}){'; ' + details if details else ''}. What is missing may "
        f"differ from what is here.",
        state="not_assessable" if share < REMNANT else "not_shown",
        severity=severity,
        values=values,
        rests_on=(coverage.basis, *coverage.statements),
        why_not="most of the run's rollouts are not in the record" if share < REMNANT else "",
        question="Where are the rollouts of the steps that are missing?",
    )
