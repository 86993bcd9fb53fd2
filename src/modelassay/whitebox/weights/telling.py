"""How findings about weights are put: measures, names, and the two identities that each rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from modelassay.records import Finding, FindingState, Measure, MeasureRole, Severity
from modelassay.whitebox.weights.comparing import WeightComparison

CHECK: Final = "weights"
_MEASURES: Final[dict[str, tuple[str, str, MeasureRole]]] = {
    "tensors": ("Tensors of the model", "are those of the base", "concern"),
    "format": ("Shapes and dtypes", "are those of the base", "concern"),
    "numbers": ("Numbers", "are finite, and no more of them zero than in the base", "concern"),
    "origin": ("Claimed base", "is where the weights come from", "concern"),
    "rank": ("Declared rank", "bounds the rank of what changed", "concern"),
    "trained": ("Declared tensors", "are all that changed", "concern"),
    "quantisation": ("Quantisation", "leaves values that can be compared", "concern"),
    "change": ("What changed", "are described", "descriptive"),
    "kinship": ("Other models of the same base", "are described", "descriptive"),
}
"""Title, what is wanted and role, by name."""
_MOST_NAMES: Final = 5


class Told:
    """Makes findings that rest on the two identities."""

    def __init__(self, comparison: WeightComparison) -> None:
        self.of = comparison
        self._rests_on = tuple(map(str, comparison.identities))

    def __call__(
        self,
        measure: str,
        state: FindingState,
        severity: Severity,
        statement: str,
        *,
        aspect: str = "",
        method: str = "every byte of both models read and compared",
        values: Mapping[str, float] | None = None,
        **counts: float,
    ) -> Finding:
        """A finding of one aspect of a measure; `values` and `counts` are kept as its figures."""
        title, wanted, role = _MEASURES[measure]
        return Finding(
            id=f"{CHECK}/{measure}/{f'aspect={aspect}' if aspect else 'overall'}",
            check=CHECK,
            measure=Measure(name=f"weights_{measure}", title=title, wanted=wanted, role=role, exact=True),
            slice={"aspect": aspect} if aspect else {},
            state=state,
            severity=severity,
            assurance="T2",
            statement=statement,
            values={name: _decimal(value) for name, value in {**(values or {}), **counts}.items()},
            method=method,
            rests_on=self._rests_on,
        )


def some(names: Sequence[str], what: str, *, many: str = "") -> str:
    """``3 tensors (a, b, c)``; a long list is cut."""
    cut = ", …" if len(names) > _MOST_NAMES else ""
    return f"{counted(names, what, many=many)} ({', '.join(names[:_MOST_NAMES])}{cut})"


def counted(names: Sequence[object], what: str, *, many: str = "") -> str:
    """How many there are, such as ``1 tensor`` or ``3 tensors``; `many` where an ``s`` makes no plural."""
    return f"{len(names)} {what if len(names) == 1 else many or what + 's'}"


def _decimal(value: float) -> Decimal:
    """Six significant digits."""
    return Decimal(f"{value:.6g}")
