"""How much of a run is in the record, as findings: rates over a remnant are no rates over the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from modelassay.records import RunCoverage, RunFinding, RunManifest
from modelassay.records.findings import Severity
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.frame import Frame
from modelassay.training.run import Run, TornPart

CHECK = "coverage_gate"
WHOLE = 0.999
"""Share of rollouts from which a record counts as whole."""
REMNANT = 0.5
"""Share below which it is only a remnant."""
SHOWN_LINES = 5
SHOWN_STEPS = 10
LONGEST_REASON = 200
NO_BASIS = "nothing in the source says how many rollouts were generated"
_LOSSES = ("quarantined", "lost", "overwritten_steps", "missing_steps")
"""What of a statement of coverage says that rollouts are missing."""


def coverage_findings(
    manifest: RunManifest, coverage: RunCoverage | None, frame: Frame | None = None
) -> tuple[RunFinding, ...]:
    """Completeness and survivorship, a finding each; and whether the statement of coverage is true.

    Args:
        frame: the rollouts that are here, against which the statement is held; None where they were not read.
    """
    totals = _without_totals(frame) if frame is not None else ()
    if coverage is None:
        return (not_assessable(CHECK, "the record carries no statement of its coverage"), *totals)
    here = (coverage.found_train, coverage.found_eval)
    if frame is not None:
        train = int(frame.is_train.sum())
        here = (train, len(frame) - train)
    findings = [_completeness(coverage, min(here[0], coverage.found_train)), *_held(coverage, *here), *totals]
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


def torn_ends(run: Run) -> tuple[RunFinding, ...]:
    """A finding for each file whose end is missing, among those that were read so far."""
    found = {(torn.file, torn.read): torn for torn in run.torn}
    return tuple(_torn(found[key]) for key in sorted(found))


def _torn(torn: TornPart) -> RunFinding:
    rollouts, events = torn.file.endswith(".arrows"), torn.file.startswith("events")
    unit = "rollouts" if rollouts else "lines"
    alarm = " It may have been an alarm." if events else ""
    return run_finding(
        CHECK,
        "cut off",
        f"{torn.file} is cut off after {torn.read:,} {unit} ({torn.what[:LONGEST_REASON]}). What stood there "
        f"is not in this report.{alarm}",
        about={"what": "end", "file": torn.file},
        state="not_shown",
        severity="high" if events else "medium" if rollouts else "low",
        values={f"{unit}_before": decimal(torn.read)},
        question=f"What stood at the end of {torn.file}?",
    )


def _held(coverage: RunCoverage, train: int, evaluation: int) -> tuple[RunFinding, ...]:
    """Whether as many rollouts are here as the record says of itself; none where they are."""
    pairs = (("training", train, coverage.found_train), ("evaluation", evaluation, coverage.found_eval))
    wrong = [(phase, here, stated) for phase, here, stated in pairs if here != stated]
    if not wrong:
        return ()
    fewer = any(here < stated for _, here, stated in wrong)
    told = "; ".join(
        f"{here:,} {phase} rollouts are here, {stated:,} are stated" for phase, here, stated in wrong
    )
    what = "Some were taken out" if fewer else "Some were added"
    return (
        run_finding(
            CHECK,
            "fewer than stated" if fewer else "more than stated",
            f"What is here is not what the coverage statement says: {told}. {what} after that was made.",
            about={"what": "counts"},
            state="shown_harmful" if fewer else "not_shown",
            severity="critical" if fewer else "medium",
            values={
                name: decimal(count)
                for phase, here, stated in wrong
                for name, count in ((f"{phase}_here", here), (f"{phase}_stated", stated))
            },
            question="Who changed the files of rollouts after their coverage was stated, and why?",
        ),
    )


def _without_totals(frame: Frame) -> tuple[RunFinding, ...]:
    """Training rollouts that were scored, but whose total reward is unknown; none where there are none."""
    scored = np.zeros(len(frame), np.bool_)
    for scores in frame.rewards.values():
        scored |= ~np.isnan(scores)
    silent = frame.is_train & scored & np.isnan(frame.reward)
    count, total = int(silent.sum()), int(frame.is_train.sum())
    if not count:
        return ()
    return (
        run_finding(
            CHECK,
            "no total reward",
            f"{count:,} of {total:,} training rollouts have scores of reward functions "
            f"({', '.join(sorted(frame.rewards))}) but no total reward, and nothing says how scores were "
            f"weighted. What reward favours cannot be told of them.",
            about={"what": "rewards"},
            state="not_assessable",
            severity="medium",
            values={"rollouts": decimal(count), "of": decimal(total)},
            why_not="the record does not say how the scores of its reward functions were weighted",
            question="With which weight did each reward function count?",
        ),
    )


def _completeness(coverage: RunCoverage, found: int) -> RunFinding:
    """How much of the run is here; `found` are the training rollouts."""
    counts = {
        "duplicated": coverage.duplicated,
        "quarantined": coverage.quarantined,
        "lost": coverage.gaps,
        "overwritten_steps": len(coverage.overwritten_steps),
        "missing_steps": len(coverage.missing_steps),
        "repeated_steps": len(coverage.repeated_steps),
    }
    values = {name: decimal(count) for name, count in counts.items() if count}
    values |= {"found": decimal(found)}
    if coverage.expected_train is None:
        return _without_total(coverage, found, counts, values)
    if not coverage.expected_train and not found and not any(counts.values()):
        told = not_assessable(CHECK, f"the run has no training rollouts ({coverage.basis or NO_BASIS})")
        return msgspec.structs.replace(told, values=values)
    share = min(1.0, found / coverage.expected_train) if coverage.expected_train else 1.0
    values |= {"expected": decimal(coverage.expected_train), "share": decimal(share)}
    flaws = [name for name in counts if counts[name] and name != "duplicated"]
    what = f"{found:,} of {coverage.expected_train:,} training rollouts"
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
    details = _told(coverage, counts, flaws)
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


def _told(coverage: RunCoverage, counts: Mapping[str, int], flaws: Sequence[str]) -> str:
    """Counts of what is wrong, with the first steps where these are known."""
    steps = {
        "overwritten_steps": coverage.overwritten_steps,
        "missing_steps": coverage.missing_steps,
        "repeated_steps": coverage.repeated_steps,
    }
    told = []
    for name in flaws:
        named = steps.get(name, ())
        shown = ", ".join(map(str, named[:SHOWN_STEPS])) + (" …" if len(named) > SHOWN_STEPS else "")
        told.append(f"{name.replace('_', ' ')}: {counts[name]:,}{f' ({shown})' if shown else ''}")
    return ", ".join(told)


def _without_total(
    coverage: RunCoverage, found: int, counts: Mapping[str, int], values: Mapping[str, Decimal]
) -> RunFinding:
    """The same where nobody says how many rollouts there were: what is known to be missing is told.

    At least so many are missing as could not be read or were lost, or as the steps without any usually have.
    """
    why = coverage.basis or NO_BASIS
    question = "How many rollouts were generated, step by step?"
    flaws = [name for name in _LOSSES if counts[name]]
    if not flaws:
        told = not_assessable(CHECK, why, question=question)
        return msgspec.structs.replace(told, values=dict(values))
    steps = len(coverage.missing_steps) + len(coverage.overwritten_steps)
    batch = found / max(coverage.batches_found, 1) if coverage.batches_found else 0
    missing = max(coverage.quarantined + coverage.gaps, steps * batch)
    share = found / (found + missing) if found + missing else 0.0
    return run_finding(
        CHECK,
        "incomplete",
        f"The record holds {found:,} training rollouts, of how many is not known ({why}), and lacks some: "
        f"{_told(coverage, counts, flaws)}. It holds {share:.1%} of them at most; what is missing may differ "
        f"from what is here.",
        state="not_shown",
        severity="high" if share <= REMNANT else "medium" if share < WHOLE else "low",
        values={**values, "share_at_most": decimal(share)},
        rests_on=coverage.statements,
        question="Where are the rollouts that are missing, and how many were generated, step by step?",
    )
