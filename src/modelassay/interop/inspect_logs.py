"""Evaluation logs of Inspect AI: ``.eval`` archives and ``.json`` files, log format version 2.

An archive holds ``header.json`` and ``samples/<id>_epoch_<n>.json``; before a run has ended there is only
``_journal/start.json`` (https://inspect.aisi.org.uk/eval-logs.html). Long texts of a sample are kept once,
under ``attachments``, and stand elsewhere as ``attachment://<hash>``. The letters C, P and I are the values
1, 0.5 and 0 of Inspect's own metrics; N, no answer, is 0 there and an answer without a score here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from modelassay.errors import DatasetError
from modelassay.interop.archives import Archive
from modelassay.interop.reading import (
    MOST_ITEMS,
    Fields,
    kind_of,
    mark_of,
    messages_of,
    parse_json,
    plain,
    tags_of,
    text_of,
    utc,
)
from modelassay.interop.run import Item, KnownDecoding, Mark, Run, Scorer, SourceFile, Thinking
from modelassay.records import FinishReason, Message, ToolCall, Unscored

TOOL = "inspect"
EXACT = frozenset(("match", "includes", "exact", "choice", "pattern", "answer"))
"""Inspect's own scorers that compare with the target and ask no model."""
LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0}
LONGEST_REASON = 80
ATTACHMENT = "attachment://"
_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


def read_inspect(source: SourceFile, data: bytes, *, conversations: bool = False) -> Run:
    """The run that an Inspect log holds.

    Args:
        conversations: whether to keep every message of the samples, which agents make many.

    Raises:
        DatasetError: damaged, of another format version, or without samples.
    """
    if data.startswith(b"PK"):
        header, samples = _opened(Archive(data, source.name), source.name)
    else:
        header = Fields(parse_json(data, source.name), source.name)
        samples = header.each("samples")
    if header.whole("version", 1) != 2:
        raise DatasetError(
            f"log format version {header.whole('version', 1)}; 2 is read here",
            where=source.name,
            mend="write it again with a current version of Inspect: `inspect log convert`",
        )
    spec = header.inner("eval")
    status = header.text("status", "started")
    declared = tuple(each.text("name") for each in spec.each("scorers"))
    items = tuple(_items(samples, declared, conversations))
    names = dict.fromkeys(name for item in items for name in item.marks)
    if not items:
        raise DatasetError("the log holds no samples", where=source.name, mend="run it with log_samples")
    return Run(
        tool=TOOL,
        version=spec.inner("packages").text("inspect_ai"),
        model=spec.text("model"),
        task=spec.text("task"),
        made=utc(header.inner("stats").text("completed_at") or spec.text("created")),
        decoding=_decoding(header),
        scorers=tuple(Scorer(name=name, exact=name.partition(".")[0] in EXACT) for name in names),
        items=items,
        files=(source,),
        notes=tuple(_notes(header, status, items)),
    )


def _opened(archive: Archive, name: str) -> tuple[Fields, Iterator[Fields]]:
    member = "header.json" if "header.json" in archive else "_journal/start.json"
    if member not in archive:
        raise DatasetError("no Inspect log: it has no header.json", where=name)
    header = Fields(parse_json(archive.read(member), f"{name}: {member}"), f"{name}: {member}")

    def samples() -> Iterator[Fields]:
        for each in archive.names("samples/", ".json"):
            where = f"{name}: {ascii(each)[1:-1]}"
            yield Fields(parse_json(archive.read(each), where), where)

    return header, samples()


def _items(samples: Iterable[Fields], declared: tuple[str, ...], conversations: bool) -> Iterator[Item]:
    """Each sample; one without scores has none by every scorer that the log declares."""
    for number, sample in enumerate(samples):
        if number >= MOST_ITEMS:
            raise DatasetError(f"more than {MOST_ITEMS:,} samples", where=sample.where)
        yield _item(sample, declared, conversations)


def _item(sample: Fields, declared: tuple[str, ...], conversations: bool) -> Item:
    attached = sample.inner("attachments")
    failed = sample.inner("error").text("message") if "error" in sample else ""
    output = sample.inner("output")
    choices = list(output.each("choices"))
    metadata = sample.inner("metadata")
    marks = _marks(sample)
    if not marks:
        why = "the sample ended with an error" if failed else "no score in the log"
        marks = {name: Unscored(reason=why) for name in declared if name}
    target = sample.get("target")
    return Item(
        place=sample.where,
        id=sample.name("id"),
        epoch=max(sample.whole("epoch", 1) - 1, 0),
        messages=_resolved(messages_of(sample.get("input") or "", f"{sample.where}: input"), attached),
        answer=_answer(choices, output, attached),
        conversation=_conversation(sample, attached) if conversations else (),
        thinking=_thinking(sample, choices, attached) if conversations else Thinking(),
        failure=failed or output.text("error"),
        finish=_FINISH.get(choices[0].text("stop_reason"), "unknown") if choices else "unknown",
        reference="\n".join(plain(t) for t in target if isinstance(t, str))
        if isinstance(target, list)
        else sample.text("target"),
        kind=kind_of(metadata.get("kind")),
        tags=tags_of(metadata.values, leave_out=frozenset(("kind", "attack"))),
        marks=marks,
    )


def _answer(choices: list[Fields], output: Fields, attached: Fields) -> tuple[Message, ...] | None:
    """The last assistant message; None when the model gave none."""
    if choices:
        message = choices[0].inner("message")
        text = text_of(message.get("content"), f"{message.where}: content")
    elif "completion" in output:
        text = output.text("completion")
    else:
        return None
    return _resolved((Message(role="assistant", content=text),), attached)


def _conversation(sample: Fields, attached: Fields) -> tuple[Message, ...]:
    """Every message of a sample with the calls that it makes; empty where the log keeps none.

    Calls that the provider ran in the middle of a message come before those that it left to Inspect.
    """
    found: list[Message] = []
    for fields in sample.each("messages"):
        run = [_call(part, attached, "name") for part in _parts(fields) if part.get("type") == "tool_use"]
        calls = (*run, *(_call(call, attached, "function") for call in fields.each("tool_calls")))
        (message,) = messages_of([fields.values], fields.where)
        found.append(msgspec.structs.replace(message, tool_calls=calls))
    return _resolved(tuple(found), attached)


def _thinking(sample: Fields, choices: list[Fields], attached: Fields) -> Thinking:
    messages = list(sample.each("messages"))
    answers = [choices[0].inner("message")] if choices else []
    parts = [_parts(message) for message in (*messages, *answers)]
    texts = [_with_reasoning(each, attached) for each in parts]
    return Thinking(
        conversation=tuple(texts[: len(messages)]),
        answer=texts[-1] if answers else "",
        redacted=any(part.get("redacted") is True for each in parts for part in each if _reasons(part)),
    )


def _parts(message: Fields) -> list[Fields]:
    """The parts of a message's content; the older key ``reasoning`` of the message is its first."""
    content, before = message.get("content"), message.get("reasoning")
    parts = content if isinstance(content, list) else [content]
    found = [{"text": part} if isinstance(part, str) else part for part in parts]
    if isinstance(before, str) and before:
        found.insert(0, {"type": "reasoning", "reasoning": before})
    return [Fields(part, f"{message.where}: content") for part in found if isinstance(part, dict)]


def _with_reasoning(parts: list[Fields], attached: Fields) -> str:
    """The text of all parts, reasoning between tags; empty where there is no reasoning.

    What a provider redacted is enciphered, so that only its summary can be read.
    """
    said, reasons = [], False
    for part in parts:
        if not _reasons(part):
            said.append(_text(text_of(part.values, part.where), attached))
            continue
        hidden = part.get("redacted") is True
        text = _text((not hidden and part.text("reasoning")) or part.text("summary"), attached)
        if text.strip():
            reasons = True
            said.append(f"<think>\n{text}\n</think>")
    return "\n".join(filter(None, said)) if reasons else ""


def _reasons(part: Fields) -> bool:
    return bool(part.get("type") == "reasoning")


def _call(call: Fields, attached: Fields, named: str) -> ToolCall:
    arguments = call.get("arguments")
    if isinstance(arguments, str):
        arguments = _text(arguments, attached)
    if isinstance(arguments, dict):
        arguments = {
            key: _text(value, attached) if isinstance(value, str) else value
            for key, value in arguments.items()
        }
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(id=call.name("id"), name=call.text(named), arguments=plain(text))


def _resolved(messages: tuple[Message, ...], attached: Fields) -> tuple[Message, ...]:
    """`messages` with every attachment in its place."""
    return tuple(
        msgspec.structs.replace(message, content=_text(message.content, attached)) for message in messages
    )


def _text(text: str, attached: Fields) -> str:
    """`text`, or the attachment that it stands for."""
    return attached.text(text.removeprefix(ATTACHMENT), text) if text.startswith(ATTACHMENT) else text


def _marks(sample: Fields) -> dict[str, Mark | Unscored]:
    """By scorer; a scorer that gives several values becomes ``scorer.value``."""
    marks: dict[str, Mark | Unscored] = {}
    scores = sample.inner("scores")
    for name in scores.values:
        score = scores.inner(name)
        value = score.get("value")
        if isinstance(value, dict):
            for part, inner in value.items():
                marks[plain(f"{name}.{part}")] = _mark(inner, "")
        else:
            marks[plain(name)] = _mark(value, score.text("explanation"))
    return marks


def _mark(value: Any, explanation: str) -> Mark | Unscored:
    if isinstance(value, str):
        word = value.strip()
        if word.upper() in LETTERS:
            return Mark(value=LETTERS[word.upper()], label=word.upper())
        if word.upper() == "N":
            return Unscored(reason="no answer (N)")
        if word.lower() in ("yes", "true", "no", "false"):
            return Mark(value=float(word.lower() in ("yes", "true")), label=word.lower())
        if word == "unscored" and _short(explanation):
            return Unscored(reason=_short(explanation))
        return Unscored(reason="a value that is no number")
    return mark_of(value, _short(explanation)) or Unscored(reason="a value that is no number")


def _short(text: str) -> str:
    """Text that can stand as a label or a countable reason: a few plain characters, else nothing."""
    return text if len(text) <= LONGEST_REASON and text.isascii() and text.isprintable() else ""


def _decoding(header: Fields) -> KnownDecoding:
    """Of the plan, where the arguments of the run are; else of the model's configuration."""
    spec, config = header.inner("eval").inner("model_generate_config"), header.inner("plan").inner("config")
    tokens = config.get("max_tokens") if "max_tokens" in config else spec.get("max_tokens")
    return KnownDecoding(
        temperature=config.number("temperature") or spec.number("temperature"),
        top_p=config.number("top_p") or spec.number("top_p"),
        max_tokens=tokens if isinstance(tokens, int) and 0 < tokens < 2**31 else None,
        seed=config.number("seed") or spec.number("seed"),
    )


def _notes(header: Fields, status: str, items: tuple[Item, ...]) -> Iterator[str]:
    if status != "success":
        yield f"Inspect says that this run ended with {plain(status)!r}, so samples may be missing."
    planned = header.inner("results").whole("total_samples")
    if planned > len(items):
        yield f"The log holds {len(items):,} of {planned:,} samples."
    if header.get("invalidated") is True:
        yield "The log is marked as invalidated."
