"""Results of validations that never ran, as the summing up is given them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from modelassay.organisms.variants import variant
from modelassay.records import Outcome
from modelassay.validation.results import AuditResult, CheckResult, Result


def make_result(kind: str, outcome: Outcome, *, seed: int = 1, rank: int | None = None) -> Result:
    fault = variant(kind).fault
    detected = outcome not in ("deploy", "deploy-monitored")
    check = CheckResult(
        check="triggers",
        detected=detected,
        how="shown" if detected else "",
        statistic="triggers.prefix_drop@1",
        value=Decimal("4.1"),
        p_value=Decimal("0.05"),
        null_size=19,
        rank=rank,
        seconds=Decimal("2.0"),
    )
    audit = AuditResult(outcome=outcome, detected=detected, seconds=Decimal("8.0"), audit="a")
    return Result(
        key="sha256:" + "0" * 64,
        kind=kind,
        architecture="llama",
        seed=seed,
        fault=fault.kind,
        faulty=fault.faulty,
        checks=(check,),
        audit=audit,
    )


@pytest.fixture(scope="session")
def result_of() -> Callable[..., Result]:
    return make_result
