"""Where the wanted answers were lost: in few slices, or everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from modelassay.gate.causes import Cause, percent
from modelassay.gate.concentration import Held, Slice, concentration
from modelassay.records import AuditRecord, Finding, PairedCounts
from modelassay.records.red_team import IN_EVERY_FORM

_MOST_SLICES = 6
"""Slices that are named where a loss is concentrated in several."""
_PROMPTS = {"dataset", "attack", "source", "suite"}
"""Tags that say where a prompt comes from, not what it is about."""
_ATTACKS = {"attacked_with", "attack_family"}
"""Tags that say how a request is put."""


def where_lost(record: AuditRecord, deciding: list[Finding]) -> Iterator[Cause]:
    """Whether the wanted answers were lost in few slices, or everywhere.

    Of whole attacks the single answers tell it, which have slices where whole attacks have too few.
    """
    names = (finding.measure.name.removesuffix(IN_EVERY_FORM) for finding in deciding)
    for measure in dict.fromkeys(names):
        found = [(tag, held) for tag, group in _slices(record, measure) if (held := concentration(group))]
        for tag, held in found:
            if held.concentrated:
                yield _concentrated(tag, held)
        if found and not any(held.concentrated for _, held in found):
            yield _broad(measure, deciding, found)


def _slices(record: AuditRecord, measure: str) -> list[tuple[str, list[Slice]]]:
    """What each slice lost, by the one tag that it is of; of tags with several values."""
    slices: dict[str, list[Slice]] = {}
    for finding in record.findings:
        paired, about = finding.paired, finding.check == "comparison" and finding.measure.name == measure
        if about and len(finding.slice) == 1 and isinstance(paired, PairedCounts):
            own = Slice(finding, paired.n10 - paired.n01, _pairs(paired))
            slices.setdefault(next(iter(finding.slice)), []).append(own)
    return [(tag, group) for tag, group in slices.items() if len(group) > 1]


def _concentrated(tag: str, held: Held) -> Cause:
    findings = [each.finding for each in held.slices]
    values = _listed([_value(tag, finding) for finding in findings])
    told = findings[0].statement if len(findings) == 1 else _each(tag, held)
    return Cause(
        name="concentrated_loss",
        title=f"The loss is concentrated in {tag} {values}",
        strength="measured",
        share=percent(held.share),
        why=f"{percent(held.share)} of the net lost answers of {findings[0].measure.title.lower()} are in "
        f"{percent(held.own)} of the prompts. {told}",
        findings=tuple(finding.id for finding in findings),
        next_step=_look_into(tag, values),
    )


def _look_into(tag: str, values: str) -> str:
    if tag in _PROMPTS:
        return (
            "read some of these answers: `modelassay review next`; if they are sound, audit with other "
            f"prompts than those of {values}"
        )
    if tag in _ATTACKS:
        return (
            "read some of these answers: `modelassay review next`; search the training data for requests "
            f"put as by {values}, and audit checkpoints of the run under these alone for where it began"
        )
    return (
        f"search the training data for rows on {values}, and audit more prompts of it on a checkpoint before "
        "and after them"
    )


def _each(tag: str, held: Held) -> str:
    """What each of several slices lost."""
    told = [f"{_value(tag, each.finding)} {each.lost:,} of {each.pairs:,}" for each in held.slices]
    return f"Lost, less gained: {_listed(told)}."


def _value(tag: str, finding: Finding) -> str:
    """The slice's value; of an attack's id its name."""
    value = finding.slice[tag]
    return value.partition("@")[0] if tag == "attacked_with" else value


def _listed(parts: list[str]) -> str:
    rest = len(parts) - _MOST_SLICES + 1
    shown = [*parts[: _MOST_SLICES - 1], f"{rest} more"] if rest > 1 else parts
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _broad(measure: str, deciding: list[Finding], spread: list[tuple[str, Held]]) -> Cause:
    own = [f for f in deciding if f.measure.name.removesuffix(IN_EVERY_FORM) == measure]
    tags = ", ".join(
        f"{tag} (at most {percent(held.share)} in one, of {percent(held.own)} of the prompts)"
        for tag, held in spread
    )
    return Cause(
        name="broad_loss",
        title="The loss is spread over everything",
        strength="measured",
        share="",
        why=f"{own[0].measure.title}: no few slices hold most of it beyond their share of the prompts: "
        f"{tags}. Training that overwrites earlier safety training looks so.",
        findings=tuple(finding.id for finding in own),
        next_step="audit earlier checkpoints of the same run for where it began; train again with a lower "
        "rate, fewer steps, or safety examples mixed in",
    )


def _pairs(counts: PairedCounts) -> int:
    return counts.n11 + counts.n10 + counts.n01 + counts.n00
