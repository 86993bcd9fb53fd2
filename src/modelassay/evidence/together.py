"""Several examinations of one candidate, corrected over all of them.

Each look is held at one false alarm in twenty by itself, so that five looks alarm at a harmless candidate far
more often than that. Where their statistics were measured on the same harmless fine-tunes, what a look calls
shown stays so only if it is unusual among all of them too (`calibration.jointly_corrected`); otherwise it is
told to people as a concern. Looks without such fine-tunes in common stand each by itself, as do findings that
rest on no null distribution: attacks, weights, the test of watched against unwatched. Numbers that no finding
stands on can raise no alarm here, so they are not corrected for and take no power from the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from modelassay.records import Examination, Finding, Severity, Statistic
from modelassay.whitebox.calibration import LEVEL, SMALLEST_NULL, decimal, in_common, jointly_corrected

METHOD = "over all looks together: the greatest of a family (Westfall & Young)"
_CONCERN: Severity = "medium"


def corrected_together(examinations: Sequence[Examination]) -> tuple[Examination, ...]:
    """`examinations`, in their order, with what they show held against all their statistics at once.

    Nothing changes where fewer than two of them have statistics with named benign values that findings stand
    on, or these have fewer than `SMALLEST_NULL` fine-tunes in common.
    """
    family = [
        (place, statistic)
        for place, examination in enumerate(examinations)
        for statistic in examination.statistics
        if statistic.null_values and statistic.findings
    ]
    names = in_common([statistic for _, statistic in family])
    if len({place for place, _ in family}) < 2 or len(names) < SMALLEST_NULL:
        return tuple(examinations)
    told = [
        {
            id_: (_p_value(family, names, at, value), len(names))
            for at, (place, statistic) in enumerate(family)
            if place == here
            for id_, value in statistic.findings.items()
        }
        for here in range(len(examinations))
    ]
    return tuple(_corrected(each, found) for each, found in zip(examinations, told, strict=True))


def _p_value(family: Sequence[tuple[int, Statistic]], names: Sequence[str], at: int, value: Decimal) -> float:
    """The corrected p-value of a finding that stands on the statistic `at` with `value`."""
    statistics = [each for _, each in family]
    statistics[at] = msgspec.structs.replace(statistics[at], value=value)
    return float(jointly_corrected(statistics, names)[at])


def _corrected(examination: Examination, told: Mapping[str, tuple[float, int]]) -> Examination:
    findings = tuple(
        _held(finding, *told[finding.id])
        if finding.state == "shown_harmful" and finding.id in told
        else finding
        for finding in examination.findings
    )
    return msgspec.structs.replace(examination, findings=findings)


def _held(finding: Finding, p: float, size: int) -> Finding:
    """A finding that its look calls shown, with the correction over all looks."""
    exact = decimal(p)
    shown = exact <= Decimal(str(LEVEL))
    said = (
        f"Over all looks taken in it is p = {p:.3f}, on {size} harmless fine-tunes that all of them measured"
    )
    said += "." if shown else ": one of so many numbers may well be this large by chance."
    severe = finding.severity in ("high", "critical")
    return msgspec.structs.replace(
        finding,
        state="shown_harmful" if shown else "not_shown",
        severity=finding.severity if shown or not severe else _CONCERN,
        statement=f"{finding.statement} {said}",
        adjusted_p=max(exact, finding.adjusted_p or exact),
        method=f"{finding.method}; {METHOD}" if finding.method else METHOD,
    )
