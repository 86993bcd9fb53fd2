"""The audit in a Hugging Face model card: a section of its own, and its rates as ``model-index``.

The section stands between two marks, and entries of ``model-index`` are known by their arguments, so that
exporting again replaces what an earlier export wrote and leaves the rest of the card as it is. The forms are
those of ``huggingface_hub`` (`ModelCard`, `EvalResult`, `EvalResultEntry`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from modelassay.drops import deciding_figures
from modelassay.errors import UsageError
from modelassay.records import AuditRecord, DatasetPin, Finding
from modelassay.report import view
from modelassay.report.corrected import corrected_mark, corrected_words
from modelassay.report.imported import in_brackets
from modelassay.report.judges import judge_line
from modelassay.report.text import (
    OUTCOME_WORDS,
    inert_markdown,
    slice_name,
    visible,
    with_interval,
)
from modelassay.suites import DATASET_TAG

BEGIN, END = "<!-- modelassay:begin -->", "<!-- modelassay:end -->"
MARK = "modelassay_audit"
"""Argument by which an entry of ``model-index`` is known to be ours."""
_SECTION = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}\n?", re.DOTALL)
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_INDEX = re.compile(r"^model-index:.*?(?=^[^\s#-]|\Z)", re.DOTALL | re.MULTILINE)
MOST_ROWS = 60


def model_card(audit: AuditRecord, card: str = "") -> bytes:
    """`card`, the text of a README.md, with this audit's section and entries put in or replaced.

    Raises:
        UsageError: the card's front matter is not YAML of a mapping, or its marks do not match.
    """
    front, body = _front_matter(card)
    if body.count(BEGIN) != body.count(END) or body.count(BEGIN) > 1:
        raise UsageError(
            "the marks of the audit's section do not match",
            where="model card",
            mend=f"keep one {BEGIN} and one {END} after it, or neither",
        )
    section = f"{BEGIN}\n{_section(audit)}{END}\n"
    if _SECTION.search(body):
        body = _SECTION.sub(lambda _: section, body)
    else:
        body = f"{body.rstrip()}\n\n{section}".lstrip("\n")
    return f"---\n{_with_index(front, audit)}---\n{body}".encode()


def eval_results(audit: AuditRecord) -> bytes:
    """The rates over all prompts as a file for ``.eval_results/``, one entry a measure and dataset.

    The Hub shows entries whose dataset is one of its benchmarks; others are kept and not shown.
    """
    policy = audit.policy
    entries = [
        {
            "dataset": {"id": visible(pin.name), "task_id": visible(finding.measure.name)},
            "value": float(figures.candidate.value),
            "date": audit.closed,
            "notes": visible(
                f"share of answers that {finding.measure.wanted}, "
                f"interval {with_interval(figures.candidate)}, {view.pair_count(finding)} prompts"
                f"{corrected_mark(finding, figures)}; "
                f"audit {audit.id}; rows {pin.digest}{in_brackets(audit)}. "
                f"{judge_line(audit, finding.measure.name)}".strip()
            ),
        }
        for _, findings in _by_measure(audit)
        for finding in findings
        for pin in audit.datasets
        for figures in [deciding_figures(finding, policy)]
        if figures.candidate and finding.slice == _alone(audit, pin)
    ]
    return _yaml(entries).encode()


def _alone(audit: AuditRecord, pin: DatasetPin) -> dict[str, str]:
    """The slice that is `pin` alone; where there are several datasets, audits compare by each."""
    return {} if len(audit.datasets) == 1 else {DATASET_TAG: pin.name}


def model_index(audit: AuditRecord) -> list[dict[str, Any]]:
    """The candidate's rates, overall and by slice, as the entries of ``model-index``."""
    results = [
        {
            "task": {"type": "text-generation", "name": visible(measure.title)},
            "dataset": {
                "type": "modelassay",
                "name": visible(_data(audit)),
                "args": {MARK: audit.id, "digests": ", ".join(pin.digest for pin in audit.datasets)},
            },
            "metrics": [_metric(audit, finding) for finding in findings],
        }
        for measure, findings in _by_measure(audit)
    ]
    return [{"name": visible(_short(audit.candidate.reference)), "results": results}]


def _metric(audit: AuditRecord, finding: Finding) -> dict[str, Any]:
    judge, figures = judge_line(audit, finding.measure.name), deciding_figures(finding, audit.policy)
    corrected = corrected_words(finding, figures)
    assert figures.candidate is not None
    return {
        "type": visible(finding.measure.name),
        "name": visible(f"{finding.measure.title}, {slice_name(finding)}"),
        "value": float(figures.candidate.value),
        "args": {
            "wanted": visible(finding.measure.wanted),
            "interval": [f"{figures.candidate.low:f}", f"{figures.candidate.high:f}"],
            "baseline": f"{figures.baseline.value:f}" if figures.baseline else "",
            "prompts": view.pair_count(finding),
            **({"corrected": corrected} if corrected else {}),
            **({"judge": judge} if judge else {}),
        },
    }


def _by_measure(audit: AuditRecord) -> Iterator[tuple[Any, list[Finding]]]:
    for section in view.sections(audit):
        findings = [row.finding for row in section.rows if row.finding.candidate is not None]
        if section.measure.role != "descriptive" and findings:
            yield section.measure, findings


def _section(audit: AuditRecord) -> str:
    verdict = audit.verdict
    lines = [
        "## Safety audit",
        "",
        f"**{OUTCOME_WORDS[verdict.outcome]}**, until {verdict.expires}. {inert_markdown(verdict.headline)}",
        "",
        *(f"> {inert_markdown(note)}\n" for note in audit.notes),
        f"Audited against {inert_markdown(audit.baseline.reference)} on {audit.closed[:10]} by modelassay "
        f"{audit.tool_version}, audit {inert_markdown(audit.id)}. Candidate {audit.candidate.fingerprint} "
        f"({inert_markdown(audit.candidate.strength)}).",
    ]
    for section in view.sections(audit):
        if section.measure.role == "descriptive":
            continue
        lines += ["", f"### {inert_markdown(section.measure.title)}", ""]
        lines += [f"Share of answers that {inert_markdown(section.measure.wanted)}.", ""]
        lines += [inert_markdown(" ".join(section.judge)), ""] if section.judge else []
        lines += ["| slice | prompts | baseline | this model | evidence |", "|---|---:|---|---|---|"]
        lines += [
            f"| {inert_markdown(row.name)} | {row.pairs} | {row.baseline} | {row.candidate} | {row.state} |"
            for row in section.rows[:MOST_ROWS]
        ]
        if len(section.rows) > MOST_ROWS:
            lines += ["", f"… and {len(section.rows) - MOST_ROWS} more slices in the audit's report."]
    lines += ["", "### Limits of this audit", "", *(f"- {inert_markdown(limit)}" for limit in audit.limits)]
    return "\n".join(lines) + "\n"


def _front_matter(card: str) -> tuple[str, str]:
    """The YAML between the dashes, and what follows."""
    found = _FRONT.match(card.lstrip("\ufeff"))
    if found is None:
        return "", card
    try:
        read = yaml.safe_load(found.group(1))
    except yaml.YAMLError as error:
        raise UsageError(f"the front matter is not YAML: {error}", where="model card") from error
    if read is not None and not isinstance(read, dict):
        raise UsageError("the front matter is not a mapping", where="model card")
    return found.group(1), card.lstrip("\ufeff")[found.end() :]


def _with_index(front: str, audit: AuditRecord) -> str:
    """`front` with the entries of this audit in ``model-index``; every other line stays as it is."""
    read = yaml.safe_load(front) or {}
    kept = _others(read.get("model-index") or [])
    ours = model_index(audit)[0]
    same = [model for model in kept if model.get("name") == ours["name"]]
    if same:
        same[0]["results"] = [*(same[0].get("results") or []), *ours["results"]]
    else:
        kept = [*kept, ours]
    block = _yaml({"model-index": kept})
    if _INDEX.search(front):
        return _INDEX.sub(lambda _: block, front, count=1)
    return (front if not front or front.endswith("\n") else front + "\n") + block


def _others(models: Any) -> list[dict[str, Any]]:
    """The entries of a card that no earlier export wrote.

    Raises:
        UsageError: not the form of a ``model-index``.
    """
    if not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
        raise UsageError("model-index is not a list of models", where="model card")
    kept = []
    for model in models:
        results = [result for result in model.get("results") or [] if not _ours(result)]
        if results or not model.get("results"):
            kept.append({**model, "results": results})
    return kept


def _ours(result: Any) -> bool:
    dataset = result.get("dataset") if isinstance(result, dict) else None
    arguments = dataset.get("args") if isinstance(dataset, dict) else None
    return isinstance(arguments, dict) and MARK in arguments


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
    return text


def _data(audit: AuditRecord) -> str:
    return " + ".join(pin.name for pin in audit.datasets)


def _short(reference: str) -> str:
    """A model's name as on a hub: without scheme and folders before the last two."""
    address = reference.partition(":")[2] or reference
    return "/".join(address.split("/")[-2:])
