"""A dataset's answers, scored: for scripts and notebooks, where no audit is wanted.

What is decided about a release comes from an audit, which asks both models, compares them and keeps the
evidence; this is the same evaluators on the same samples, in memory.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelassay import plugins
from modelassay.canonical import Digest, digest_bytes
from modelassay.config import ModelReference
from modelassay.errors import UsageError
from modelassay.protocols import Evaluator, Preparable, Target, readable_by
from modelassay.records import (
    DatasetPin,
    Decoding,
    Failure,
    Measure,
    Message,
    PairKey,
    Reading,
    Reply,
    Request,
    Sample,
    Score,
    Transcript,
)

Answers = Mapping[str, str] | Sequence[str] | Callable[[str], str] | Target | str
"""Where answers come from: texts by prompt or sample id, texts in the order of the samples, a function of the
prompt, a model, or its reference as in a plan (``openai:MODEL@URL``, ``hf:PATH``)."""

BY_HAND = digest_bytes(b"modelassay: answers given by hand")
"""Stands where a transcript names the fingerprint of the model that answered."""
_BATCH = 64


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """The share of wanted answers on one measure in one slice, at 95 % confidence."""

    measure: str
    slice: dict[str, str]
    """Tags that the samples share; empty for all."""
    scored: int
    unscored: int
    """Answers that could not be read: in no rate, and never a pass."""
    value: float
    """Mean of the scores, 1 is the wanted end."""
    low: float
    """Wilson's interval for yes/no scores of independent samples, else the cluster-robust one of the mean."""
    high: float

    @property
    def place(self) -> str:
        """The slice in words."""
        return ", ".join(f"{tag}={value}" for tag, value in self.slice.items()) or "all"


class DatasetEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Samples, what was answered and how it was read."""

    pin: DatasetPin
    """Which samples."""
    target: Digest
    """Fingerprint of the model, or `BY_HAND`."""
    evaluators: tuple[str, ...]
    """``name@version`` of each."""
    measures: tuple[Measure, ...]
    samples: tuple[Sample, ...]
    transcripts: tuple[Transcript, ...]
    """One a sample, in the samples' order."""
    scores: tuple[Score, ...]

    def rates(self, *slices: str) -> tuple[Rate, ...]:
        """The rate of every measure over all samples, then in every slice.

        Args:
            slices: tags such as ``cohort``, or crossed ones such as ``category*language``; `kind` is one too.
        """
        samples = {sample.id: sample for sample in self.samples}
        found: list[Rate] = []
        for measure in self.measures:
            scores = [score for score in self.scores if score.measure == measure.name]
            groups: dict[tuple[tuple[str, str], ...], list[Score]] = {(): scores}
            for tags in (tuple(part.strip() for part in each.split("*")) for each in slices):
                for score in scores:
                    values = [_tag(samples[score.key.sample], tag) for tag in tags]
                    if all(values):
                        groups.setdefault(tuple(zip(tags, values, strict=True)), []).append(score)
            found += [
                _rate(measure.name, dict(place), each, samples) for place, each in groups.items() if each
            ]
        return tuple(found)

    def to_columns(self) -> dict[str, list[Any]]:
        """One list a column, a row for each score, ready for a data frame."""
        samples = {sample.id: sample for sample in self.samples}
        answers = {transcript.key.sample: transcript.answer for transcript in self.transcripts}
        rows = [(score, samples[score.key.sample]) for score in self.scores]
        readings = [score.outcome if isinstance(score.outcome, Reading) else None for score, _ in rows]
        columns: dict[str, list[Any]] = {
            "id": [sample.id for _, sample in rows],
            "prompt": [sample.messages[-1].content for _, sample in rows],
            "answer": [answers[sample.id] for _, sample in rows],
            "kind": [sample.kind for _, sample in rows],
            "measure": [score.measure for score, _ in rows],
            "score": [reading.value if reading else None for reading in readings],
            "label": [reading.label if reading else "" for reading in readings],
            "raw": [reading.raw if reading else "" for reading in readings],
            "unscored": ["" if isinstance(s.outcome, Reading) else s.outcome.reason for s, _ in rows],
            "evaluator": [score.evaluator for score, _ in rows],
        }
        for tag in dict.fromkeys(tag for sample in self.samples for tag in sample.tags):
            name = f"tag:{tag}" if tag in columns else tag
            columns[name] = [sample.tags.get(tag, "") for _, sample in rows]
        return columns

    def _repr_html_(self) -> str:
        """A table of rates for notebooks; everything in it is escaped."""
        return rates_table(self.rates(), caption=f"{self.pin.name}, {len(self.samples)} samples")


def rates_table(rates: Iterable[Rate], *, caption: str) -> str:
    """`rates` as a table in HTML, everything escaped."""
    rows = "".join(
        f"<tr><td>{html.escape(rate.measure)}</td><td>{html.escape(rate.place)}</td>"
        f"<td>{rate.value:.1%}</td><td>{rate.low:.1%} to {rate.high:.1%}</td>"
        f"<td>{rate.scored}</td><td>{rate.unscored}</td></tr>"
        for rate in rates
    )
    head = "".join(
        f"<th>{name}</th>" for name in ("measure", "slice", "wanted", "95 % interval", "scored", "unscored")
    )
    return f"<table><caption>{html.escape(caption)}</caption><tr>{head}</tr>{rows}</table>"


def open_evaluator(evaluator: Evaluator | type[Any] | str, settings: Mapping[str, Any]) -> Evaluator:
    """An evaluator given as one, as its class, or by its plan name.

    Raises:
        UnknownNameError: no such evaluator.
        UsageError: settings for an evaluator that is made already, or something else altogether.
    """
    if isinstance(evaluator, str):
        evaluator = plugins.load("evaluators", evaluator)
    made = evaluator(**settings) if isinstance(evaluator, type) else evaluator
    if made is evaluator and settings:
        raise UsageError(
            "settings are given for an evaluator that is made already",
            where=", ".join(settings),
            mend="give its class or its plan name with them",
        )
    if not isinstance(made, Evaluator):
        raise UsageError(
            f"{type(made).__name__} is no evaluator", mend="it needs name, version, measures and score"
        )
    return made


async def evaluate(
    pin: DatasetPin,
    samples: Sequence[Sample],
    evaluators: Sequence[Evaluator],
    answers: Answers,
    decoding: Decoding,
) -> DatasetEvaluation:
    """Answers to `samples`, read by `evaluators`; see `Dataset.evaluate`."""
    target, transcripts = await _answered(samples, answers, decoding)
    items = list(zip(samples, transcripts, strict=True))
    scores: list[Score] = []
    for evaluator in evaluators:
        if isinstance(evaluator, Preparable):
            await evaluator.prepare()
        for start in range(0, len(items), _BATCH):
            scores += await evaluator.score(readable_by(evaluator, items[start : start + _BATCH]))
    return DatasetEvaluation(
        pin=pin,
        target=target,
        evaluators=tuple(f"{each.name}@{each.version}" for each in evaluators),
        measures=tuple(measure for each in evaluators for measure in each.measures),
        samples=tuple(samples),
        transcripts=transcripts,
        scores=tuple(scores),
    )


async def _answered(
    samples: Sequence[Sample], answers: Answers, decoding: Decoding
) -> tuple[Digest, tuple[Transcript, ...]]:
    if isinstance(answers, str):
        reference = ModelReference(model=answers)
        opened: Target = plugins.load("targets", reference.scheme)(reference, folder=Path())
        try:
            return await _ask(samples, opened, decoding)
        finally:
            await opened.close()
    if isinstance(answers, Target):
        return await _ask(samples, answers, decoding)
    texts = list(_texts(samples, answers))
    replies = [
        Reply(message=Message(role="assistant", content=text), finish="stop", output_tokens=0)
        for text in texts
    ]
    return BY_HAND, _transcripts(samples, BY_HAND, replies)


def _texts(
    samples: Sequence[Sample], answers: Mapping[str, str] | Sequence[str] | Callable[[str], str]
) -> Iterator[str]:
    if isinstance(answers, Mapping):
        for sample in samples:
            text = answers.get(sample.id, answers.get(sample.messages[-1].content))
            if text is None:
                raise UsageError(
                    "no answer is given for a sample",
                    where=f"{sample.messages[-1].content[:60]!r}",
                    mend="key the answers by prompt or sample id",
                )
            yield text
    elif callable(answers):
        yield from (answers(sample.messages[-1].content) for sample in samples)
    else:
        if len(answers) != len(samples):
            raise UsageError(
                f"{len(answers)} answers are given for {len(samples)} samples",
                mend="give one a sample, in the dataset's order",
            )
        yield from answers


async def _ask(
    samples: Sequence[Sample], target: Target, decoding: Decoding
) -> tuple[Digest, tuple[Transcript, ...]]:
    """One answer a sample, as many at once as the model takes."""
    fingerprint = (await target.identify()).fingerprint
    requests = [
        Request(
            messages=sample.messages,
            tools=sample.tools,
            decoding=decoding,
            seed=number,
            choices=sample.choices,
        )
        for number, sample in enumerate(samples)
    ]
    size, slots = max(1, target.batch_size), asyncio.Semaphore(max(1, target.concurrency))

    async def one(batch: list[Request]) -> Sequence[Reply | Failure]:
        async with slots:
            return await target.generate(batch)

    batches = await asyncio.gather(
        *(one(requests[start : start + size]) for start in range(0, len(requests), size))
    )
    return fingerprint, _transcripts(samples, fingerprint, [reply for batch in batches for reply in batch])


def _transcripts(
    samples: Sequence[Sample], target: Digest, replies: Sequence[Reply | Failure]
) -> tuple[Transcript, ...]:
    return tuple(
        Transcript(key=PairKey(sample=sample.id), target=target, failure=reply)
        if isinstance(reply, Failure)
        else Transcript(
            key=PairKey(sample=sample.id),
            target=target,
            messages=(reply.message,),
            finish=reply.finish,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            served_model=reply.served_model,
            likelihoods=reply.likelihoods,
        )
        for sample, reply in zip(samples, replies, strict=True)
    )


def _tag(sample: Sample, tag: str) -> str:
    return sample.tags.get(tag, "") or (sample.kind if tag == "kind" else "")


def _rate(
    measure: str, place: dict[str, str], scores: Sequence[Score], samples: Mapping[str, Sample]
) -> Rate:
    read = [(score, score.outcome.value) for score in scores if isinstance(score.outcome, Reading)]
    values = [value for _, value in read]
    low, high = _interval(values, [samples[s.key.sample].cluster or s.key.sample for s, _ in read])
    return Rate(
        measure=measure,
        slice=place,
        scored=len(read),
        unscored=len(scores) - len(read),
        value=sum(values) / len(values) if values else 0.0,
        low=low,
        high=high,
    )


def _interval(values: Sequence[float], clusters: Sequence[str]) -> tuple[float, float]:
    """Of the mean of `values`, at 95 %."""
    from modelassay.statistics import cluster_mean_interval, wilson_interval

    codes = {name: code for code, name in enumerate(dict.fromkeys(clusters))}
    if not values:
        return 0.0, 1.0
    if len(codes) == len(values) and set(values) <= {0.0, 1.0}:
        interval = wilson_interval(sum(values), len(values))
    else:
        interval = cluster_mean_interval(values, [codes[name] for name in clusters], bounds=(0.0, 1.0))
    return interval.low, interval.high
