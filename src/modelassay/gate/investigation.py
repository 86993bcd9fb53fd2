"""What to look into after a block: likeliest causes, ranked by the evidence at hand.

A pure function of the sealed record, so whoever has the bundle opens the same investigation. It proves no
cause: each names the findings that it rests on, and the next step that would confirm it or rule it out.

`measured` causes show in figures of this audit; `possible` ones are differences whose effect nobody measured.
The measured come first, those that could account for the larger share of the loss before the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

import msgspec

from modelassay.artifacts import CHECKS
from modelassay.artifacts.subjects import TOKENIZER_SETTINGS
from modelassay.gate.causes import Cause, percent
from modelassay.gate.where_lost import where_lost
from modelassay.records import Artifact, AuditRecord, Finding, TargetIdentity

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
        *where_lost(record, deciding),
        *_judges(deciding),
        *_adapters(record),
        *_examined(record),
        *_lineage(record),
    ]
    causes = _merged(causes)
    causes.sort(key=lambda each: (each.strength != "measured", -_number(each.share)))
    return Investigation(
        audit=record.id,
        opened=record.verdict.issued,
        rests_on=blocked,
        causes=(*causes, _training(blocked)),
    )


def _merged(causes: list[Cause]) -> list[Cause]:
    """Causes of one title as one, which rests on the findings of all."""
    found: dict[tuple[str, str], Cause] = {}
    for each in causes:
        known = found.setdefault((each.name, each.title), each)
        if known is not each:
            found[each.name, each.title] = msgspec.structs.replace(
                known,
                share=max(known.share, each.share, key=_number),
                why=known.why if each.why in known.why else f"{known.why} {each.why}",
                findings=tuple(dict.fromkeys((*known.findings, *each.findings))),
            )
    return list(found.values())


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
                share=percent(after - before),
                why=f"{percent(after)} of its answers ended at the limit of tokens, {percent(before)} of "
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
            share=percent(empty["candidate"] - empty["baseline"]),
            why=f"{percent(empty['candidate'])} of its answers on one measure are empty, "
            f"{percent(empty['baseline'])} of the baseline's.",
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


def _number(share: str) -> int:
    return int(share.removesuffix("%") or 0)
