"""Which causes a block's investigation names, from records in which one thing at a time is off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.canonical import Digest
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.gate.causes import Cause
from modelassay.gate.investigation import investigate
from modelassay.records import Artifact, AuditRecord, Coverage, Finding, Measure, PairedCounts, Usage

BUNDLE = Path(__file__).resolve().parents[1] / "evidence" / "fixtures" / "0.1.0" / "bundle"
replace: Any = msgspec.structs.replace


@pytest.fixture(scope="module")
def blocked() -> AuditRecord:
    return Contents(open_bundle(BUNDLE)).record


def names(record: AuditRecord) -> list[str]:
    investigation = investigate(record)
    assert investigation is not None
    return [cause.name for cause in investigation.causes]


def artifact(kind: Any, name: str, digit: str) -> Artifact:
    return Artifact(kind=kind, name=name, digest=Digest("sha256:" + digit * 64))


def with_settings(record: AuditRecord) -> AuditRecord:
    prompt = (*record.candidate.artifacts, artifact("system_prompt", "prompt", "1"))
    return replace(record, candidate=replace(record.candidate, artifacts=prompt))


def with_adapters(record: AuditRecord) -> AuditRecord:
    added = (artifact("adapter", "one", "1"), artifact("adapter", "two", "2"))
    return replace(record, candidate=replace(record.candidate, artifacts=added))


def cut_off(record: AuditRecord) -> AuditRecord:
    usage = {"baseline": Usage(requests=70, cut_off=0), "candidate": Usage(requests=70, cut_off=21)}
    return replace(record, usage=usage)


def empty(record: AuditRecord) -> AuditRecord:
    gone = Coverage(measure="refusal", side="candidate", planned=35, scored=28, unscored={"empty answer": 7})
    return replace(record, coverage=(*record.coverage, gone))


def doubted(record: AuditRecord) -> AuditRecord:
    return with_findings(record, lambda finding: replace(finding, judge="uncalibrated"))


def with_findings(record: AuditRecord, change: Callable[[Finding], Finding]) -> AuditRecord:
    return replace(record, findings=tuple(change(finding) for finding in record.findings))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (with_settings, "other_settings"),
        (with_adapters, "adapters"),
        (cut_off, "cut_off_answers"),
        (empty, "empty_answers"),
        (doubted, "judge_error"),
    ],
)
def test_what_is_off_is_named_and_nothing_else(
    blocked: AuditRecord, change: Callable[[AuditRecord], AuditRecord], cause: str
) -> None:
    plain = names(blocked)
    assert plain == ["broad_loss", "training"]
    assert sorted(names(change(blocked))) == sorted([*plain, cause])


def test_measured_causes_come_first_and_the_larger_before_the_smaller(blocked: AuditRecord) -> None:
    found = names(with_settings(cut_off(empty(blocked))))
    assert found == ["cut_off_answers", "empty_answers", "broad_loss", "other_settings", "training"]


def test_a_loss_in_one_category_is_told_from_one_everywhere(blocked: AuditRecord) -> None:
    def in_c4(finding: Finding) -> Finding:
        if not finding.slice or not isinstance(finding.paired, PairedCounts):
            return finding
        lost = 5 if finding.slice.get("category") == "c4" else 0
        counts = PairedCounts(n11=5 - lost, n10=lost, n01=0, n00=0, clusters=5)
        return replace(finding, paired=counts)

    investigation = investigate(with_findings(blocked, in_c4))
    assert investigation is not None
    first = investigation.causes[0]
    assert (first.name, first.share, first.strength) == ("concentrated_loss", "100%", "measured")
    assert first.title.endswith("category c4")
    known = {finding.id for finding in blocked.findings}
    assert all(set(cause.findings) <= known for cause in investigation.causes)
    assert all(cause.next_step for cause in investigation.causes)


@pytest.mark.parametrize("outcome", ["deploy", "deploy-monitored", "review", "inconclusive"])
def test_only_a_block_opens_one(blocked: AuditRecord, outcome: Any) -> None:
    assert investigate(replace(blocked, verdict=replace(blocked.verdict, outcome=outcome))) is None


def tokenizers(
    record: AuditRecord, before: dict[str, str], after: dict[str, str], *settings: str
) -> AuditRecord:
    """`record` with tokenizers of these files, and the digests of their settings where those are known."""
    sides = []
    for number, (identity, files) in enumerate(((record.baseline, before), (record.candidate, after))):
        facts = {"settings": settings[number]} if settings else {}
        made = replace(artifact("tokenizer", "tokenizer", str(number)), files=files, details=facts)
        others = tuple(each for each in identity.artifacts if each.kind != "tokenizer")
        sides.append(replace(identity, artifacts=(*others, made)))
    return replace(record, baseline=sides[0], candidate=sides[1])


CONFIG, RULES, TEMPLATE = "tokenizer_config.json", "tokenizer.json", "chat_template.jinja"


@pytest.mark.parametrize(
    ("before", "after", "settings", "title"),
    [
        ({RULES: "a", CONFIG: "b"}, {RULES: "a", CONFIG: "c"}, ("d", "d"), ""),
        ({RULES: "a", CONFIG: "b", TEMPLATE: "e"}, {RULES: "a", CONFIG: "b", TEMPLATE: "f"}, (), ""),
        ({RULES: "a", CONFIG: "b"}, {RULES: "a", CONFIG: "c"}, ("d", "e"), "asked with another tokenizer"),
        ({RULES: "a", CONFIG: "b"}, {RULES: "z", CONFIG: "b"}, ("d", "d"), "asked with another tokenizer"),
        ({RULES: "a", CONFIG: "b"}, {RULES: "a", CONFIG: "c"}, (), "stand in files that differ"),
        (
            {RULES: "a", CONFIG: "b", "special_tokens_map.json": "g"},
            {RULES: "a", CONFIG: "c"},
            ("d", "e"),
            "stand in files that differ",
        ),
    ],
)
def test_a_tokenizer_is_blamed_for_what_makes_tokens(
    blocked: AuditRecord,
    before: dict[str, str],
    after: dict[str, str],
    settings: tuple[str, ...],
    title: str,
) -> None:
    investigation = investigate(tokenizers(blocked, before, after, *settings))
    assert investigation is not None
    blamed = [cause.title for cause in investigation.causes if cause.name == "other_settings"]
    assert len(blamed) == bool(title)
    assert not blamed or blamed[0].endswith(title)


def compared(measure: str, tag: str, lost: dict[str, tuple[int, int]]) -> list[Finding]:
    """Slices of a measure: of so many pairs so many lost, none gained."""
    found = []
    for value, (gone, pairs) in lost.items():
        counts = PairedCounts(n11=pairs - gone, n10=gone, n01=0, n00=0, clusters=pairs)
        found.append(
            Finding(
                id=f"comparison/{measure}/{tag}={value}",
                check="comparison",
                measure=Measure(name=measure, title=measure.capitalize(), wanted="resist", role="banded"),
                slice={tag: value},
                state="shown_harmful" if gone else "shown_fine",
                statement=f"{value} lost {gone}.",
                paired=counts,
            )
        )
    return found


def sliced(blocked: AuditRecord, *slices: list[Finding], also: str = "") -> list[Cause]:
    """What an investigation names where these slices are all that was compared, and where all was lost."""
    measures = list(dict.fromkeys(each.measure.name for group in slices for each in group))
    whole = [
        replace(
            slices[0][0], id=f"comparison/{name}/overall", slice={}, statement="All lost.", measure=measure
        )
        for name in [*measures, *([also] if also else [])]
        for measure in [replace(slices[0][0].measure, name=name, title=name.capitalize())]
    ]
    hit = blocked.verdict.decided_by[0]
    decided = tuple(replace(hit, finding=each.id) for each in whole)
    record = replace(
        blocked,
        findings=(*whole, *(each for group in slices for each in group)),
        verdict=replace(blocked.verdict, decided_by=decided),
    )
    investigation = investigate(record)
    assert investigation is not None
    return [cause for cause in investigation.causes if cause.name in ("concentrated_loss", "broad_loss")]


FELL = ["base64", "many_shot", "prefill", "scripted", "tool_output"]
ATTACKS = {f"{name}@1#{n}": (90, 90) for n, name in enumerate(FELL)} | {
    f"other_{n}@1#{n}": (n, 90) for n in range(20)
}


def test_a_loss_to_a_few_attacks_is_not_spread_over_everything(blocked: AuditRecord) -> None:
    """Seven in ten of the lost answers, of which no single attack holds a fifth."""
    attacks = compared("red_team", "attacked_with", ATTACKS)
    languages = compared("red_team", "language", {"en": (490, 1728), "de": (150, 522)})
    (cause,) = sliced(blocked, attacks, languages, also="red_team_in_every_form")
    assert cause.name == "concentrated_loss"
    assert (
        cause.title == "The loss is concentrated in attacked_with " + ", ".join(FELL[:4]) + " and tool_output"
    )
    assert cause.share == "70%"
    assert "many_shot 90 of 90" in cause.why
    assert len(cause.findings) == 5


def test_slices_that_lost_by_chance_are_not_called_where_it_is_concentrated(blocked: AuditRecord) -> None:
    """One answer lost in each of ten slices of fifty: these hold all of it in a fifth of the prompts."""
    (cause,) = sliced(
        blocked, compared("refusal", "category", {f"c{n}": (int(n < 10), 10) for n in range(50)})
    )
    assert cause.name == "broad_loss"


def test_a_loss_that_follows_the_prompts_is_told_once_with_their_share(blocked: AuditRecord) -> None:
    (cause,) = sliced(
        blocked,
        compared("refusal", "language", {"en": (71, 154), "de": (29, 46)}),
        compared("faithfulness", "language", {"en": (20, 77), "de": (7, 23)}),
    )
    assert (cause.name, len(cause.findings)) == ("broad_loss", 2)
    assert "No single slice" not in cause.why
    assert "Refusal: no few slices hold most of it beyond their share" in cause.why
    assert "language (at most 71% in one, of 77% of the prompts)" in cause.why
    assert "Faithfulness: " in cause.why
