"""The plan of a noise floor: the baseline in the candidate's place, decoded a second time."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from modelassay.config import Plan
from modelassay.records.noise_floor import AGAIN

NOTE = (
    "Noise floor: this audit holds the baseline against itself, decoded twice. Whatever differs differs by "
    "chance, and its verdict lets nothing be deployed."
)
GREEDY = (
    "Decoding is greedy, so another seed changes nothing: what differs comes from how the model is served."
)


def against_itself(plan: Plan) -> Plan:
    """`plan` with its baseline on both sides, on a release line of its own, so that it is no attempt there.

    All of the suite is asked: what is to be measured is every slice, not one action.
    """
    greedy = (GREEDY,) if Decimal(plan.decoding.temperature) == 0 else ()
    return msgspec.structs.replace(
        plan,
        name=f"{plan.name} (noise floor)",
        candidate=msgspec.structs.replace(plan.baseline, model=f"{AGAIN}{plan.baseline.model}"),
        lineage=None,
        gate=msgspec.structs.replace(plan.gate, mode="fixed"),
        release=msgspec.structs.replace(plan.release, line=f"{plan.line} (noise floor)"),
        notes=(NOTE, *greedy, *plan.notes),
    )
