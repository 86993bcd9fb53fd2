"""What of two sealed audits can be compared, what else differs, and what is stale."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from modelassay.canonical import digest_of
from modelassay.errors import UsageError
from modelassay.records import AuditRecord, DatasetPin, EvaluatorPin, Measure

STALE_DAYS = 180
"""An earlier audit or a dataset in use for longer than this is called stale."""


def measures_in_both(before: AuditRecord, after: AuditRecord) -> tuple[tuple[Measure, ...], tuple[str, ...]]:
    """The measures that the same evaluator in the same version and settings scored in both audits, and a
    sentence with the mend for each of the others.

    Raises:
        UsageError: the answers were generated differently, or no measure can be compared.
    """
    if before.decoding != after.decoding:
        raise UsageError(
            "the two audits decoded differently, so a difference would not be the models'",
            where=f"{before.id} and {after.id}",
            mend="audit the one candidate again with the other's `decoding`",
        )
    earlier, later = _by_measure(before.evaluators), _by_measure(after.evaluators)
    same = tuple(
        measure
        for name, (measure, pin) in later.items()
        if name in earlier and _identity(earlier[name][1]) == _identity(pin)
    )
    others = tuple(
        _why_not(name, earlier.get(name), later.get(name))
        for name in sorted(earlier.keys() | later.keys())
        if name not in {measure.name for measure in same}
    )
    if not same:
        raise UsageError(
            "no measure can be compared: " + ("; ".join(others) or "neither audit says what it measured"),
            where=f"{before.id} and {after.id}",
            mend=f"judge the older audit's stored answers again: `modelassay rejudge {before.id}`, and "
            "compare the audit that this makes",
        )
    return same, others


def changes(before: AuditRecord, after: AuditRecord) -> tuple[str, ...]:
    """Everything but the candidates that differs, a sentence each."""
    return (
        *_dataset_changes(before.datasets, after.datasets),
        *_evaluator_changes(before.evaluators, after.evaluators),
        *(
            ["the baseline is another model: what is compared here are the candidates only"]
            if before.baseline.fingerprint != after.baseline.fingerprint
            else []
        ),
        *(["the policy differs"] if digest_of(before.policy) != digest_of(after.policy) else []),
        *([f"repeats: {before.epochs} before, {after.epochs} now"] if before.epochs != after.epochs else []),
        *([f"slices differ: {_names(before.slices)} before, {_names(after.slices)} now"]
          if before.slices != after.slices else []),
    )  # fmt: skip


def stale(before: AuditRecord, after: AuditRecord) -> tuple[str, ...]:
    """What is too old to say much about today, a sentence each."""
    warnings = []
    apart = (_day(after.closed) - _day(before.closed)).days
    if apart < 0:
        warnings.append("the first audit is the newer one: the order of time is the other way round")
    elif apart > STALE_DAYS:
        warnings.append(
            f"stale baseline: the earlier audit is {apart} days older; audit the earlier candidate again"
        )
        same = sorted({pin.name for pin in after.datasets} & _unchanged(before.datasets, after.datasets))
        if same:
            warnings.append(
                f"stale suite: {_names(same)} is {apart} days old or more; models may have been tuned to it"
            )
    if before.verdict.expires < after.closed[:10]:
        warnings.append(f"the earlier verdict had expired ({before.verdict.expires})")
    return tuple(warnings)


def _by_measure(pins: Iterable[EvaluatorPin]) -> dict[str, tuple[Measure, EvaluatorPin]]:
    return {measure.name: (measure, pin) for pin in pins for measure in pin.measures}


def _identity(pin: EvaluatorPin) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return pin.name, pin.version, tuple(sorted(pin.settings.items()))


def _why_not(
    name: str, before: tuple[Measure, EvaluatorPin] | None, after: tuple[Measure, EvaluatorPin] | None
) -> str:
    if before is None or after is None:
        return f"{name}: only {'the later' if before is None else 'the earlier'} audit measured it"
    old, new = before[1], after[1]
    if (old.name, old.version) == (new.name, new.version):
        return f"{name}: {old.name} had other settings; `modelassay rejudge` judges anew with these"
    return (
        f"{name}: read by {old.name}@{old.version} before and {new.name}@{new.version} now; "
        "`modelassay rejudge` reads the older answers with the newer one"
    )


def _dataset_changes(before: Iterable[DatasetPin], after: Iterable[DatasetPin]) -> list[str]:
    earlier, later = {pin.name: pin for pin in before}, {pin.name: pin for pin in after}
    found = [f"dataset {name} is no longer asked" for name in sorted(earlier.keys() - later.keys())]
    found += [f"dataset {name} is new" for name in sorted(later.keys() - earlier.keys())]
    for name in sorted(earlier.keys() & later.keys()):
        if earlier[name].digest != later[name].digest:
            found.append(
                f"dataset {name} has other rows: {earlier[name].rows:,} before, {later[name].rows:,} now"
            )
    return found


def _unchanged(before: Iterable[DatasetPin], after: Iterable[DatasetPin]) -> set[str]:
    earlier = {pin.name: pin.digest for pin in before}
    return {pin.name for pin in after if earlier.get(pin.name) == pin.digest}


def _evaluator_changes(before: Iterable[EvaluatorPin], after: Iterable[EvaluatorPin]) -> list[str]:
    earlier, later = {pin.name: pin for pin in before}, {pin.name: pin for pin in after}
    return [
        f"evaluator {name}: version {earlier[name].version} before, {later[name].version} now"
        for name in sorted(earlier.keys() & later.keys())
        if earlier[name].version != later[name].version
    ]


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _day(time: str) -> date:
    return date.fromisoformat(time[:10])
