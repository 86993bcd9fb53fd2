"""The texts of suites that training data is held against: of a plan, of a dataset by name, of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelassay.config.load import load_plan
from modelassay.config.plan import DatasetReference
from modelassay.errors import DatasetError
from modelassay.records import Sample
from modelassay.suites.locate import default_cache_dir
from modelassay.suites.suite import open_suite
from modelassay.training.data.rows import Quarantine, read_objects

_NO_TEXT = frozenset({"id", "kind", "tags", "cluster", "source", "licence", "license", "digest", "category"})


def suites_named(use: str, data_dir: Path | None = None) -> dict[str, list[str]]:
    """The items of suites, by name of the suite; nothing is downloaded.

    Args:
        use: a plan (YAML), whose datasets are taken; a file of items; or a dataset by name, ``starter`` or a
            public one that is at hand.
        data_dir: folder of public datasets already at hand.

    Raises:
        ConfigError: a plan that cannot be read.
        UnknownNameError: neither a known dataset nor a file.
        DatasetError: items cannot be had or read.
    """
    path = Path(use)
    if path.suffix in (".yaml", ".yml"):
        plan = load_plan(path)
        return {each.use: _samples(each, path.parent, data_dir) for each in plan.datasets}
    if path.suffix in (".jsonl", ".ndjson", ".json", ".parquet"):
        return {path.name: suite_texts(path)}
    return {use: _samples(DatasetReference(use=use), Path.cwd(), data_dir)}


def _samples(reference: DatasetReference, folder: Path, data_dir: Path | None) -> list[str]:
    suite = open_suite(
        reference, folder=folder, data_dir=data_dir, cache_dir=default_cache_dir(), seed=1, offline=True
    )
    return [_said(sample) for sample in suite.samples]


def _said(sample: Sample) -> str:
    messages = [message.content for message in sample.messages]
    return "\n".join((*messages, sample.context, sample.reference))


def suite_texts(path: Path) -> list[str]:
    """One text for each row of a file: all that it says, names and tags left out.

    Raises:
        DatasetError: the file cannot be read, or has no text.
    """
    quarantine = Quarantine()
    found = ["\n".join(_texts(raw)) for _, raw in read_objects(path, quarantine)]
    if quarantine.count or not any(map(str.strip, found)):
        why = quarantine.kept[0].reason if quarantine.count else "no row has text"
        raise DatasetError(f"not a suite that can be read: {why}", where=str(path))
    return found


def _texts(raw: Any) -> Iterator[str]:
    if isinstance(raw, str):
        yield raw
    elif isinstance(raw, dict):
        for name, value in raw.items():
            if name not in _NO_TEXT:
                yield from _texts(value)
    elif isinstance(raw, list):
        for value in raw:
            yield from _texts(value)
