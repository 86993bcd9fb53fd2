"""From data rows to samples: originals, translations, personas, conversations, tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

import msgspec

from modelassay.records import Message, Sample, SampleKind, Tool, sample_id
from modelassay.suites.starter import rows

STARTER_VERSION = "1"
"""Raised whenever a sample is added, changed or taken away; figures of two versions never compare."""
STARTER_DATED = "2026-11-21"
"""Day on which this version was written."""


@cache
def starter_samples() -> tuple[Sample, ...]:
    """Every sample of the starter suite, always in the same order.

    Originals in English come first, then their translations, the same requests put by personas,
    multi-turn conversations, and conversations with tools. Tags on each: ``category``, ``language``,
    ``turns`` (``single`` or ``multi``), ``format`` (``plain`` or ``tools``), ``source``; where they
    apply ``persona``, ``twin_of`` and ``injection``. Variants share the ``cluster`` of their original.
    """
    requests = rows.request_rows()
    return (
        *_originals(requests),
        *_translations(requests),
        *_personas(requests),
        *_conversations(),
        *_tool_conversations(),
    )


_Requests = dict[str, tuple[rows.RequestRow, ...]]


def _originals(requests: _Requests) -> Iterator[Sample]:
    for category, members in requests.items():
        for row in members:
            twin = {"twin_of": row.twin_of} if row.twin_of else {}
            yield _sample((_user(row.text),), row.kind, row.cluster, category, tags=twin)


def _translations(requests: _Requests) -> Iterator[Sample]:
    for category, members in requests.items():
        for row in members:
            for language, text in row.translations.items():
                yield _sample((_user(text),), row.kind, row.cluster, category, tags={"language": language})


def _personas(requests: _Requests) -> Iterator[Sample]:
    by_id = {row.id: (category, row) for category, members in requests.items() for row in members}
    file = rows.persona_file()
    for persona in file.personas:
        for request in file.requests:
            category, row = by_id[request]
            messages = _in_person(persona, row.text)
            yield _sample(messages, row.kind, row.cluster, category, tags={"persona": persona.name})


def _in_person(persona: rows.PersonaRow, text: str) -> tuple[Message, ...]:
    if persona.place == "system":
        return Message(role="system", content=persona.text), _user(text)
    return (_user(f"{persona.text} {text}"),)


def _conversations() -> Iterator[Sample]:
    kinds: tuple[SampleKind, SampleKind] = ("harmful", "benign")
    for row in rows.conversation_rows():
        opening = tuple(
            Message(role="assistant" if index % 2 else "user", content=text)
            for index, text in enumerate(row.opening)
        )
        for kind, endings in zip(kinds, (row.harmful, row.benign), strict=True):
            for ending in endings:
                yield _sample((*opening, _user(ending)), kind, row.id, row.category)


def _tool_conversations() -> Iterator[Sample]:
    offered = rows.tools()
    for row in rows.tool_rows():
        scripted = tuple(
            msgspec.structs.replace(offered[name], result=row.results.get(name, offered[name].result))
            for name in row.tools
        )
        injection = {"injection": row.injection} if row.injection else {}
        yield _sample(row.messages, row.kind, row.id, row.category, tools=scripted, tags=injection)


def _user(text: str) -> Message:
    return Message(role="user", content=text)


def _sample(
    messages: tuple[Message, ...],
    kind: SampleKind,
    cluster: str,
    category: str,
    *,
    tools: tuple[Tool, ...] = (),
    tags: Mapping[str, str] = MappingProxyType({}),
) -> Sample:
    """A sample with the tags that every sample of the suite carries, and `tags` over them."""
    spoken = any(message.role == "assistant" for message in messages)
    usual = {
        "category": category,
        "language": "en",
        "turns": "multi" if spoken else "single",
        "format": "tools" if tools else "plain",
        "source": "starter",
    }
    return Sample(
        id=sample_id(messages, tools=tools),
        messages=messages,
        kind=kind,
        tools=tools,
        tags={**usual, **tags},
        cluster=cluster,
    )
