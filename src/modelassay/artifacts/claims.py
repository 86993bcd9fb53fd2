"""Findings about a declaration: what each measure means, and how a claim becomes a `Finding`.

States mean here: `shown_fine`, everything that the measure asks for is declared and nothing speaks against
it; `shown_harmful`, the declaration itself shows a conflict; `not_assessable`, something is missing or
unknown; `not_shown`, it is declared, and cannot be checked here. A severity of ``low`` is a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from modelassay.records import Finding, FindingState, Measure, Severity, TrainingData

CheckName = Literal["lineage", "licences", "data_handling", "recipe"]
CHECKS: tuple[CheckName, ...] = ("lineage", "licences", "data_handling", "recipe")
"""Checks of a declaration, in the order in which they are shown."""

MEASURES: dict[str, tuple[CheckName, str, str]] = {
    "lineage": ("lineage", "Lineage of the candidate", "are declared at all"),
    "training_data": ("lineage", "Training data", "name their source and are bound to bytes"),
    "base_model": ("lineage", "Base model and adapters", "are those that were declared"),
    "licences": ("licences", "Licences", "permit the intended use"),
    "data_handling": ("data_handling", "Data handling", "state consent, personal data and retention"),
    "recipe": ("recipe", "Training recipe", "are there for training again"),
}
"""Check, title and what is wanted, by name of the measure."""

_MOST_NAMES = 5


def claim(
    measure: str,
    state: FindingState,
    severity: Severity,
    statement: str,
    *,
    values: dict[str, int] | None = None,
    rests_on: Sequence[str] = (),
    **slice_: str,
) -> Finding:
    """A finding of `measure`; what was read here gives it a higher tier of assurance than a statement.

    Args:
        values: counts by name.
        rests_on: digests of what was read here; without any the claim is the developer's word.
        slice_: what the claim is about, such as ``part`` and ``aspect``.
    """
    check, title, wanted = MEASURES[measure]
    place = ",".join(f"{key}={value}" for key, value in slice_.items()) or "overall"
    return Finding(
        id=f"{check}/{measure}/{place}",
        check=check,
        measure=Measure(name=measure, title=title, wanted=wanted, role="concern"),
        slice=slice_,
        state=state,
        severity=severity,
        assurance="T2" if rests_on else "T0",
        statement=statement,
        values={name: Decimal(count) for name, count in (values or {}).items()},
        rests_on=tuple(rests_on),
        method="declaration held against bytes read here"
        if rests_on
        else "declaration as its maker states it",
    )


def listed(names: Sequence[str]) -> str:
    """``a, b and c``; a long list is cut with a count of the rest."""
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"


def counted(datasets: Sequence[TrainingData]) -> str:
    """``1 training dataset``, ``3 training datasets``."""
    return f"{len(datasets)} training dataset{'' if len(datasets) == 1 else 's'}"
