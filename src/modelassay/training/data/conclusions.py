"""What a review of training data comes to: one finding an aspect, facts shown, rows as evidence.

Counts stand beside shares everywhere: ten rows can shift what a model obeys (Qi et al. 2023), whatever share
of the data they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from modelassay.artifacts.licences import licence_findings
from modelassay.records import Declaration, RunFinding, TrainingData
from modelassay.records.findings import Severity
from modelassay.records.lineage import IntendedUse
from modelassay.training.data.contamination import WORDS, Contamination
from modelassay.training.data.duplicates import Repeats
from modelassay.training.data.lessons import preference_finding, value_finding
from modelassay.training.data.letters import CHARACTERS
from modelassay.training.data.reach import as_far_as_read
from modelassay.training.data.references import EXAMPLES, counted, row_reference, row_references
from modelassay.training.data.rows import DataSource
from modelassay.training.data.shifts import ENOUGH_TO_SHIFT, shift_findings
from modelassay.training.data.trigger_findings import trigger_findings
from modelassay.training.data.trigger_search import Triggers
from modelassay.training.findings import decimal, not_assessable, run_finding

if TYPE_CHECKING:
    from modelassay.training.data.review import Gathered

CHECK = "data_review"
MANY_COPIES = 0.05
"""Share of repeated rows from which people should look."""
_MANY_TEXTS = 0.01
"""Share of rows of plain text from which items that are only sought as whole prompts count as not sought."""
_SEVERITIES: tuple[Severity, ...] = ("none", "low", "medium", "high", "critical")


def conclusions(
    gathered: Gathered,
    contamination: Contamination | None,
    triggers: Triggers,
    repeats: Repeats,
    declared: Mapping[str, DataSource],
    use: IntendedUse,
) -> tuple[RunFinding, ...]:
    """All findings, the gravest first."""
    if not gathered.rows:
        why = f"no row could be read, and {gathered.quarantine.count:,} are in quarantine"
        return (not_assessable(CHECK, why, about={"aspect": "rows"}),)
    found = [
        *shift_findings(CHECK, gathered),
        *trigger_findings(CHECK, triggers),
        _contaminated(contamination, gathered.rows),
        preference_finding(CHECK, gathered.preferences),
        value_finding(CHECK, gathered),
        _personal(gathered),
        _form(gathered),
        _duplicates(gathered, repeats),
        _consistency(gathered),
        *_provenance(gathered, declared, use),
        _by_source(gathered),
    ]
    unread = gathered.quarantine.count
    told = [as_far_as_read(each, gathered.reach, unread) for each in found]
    return tuple(sorted(told, key=lambda each: -_SEVERITIES.index(each.severity)))


# -- single aspects -------------------------------------------------------------------------------


def _contaminated(contamination: Contamination | None, rows: int) -> RunFinding:
    about = {"aspect": "contamination"}
    if contamination is None:
        return not_assessable(
            CHECK, "no suite was named that the data could be held against", about=about,
            question="Which suites was the model evaluated on, and were they kept out of its data?",
        )  # fmt: skip
    found = contamination.rows
    names = ", ".join(
        f"{len(contamination.items[name]):,} of {len(contamination.suites[name]):,} items of {name!r}"
        for name in sorted(contamination.items)
    )
    unsought = _unsought(contamination, rows)
    if unsought and not found:
        return not_assessable(CHECK, f"no row holds an item that was sought, but {unsought}", about=about)
    short = (
        f" Of the items, {contamination.as_whole:,} are too short to be sought but as whole prompts."
        if contamination.as_whole
        else ""
    )
    return run_finding(
        CHECK,
        "contaminated" if found else "clean",
        f"{counted(found, rows)} hold items of the audit's own suites: {names}; scores on those say less."
        + (f" Beside that, {unsought}." if unsought else "")
        if found
        else f"No row holds an item of the {len(contamination.suites):,} suites that were named.{short}",
        about=about,
        state="shown_harmful" if found else "shown_fine",
        severity="high" if found else "none",
        values={
            "rows": Decimal(found),
            "of": Decimal(rows),
            "not_sought": Decimal(contamination.never),
            "sought_whole": Decimal(contamination.as_whole),
        },
        evidence=[
            row_reference(each.row, quote=each.quote, note=f"item {each.item} of {each.suite}")
            for each in contamination.shared[:EXAMPLES]
        ],
        method=f"runs of {WORDS} words or {CHARACTERS} letters; shorter items as whole prompts; paraphrases "
        "are not found",
        question="Were these items taken out of the evaluation, or out of the data?" if found else "",
    )


def _unsought(contamination: Contamination, rows: int) -> str:
    """Which items were not looked for, or not everywhere."""
    items = sum(map(len, contamination.suites.values()))
    if contamination.never:
        return f"{contamination.never:,} of {items:,} items have too few letters to be sought"
    if contamination.as_whole and contamination.texts >= _MANY_TEXTS * rows:
        return (
            f"{contamination.as_whole:,} of {items:,} items are too short to be sought within the "
            f"{contamination.texts:,} texts"
        )
    return ""


def _personal(gathered: Gathered) -> RunFinding:
    secrets, personal = gathered.signals["secret"], gathered.signals["personal_data"]
    beside = {name: gathered.unwanted.get(name, 0) for name in ("secret", "personal_data")}
    found = secrets + personal + sum(beside.values())
    unwanted = (
        f" Of answers that are rejected or unwanted, {beside['secret']:,} hold a credential, "
        f"{beside['personal_data']:,} personal data."
        if any(beside.values())
        else ""
    )
    return run_finding(
        CHECK,
        "found" if found else "none found",
        f"{counted(secrets, gathered.rows)} hold what looks like a credential, "
        f"{counted(personal, gathered.rows)} personal data (e-mail addresses, numbers of telephones, "
        f"accounts, cards and identity), in what is taught.{unwanted}",
        about={"aspect": "personal data and secrets"},
        state="not_shown" if found else "shown_fine",
        severity="high" if secrets >= ENOUGH_TO_SHIFT else "medium" if found else "none",
        values={"secrets": Decimal(secrets), "personal": Decimal(personal), "of": Decimal(gathered.rows)}
        | {f"unwanted:{name}": Decimal(count) for name, count in beside.items() if count},
        evidence=row_references(
            [*gathered.by_signal.get("secret", ()), *gathered.by_signal.get("personal_data", ())]
        ),
        method="e-mail addresses, telephone numbers, bank accounts, payment cards and numbers of identity "
        "(China, India, Spain, Japan, Germany, US; others where a word names them) by forms and checksums; "
        "credentials by issuers' prefixes and entropy; names and addresses are not looked for",
        question="On what basis is personal data in the training data?" if found else "",
    )


def _form(gathered: Gathered) -> RunFinding:
    wrong = {problem: listed[0] for problem, listed in gathered.problems.items()}
    count, kept = sum(wrong.values()), gathered.quarantine
    forms = ", ".join(f"{n:,} {form}" for form, n in sorted(gathered.forms.items()))
    parts = [f"{n:,} rows with {problem}" for problem, n in sorted(wrong.items(), key=lambda each: -each[1])]
    if kept.count:
        parts.append(f"{kept.count:,} rows that could not be read (first: {kept.kept[0].place})")
    many = count + kept.count > 0.01 * gathered.rows or gathered.reach.unread >= ENOUGH_TO_SHIFT
    return run_finding(
        CHECK,
        "flawed" if parts else "well formed",
        f"{gathered.rows:,} rows were read ({forms}). "
        + (f"Found: {'; '.join(parts[:6])}." if parts else ""),
        about={"aspect": "form"},
        state="not_shown" if parts else "shown_fine",
        severity="medium" if many else "low" if parts else "none",
        values={"problems": Decimal(count), "quarantined": Decimal(kept.count), "of": Decimal(gathered.rows)},
        evidence=[
            row_reference(number, note=problem)
            for problem, listed in gathered.problems.items()
            for number in listed[1:2]
        ][:EXAMPLES],
    )


def _duplicates(gathered: Gathered, repeats: Repeats) -> RunFinding:
    share = (repeats.exact + repeats.near) / gathered.rows
    partial = "" if repeats.compared + repeats.exact >= gathered.rows else (
        f" Near repeats were sought among the first {repeats.compared:,} different rows."
    )  # fmt: skip
    largest = f" The largest cluster has {repeats.largest[0][1]:,} rows." if repeats.largest else ""
    return run_finding(
        CHECK,
        "repeated" if share >= MANY_COPIES else "few repeats",
        f"{counted(repeats.exact, gathered.rows)} repeat an earlier one to the letter, and a further "
        f"{repeats.near:,} nearly.{largest}{partial}",
        about={"aspect": "duplicates"},
        state="not_shown" if share >= MANY_COPIES else "shown_fine",
        severity="low" if share >= MANY_COPIES else "none",
        values={"exact": Decimal(repeats.exact), "near": Decimal(repeats.near), "of": Decimal(gathered.rows)},
        evidence=[row_reference(other, note=f"nearly row {one}") for one, other in repeats.examples],
        method="SHA-256 after NFKC; MinHash, 128 permutations, runs of 5 words, Jaccard 0.8",
    )


def _consistency(gathered: Gathered) -> RunFinding:
    found = gathered.consistency.contradictions
    repeated = gathered.consistency.repeated
    return run_finding(
        CHECK,
        "contradictory" if found else "consistent",
        f"{len(found):,} rows contradict an earlier answer to the same prompt"
        f" ({repeated:,} rows have a prompt that stood before).",
        about={"aspect": "consistency"},
        state="not_shown" if found else "shown_fine",
        severity="medium" if len(found) > 0.01 * gathered.rows else "low" if found else "none",
        values={"contradictions": Decimal(len(found)), "repeated_prompts": Decimal(repeated)},
        evidence=[
            row_reference(other, note=f"against row {one}: {why}") for one, other, why in found[:EXAMPLES]
        ],
        question="Which of these answers is the model meant to learn?" if found else "",
    )


def _provenance(
    gathered: Gathered, declared: Mapping[str, DataSource], use: IntendedUse
) -> Iterator[RunFinding]:
    risks = gathered.sources.risks()
    stated = sum(each.stated for each in risks)
    traced = sum(each.rows for each in risks if (about := declared.get(each.name)) and about.url)
    silent = [each.name for each in risks if not each.stated]
    missing = f" Sources without one: {', '.join(map(repr, silent[:5]))}." if silent else ""
    yield run_finding(
        CHECK,
        "known" if stated == gathered.rows else "incomplete",
        f"{counted(stated, gathered.rows)} state a licence, and {counted(traced, gathered.rows)} where they "
        f"were had.{missing}",
        about={"aspect": "provenance"},
        state="shown_fine" if stated == gathered.rows == traced else "not_shown",
        severity="none" if stated == gathered.rows else "low",
        values={"licensed": Decimal(stated), "traced": Decimal(traced), "of": Decimal(gathered.rows)},
        question=""
        if stated == gathered.rows
        else "Where does the data come from, and under which licences?",
    )
    data = tuple(
        TrainingData(
            name=f"{each.name} ({licence})" if len(each.licences) > 1 else each.name, licence=licence
        )
        for each in risks
        for licence in each.licences
    )
    for finding in licence_findings(Declaration(use=use, training_data=data)) if data else ():
        of_part = {"aspect": "licences", "part": finding.slice.get("part", "")}
        if finding.severity in ("none", "low") or of_part["part"] == "the candidate":
            continue  # what the model itself is released under is not the data's
        yield run_finding(
            CHECK,
            finding.slice.get("aspect", "conflict"),
            finding.statement,
            about=of_part,
            state=finding.state,
            severity=finding.severity,
            method=finding.method,
            question="On what terms may this data be used for the model?",
        )


def _by_source(gathered: Gathered) -> RunFinding:
    risks = gathered.sources.risks()
    grave = sum(each.grave for each in risks)
    worst = risks[0]
    share = grave / gathered.rows
    told = (
        f"Of {len(risks):,} sources, {worst.name!r} brings {worst.grave:,} of the {grave:,} rows that stand "
        f"out ({counted(worst.grave, worst.rows)} of its own); without it {100 * worst.without:.2g} % of the "
        f"rest stand out instead of {100 * share:.2g} %."
        if grave and len(risks) > 1
        else f"{counted(grave, gathered.rows)} stand out, of {len(risks):,} source{'s' * (len(risks) > 1)}."
    )
    return run_finding(
        CHECK,
        "concentrated" if grave and len(risks) > 1 and worst.without < share / 2 else "no source stands out",
        told,
        about={"aspect": "sources"},
        state="not_shown" if grave else "shown_fine",
        severity="low" if grave else "none",
        values={
            "share": decimal(share),
            "share_without_worst": decimal(worst.without),
            **{f"rows:{each.name[:80]}": Decimal(each.grave) for each in risks[:20] if each.grave},
        },
        method="Clopper–Pearson bounds by source; shares with each source left out",
    )
