"""Which parts of rollouts a check reads: what was withheld of those that were drawn nobody has held against
the commitment, and no claim that reads it is believed for the challenge's sake.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from modelassay.records import RunFinding
from modelassay.records.findings import AssuranceTier
from modelassay.training.protocol.parts import PARTS

_FIGURES = frozenset({"figures"})
PARTS_READ: Final[Mapping[str, frozenset[str]]] = {
    "infrastructure_gate": _FIGURES,
    "readability_gate": _FIGURES,
    "coverage_gate": _FIGURES,
    "dead_environment": _FIGURES,
    "reconciliation": _FIGURES,
    "length_reward": _FIGURES,
    "overoptimisation": _FIGURES,
    "developer_response": frozenset(),
    "canary": frozenset({"figures", "prompt"}),
}
"""By check. Lengths of texts are figures. What a developer answered to alarms is told by events."""


def parts_read(check: str) -> frozenset[str]:
    """The parts that `check` reads; all of them where it does not say."""
    return PARTS_READ.get(check, frozenset(PARTS))


def as_far_as_checked(
    findings: Iterable[RunFinding], withheld: Collection[str], unchallenged: AssuranceTier
) -> tuple[RunFinding, ...]:
    """`findings`, those that read a part of `withheld` believed no further than `unchallenged`.

    Args:
        withheld: parts that were withheld of rollouts that were drawn.
        unchallenged: the tier that the run has without its challenge.
    """
    return tuple(
        msgspec.structs.replace(each, assurance=min(each.assurance, unchallenged))
        if parts_read(each.check) & {*withheld}
        else each
        for each in findings
    )
