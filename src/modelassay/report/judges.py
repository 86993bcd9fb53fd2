"""What is known of the error of those who read the answers, in words beside each measure's figures."""

from __future__ import annotations

from decimal import Decimal

from modelassay.drops import Figures, deciding_figures
from modelassay.records import AuditRecord, Estimate, Finding, JudgeError
from modelassay.report.text import percent, visible

MOST_SETS = 4
ONE = Decimal(1)


def judge_sentences(audit: AuditRecord, measure: str, *, brief: bool = False) -> tuple[str, ...]:
    """Who read the answers on `measure`, how that agrees with people, and what it makes of the difference.

    Empty where the audit says nothing of it.

    Args:
        brief: for a terminal: in how many ways the labelled sets are unlike this audit, not in which.
    """
    pin = next((p for p in audit.evaluators if any(m.name == measure for m in p.measures)), None)
    overall = next(
        (f for f in audit.findings if f.check == "comparison" and f.measure.name == measure and not f.slice),
        None,
    )
    if pin is None or overall is None:
        return ()
    reader = f"Read by {pin.name}@{pin.version}"
    if overall.measure.exact:
        return (f"{reader}; no judgement enters.",)
    people = _corrected(overall, deciding_figures(overall, audit.policy))
    errors = [error for error in pin.errors if measure in error.measures]
    if not errors:
        unknown = measure in pin.uncalibrated
        doubt = (f"{reader}; its error against people's labels is not known.",) if unknown else ()
        return (*doubt, *people)
    found = [f"{reader}."]
    found += [_error(error, brief=brief) for error in errors[:MOST_SETS]]
    if len(errors) > MOST_SETS:
        found.append(f"{len(errors) - MOST_SETS} more labelled sets stand in the audit's record.")
    if measure in pin.uncalibrated:
        found.append("On none of them is it shown to tell good answers from bad: it stands as uncalibrated.")
    return (*found, *(people or _adjusted(overall)))


def judge_line(audit: AuditRecord, measure: str) -> str:
    """The same as one text, for formats that have room for no more."""
    return visible(" ".join(judge_sentences(audit, measure)))


def _error(error: JudgeError, *, brief: bool) -> str:
    parts = [
        f"agrees with people at κ {_interval(error.kappa)} on {error.set} ({error.rows:,} answers)",
        f"sensitivity {_interval(error.sensitivity)}, specificity {_interval(error.specificity)} for "
        f"{error.positive} answers",
    ]
    if error.informedness is not None and error.informedness.low <= 0:
        parts.append(f"sensitivity + specificity − 1 {_interval(error.informedness)}, where 0 is chance")
    parts += [error.seen] if error.seen else []
    here = f"; here: {'; '.join(error.distance)}" if error.distance else ""
    if brief and here:
        ways = len(error.distance)
        here = f"; unlike this audit in {ways} {'way' if ways == 1 else 'ways'} that the report names"
    return f"It {'; '.join(parts)}{here}."


def _corrected(finding: Finding, figures: Figures) -> tuple[str, ...]:
    """What the labels made of the difference, which the judge's error need not be guessed for."""
    people, alone = figures.difference, finding.difference
    if not figures.labels or people is None or alone is None:
        return ()
    value, low, high, read = (
        percent(each, signed=True) for each in (people.value, people.low, people.high, alone.value)
    )
    return (
        f"People labelled {figures.labels:,} of these pairs: by them the difference is {value} "
        f"[{low}, {high}]; by the judge alone it was {read}.",
    )


def _adjusted(finding: Finding) -> tuple[str, ...]:
    values = [finding.values.get(f"adjusted_difference{end}") for end in ("", "_low", "_high")]
    if None in values:
        return ()
    figures = [each for each in values if each is not None]
    if abs(figures[0]) > 1:
        return (
            "If it erred alike on both models, and as on the labelled sets, the difference without its error "
            f"would be beyond {percent(ONE.copy_sign(figures[0]), signed=True)}, which cannot be: here it "
            "errs less, or otherwise; only labels on these answers can show how.",
        )
    value, low, high = (percent(max(-ONE, min(each, ONE)), signed=True) for each in figures)
    return (
        f"If it errs alike on both models, the difference without its error is {value} [{low}, {high}]; only "
        "labels on these answers can show whether it does.",
    )


def _interval(estimate: Estimate) -> str:
    return f"{_two(estimate.value)} [{_two(estimate.low)}–{_two(estimate.high)}]"


def _two(value: Decimal) -> str:
    return f"{value:.2f}"
