"""Results of promptfoo: the JSON file of ``promptfoo eval -o results.json``, summary versions 2 to 4.

``results.results`` has one entry for each test, prompt and provider: ``testIdx``, ``promptIdx``,
``provider``, ``prompt``, ``vars``, ``response``, ``success``, ``score``, ``namedScores``, ``gradingResult``,
``error`` (https://www.promptfoo.dev/docs/configuration/outputs/). A result that ended with an error, rather
than with a failed assertion, is an answer without a score.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelassay.errors import DatasetError
from modelassay.interop.reading import (
    MOST_ITEMS,
    Fields,
    mark_of,
    messages_of,
    parse_json,
    plain,
    tags_of,
    utc,
)
from modelassay.interop.run import Item, Mark, Run, Scorer, SourceFile
from modelassay.records import Message, Unscored

TOOL = "promptfoo"
EXACT = frozenset(
    ("equals", "contains", "icontains", "contains-all", "contains-any", "icontains-all", "icontains-any")
)
EXACT |= frozenset(
    ("regex", "starts-with", "is-json", "contains-json", "levenshtein", "is-valid-openai-tools-call")
)
"""Assertions that compare or compute; a ``not-`` before them changes nothing about that."""
FAILED_WITH_ERROR = 2
"""``failureReason`` of a result that is an error (ResultFailureReason.ERROR)."""


def is_promptfoo(value: Any) -> bool:
    """Whether `value` is such a file."""
    results = value.get("results") if isinstance(value, dict) else None
    return isinstance(results, dict) and isinstance(results.get("results"), list)


def read_promptfoo(source: SourceFile, data: bytes) -> Run:
    """The results of every provider in the file.

    Raises:
        DatasetError: not that, or an entry that cannot be read.
    """
    whole = Fields(parse_json(data, source.name), source.name)
    if not is_promptfoo(whole.values):
        raise DatasetError("no promptfoo results: results.results is missing", where=source.name)
    summary = whole.inner("results")
    entries = list(summary.each("results"))
    if not entries:
        raise DatasetError("the file holds no results", where=source.name)
    if len(entries) > MOST_ITEMS:
        raise DatasetError(f"more than {MOST_ITEMS:,} results", where=source.name)
    several = len({entry.whole("promptIdx") for entry in entries}) > 1
    items = tuple(_item(entry, several) for entry in entries)
    exact = all(kind in EXACT for entry in entries for kind in _assertions(entry))
    checked = any(True for entry in entries for _ in _assertions(entry))
    names = dict.fromkeys(name for item in items for name in item.marks)
    models = sorted({item.model for item in items})
    return Run(
        tool=TOOL,
        version=whole.inner("metadata").text("promptfooVersion"),
        model=models[0] if len(models) == 1 else "",
        task=_task(whole),
        made=utc(summary.text("timestamp")),
        scorers=tuple(
            Scorer(name=name, lower=False, exact=exact and checked and name in ("success", "score"))
            for name in names
        ),
        items=items,
        files=(source,),
    )


def _item(entry: Fields, several: bool) -> Item:
    test = entry.inner("testCase")
    metadata = test.inner("metadata").values
    response = entry.inner("response")
    failed = entry.get("failureReason") == FAILED_WITH_ERROR or "error" in response
    why = entry.text("error") or response.text("error")
    output = response.get("output")
    prompt_index = f"/{entry.whole('promptIdx')}" if several else ""
    return Item(
        place=entry.where,
        id=f"{entry.whole('testIdx')}{prompt_index}" if "testIdx" in entry else "",
        messages=_prompt(entry),
        answer=None if output is None else (Message(role="assistant", content=_text(output)),),
        failure=(why or "promptfoo reports an error") if failed else "",
        tags=tags_of({**entry.inner("vars").values, **metadata}),
        model=_provider(entry),
        marks=dict(_marks(entry, failed=failed)),
    )


def _marks(entry: Fields, *, failed: bool) -> Iterator[tuple[str, Mark | Unscored]]:
    named = entry.inner("namedScores")
    values = {"success": entry.get("success"), "score": entry.get("score")}
    values |= {plain(name): value for name, value in named.values.items() if name not in values}
    for name, value in values.items():
        if failed:
            yield name, Unscored(reason="the result is an error")
        else:
            yield name, mark_of(value) or Unscored(reason="a value that is no number")


def _prompt(entry: Fields) -> tuple[Message, ...]:
    """The rendered prompt: text, or a list of messages as JSON text."""
    value = entry.get("prompt")
    raw = value if isinstance(value, str) else entry.inner("prompt").get("raw")
    if raw is None:
        return ()
    if isinstance(raw, str) and raw.lstrip().startswith("["):
        try:
            return messages_of(parse_json(raw, entry.where), entry.where)
        except DatasetError:
            pass  # a prompt that only begins like a list of messages
    return messages_of(raw, f"{entry.where}: prompt")


def _provider(entry: Fields) -> str:
    value = entry.get("provider")
    if isinstance(value, str):
        return plain(value)
    provider = entry.inner("provider")
    return provider.text("label") or provider.text("id")


def _assertions(entry: Fields) -> Iterator[str]:
    for part in entry.inner("gradingResult").each("componentResults"):
        if "assertion" in part:
            yield part.inner("assertion").text("type").removeprefix("not-")


def _text(output: Any) -> str:
    """An output as text; providers may give any JSON."""
    if isinstance(output, str):
        return plain(output)
    import json

    return plain(json.dumps(output, ensure_ascii=False, sort_keys=True))


def _task(whole: Fields) -> str:
    config = whole.get("config")
    description = config.get("description") if isinstance(config, dict) else None
    return plain(description)[:100] if isinstance(description, str) and description else "promptfoo"
