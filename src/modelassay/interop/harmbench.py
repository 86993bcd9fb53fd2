"""Completions of HarmBench: a JSON object from behaviour id to a list of test cases with completions.

``completions/<model>.json`` has ``test_case`` and ``generation``; ``results/<model>.json``, after
classification, ``label`` too: 1 where the behaviour was elicited (docs/evaluation_pipeline.md there). A test
case is text, or an image's name and text. Other labels than 0 and 1 are answers without a score.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from modelassay.canonical import digest_bytes
from modelassay.errors import DatasetError
from modelassay.interop.reading import MOST_ITEMS, Fields, parse_json, plain, text_of
from modelassay.interop.run import Item, Mark, Run, Scorer, SourceFile, repeats_numbered
from modelassay.records import Message, Unscored

TOOL = "harmbench"
LABEL = "label"


def is_harmbench(value: Any) -> bool:
    """Whether `value` is such a file."""
    if not isinstance(value, dict) or not value:
        return False
    first = next(iter(value.values()))
    return isinstance(first, list) and all(isinstance(each, dict) and "generation" in each for each in first)


def read_harmbench(source: SourceFile, data: bytes) -> Run:
    """The completions of one model.

    Raises:
        DatasetError: not that, or an entry that cannot be read.
    """
    whole = Fields(parse_json(data, source.name), source.name)
    items = repeats_numbered(
        _item(behaviour, case) for behaviour in whole.values for case in whole.each(behaviour)
    )
    if not items:
        raise DatasetError("the file holds no completions", where=source.name)
    if len(items) > MOST_ITEMS:
        raise DatasetError(f"more than {MOST_ITEMS:,} completions", where=source.name)
    labelled = any(item.marks for item in items)
    return Run(
        tool=TOOL,
        model=plain(PurePath(source.name).stem),
        task="harmbench",
        kind="harmful",
        scorers=(Scorer(name=LABEL, lower=True),) if labelled else (),
        items=tuple(_labelled(item) for item in items) if labelled else items,
        files=(source,),
        notes=("HarmBench's files do not say which classifier labelled them, nor when.",) if labelled else (),
    )


def _item(behaviour: str, case: Fields) -> Item:
    given = case.get("test_case")
    parts = given if isinstance(given, list) else [given]
    asked = "\n".join(text_of(part, case.where) for part in parts if part is not None)
    if not asked:
        raise DatasetError("test_case is missing", where=case.where)
    generation = case.get("generation")
    answer = None if generation is None else text_of(generation, case.where)
    return Item(
        place=case.where,
        id=f"{plain(behaviour)}/{digest_bytes(asked.encode())[7:23]}",
        messages=(Message(role="user", content=asked),),
        answer=None if answer is None else (Message(role="assistant", content=answer),),
        tags={"behaviour": plain(behaviour)[:200]},
        marks={LABEL: _mark(case.get("label"))} if "label" in case.values else {},
    )


def _mark(value: Any) -> Mark | Unscored:
    if isinstance(value, bool | int | float) and value in (0, 1):
        return Mark(value=float(value), label="elicited" if value else "not elicited")
    return Unscored(reason="no label")


def _labelled(item: Item) -> Item:
    import msgspec

    return item if item.marks else msgspec.structs.replace(item, marks={LABEL: Unscored(reason="no label")})
