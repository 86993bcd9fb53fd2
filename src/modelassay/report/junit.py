"""The report as JUnit XML: a suite a measure, a case a slice, so that any CI shows it.

What is known of the error of whoever read the answers stands in each suite's property ``judge``, and under
the figures of each case.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

from modelassay.records import AuditRecord, Finding
from modelassay.report.few_pairs import lost_in_few_pairs
from modelassay.report.imported import in_brackets
from modelassay.report.judges import judge_line
from modelassay.report.text import OUTCOME_WORDS, slice_name, visible

_UNACCEPTED = "not to be deployed before a person accepts the risk: `modelassay gate accept-risk`"


class JUnitReport:
    """Renders an audit as JUnit XML: shown harmful fails, in slices too small to judge too; what else is
    not assessable is skipped.

    The verdict is a case of its own that fails unless it lets the candidate be deployed by itself. What
    people decided on it later is not in the record: `modelassay show` tells, and the exit code follows it.
    """

    name = "junit"
    suffix = ".xml"

    def render(self, audit: AuditRecord) -> bytes:
        """The XML as UTF-8."""
        root = ElementTree.Element("testsuites", name=f"modelassay {audit.id}")
        _verdict_suite(root, audit)
        lost = lost_in_few_pairs(audit)
        names = dict.fromkeys(finding.measure.name for finding in audit.findings)
        for name in names:
            findings = [f for f in audit.findings if f.measure.name == name]
            if findings[0].measure.role != "descriptive":
                _suite(root, name, findings, judge_line(audit, name), lost)
        ElementTree.indent(root)
        text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        return text + b"\n"


def _verdict_suite(root: ElementTree.Element, audit: AuditRecord) -> None:
    verdict = audit.verdict
    suite = ElementTree.SubElement(root, "testsuite", name="verdict")
    case = ElementTree.SubElement(
        suite, "testcase", classname="modelassay.verdict", name=visible(audit.name + in_brackets(audit))
    )
    reasons = "\n".join(visible(hit.statement) for hit in verdict.decided_by)
    if verdict.outcome in {"block", "review"}:
        kind = "failure"
    elif verdict.outcome == "deploy-monitored":
        kind, reasons = "failure", f"{reasons}\n{_UNACCEPTED}"
    elif verdict.outcome == "inconclusive":
        kind, reasons = "error", "\n".join(map(visible, verdict.inconclusive)) or reasons
    else:
        kind = ""
    if kind:
        message = f"{OUTCOME_WORDS[verdict.outcome]}: {visible(verdict.headline + in_brackets(audit))}"
        ElementTree.SubElement(case, kind, message=message, type=verdict.outcome).text = reasons
    _count(suite)


def _suite(
    root: ElementTree.Element,
    measure: str,
    findings: list[Finding],
    judge: str,
    lost: Mapping[str, str],
) -> None:
    """The cases of one measure; `lost` says what slices too small to judge lost all the same."""
    suite = ElementTree.SubElement(root, "testsuite", name=measure)
    if judge:
        properties = ElementTree.SubElement(suite, "properties")
        ElementTree.SubElement(properties, "property", name="judge", value=judge)
    for finding in findings:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"modelassay.{finding.check}.{measure}",
            name=visible(slice_name(finding)),
        )
        statement = visible(lost.get(finding.id, finding.statement))
        if finding.state == "shown_harmful" or finding.id in lost:
            ElementTree.SubElement(case, "failure", message=statement, type="shown_harmful").text = judge
        elif finding.state == "not_assessable":
            ElementTree.SubElement(case, "skipped", message=statement).text = judge
        else:
            lines = (statement, judge) if judge else (statement,)
            ElementTree.SubElement(case, "system-out").text = "\n".join(lines)
    _count(suite)


def _count(suite: ElementTree.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
