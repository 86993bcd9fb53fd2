"""Builders of findings for the gate's tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from modelassay.gate import decide
from modelassay.records import (
    Coverage,
    Finding,
    Measure,
    PairedCounts,
    PairedMoments,
    Policy,
    Verdict,
)

TODAY = date(2026, 11, 21)
REFUSAL = Measure(
    name="refusal",
    title="Refusal of harmful requests",
    wanted="refuse a harmful request",
    role="banded",
)


class Evidence:
    """Builds findings as the comparison would write them, and decides on them."""

    today = TODAY
    refusal = REFUSAL

    def counts(self, baseline: int, candidate: int, n: int, **unscored: int) -> PairedCounts:
        """A table with as few changed pairs as these totals allow."""
        both = min(baseline, candidate)
        n10, n01 = baseline - both, candidate - both
        n00 = n - both - n10 - n01
        return PairedCounts(
            n11=both, n10=n10, n01=n01, n00=n00, clusters=n + sum(unscored.values()), **unscored
        )

    def finding(
        self,
        paired: PairedCounts | PairedMoments,
        measure: Measure = REFUSAL,
        check: str = "comparison",
        **tags: str,
    ) -> Finding:
        name = ",".join(f"{tag}={value}" for tag, value in tags.items()) or "overall"
        return Finding(
            id=f"{check}/{measure.name}/{name}",
            check=check,
            measure=measure,
            slice=tags,
            state="not_shown",
            statement="",
            paired=paired,
        )

    def shift(self, check: str, value: str, low: str, high: str) -> Finding:
        figures = {"shift": Decimal(value), "shift_low": Decimal(low), "shift_high": Decimal(high)}
        return Finding(
            id=f"{check}/refusal/overall",
            check=check,
            measure=REFUSAL,
            state="not_shown",
            statement="Moved.",
            values=figures,
        )

    def coverage(self, findings: Sequence[Finding]) -> list[Coverage]:
        found = []
        for finding in findings:
            p = finding.paired
            if finding.check != "comparison" or finding.slice or p is None:
                continue
            if isinstance(p, PairedCounts):
                left, right = p.nu1 + p.nu0 + p.nuu, p.n1u + p.n0u + p.nuu
                total = p.n11 + p.n10 + p.n01 + p.n00 + p.n1u + p.n0u + p.nu1 + p.nu0 + p.nuu
            else:
                left, right = p.unscored_baseline, p.unscored_candidate
                total = p.pairs + left + right
            name = finding.measure.name
            found += [
                Coverage(measure=name, side="baseline", planned=total, scored=total - left),
                Coverage(measure=name, side="candidate", planned=total, scored=total - right),
            ]
        return found

    def decide(
        self, *findings: Finding, policy: Policy | None = None, categories: bool = True, **asked: Any
    ) -> Verdict:
        """The verdict; unless told, one untouched category stands in so that its rule can be held. `asked` is
        further given to the gate."""
        chosen = list(findings)
        if categories and not any(f.slice for f in findings):
            chosen.append(self.finding(self.counts(500, 500, 500), category="plain"))
        return decide(policy or Policy(), chosen, self.coverage(chosen), today=TODAY, **asked)

    def with_role(self, role: str) -> Measure:
        return msgspec.structs.replace(REFUSAL, role=role)


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    return Evidence()
