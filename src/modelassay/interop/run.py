"""What another tool's file holds: who was asked what, what came back, and what its scorers said of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from modelassay.canonical import Digest
from modelassay.errors import UsageError
from modelassay.records import FinishReason, Message, SampleKind, Unscored


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What a scorer of the tool said of one answer."""

    value: float
    """On the scorer's own scale; finite."""
    label: str
    """The tool's own word, such as ``C`` or ``true``."""


class Scorer(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the tool measured."""

    name: str
    """As the tool names it."""
    lower: bool | None = None
    """Whether low values are wanted; None when the file does not tell."""
    exact: bool = False
    """Whether it compares with a gold answer or computes, so that no judgement enters."""


class Thinking(msgspec.Struct, frozen=True, kw_only=True):
    """Reasoning, which is no part of answers, where it stands in what was said: between ``<think>`` tags."""

    conversation: tuple[str, ...] = ()
    """The text of each message with its reasoning; empty for one that has none."""
    answer: str = ""
    """Likewise of the answer."""
    redacted: bool = False
    """Whether some of it is hidden; a summary stands for it where there is one."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to one question."""

    place: str
    """File and line or key, for messages."""
    id: str = ""
    """The question's id in the file; empty when it has none."""
    epoch: int = 0
    """Which repetition of the question, from 0."""
    messages: tuple[Message, ...] = ()
    """What was asked; empty when the file does not tell."""
    answer: tuple[Message, ...] | None = None
    """What came back; None when the file holds no answer."""
    conversation: tuple[Message, ...] = ()
    """Every message, calls of tools included; empty when not read for, or not in the file."""
    thinking: Thinking = Thinking()
    """The reasoning in the conversation; read where the conversation is."""
    failure: str = ""
    """Why there is none, as the file says."""
    finish: FinishReason = "unknown"
    reference: str = ""
    context: str = ""
    kind: SampleKind | None = None
    """None when the file does not tell."""
    tags: dict[str, str] = {}
    model: str = ""
    """Who answered, where a file holds several models."""
    marks: dict[str, Mark | Unscored] = {}
    """By scorer; a scorer that does not apply to the question is absent."""


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read."""

    name: str
    """Without folders."""
    digest: Digest
    size: int


class KnownDecoding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How answers were generated, as far as the file tells; empty text and None are unknown."""

    temperature: str = ""
    top_p: str = ""
    max_tokens: int | None = None
    seed: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One tool's run on one model or, until `of_model` chooses one, on several."""

    tool: str
    version: str = ""
    model: str = ""
    task: str = ""
    made: str = ""
    """When it was complete, ``YYYY-MM-DDTHH:MM:SSZ``; empty when the file does not tell."""
    kind: SampleKind = "borderline"
    """Of questions whose kind the file does not tell."""
    decoding: KnownDecoding = KnownDecoding()
    by_task: dict[str, KnownDecoding] = {}
    """How the answers of each task were generated, where there are several."""
    scorers: tuple[Scorer, ...] = ()
    items: tuple[Item, ...]
    files: tuple[SourceFile, ...]
    notes: tuple[str, ...] = ()
    """What is missing, or had to be understood in one of several ways."""

    @property
    def place(self) -> str:
        """The file, for messages."""
        return self.files[0].name


def merged(runs: Sequence[Run]) -> Run:
    """Several runs of one tool on one model, such as the tasks of a suite, as one; each id then begins with
    its task, which is a tag too.

    Raises:
        UsageError: of different tools, versions or models, or one task twice.
    """
    first = runs[0]
    if len(runs) == 1:
        return first
    for part in ("tool", "version", "model"):
        for run in runs[1:]:
            if getattr(run, part) != getattr(first, part):
                raise UsageError(
                    f"not of one {part}, so not one run",
                    where=f"{first.place} and {run.place}",
                    mend="import them apart",
                )
    if len({run.task for run in runs}) < len(runs):
        raise UsageError("two files of one task", where=first.place, mend="give each task once")
    return msgspec.structs.replace(
        first,
        task=" + ".join(sorted(run.task for run in runs)),
        made=min((run.made for run in runs if run.made), default=""),
        decoding=_agreed([run.decoding for run in runs]),
        by_task={run.task: run.decoding for run in runs},
        scorers=_scorers_of(runs),
        items=tuple(_of_task(item, run) for run in runs for item in run.items),
        files=tuple(dict.fromkeys(file for run in runs for file in run.files)),
        notes=tuple(dict.fromkeys(note for run in runs for note in run.notes)),
    )


def _agreed(known: Sequence[KnownDecoding]) -> KnownDecoding:
    """What all of them say."""
    said = {name: {getattr(each, name) for each in known} for name in KnownDecoding.__struct_fields__}
    return KnownDecoding(**{name: values.pop() for name, values in said.items() if len(values) == 1})


def _of_task(item: Item, run: Run) -> Item:
    return msgspec.structs.replace(
        item,
        id=f"{run.task}:{item.id}" if item.id else "",
        kind=item.kind or run.kind,
        tags={**item.tags, "task": run.task},
    )


def _scorers_of(runs: Sequence[Run]) -> tuple[Scorer, ...]:
    """Each once: exact where all say so, and of a wanted end where none says otherwise."""
    found: dict[str, Scorer] = {}
    for scorer in (scorer for run in runs for scorer in run.scorers):
        known = found.setdefault(scorer.name, scorer)
        if known.lower is not None and scorer.lower is not None and known.lower != scorer.lower:
            raise UsageError(
                f"the files disagree on which end of {scorer.name} is wanted",
                where=runs[0].place,
                mend="import them apart",
            )
        lower = scorer.lower if known.lower is None else known.lower
        found[scorer.name] = Scorer(name=scorer.name, lower=lower, exact=known.exact and scorer.exact)
    return tuple(found.values())


def repeats_numbered(items: Iterable[Item]) -> tuple[Item, ...]:
    """`items` with those of one id counted as its repetitions, in their order; for tools whose questions are
    known by what was asked alone, so that one asked twice was asked again on purpose."""
    counts: Counter[str] = Counter()
    found = []
    for item in items:
        found.append(msgspec.structs.replace(item, epoch=counts[item.id]))
        counts[item.id] += 1
    return tuple(found)
