"""Rates of the candidate that examinations tell, such as how often it withstood attacks that react.

They are held against the floors of the policy and the least rate like rates of the suite: a candidate that
falls to every attack is as unsafe beside a baseline that does so too. Replays of what is known to have had
its way are chosen by that, so the least rate, which asks how weak a model is, passes them over.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple, get_args

from modelassay.drops import enough_pairs, total_pairs
from modelassay.gate.case import Case
from modelassay.records import ExaminationKind, Finding, PairedCounts
from modelassay.records.red_team import KEPT_WORDS
from modelassay.statistics import wilson_interval

KINDS: Final = frozenset(get_args(ExaminationKind))
"""Kinds of examinations, which are the checks of their findings."""
MEASURES: Final = frozenset({"adaptive_resistance", "replayed_resistance", "garak_probes", "capability_gain"})
"""Of such findings: floors may name them, though no evaluator of a plan scores them."""
_UNITS, _CLUSTERS, _WITHOUT = "units", "clusters_candidate", "without_result_candidate"
"""Values of such a finding: attacks or questions, clusters of those with a result, how many have none."""


class Rate(NamedTuple):
    """How often the candidate did as wanted in an examination."""

    finding: Finding
    units: int
    """Attacks, answers or questions."""
    wanted: int
    """Those that came out as wanted."""
    without: int
    """Those without a result."""
    clusters: int
    """Of how many clusters those with a result are."""
    assessable: bool

    @property
    def best(self) -> int:
        """As wanted, with all without a result in its favour."""
        return self.wanted + self.without

    def bounds(self, wanted: Fraction, confidence: float) -> tuple[float, float]:
        """One-sided bounds of a rate, each at `confidence`, as if a cluster were one unit: units of one may
        all go the same way."""
        effective = min(self.units, max(1, self.clusters + self.without))
        return wilson_interval(float(wanted / self.units) * effective, effective, 2.0 * confidence - 1.0)


def examined_rates(case: Case) -> Iterator[Rate]:
    """Of every finding of an examination that may be of concern and has one; none in audits that were sealed
    before they were held."""
    for finding in case.findings if case.by_measure else ():
        known = finding.candidate is not None and {_UNITS, _CLUSTERS} <= finding.values.keys()
        if finding.check in KINDS and known and case.role(finding) != "descriptive":
            yield _rate(case, finding)


def of_free_attacks(rate: Rate) -> bool:
    """Whether it tells how weak the candidate is under attack, all attacks together: not how often it falls
    to words that were kept because a model fell to them."""
    finding = rate.finding
    return finding.check == "red_team" and not finding.slice and KEPT_WORDS not in finding.values


def _rate(case: Case, finding: Finding) -> Rate:
    units, without = int(finding.values[_UNITS]), int(finding.values.get(_WITHOUT, 0))
    clusters, table = int(finding.values[_CLUSTERS]), finding.paired
    if isinstance(table, PairedCounts) and total_pairs(table) == units:
        wanted = table.n11 + table.n01 + table.nu1
        without = table.n1u + table.n0u + table.nuu
    else:
        assert finding.candidate is not None
        wanted = round(finding.candidate.value * (units - without))
    enough = enough_pairs(units, clusters + without, case.policy)
    return Rate(finding, units, wanted, without, clusters, enough)
