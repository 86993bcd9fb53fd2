"""The comparison of weights as an examination, which audits take in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from modelassay.config import ModelReference
from modelassay.errors import UsageError
from modelassay.event_loop import run
from modelassay.records import Examination, TargetIdentity
from modelassay.targets import open_target
from modelassay.version import __version__
from modelassay.whitebox.calibration import decimal
from modelassay.whitebox.stating import now
from modelassay.whitebox.weights.check import Inspection, inspect_weights
from modelassay.whitebox.weights.declaring import Declared
from modelassay.whitebox.weights.opening import open_weights
from modelassay.whitebox.weights.telling import CHECK

_MOST: Final = 50
"""Changed tensors that are kept, those that changed most first."""
_CANNOT: Final = (
    "How far and in how many directions weights moved does not tell faulty fine-tunes from harmless ones; "
    "only contradictions are concerns.",
    "A change that is spread over many directions, or kept under rounding, can be hidden.",
    "A copy in another basis with the same answers looks like another base.",
)


def examine_weights(
    base: Path,
    candidate: Path,
    *,
    declared: Declared | None = None,
    others: Sequence[Path] = (),
    spectra: bool = True,
    seed: int = 1,
    options: Mapping[str, str] | None = None,
    advance: Callable[[int], None] | None = None,
) -> tuple[Inspection, Examination]:
    """Compare weights, and say of which models, as an audit names them: for that both are loaded, one after
    the other, before they are compared.

    Args:
        base: the model's folder.
        candidate: likewise.
        declared: what is said of the change.
        others: further models of the same base.
        spectra: whether singular values of what changed are looked at.
        seed: of the randomised range finder.
        options: of the local target, such as ``device``.
        advance: told of bytes read while comparing.

    Raises:
        UsageError: a file in place of a folder, an adapter, or nothing to compare.
        EvidenceError: weights are damaged.
        TargetError: a model cannot be loaded.
    """
    started = now()
    for folder in (base, candidate):
        _check_whole(folder)
    identities = [_identified(folder, options or {}) for folder in (base, candidate)]
    found = inspect_weights(
        base, candidate, declared=declared, others=others, spectra=spectra, seed=seed, advance=advance
    )
    declared = declared or Declared()
    return found, Examination(
        kind=CHECK,
        tool_version=__version__,
        started=started,
        finished=now(),
        baseline=identities[0],
        candidate=identities[1],
        settings={
            "rank": declared.rank,
            "trained": list(declared.trained),
            "others": [other.name for other in others],
            "spectra": spectra,
            "seed": seed,
        },
        findings=found.findings,
        cannot=_CANNOT,
        details=_details(found),
    )


def _check_whole(path: Path) -> None:
    """Object to what no audit names as a model.

    Raises:
        UsageError: a single file, or the folder of an adapter.
    """
    if path.is_file():
        raise UsageError(
            "an examination is of a model as audits name it, which is a folder",
            where=str(path),
            mend="name the model's folder, or leave --out away",
        )
    with open_weights(path) as weights:
        if weights.is_adapter:
            raise UsageError(
                "is an adapter, not a whole model",
                where=str(path),
                mend="`modelassay inspect adapters BASE ADAPTER --community --out FILE` reads its weights",
            )


def _identified(folder: Path, options: Mapping[str, str]) -> TargetIdentity:
    async def asked() -> TargetIdentity:
        target = open_target(ModelReference(model=f"hf:{folder}", options=dict(options)))
        try:
            return await target.identify()
        finally:
            await target.close()

    return run(asked())


def _details(found: Inspection) -> dict[str, Any]:
    """Digests over all tensors, and what changed most, for people; numbers as decimal strings."""
    of = found.comparison
    changed = sorted(of.changed, key=lambda delta: -(delta.relative or 0.0))
    rows = []
    for delta in changed[:_MOST]:
        row = {"tensor": delta.name}
        if delta.relative is not None:
            row["relative"] = str(decimal(delta.relative))
        if (spectrum := (found.spectra or {}).get(delta.name)) is not None:
            row["rank"] = f"{'at least ' if spectrum.rank_is_lower_bound else ''}{spectrum.rank}"
        rows.append(row)
    return {
        "tensors": {"base": str(of.identities[0]), "candidate": str(of.identities[1])},
        "changed": rows,
        "changed_in_all": len(changed),
    }
