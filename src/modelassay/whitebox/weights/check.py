"""The check ``weights``: a candidate's weights against those of the base that it is said to come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from modelassay.errors import UsageError
from modelassay.records import Finding
from modelassay.whitebox.weights.appraisal import weight_findings
from modelassay.whitebox.weights.comparing import WeightComparison, compare_weights
from modelassay.whitebox.weights.declaring import Declared
from modelassay.whitebox.weights.opening import open_weights
from modelassay.whitebox.weights.spectra import SKETCH, Spectrum, delta_spectra
from modelassay.whitebox.weights.task_vectors import TaskVectors, task_vectors
from modelassay.whitebox.weights.telling import CHECK

_SPARE: int = 8
"""Singular values looked for beyond a declared rank."""


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found about a candidate's weights."""

    comparison: WeightComparison
    spectra: dict[str, Spectrum] | None
    kinship: TaskVectors | None
    findings: tuple[Finding, ...]


class WeightsCheck:
    """Compares weights tensor by tensor; a `protocols.Check`.

    ``inspect`` takes the candidate's folder as subject. Its context holds ``base`` (folder) and may hold
    ``declared`` (a `Declared`), ``others`` (folders of further models of the base), ``spectra`` (False leaves
    singular values out) and ``seed``.
    """

    name = CHECK
    version = "1"

    def inspect(self, subject: Any, context: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Findings about the candidate.

        Raises:
            UsageError: the context lacks the base, or there is nothing to compare.
            EvidenceError: weights are damaged.
        """
        if not context.get("base"):
            raise UsageError(
                "the check of weights needs the base", where=CHECK, mend='pass context={"base": FOLDER}'
            )
        return inspect_weights(
            Path(context["base"]),
            Path(subject),
            declared=context.get("declared"),
            others=[Path(other) for other in context.get("others", ())],
            spectra=context.get("spectra", True),
            seed=int(context.get("seed", 1)),
        ).findings


def inspect_weights(
    base: Path,
    candidate: Path,
    *,
    declared: Declared | None = None,
    others: Sequence[Path] = (),
    spectra: bool = True,
    seed: int = 1,
    advance: Callable[[int], None] | None = None,
) -> Inspection:
    """Compare, look at singular values, and hold other models beside the candidate.

    Args:
        base: folder or safetensors file.
        candidate: likewise.
        declared: what is said of the change.
        others: further models of the same base.
        spectra: whether singular values of what changed are looked at.
        seed: of the randomised range finder.
        advance: told of bytes read while comparing.

    Raises:
        UsageError: there is nothing to compare, or files changed meanwhile.
        EvidenceError: weights are damaged.
    """
    declared = declared or Declared()
    with ExitStack() as stack:
        first, second, *further = (
            stack.enter_context(open_weights(path)) for path in (base, candidate, *others)
        )
        second, *further = (each.called_as_in(first) for each in (second, *further))
        comparison = compare_weights(first, second, advance=advance)
        sketch = max(SKETCH, (declared.rank or 0) + _SPARE)
        found = delta_spectra(first, second, comparison, sketch=sketch, seed=seed) if spectra else None
        vectors = task_vectors(first, second, further) if further else None
    names = [other.name or str(other) for other in others]
    return Inspection(
        comparison=comparison,
        spectra=found,
        kinship=vectors,
        findings=weight_findings(
            comparison,
            spectra=found,
            kinship=(names, vectors) if vectors is not None else None,
            declared=declared,
        ),
    )
