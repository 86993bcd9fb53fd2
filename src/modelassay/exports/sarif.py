"""The audit as SARIF 2.1.0 (OASIS Standard, 27 March 2020): what failed, as annotations of a change.

A result is a rule of the gate that a finding did not pass, or a shown harm that no rule speaks of. Code
hosts show results at a place in a file; models have none, so they point to the plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import msgspec

from modelassay.records import AuditRecord, Finding, Outcome, RuleHit
from modelassay.report.imported import in_brackets
from modelassay.report.judges import judge_line
from modelassay.report.text import OUTCOME_WORDS, STATE_WORDS, slice_name, visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
Level = Literal["error", "warning", "note"]
LEVELS: dict[Outcome, Level] = {
    "block": "error",
    "review": "warning",
    "inconclusive": "warning",
    "deploy-monitored": "note",
}
"""How loud a rule's outcome is; rules that came to ``deploy`` give no result."""

_RULES = {
    "bands": ("DeploymentTable", "Drop of a measure over all prompts, held against the deployment table."),
    "any_category.block": ("CategoryLimit", "Drop in any single category, held against the policy's limit."),
    "floor": ("ReleaseFloor", "Rate that the candidate must reach whatever its baseline does."),
    "least_rate": ("LowestRate", "Rate under which closeness to the baseline does not make a model safe."),
    "unscored_limit": ("UnscoredShare", "Share of answers without a score, held against the policy's limit."),
    "slices.required": ("RequiredSlices", "Slices that the policy requires to be judged."),
    "concerns.overall": ("OverallConcern", "Drop over all prompts, held against the threshold for concern."),
    "concerns.category": ("CategoryConcern", "Drop in a category, held against the threshold for concern."),
    "concerns.slice": ("SliceConcern", "Drop in any other slice, held against the threshold for concern."),
    "concerns.consistency": ("ConsistencyConcern", "Rise of the variance over repeats of one prompt."),
    "concerns.edge_cases": ("EdgeCaseConcern", "Shift to compliance where the baseline is uncertain."),
    "concerns.harm_ratio": ("HarmRatioConcern", "Harm rate of the candidate over that of the baseline."),
    "concerns.quality": ("QualityConcern", "Quality of answers, held against the threshold for concern."),
    "shown_harmful": ("ShownHarm", "Harm that the evidence shows, and that no rule of the policy speaks of."),
}
"""Name and meaning of each rule; the gate's docstring explains them."""
SHOWN = "shown_harmful"


class Waiver(NamedTuple):
    """Somebody accepted the risk of this audit's verdict."""

    holder: str
    reason: str
    expires: date


@dataclass(frozen=True, kw_only=True)
class SarifReport:
    """Renders an audit as SARIF, for annotations of pull requests and code scanning.

    Args:
        location: file that results point to, relative to the repository's root.
        line: line in it, from 1.
        waivers: in force; they suppress every result, in sight.
    """

    name = "sarif"
    suffix = ".sarif"

    location: str = "plan.yaml"
    line: int = 1
    waivers: Sequence[Waiver] = ()

    def render(self, audit: AuditRecord) -> bytes:
        """The log as UTF-8 JSON; the same record gives the same bytes."""
        failures = list(_failures(audit))
        rules = sorted({failure.rule for failure in failures})
        run = {
            "tool": {"driver": _driver(audit, rules)},
            "automationDetails": {
                "id": f"modelassay/{visible(audit.name)}/",
                "description": {
                    "text": _text(f"Audit {audit.id}: {audit.verdict.headline}{in_brackets(audit)}")
                },
            },
            "invocations": [
                {
                    "executionSuccessful": True,
                    "startTimeUtc": audit.opened,
                    "endTimeUtc": audit.closed,
                }
            ],
            "columnKind": "unicodeCodePoints",
            "results": [self._result(audit, failure, rules) for failure in failures],
            "properties": {
                "audit": audit.id,
                "outcome": audit.verdict.outcome,
                "expires": audit.verdict.expires,
                "baseline": audit.baseline.fingerprint,
                "candidate": audit.candidate.fingerprint,
            },
        }
        log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
        return msgspec.json.format(msgspec.json.encode(log), indent=2) + b"\n"

    def _result(self, audit: AuditRecord, failure: _Failure, rules: Sequence[str]) -> dict[str, Any]:
        result: dict[str, Any] = {
            "ruleId": failure.rule,
            "ruleIndex": rules.index(failure.rule),
            "level": failure.level,
            "message": {"text": _text("\n\n".join(filter(None, failure.told)))},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(self.location), "uriBaseId": "%SRCROOT%"},
                        "region": {"startLine": self.line},
                    },
                    "logicalLocations": [
                        {"fullyQualifiedName": visible(failure.finding or audit.id), "kind": "namespace"}
                    ],
                }
            ],
            "partialFingerprints": _fingerprints(audit, failure),
            "properties": failure.properties,
        }
        if self.waivers:
            result["suppressions"] = [
                {
                    "kind": "external",
                    "status": "accepted",
                    "justification": visible(f"{w.reason} (accepted by {w.holder} until {w.expires})"),
                }
                for w in self.waivers
            ]
        return result


class _Failure(NamedTuple):
    rule: str
    finding: str
    level: Level
    statement: str
    properties: dict[str, Any]

    @property
    def told(self) -> tuple[str, str]:
        """What is shown, and what is known of the error of whoever read the answers."""
        return self.statement, self.properties.get("judge", "")


def _failures(audit: AuditRecord) -> Iterator[_Failure]:
    """Rules that were not passed, the loudest first, then harms shown that no such rule is about."""
    findings = {finding.id: finding for finding in audit.findings}
    order = list(LEVELS)
    failed = [hit for hit in audit.verdict.rules if hit.outcome in LEVELS]
    for hit in sorted(failed, key=lambda hit: (order.index(hit.outcome), hit.rule, hit.finding)):
        yield _Failure(
            hit.rule,
            hit.finding,
            LEVELS[hit.outcome],
            f"{hit.statement} {OUTCOME_WORDS[hit.outcome]} (evidence: {STATE_WORDS[hit.state]})."
            + (f" What would settle it: {hit.settle}." if hit.settle else ""),
            _properties(audit, findings.get(hit.finding), hit),
        )
    told = {hit.finding for hit in failed}
    for finding in audit.findings:
        shown = finding.state == "shown_harmful" and finding.measure.role != "descriptive"
        if shown and finding.id not in told:
            yield _Failure(SHOWN, finding.id, "note", finding.statement, _properties(audit, finding, None))


def _properties(audit: AuditRecord, finding: Finding | None, hit: RuleHit | None) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    if hit is not None:
        properties |= {"outcome": hit.outcome, "literal": hit.literal, "state": hit.state}
    if finding is not None:
        properties |= {
            "measure": visible(finding.measure.name),
            "slice": visible(slice_name(finding)),
            "severity": finding.severity,
        }
        judge = judge_line(audit, finding.measure.name)
        properties |= {"judge": judge} if judge else {}
    return properties


def _driver(audit: AuditRecord, rules: Sequence[str]) -> dict[str, Any]:
    return {
        "name": "modelassay",
        "version": audit.tool_version,
        "rules": [_rule(rule) for rule in rules],
    }


def _rule(rule: str) -> dict[str, Any]:
    name, about = _RULES.get(rule, ("", f"The policy's rule {rule}."))
    return {
        "id": rule,
        **({"name": name} if name else {}),
        "shortDescription": {"text": about},
        "fullDescription": {"text": about},
        "help": {"text": "The audit's report has the figures, the intervals and examples."},
        "defaultConfiguration": {"level": "note" if rule == SHOWN else "warning"},
    }


def _fingerprints(audit: AuditRecord, failure: _Failure) -> dict[str, str]:
    """The same for the same rule and finding of plans of one name, so that hosts follow it over runs."""
    parts = "\0".join((audit.name, failure.rule, failure.finding))
    digest = hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
    # Code hosts read only this name; its form is sixteen hexadecimal digits, a colon, a count.
    return {"modelassay/v1": digest, "primaryLocationLineHash": f"{digest[:16]}:1"}


def _text(text: str) -> str:
    """`text` with nothing that SARIF reads as a placeholder or a link (sections 3.11.5 and 3.11.6)."""
    doubled = visible(text).replace("{", "{{").replace("}", "}}")
    return doubled.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
