"""Two runs of another tool as an audit knows them: plan, models, dataset, what a reader must know first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

import msgspec

from modelassay.canonical import digest_bytes, digest_of
from modelassay.config import DatasetReference, EvaluatorReference, ModelReference, Plan, Release
from modelassay.errors import UsageError
from modelassay.interop import (
    SIDES,
    Chosen,
    Paired,
    Run,
    Scale,
    check_comparable,
    choose_measures,
    pair_runs,
)
from modelassay.records import DatasetPin, Decoding, ImportedRun, SampleKind, TargetIdentity

STRENGTH = "imported name"
"""What the identity of a model rests on that another tool asked: its files' word."""
MOST_NAMED = 8
"""Scorers that a note names."""
SLICED_BY = ("category", "probe", "task", "kind")
"""Tags to compare by unless others are named, as far as the questions differ in them."""


@dataclass(frozen=True, kw_only=True)
class ImportedRuns:
    """Two runs, paired, with the measures that are taken over."""

    runs: tuple[Run, Run]
    paired: Paired
    chosen: tuple[Chosen, ...]
    """Empty when the answers are scored here."""
    accepted: tuple[str, ...]
    """Differences between the runs that the user accepted."""

    @property
    def sources(self) -> tuple[ImportedRun, ...]:
        """The files, as the record keeps them."""
        return tuple(
            ImportedRun(
                side=side,
                tool=run.tool,
                tool_version=run.version,
                file=file.name,
                digest=file.digest,
                size=file.size,
                model=run.model,
                made=run.made,
            )
            for side, run in zip(SIDES, self.runs, strict=True)
            for file in run.files
        )

    @property
    def tools(self) -> str:
        """Who asked, in words."""
        named = (
            "somebody else" if run.tool == "table" else f"{run.tool} {run.version}".strip()
            for run in self.runs
        )
        return " and ".join(dict.fromkeys(named))

    def answered(self, now: str) -> str:
        """When the older of the two runs was complete; empty when neither file says so believably."""
        return min((run.made for run in self.runs if run.made and run.made <= now), default="")

    def identity(self, index: int) -> TargetIdentity:
        """One of the two models, as far as its file tells."""
        run = self.runs[index]
        details = {
            "kind": "imported",
            "tool": run.tool,
            "tool_version": run.version,
            "model": run.model,
            "files": ", ".join(file.digest for file in run.files),
        }
        known = {name: value for name, value in details.items() if value}
        return TargetIdentity(
            reference=_reference(run), fingerprint=digest_of(known), strength=STRENGTH, details=known
        )

    @property
    def dataset(self) -> DatasetPin:
        """The questions of both runs."""
        lines = msgspec.json.Encoder(order="sorted").encode_lines(self.paired.samples)
        run = self.runs[0]
        return DatasetPin(
            name=_dataset(run),
            digest=digest_bytes(lines),
            rows=len(self.paired.samples),
            source=", ".join(dict.fromkeys(file.file for file in self.sources)),
        )

    @property
    def slices(self) -> tuple[str, ...]:
        """Tags of `SLICED_BY` in which the questions differ."""
        samples = self.paired.samples
        values = {tag: {sample.tags.get(tag, "") for sample in samples} for tag in SLICED_BY[:-1]}
        values["kind"] = {str(sample.kind) for sample in samples}
        return tuple(tag for tag in SLICED_BY if len(values[tag]) > 1)

    def notes(self, now: str) -> Iterator[str]:
        """What a reader must know, the most important first."""
        files = ", ".join(dict.fromkeys(file.file for file in self.sources))
        yield (
            f"Imported: {self.tools} asked the models, not this audit. The results of {files} are taken at "
            "their word, so every finding has the assurance tier T1 (an imported log) instead of T2."
        )
        vouched = [each.scorer for each in self.chosen if "exact" in each.pin.settings]
        if vouched:
            yield f"Whoever imported this vouches that {', '.join(vouched)} compares with a gold answer."
        yield from self.accepted
        yield from self.paired.notes
        for side, run in zip(SIDES, self.runs, strict=True):
            if run.made > now:
                yield f"The {side}'s file says {run.made}, which is in the future; that is not believed."
        if not self.answered(now):
            yield "When the answers were given is not known; the verdict's time runs from the import."
        known = [run.decoding.temperature for run in self.runs]
        if not any(known):
            yield "The files do not tell at which temperature the models answered."
        elif not all(known):
            side = SIDES[0] if known[0] else SIDES[1]
            yield f"Only the {side}'s file tells at which temperature its model answered."
        yield from self._left_out()
        yield from self._run_notes()

    def _left_out(self) -> Iterator[str]:
        """Scorers that are not compared, so that none goes missing unseen."""
        taken = {each.scorer for each in self.chosen}
        names = [{scorer.name for scorer in run.scorers} - taken for run in self.runs]
        for side, own, other in zip(SIDES, names, reversed(names), strict=True):
            if alone := sorted(own - other):
                yield f"Only the {side}'s file has scores by {_listed(alone)}; they are not compared."
        if both := sorted(names[0] & names[1]):
            yield f"Both files also have scores by {_listed(both)}, which were not asked for."

    def _run_notes(self) -> Iterator[str]:
        baseline, candidate = (run.notes for run in self.runs)
        for note in baseline:
            yield note if note in candidate else f"Baseline: {note}"
        yield from (f"Candidate: {note}" for note in candidate if note not in baseline)


def imported_runs(
    baseline: Run,
    candidate: Run,
    *,
    measures: Sequence[str] = (),
    wanted: Literal["higher", "lower"] | None = None,
    scale: Scale | None = None,
    exact: Sequence[str] = (),
    kind: SampleKind | None = None,
    by: Literal["id", "prompt"] = "id",
    despite: Collection[str] = (),
    scored_here: bool = False,
) -> ImportedRuns:
    """Two runs, made comparable.

    Args:
        measures: scorers to take over; all that both runs have, when none is named.
        wanted: which end of them is wanted, in place of what the files say.
        scale: their own scale.
        exact: scorers that the user vouches to compare with a gold answer.
        kind: of every question, in place of what the files say.
        by: what names a question.
        despite: differences to accept: ``decoding``, ``versions``.
        scored_here: the answers are scored by evaluators of this product; scorers only count when named.

    Raises:
        UsageError: they cannot be compared; the message says why.
    """
    takes_scores = bool(measures) or not scored_here
    accepted = check_comparable(baseline, candidate, despite=despite, scored_here=not takes_scores)
    paired = pair_runs(baseline, candidate, by=by, kind=kind)
    if scored_here and not (paired.prompts and any(item.answer for item in baseline.items)):
        raise UsageError(
            "the files do not hold prompts and answers, so nothing can be judged here",
            where=f"{baseline.place} and {candidate.place}",
            mend="import the tool's own scores, or files with its transcripts",
        )
    version = ""
    if baseline.version != candidate.version:
        version = f"{baseline.version or 'unknown'} and {candidate.version or 'unknown'}"
    chosen = (
        choose_measures(
            (baseline, candidate), names=measures, wanted=wanted, scale=scale, exact=exact, version=version
        )
        if takes_scores
        else ()
    )
    return ImportedRuns(runs=(baseline, candidate), paired=paired, chosen=chosen, accepted=accepted)


def plan_of(
    imported: ImportedRuns,
    *,
    name: str = "",
    slices: Sequence[str] | None = None,
    policy: str = "",
    release: Release | None = None,
    evaluators: Sequence[EvaluatorReference] = (),
) -> Plan:
    """The plan that an audit of `imported` keeps: what was asked, as far as the files tell.

    Args:
        name: for people.
        slices: tags to compare by; the runs' own when None.
        policy: as it was named.
        release: what the candidate is meant for.
        evaluators: those that score the answers here.
    """
    baseline, candidate = imported.runs
    scorers = tuple(
        EvaluatorReference(use=each.pin.name, settings=dict(each.pin.settings)) for each in imported.chosen
    )
    return Plan(
        version=1,
        name=name or f"{_dataset(baseline)}: {candidate.model or candidate.place}",
        baseline=ModelReference(model=_reference(baseline)),
        candidate=ModelReference(model=_reference(candidate)),
        datasets=(DatasetReference(use=_dataset(baseline)),),
        evaluators=(*scorers, *evaluators),
        slices=imported.slices if slices is None else tuple(slices),
        decoding=_decoding(imported.runs),
        repeats=imported.paired.epochs,
        seed=0,
        policy=policy,
        release=release or Release(),
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _decoding(runs: tuple[Run, Run]) -> Decoding:
    """What either file tells; where both do and differ, that is a note, and the candidate's stands here."""
    known = [run.decoding for run in reversed(runs)]
    return Decoding(
        temperature=next((each.temperature for each in known if each.temperature), ""),
        top_p=next((each.top_p for each in known if each.top_p), ""),
        max_tokens=next((each.max_tokens for each in known if each.max_tokens), 0) or 0,
    )


def _reference(run: Run) -> str:
    return f"imported:{run.tool}:{run.model or PurePath(run.place).stem}"


def _dataset(run: Run) -> str:
    return f"{run.tool}/{run.task or PurePath(run.place).stem}"
