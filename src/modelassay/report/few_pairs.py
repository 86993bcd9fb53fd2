"""Slices with too few pairs for the deployment table, in words that agree wherever they are named.

The table cannot judge them, but a loss over its limit is raised all the same, and may be shown even in few.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from modelassay.records import AuditRecord, RuleHit
from modelassay.report.text import OUTCOME_WORDS

LOST_IN_FEW = "too few; loss shown"
"""In place of the state of a slice that the table cannot judge and that people must look at."""


def in_few_pairs(audit: AuditRecord) -> frozenset[str]:
    """Findings of the comparison with too few pairs to judge, by id."""
    return frozenset(f.id for f in audit.findings if f.check == "comparison" and f.state == "not_assessable")


def lost_in_few_pairs(audit: AuditRecord) -> Mapping[str, str]:
    """Those of them in which a loss is shown all the same, with the gate's sentence on it."""
    few = in_few_pairs(audit)
    return {
        hit.finding: hit.statement
        for hit in audit.verdict.rules
        if hit.finding in few and hit.state == "shown_harmful"
    }


def table_says(hit: RuleHit, few: Container[str]) -> str:
    """What the deployment table alone makes of a rule's finding; a dash where the rule is not the table's.

    Args:
        hit: the rule.
        few: findings that have too few pairs for it.
    """
    if hit.rule == "any_category.block" and (not hit.finding or hit.finding in few):
        return "not judged"
    of_table = hit.rule in ("bands", "any_category.block", "floor") or hit.literal != "deploy"
    return OUTCOME_WORDS[hit.literal] if of_table else "–"
