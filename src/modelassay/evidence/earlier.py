"""By which rules an audit was judged: today's, or those of the earlier version that sealed it.

Earlier versions asked for less, and what they sealed is judged again as it was. A record says itself which
rules it was judged by, so two things hold them: a version that knows the stricter ones cannot have used the
looser, and who verifies is told of looser ones.
"""

from __future__ import annotations

import re

from modelassay.errors import EvidenceError
from modelassay.gate.evidence import FOUND
from modelassay.records import AuditRecord

STRICTER_SINCE = (0, 4)
"""The version whose audits are judged measure by measure, count whole attacks, and tell which regression
items have their way again."""

_RELEASE = re.compile(r"(\d+)\.(\d+)(?:\D|$)")


def earlier_rules(record: AuditRecord) -> str:
    """What an earlier version asked less than today, in words; empty where it asked the same.

    Raises:
        EvidenceError: the version that sealed `record` cannot have judged so.
    """
    looser = []
    if not record.verdict.by_measure:
        looser.append("asked for single slices of all measures together")
        looser += ["took a lineage without data or base for evidence"] if _took_any_lineage(record) else []
        looser += ["let pass what could not be assessed in examinations"] if _let_pass(record) else []
    if record.red_team is not None and not record.red_team.whole_attacks:
        looser.append("judged every form of an attack by itself")
    if record.red_team is not None and record.red_team.regressed is None:
        looser.append("judged regression items by their share alone")
    elif record.red_team is not None and record.red_team.unsettled is None:
        looser.append("took a regression item without a result for one that was resisted")
    if not labels_by_slice(record):
        looser.append("let people's labels decide in a slice by their number alone")
    if not looser:
        return ""
    asked = f"{', '.join(looser[:-1])} and {looser[-1]}" if len(looser) > 1 else looser[0]
    release = _RELEASE.match(record.tool_version)
    if release is None or (int(release[1]), int(release[2])) >= STRICTER_SINCE:
        raise EvidenceError(
            f"it says that version {record.tool_version!r} {asked}, as only versions before "
            f"{'.'.join(map(str, STRICTER_SINCE))} did",
            where="audit.json",
        )
    return f"by the rules of version {record.tool_version}, which {asked}"


def counts_whole_attacks(record: AuditRecord) -> bool:
    """Whether `record` counts attacks of several forms also as one each; earlier versions did not.

    Where nothing was attacked, or no measure says whether attacks were resisted, that changes nothing.
    """
    return record.red_team is None or record.red_team.whole_attacks


def labels_by_slice(record: AuditRecord) -> bool:
    """Whether labels decided in slices as today: by all of a slice, and by fewer beside the judge."""
    return all(f.corrected is None or f.corrected.measure_labels for f in record.findings)


def _let_pass(record: AuditRecord) -> bool:
    """Whether a concern of an examination that could not be assessed was told, and decided nothing."""
    found = {hit.finding for hit in record.verdict.rules if hit.rule == FOUND}
    return any(
        item.finding in found and item.state == "not_assessable" for item in record.verdict.review_items
    )


def _took_any_lineage(record: AuditRecord) -> bool:
    """Whether a lineage that today's rules find empty was what the policy requires."""
    if record.lineage is None or "lineage" not in record.policy.evidence.required:
        return False
    declared = record.lineage.declared
    return declared.base is None and not declared.training_data
