"""Samples of the LM Evaluation Harness: ``samples_<task>_<time>.jsonl``, one line a document and filter.

Written by ``--log_samples`` (lm_eval/loggers/evaluation_tracker.py). A line has ``doc_id``, ``doc``,
``target``, ``arguments`` (the requests), ``resps``, ``filtered_resps``, ``filter``, ``metrics`` (names) and
each metric under its own name. ``results_<time>.json`` beside it says which model and version, how it was
decoded and which metrics are better when higher; without it that is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.interop.reading import (
    MOST_ITEMS,
    Fields,
    json_lines,
    mark_of,
    messages_of,
    parse_json,
    plain,
    read_source,
    tags_of,
    text_of,
    utc,
)
from modelassay.interop.run import Item, KnownDecoding, Mark, Run, Scorer, SourceFile
from modelassay.records import Message, Unscored

TOOL = "lm-eval"
EXACT = frozenset(
    ("acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "em", "f1", "mcc", "mc1", "mc2")
)
"""Metrics that compare with a gold answer."""
_KNOWN = frozenset(("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"))
_KNOWN |= frozenset(("doc_hash", "prompt_hash", "target_hash"))
_FEWEST_STAMP = 19


def is_lm_eval(first: Fields) -> bool:
    """Whether a file of lines that begins with `first` is one of these."""
    return "doc_id" in first and "filtered_resps" in first


def read_lm_eval(source: SourceFile, data: bytes, *, folder: Path) -> Run:
    """The run in a file of samples, with what the results beside it say.

    Args:
        source: the samples.
        data: their bytes.
        folder: where the results are looked for.

    Raises:
        DatasetError: a line or the results cannot be read.
    """
    task, stamp = _named(source.name)
    found = _results(folder, stamp)
    results = Fields(parse_json(found[1], found[0].name), found[0].name) if found else Fields({}, source.name)
    lines = list(json_lines(data, source.name))
    if len(lines) > MOST_ITEMS:
        raise DatasetError(f"more than {MOST_ITEMS:,} lines", where=source.name)
    filters = sorted({line.text("filter", "none") for line in lines})
    items = tuple(_joined(lines, task, several=len(filters) > 1))
    higher = results.inner("higher_is_better").inner(task)
    names = dict.fromkeys(name for item in items for name in item.marks)
    arguments = results.inner("config")
    return Run(
        tool=TOOL,
        version=results.text("lm_eval_version"),
        model=results.text("model_name") or _model(arguments),
        task=task,
        made=utc(stamp.replace("T", " ")[:10] + "T" + stamp[11:19].replace("-", ":")) if stamp else "",
        kind="benign",
        decoding=_decoding(lines, arguments),
        scorers=tuple(_scorer(name, higher) for name in names),
        items=items,
        files=(source, found[0]) if found else (source,),
        notes=tuple(_notes(lines, bool(found))),
    )


def _named(name: str) -> tuple[str, str]:
    """Task and time of ``samples_<task>_<time>.jsonl``; the time may be missing."""
    stem = name.removesuffix(".jsonl").removeprefix("samples_")
    task, _, stamp = stem.rpartition("_")
    dated = len(stamp) >= _FEWEST_STAMP and stamp[:4].isdigit() and stamp[10] == "T"
    return (plain(task), stamp) if task and dated else (plain(stem), "")


def _results(folder: Path, stamp: str) -> tuple[SourceFile, bytes] | None:
    path = folder / f"results_{stamp}.json"
    return read_source(path) if stamp and path.is_file() else None


def _joined(lines: list[Fields], task: str, *, several: bool) -> Iterator[Item]:
    """One item a document: its filters are metrics of the one answer."""
    by_document: dict[str, Item] = {}
    seen: set[tuple[str, str]] = set()
    again: list[Item] = []
    for line in lines:
        name = line.text("filter", "none")
        item = _item(line, task, f"{name}/" if several else "")
        if (item.id, name) in seen:
            again.append(item)
        elif item.id in by_document:
            first = by_document[item.id]
            if first.messages != item.messages:
                raise DatasetError(f"two prompts for doc_id {item.id}", where=line.where)
            by_document[item.id] = _with_marks(first, item)
        else:
            by_document[item.id] = item
        seen.add((item.id, name))
    yield from by_document.values()
    yield from again


def _with_marks(first: Item, second: Item) -> Item:
    import msgspec

    return msgspec.structs.replace(first, marks={**first.marks, **second.marks})


def _item(line: Fields, task: str, prefix: str) -> Item:
    document = line.get("doc")
    requests = list(_requests(line))
    tags = tags_of(document) if isinstance(document, dict) else {}
    return Item(
        place=line.where,
        id=line.name("doc_id"),
        messages=_prompt(requests, line.where),
        answer=_answer(line, requests),
        reference=line.name("target") if isinstance(line.get("target"), str | int) else "",
        tags={"task": task, **tags},
        marks={prefix + name: mark for name, mark in _marks(line)},
    )


def _requests(line: Fields) -> Iterator[list[Any]]:
    """Arguments of each request: in order, whichever of its two forms the file has."""
    value = line.get("arguments")
    if isinstance(value, dict):
        for each in value.values():
            yield list(each.values()) if isinstance(each, dict) else [each]
    else:
        for each in line.listed("arguments"):
            yield each if isinstance(each, list) else [each]


def _prompt(requests: list[list[Any]], where: str) -> tuple[Message, ...]:
    """What was asked; a chat is a list of messages, as JSON text."""
    first = requests[0][0] if requests and requests[0] else ""
    if isinstance(first, str) and first.startswith("[{"):
        try:
            return messages_of(parse_json(first, where), where)
        except DatasetError:
            pass  # a prompt that only begins like a chat
    return messages_of(first, where) if isinstance(first, str) and first else ()


def _answer(line: Fields, requests: list[list[Any]]) -> tuple[Message, ...] | None:
    """The first generation; of weighed options the likeliest, which is what the model chose."""
    responses = [_first(each) for each in line.listed("resps")]
    if not responses:
        return None
    if isinstance(responses[0], str):
        return (Message(role="assistant", content=plain(responses[0])),)
    weights = [_log_likelihood(each) for each in responses]
    options = [each[1] if len(each) > 1 and isinstance(each[1], str) else "" for each in requests]
    if len(weights) != len(options) or None in weights or not any(options):
        return None
    chosen = max(range(len(weights)), key=lambda index: weights[index] or 0.0)
    return (Message(role="assistant", content=text_of(options[chosen], line.where).strip()),)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _log_likelihood(value: Any) -> float | None:
    number = _first(value)
    try:
        found = float(number) if isinstance(number, str | int | float) else None
    except (ValueError, OverflowError):
        return None
    return found if found == found else None


def _marks(line: Fields) -> Iterator[tuple[str, Mark | Unscored]]:
    named = [name for name in line.listed("metrics") if isinstance(name, str)]
    for name in named or sorted(line.values.keys() - _KNOWN):
        mark = mark_of(line.get(name))
        if mark is not None:
            yield plain(name), mark
        elif named:
            yield plain(name), Unscored(reason="a value that is no number")


def _scorer(name: str, higher: Fields) -> Scorer:
    metric = name.rpartition("/")[2]
    said = higher.get(metric)
    return Scorer(name=name, lower=not said if isinstance(said, bool) else None, exact=metric in EXACT)


def _decoding(lines: list[Fields], config: Fields) -> KnownDecoding:
    """Of the first request that generates; settings follow the prompt in its arguments."""
    settings = Fields({}, "generation")
    for requests in (list(_requests(line)) for line in lines[:1]):
        for request in requests[:1]:
            if len(request) > 1 and isinstance(request[1], dict):
                settings = Fields(request[1], f"{lines[0].where}: arguments")
    sampled = settings.get("do_sample")
    tokens = settings.get("max_gen_toks")
    temperature = settings.get("temperature")
    known = temperature if isinstance(temperature, int | float) else 0 if sampled is False else None
    return KnownDecoding(
        temperature=Fields({"t": known}, settings.where).number("t"),
        max_tokens=tokens if isinstance(tokens, int) and 0 < tokens < 2**31 else None,
        seed=config.number("random_seed") if isinstance(config.get("random_seed"), int) else "",
    )


def _model(config: Fields) -> str:
    arguments = config.get("model_args")
    text = arguments if isinstance(arguments, str) else ""
    if isinstance(arguments, dict):
        text = str(arguments.get("pretrained") or arguments.get("model") or "")
    return plain(f"{config.text('model')}:{text}".strip(":"))[:300]


def _notes(lines: list[Fields], has_results: bool) -> Iterator[str]:
    if not has_results:
        yield "No results_<time>.json lies beside the samples: model, version and decoding are not known."
    if any(isinstance(_first(_first(line.get("resps"))), list | tuple) for line in lines[:1]):
        yield "Options were weighed and nothing was generated; the likeliest option stands as the answer."
    if any(
        isinstance(each, list) and len(each) > 1 and isinstance(each[0], str)
        for line in lines
        for each in line.listed("resps")
    ):
        yield "Several answers were generated to one prompt and scored together; the first one is shown."
