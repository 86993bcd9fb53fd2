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
from modelassay.training.data.contamination import SuiteItem
from modelassay.training.data.rows import Quarantine, read_objects

_NO_TEXT = frozenset(
    {"id", "kind", "tags", "cluster", "source", "licence", "license", "digest", "category", "role", "name"}
)


def suites_named(use: str, data_dir: Path | None = None) -> dict[str, list[SuiteItem]]:
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


def _samples(reference: DatasetReference, folder: Path, data_dir: Path | None) -> list[SuiteItem]:
    suite = open_suite(
        reference, folder=folder, data_dir=data_dir, cache_dir=default_cache_dir(), seed=1, offline=True
    )
    return [_said(sample) for sample in suite.samples]


def _said(sample: Sample) -> SuiteItem:
    messages = [message for message in sample.messages if message.role != "system"]
    asked = [message.content for message in messages if message.role == "user"] + list(sample.follow_ups)
    said = (*(message.content for message in messages), *sample.follow_ups, sample.context, sample.reference)
    return SuiteItem("\n".join(said), tuple(asked))


def suite_texts(path: Path) -> list[SuiteItem]:
    """One item for each row of a file: all that it says, names, tags and system messages left out.

    Raises:
        DatasetError: the file cannot be read, or has no text.
    """
    quarantine = Quarantine()
    rows = [raw for _, raw in read_objects(path, quarantine)]
    found = [SuiteItem("\n".join(_texts(raw)), tuple(_asked(raw))) for raw in rows]
    if quarantine.count or not any(item.text.strip() for item in found):
        why = quarantine.kept[0].reason if quarantine.count else "no row has text"
        raise DatasetError(f"not a suite that can be read: {why}", where=str(path))
    return found


def _asked(raw: Any) -> Iterator[str]:
    """What users say in the conversations of a row."""
    if isinstance(raw, list):
        for value in raw:
            yield from _asked(value)
    elif isinstance(raw, dict) and isinstance(raw.get("content"), str) and "role" in raw:
        if raw["role"] == "user":
            yield raw["content"]
    elif isinstance(raw, dict):
        for name, value in raw.items():
            if name not in _NO_TEXT:
                yield from _asked(value)


def _texts(raw: Any) -> Iterator[str]:
    if isinstance(raw, str):
        yield raw
    elif isinstance(raw, dict) and raw.get("role") == "system":
        return
    elif isinstance(raw, dict):
        for name, value in raw.items():
            if name not in _NO_TEXT:
                yield from _texts(value)
    elif isinstance(raw, list):
        for value in raw:
            yield from _texts(value)
