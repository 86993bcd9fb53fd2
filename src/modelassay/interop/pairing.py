"""Two runs of one tool into pairs: the same questions, each with both answers and both scores.

Questions are matched by their id in the files or, where there is none or `by` says so, by what was asked; a
sample is its content, as everywhere, and questions of equal content are repeats of one sample. Nothing is
dropped: a question that only one run has, that stands twice in a file, or that has no score, is a pair with
an unscored side. Different prompts under one id are refused, and so are runs that cannot be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec

from modelassay.canonical import digest_of
from modelassay.errors import UsageError
from modelassay.interop.measures import Chosen, reading_of
from modelassay.interop.run import Item, Run
from modelassay.records import (
    Failure,
    Message,
    PairKey,
    Reading,
    Sample,
    SampleKind,
    Transcript,
    Unscored,
    sample_id,
)

Side = Literal["baseline", "candidate"]
By = Literal["id", "prompt"]
SIDES: tuple[Side, Side] = ("baseline", "candidate")
TWICE = Unscored(reason="stands twice in the file")
ABSENT = Unscored(reason="not in this run")
NOT_SCORED = Unscored(reason="no score in the file")
MOST_PLACES = 4_000_000
"""Samples times repeats; above it, a few questions asked very often would blow up the audit."""
NAMED = 5
"""Questions that a message names."""

Outcome = Reading | Unscored


class Slot(NamedTuple):
    """What one run has under one key."""

    item: Item
    twice: bool


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Both runs, question by question."""

    samples: tuple[Sample, ...]
    """Sorted by id."""
    epochs: int
    """Most repeats of one sample."""
    slots: Mapping[Side, Mapping[PairKey, Slot]]
    notes: tuple[str, ...]
    prompts: bool
    """Whether the files say what was asked."""

    @cached_property
    def keys(self) -> list[PairKey]:
        """Every question of either run, sorted."""
        return sorted(set(self.slots["baseline"]) | set(self.slots["candidate"]))

    def transcript(self, side: Side, key: PairKey, target: str) -> Transcript:
        """The answer of one model; one that failed where its run has none."""
        slot = self.slots[side].get(key)
        if slot is None:
            failure = Failure(kind="absent", message="the imported run does not have this question")
            return Transcript(key=key, target=target, failure=failure)  # type: ignore[arg-type]
        item = slot.item
        if item.failure or item.answer is None:
            kind: Literal["absent", "reported"] = "reported" if item.failure else "absent"
            said = " ".join(item.failure.split())[:500] or "the imported file holds no answer"
            return Transcript(
                key=key,
                target=target,  # type: ignore[arg-type]
                messages=item.answer or (),
                failure=Failure(kind=kind, message=said),
            )
        return Transcript(key=key, target=target, messages=item.answer, finish=item.finish)  # type: ignore[arg-type]

    def outcomes(self, side: Side, chosen: Chosen) -> Iterator[tuple[PairKey, Outcome]]:
        """One model's outcome on one measure, for every question that either run scores with it."""
        scorer = chosen.scorer
        for key in self.keys:
            slots = [self.slots[each].get(key) for each in SIDES]
            if any(slot is not None and scorer in slot.item.marks for slot in slots):
                yield key, _outcome(self.slots[side].get(key), chosen)


def pair_runs(baseline: Run, candidate: Run, *, by: By = "id", kind: SampleKind | None = None) -> Paired:
    """`baseline` and `candidate` matched by question.

    Args:
        baseline: of one model; likewise `candidate`.
        by: what names a question: its id in the files, or what was asked.
        kind: of every question, in place of what the files or formats say.

    Raises:
        UsageError: different prompts under one id, no common question, or too many repeats.
    """
    questions = [_questions(run, by) for run in (baseline, candidate)]
    common = questions[0].keys() & questions[1].keys()
    if not common:
        raise UsageError(
            "the two runs have no question in common",
            where=f"{baseline.place} and {candidate.place}",
            mend="pair runs of one task; --pair-by prompt matches by what was asked",
        )
    names = sorted(questions[0].keys() | questions[1].keys())
    contents = {name: _content(name, [q.get(name, {}) for q in questions]) for name in names}
    placed = _placed(names, contents, questions)
    slots: dict[Side, dict[PairKey, Slot]] = {"baseline": {}, "candidate": {}}
    for side, run_questions in zip(SIDES, questions, strict=True):
        for name, repeats in run_questions.items():
            sample, first = placed[name]
            for epoch, slot in repeats.items():
                slots[side][PairKey(sample=sample, epoch=first + epoch)] = slot
    epochs = max(key.epoch for each in slots.values() for key in each) + 1
    samples = _samples(placed, questions, contents, (baseline, candidate), kind)
    if len(samples) * epochs > MOST_PLACES:
        raise UsageError(
            f"{len(samples):,} samples, one of them asked {epochs:,} times", mend="split the files by task"
        )
    return Paired(
        samples=samples,
        epochs=epochs,
        slots=slots,
        notes=tuple(_notes(questions, placed, contents)),
        prompts=any(content.messages for content in contents.values()),
    )


Questions = dict[str, dict[int, Slot]]


class Content(NamedTuple):
    """What a question is."""

    messages: tuple[Message, ...]
    reference: str
    context: str


def _questions(run: Run, by: By) -> Questions:
    """Items by question and repeat; one that stands twice keeps its first answer and loses its scores."""
    found: Questions = {}
    repeats: Counter[str] = Counter()
    for item in run.items:
        named = bool(item.id) and by == "id"
        if not named and not item.messages:
            raise UsageError("neither an id nor a prompt", where=item.place, mend="pair by what the file has")
        name = f"id {item.id}" if named else f"prompt {_digest(item)}"
        epoch = item.epoch if named else repeats[name]
        repeats[name] += 1
        slots = found.setdefault(name, {})
        slots[epoch] = Slot(slots[epoch].item, True) if epoch in slots else Slot(item, False)
    return found


def _digest(item: Item) -> str:
    return digest_of([item.messages, item.reference, item.context])


def _content(name: str, sides: Sequence[Mapping[int, Slot]]) -> Content:
    """What was asked under `name`, which must be one thing wherever a file says it.

    Raises:
        UsageError: it is not; names both places.
    """
    items = [slot.item for side in sides for slot in side.values()]
    for part, what in (("messages", "prompts"), ("reference", "targets"), ("context", "contexts")):
        said = [item for item in items if getattr(item, part)]
        for item in said[1:]:
            if getattr(item, part) != getattr(said[0], part):
                raise UsageError(
                    f"different {what} under one id: {name.removeprefix('id ')[:80]!r}",
                    where=f"{said[0].place} and {item.place}",
                    mend="pair runs of the same questions; --pair-by prompt matches by what was asked",
                )
    return Content(
        next((item.messages for item in items if item.messages), ()),
        next((item.reference for item in items if item.reference), ""),
        next((item.context for item in items if item.context), ""),
    )


def _placed(
    names: Sequence[str], contents: Mapping[str, Content], questions: Sequence[Questions]
) -> dict[str, tuple[str, int]]:
    """Each question's sample, and the number of its first repeat there."""
    following: Counter[str] = Counter()
    placed = {}
    for name in names:
        content = contents[name]
        sample = sample_id(
            content.messages or _stand_in(name), reference=content.reference, context=content.context
        )
        placed[name] = (sample, following[sample])
        following[sample] += 1 + max(epoch for q in questions for epoch in q.get(name, {0: None}))
    return placed


def _stand_in(name: str) -> tuple[Message, ...]:
    """In place of a prompt that no file has."""
    return (Message(role="user", content=f"(The imported files do not hold this prompt; {name}.)"),)


def _samples(
    placed: Mapping[str, tuple[str, int]],
    questions: Sequence[Questions],
    contents: Mapping[str, Content],
    runs: Sequence[Run],
    kind: SampleKind | None,
) -> tuple[Sample, ...]:
    found: dict[str, Sample] = {}
    for name, (sample, _) in placed.items():
        items = [
            (slot.item, run)
            for q, run in zip(questions, runs, strict=True)
            for slot in q.get(name, {}).values()
        ]
        tags = {key: value for item, _ in reversed(items) for key, value in item.tags.items()}
        if sample in found:
            found[sample] = msgspec.structs.replace(found[sample], tags={**tags, **found[sample].tags})
            continue
        content = contents[name]
        said = next((item.kind for item, _ in items if item.kind), None)
        found[sample] = Sample(
            id=sample,
            messages=content.messages or _stand_in(name),
            kind=kind or said or items[0][1].kind,
            reference=content.reference,
            context=content.context,
            tags=tags,
        )
    return tuple(found[sample] for sample in sorted(found))


def _outcome(slot: Slot | None, chosen: Chosen) -> Outcome:
    if slot is None:
        return ABSENT
    if slot.twice:
        return TWICE
    mark = slot.item.marks.get(chosen.scorer, NOT_SCORED)
    return mark if isinstance(mark, Unscored) else reading_of(mark, chosen, slot.item.place)


def _notes(
    questions: Sequence[Questions], placed: Mapping[str, tuple[str, int]], contents: Mapping[str, Content]
) -> Iterator[str]:
    """What a reader must know of the pairs."""
    for side, own, other in zip(SIDES, questions, reversed(questions), strict=True):
        only = sorted(f"{name}" for name in own.keys() - other.keys())
        if only:
            yield f"Only the {side} was asked {_named(only)}; each counts as a pair with an unscored side."
        twice = sorted(name for name, slots in own.items() if any(slot.twice for slot in slots.values()))
        if twice:
            yield f"The {side}'s file holds two answers to {_named(twice)}; each counts as unscored."
    uneven = [
        name
        for name in questions[0].keys() & questions[1].keys()
        if questions[0][name].keys() != questions[1][name].keys()
    ]
    if uneven:
        yield f"Repeats do not match in {_named(sorted(uneven))}; those of one run alone count as unscored."
    alike = sorted(name for name, (_, first) in placed.items() if first > 0)
    if alike:
        yield f"What is asked in {_named(alike)} is asked under another id too, and counts as a repeat."
    if not all(content.messages for content in contents.values()):
        yield "The files do not hold every prompt; such questions are known by their ids alone."


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    shown = ", ".join(name.removeprefix("id ")[:60] for name in listed[:NAMED])
    more = f" and {len(listed) - NAMED:,} more" if len(listed) > NAMED else ""
    return f"{len(listed):,} questions ({shown}{more})" if len(listed) > 1 else f"one question ({shown})"
