"""`Dataset`: the Python view of a suite, for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from modelassay.config.plan import DatasetReference
from modelassay.errors import UsageError
from modelassay.event_loop import run
from modelassay.protocols import Evaluator
from modelassay.records import DatasetPin, Decoding, Sample
from modelassay.suites.columns import Kind, map_rows
from modelassay.suites.download import Progress
from modelassay.suites.duplicates import drop_duplicates
from modelassay.suites.evaluation import Answers, DatasetEvaluation, evaluate, open_evaluator
from modelassay.suites.files import Row
from modelassay.suites.locate import default_cache_dir
from modelassay.suites.pins import pin_digest
from modelassay.suites.suite import Suite, open_suite


class Dataset:
    """Pinned samples, iterable in order.

    Args:
        suite: what it shows.
    """

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self._evaluators: list[Evaluator] = []

    @classmethod
    def open(
        cls,
        use: str,
        *,
        where: Mapping[str, str] | None = None,
        limit: int = 0,
        seed: int = 1,
        data_dir: Path | str | None = None,
        cache_dir: Path | str | None = None,
        offline: bool = False,
        progress: Progress | None = None,
    ) -> Dataset:
        """A dataset by name, ``starter`` or a public source, or by path; ``@sha256:…`` pins it.

        Raises:
            UnknownNameError: neither a known dataset nor a file.
            DatasetError: the rows cannot be had, cannot be read or are not those of the pin.
        """
        reference = DatasetReference(use=use, where=dict(where or {}), limit=limit)
        suite = open_suite(
            reference,
            folder=Path.cwd(),
            data_dir=Path(data_dir) if data_dir else None,
            cache_dir=Path(cache_dir) if cache_dir else default_cache_dir(),
            seed=seed,
            offline=offline,
            progress=progress,
        )
        return cls(suite)

    @classmethod
    def from_file(
        cls,
        path: Path | str,
        *,
        columns: Mapping[str, str] | None = None,
        kind: Kind = "",
        where: Mapping[str, str] | None = None,
        limit: int = 0,
        seed: int = 1,
    ) -> Dataset:
        """The rows of a JSONL, CSV or Parquet file; `columns` and `kind` as in a plan.

        Raises:
            DatasetError: a row is no sample.
        """
        reference = DatasetReference(
            use=str(path), columns=dict(columns or {}), kind=kind, where=dict(where or {}), limit=limit
        )
        here = Path.cwd()
        return cls(open_suite(reference, folder=here, data_dir=None, cache_dir=here, seed=seed, offline=True))

    @classmethod
    def from_records(
        cls,
        records: Iterable[Mapping[str, Any]],
        *,
        columns: Mapping[str, str] | None = None,
        kind: Kind = "",
        name: str = "records",
    ) -> Dataset:
        """Rows from memory; `columns` and `kind` as in a plan.

        Raises:
            DatasetError: a row is no sample; its place is ``name[index]``.
        """
        rows = (Row(f"{name}[{index}]", dict(record)) for index, record in enumerate(records))
        samples, warnings = drop_duplicates(map_rows(rows, columns=columns or {}, kind=kind, origin=name))
        pin = DatasetPin(name=name, digest=pin_digest(samples), rows=len(samples), source="records")
        return cls(Suite(name=name, samples=samples, pin=pin, warnings=warnings))

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All samples, in order."""
        return self.suite.samples

    @property
    def pin(self) -> DatasetPin:
        """Which rows these are."""
        return self.suite.pin

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know about them."""
        return self.suite.warnings

    @property
    def evaluators(self) -> tuple[Evaluator, ...]:
        """What `add_evaluation` attached."""
        return tuple(self._evaluators)

    def add_evaluation(self, evaluator: Evaluator | type[Any] | str, **settings: Any) -> Dataset:
        """Attach an evaluator, as an object, a class or a plan name; returns the dataset, for the next one.

            data.add_evaluation("refusal").add_evaluation(IsCompliant, policy=text)

        Raises:
            UnknownNameError: no such evaluator.
            UsageError: no evaluator, wrong settings, or a measure that is scored already.
        """
        added = open_evaluator(evaluator, settings)
        taken = {measure.name for each in self._evaluators for measure in each.measures}
        twice = sorted(taken & {measure.name for measure in added.measures})
        if twice:
            raise UsageError(
                f"measure {twice[0]!r} is scored already",
                where=f"evaluator {added.name}",
                mend="attach it once",
            )
        self._evaluators.append(added)
        return self

    def evaluate(self, answers: Answers, *, decoding: Decoding | None = None) -> DatasetEvaluation:
        """Have the samples answered and every attached evaluator read the answers; works in notebooks too.

        Args:
            answers: texts by prompt or sample id, texts in the samples' order, a function of the prompt, a
                model, or its reference as in a plan; a model is asked once a sample.
            decoding: how a model answers; by default greedy, as in a plan.

        Raises:
            UsageError: no evaluator is attached, or an answer is missing.
            TargetError: the model, or a judge, cannot be asked.
        """
        if not self._evaluators:
            raise UsageError("no evaluator is attached", mend="such as data.add_evaluation('refusal')")
        return run(evaluate(self.pin, self.samples, self._evaluators, answers, decoding or Decoding()))

    def __len__(self) -> int:
        return len(self.suite.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.suite.samples)

    def __repr__(self) -> str:
        return f"Dataset({self.suite.name}, {len(self)} samples, {self.pin.digest})"

    def to_columns(self) -> dict[str, list[Any]]:
        """One list a column, ready for a data frame.

        ``prompt`` is the text of the last turn; ``tags`` have a column each, under their own name or
        ``tag:NAME`` where that name is taken, with an empty string where a sample lacks the tag.
        """
        samples = self.samples
        columns: dict[str, list[Any]] = {
            "id": [sample.id for sample in samples],
            "prompt": [sample.messages[-1].content for sample in samples],
            "turns": [len(sample.messages) for sample in samples],
            "kind": [sample.kind for sample in samples],
            "reference": [sample.reference for sample in samples],
            "context": [sample.context for sample in samples],
            "cluster": [sample.cluster for sample in samples],
        }
        fixed = set(columns)
        for tag in dict.fromkeys(tag for sample in samples for tag in sample.tags):
            name = f"tag:{tag}" if tag in fixed else tag
            columns[name] = [sample.tags.get(tag, "") for sample in samples]
        return columns
