"""What to look into after a block: likeliest causes, ranked by the evidence at hand.

A pure function of the sealed record, so whoever has the bundle opens the same investigation. It proves no
cause: each names the findings that it rests on, and the next step that would confirm it or rule it out.

`measured` causes show in figures of this audit; `possible` ones are differences whose effect nobody measured.
The measured come first, those that could account for the larger share of the loss before the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Literal

import msgspec

from modelassay.artifacts import CHECKS
from modelassay.artifacts.subjects import TOKENIZER_SETTINGS
from modelassay.records import Artifact, AuditRecord, Finding, PairedCounts, TargetIdentity

Strength = Literal["measured", "possible"]

_CONCENTRATED = Fraction(1, 2)
"""Share of the lost answers in one slice from which on the loss is called concentrated …"""
_TIMES = 2
"""… when it is also this many times the slice's share of the prompts."""
_MORE_CUT_OFF = Fraction(1, 20)
"""Further share of answers that end at the limit of tokens, or are empty, that could explain a loss."""
_SETTINGS = {
    "system_prompt": "system prompt",
    "chat_template": "chat template",
    "tokenizer": "tokenizer",
    "generation_config": "generation defaults",
    "quantisation": "precision or quantisation",
    "dtype": "precision",
    "extra_body": "request options",
}
"""What decides answers beside the weights, by its name in an identity."""
_TOKENIZER_SETTINGS = {TOKENIZER_SETTINGS, "special_tokens_map.json", "added_tokens.json"}
"""Files that repeat what stands in a tokenizer's own, in another form in each version of transformers."""
_MOST_EXAMINED = 3
"""Findings of examinations that are named as causes."""
_PROMPTS = {"dataset", "attack", "source", "suite"}
"""Tags that say where a prompt comes from, not what it is about."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Something that could have caused the block."""

    name: str
    """Such as ``concentrated_loss`` or ``other_settings``."""
    title: str
    strength: Strength
    share: str
    """Share of the loss, or of the answers, that it could account for, in percent; empty when unknown."""
    why: str
    findings: tuple[str, ...] = ()
    """Ids of those that it rests on."""
    next_step: str
    """What would confirm it or rule it out."""


class Investigation(msgspec.Struct, frozen=True, kw_only=True):
    """The record that a block opens."""

    audit: str
    opened: str
    """The day of the verdict."""
    rests_on: tuple[str, ...]
    """Findings that blocked."""
    causes: tuple[Cause, ...]
    """The likeliest first."""


def investigate(record: AuditRecord) -> Investigation | None:
    """The investigation that the verdict of `record` opens; None unless it blocks."""
    if record.verdict.outcome != "block":
        return None
    blocked = tuple(dict.fromkeys(hit.finding for hit in record.verdict.decided_by if hit.finding))
    known = {finding.id: finding for finding in record.findings}
    deciding = [known[name] for name in blocked if name in known]
    causes = [
        *_settings(record),
        *_cut_short(record),
        *_where(record, deciding),
        *_judges(deciding),
        *_adapters(record),
        *_examined(record),
        *_lineage(record),
    ]
    causes.sort(key=lambda each: (each.strength != "measured", -_number(each.share)))
    return Investigation(
        audit=record.id,
        opened=record.verdict.issued,
        rests_on=blocked,
        causes=(*causes, _training(blocked)),
    )


def _where(record: AuditRecord, deciding: list[Finding]) -> Iterator[Cause]:
    """Whether the wanted answers were lost in one slice, or everywhere."""
    for measure in dict.fromkeys(finding.measure.name for finding in deciding):
        slices: dict[str, list[tuple[Finding, int, int]]] = {}
        for finding in record.findings:
            paired, about = finding.paired, finding.check == "comparison" and finding.measure.name == measure
            if about and len(finding.slice) == 1 and isinstance(paired, PairedCounts):
                lost = paired.n10 - paired.n01
                slices.setdefault(next(iter(finding.slice)), []).append((finding, lost, _pairs(paired)))
        spread = []
        for tag, group in slices.items():
            total, pairs = sum(max(lost, 0) for _, lost, _ in group), sum(n for _, _, n in group)
            if len(group) < 2 or not total:
                continue
            worst, lost, own = max(group, key=lambda each: (each[1], each[0].id))
            share = Fraction(lost, total)
            if share >= _CONCENTRATED and share >= _TIMES * Fraction(own, pairs):
                yield _concentrated(tag, worst, share, Fraction(own, pairs))
            else:
                spread.append((tag, share))
        if spread and len(spread) == len([group for group in slices.values() if len(group) > 1]):
            yield _broad(measure, deciding, spread)


def _concentrated(tag: str, worst: Finding, share: Fraction, own: Fraction) -> Cause:
    value = worst.slice[tag]
    about = (
        f"read some of these answers: `modelassay review next`; if they are sound, audit with other prompts "
        f"than those of {value}"
        if tag in _PROMPTS
        else f"search the training data for rows on {value}, and audit more prompts of it on a checkpoint "
        "before and after them"
    )
    return Cause(
        name="concentrated_loss",
        title=f"The loss is concentrated in {tag} {value}",
        strength="measured",
        share=_percent(share),
        why=f"{_percent(share)} of the net lost answers of {worst.measure.title.lower()} are in "
        f"{_percent(own)} of the prompts. {worst.statement}",
        findings=(worst.id,),
        next_step=about,
    )


def _broad(measure: str, deciding: list[Finding], spread: list[tuple[str, Fraction]]) -> Cause:
    tags = ", ".join(f"{tag} (at most {_percent(share)} in one)" for tag, share in spread)
    return Cause(
        name="broad_loss",
        title="The loss is spread over everything",
        strength="measured",
        share="",
        why=f"No single slice holds most of it: {tags}. Training that overwrites earlier safety training "
        "looks so.",
        findings=tuple(finding.id for finding in deciding if finding.measure.name == measure),
        next_step="audit earlier checkpoints of the same run for where it began; train again with a lower "
        "rate, fewer steps, or safety examples mixed in",
    )


def _settings(record: AuditRecord) -> Iterator[Cause]:
    """Parts other than the weights in which the two models differ."""
    before, after = _parts(record.baseline), _parts(record.candidate)
    for part, name in _SETTINGS.items():
        if before.get(part) == after.get(part):
            continue
        if part == "tokenizer" and (files := _tokenizer_files(record)) is not None:
            yield from _other_tokenizer(record, files)
            continue
        how = (
            "only the candidate has one" if part not in before
            else "only the baseline has one" if part not in after
            else "both have one, and they differ"
        )  # fmt: skip
        yield Cause(
            name="other_settings",
            title=f"The models were asked with another {name}",
            strength="possible",
            share="",
            why=f"The {name} is not the same on both sides ({how}), so the loss may not come from the "
            "weights.",
            next_step=f"audit again with the same {name} on both sides",
        )


def _tokenizer_files(record: AuditRecord) -> set[str] | None:
    """Files in which the two tokenizers differ; None where that is not known of both.

    Chat templates stand among them, and are compared as a part of their own.
    """
    sides = [_tokenizer(identity) for identity in (record.baseline, record.candidate)]
    before, after = (side.files if side is not None else {} for side in sides)
    if not before or not after:
        return None
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return {name for name in names if not name.startswith("chat_template")}


def _other_tokenizer(record: AuditRecord, files: set[str]) -> Iterator[Cause]:
    """What `files`, in which the tokenizers differ, tell of how text is made into tokens."""
    told = ", ".join(sorted(files))
    settings = [_settings_of_tokenizer(identity) for identity in (record.baseline, record.candidate)]
    if not files or (files == {TOKENIZER_SETTINGS} and settings[0] == settings[1] != ""):
        return
    if files - _TOKENIZER_SETTINGS or (files == {TOKENIZER_SETTINGS} and all(settings)):
        yield Cause(
            name="other_settings",
            title="The models were asked with another tokenizer",
            strength="possible",
            share="",
            why=f"The tokenizer is not the same on both sides ({told}), so the loss may not come from the "
            "weights.",
            next_step="audit again with the same tokenizer on both sides",
        )
        return
    yield Cause(
        name="other_settings",
        title="The tokenizers' settings stand in files that differ",
        strength="possible",
        share="",
        why=f"Vocabulary and rules are the same files on both sides; {told} differs, and the record does not "
        "say in what. transformers writes keys of its own there when it saves, which change no token.",
        next_step="compare what the files say; if text becomes other tokens, audit again with one tokenizer",
    )


def _tokenizer(identity: TargetIdentity) -> Artifact | None:
    return next((each for each in identity.artifacts if each.kind == "tokenizer"), None)


def _settings_of_tokenizer(identity: TargetIdentity) -> str:
    """Digest of the settings that decide tokens; empty in records of earlier versions."""
    tokenizer = _tokenizer(identity)
    return tokenizer.details.get("settings", "") if tokenizer is not None else ""


def _cut_short(record: AuditRecord) -> Iterator[Cause]:
    """Answers that ended early, or are empty, more often than the baseline's."""
    usage = record.usage
    if {"baseline", "candidate"} <= usage.keys():
        before, after = (
            Fraction(usage[side].cut_off, max(usage[side].requests, 1)) for side in ("baseline", "candidate")
        )
        if after - before >= _MORE_CUT_OFF:
            yield Cause(
                name="cut_off_answers",
                title="More of the candidate's answers were cut off",
                strength="measured",
                share=_percent(after - before),
                why=f"{_percent(after)} of its answers ended at the limit of tokens, {_percent(before)} of "
                "the baseline's; what is missing may be what was wanted.",
                next_step="audit again with a higher `decoding.max_tokens`",
            )
    empty = {"baseline": Fraction(0), "candidate": Fraction(0)}
    for each in record.coverage:
        lost = sum(count for reason, count in each.unscored.items() if "empty" in reason)
        empty[each.side] = max(empty[each.side], Fraction(lost, max(each.planned, 1)))
    if empty["candidate"] - empty["baseline"] >= _MORE_CUT_OFF:
        yield Cause(
            name="empty_answers",
            title="The candidate gives empty answers",
            strength="measured",
            share=_percent(empty["candidate"] - empty["baseline"]),
            why=f"{_percent(empty['candidate'])} of its answers on one measure are empty, "
            f"{_percent(empty['baseline'])} of the baseline's.",
            next_step="check its chat template and stop tokens on a prompt of the suite",
        )


def _judges(deciding: list[Finding]) -> Iterator[Cause]:
    """Findings that rest on the word of a judge whose error is not known."""
    doubted = tuple(finding.id for finding in deciding if finding.judge == "uncalibrated")
    if doubted:
        yield Cause(
            name="judge_error",
            title="The judge may err more on the candidate's answers",
            strength="possible",
            share="",
            why="How often it errs against people is not known for what blocked.",
            findings=doubted,
            next_step="label a sample (`modelassay review next`) and correct it: `modelassay rejudge AUDIT "
            "--labels STORE`",
        )


def _adapters(record: AuditRecord) -> Iterator[Cause]:
    """What was put on top of the model."""
    added = [a.name for a in record.candidate.artifacts if a.kind == "adapter"]
    own = {a.digest for a in record.baseline.artifacts if a.kind == "adapter"}
    new = [a.name for a in record.candidate.artifacts if a.kind == "adapter" and a.digest not in own]
    if new:
        stacked = len(added) > 1
        yield Cause(
            name="adapters",
            title=f"{len(added)} adapters are stacked" if stacked else f"The adapter {new[0]} brought it",
            strength="possible",
            share="",
            why=f"The candidate loads {', '.join(added)}"
            + (": each may be harmless alone." if stacked else ", which the baseline does not."),
            next_step="audit each adapter alone, and the stack without each"
            if stacked
            else "audit with the adapter at half its weight: a loss that halves is the adapter's",
        )


def _examined(record: AuditRecord) -> Iterator[Cause]:
    """What examinations show: a planted trigger or a harmful stack is a cause, no accident of training."""
    kinds = {examination.kind for examination in record.examinations}
    shown = [f for f in record.findings if f.check in kinds and f.state == "shown_harmful"]
    for finding in shown[:_MOST_EXAMINED]:
        yield Cause(
            name=finding.check,
            title=f"{finding.measure.title}: shown by an examination",
            strength="measured",
            share="",
            why=finding.statement,
            findings=(finding.id,),
            next_step="look for its source in the training data and in adapters, and train without it",
        )


def _lineage(record: AuditRecord) -> Iterator[Cause]:
    """What the declaration of data and recipe shows."""
    harmful = [f for f in record.findings if f.check in CHECKS and f.state == "shown_harmful"]
    if harmful:
        yield Cause(
            name="lineage",
            title="The declared data or recipe shows a conflict",
            strength="possible",
            share="",
            why=harmful[0].statement + (f" And {len(harmful) - 1} more." if len(harmful) > 1 else ""),
            findings=tuple(finding.id for finding in harmful),
            next_step="settle the conflict in the sources named, and train without them",
        )


def _training(blocked: tuple[str, ...]) -> Cause:
    """What is left when nothing else explains it."""
    return Cause(
        name="training",
        title="The fine-tuning itself",
        strength="possible",
        share="",
        why="What remains when nothing above explains the loss: data, objective or hyperparameters.",
        findings=blocked,
        next_step="train on halves of the data and audit each; the half that blocks holds the cause",
    )


def _parts(identity: TargetIdentity) -> Mapping[str, str]:
    """Digests of what decides answers, by name."""
    found = {name: value for name, value in identity.details.items() if name in _SETTINGS}
    found |= {str(each.kind): each.digest for each in identity.artifacts if each.kind in _SETTINGS}
    return found


def _pairs(counts: PairedCounts) -> int:
    return counts.n11 + counts.n10 + counts.n01 + counts.n00


def _percent(share: Fraction) -> str:
    return f"{round(share * 100)}%"


def _number(share: str) -> int:
    return int(share.removesuffix("%") or 0)
