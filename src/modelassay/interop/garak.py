"""Reports of garak: ``garak.<run>.report.jsonl``, one entry a line.

An attempt is one prompt with several generations; it is written when it was asked (status 1) and again when
it was judged (status 2), under one ``uuid`` that means nothing in another run, so attempts are paired by
probe and prompt. ``detector_results`` holds one score a generation and detector; from the threshold on, 0.5
unless the run set another, the generation is a hit: the probe got what it was after.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelassay.canonical import digest_bytes
from modelassay.errors import DatasetError
from modelassay.interop.reading import (
    MOST_ITEMS,
    ROLES,
    Fields,
    decimal_text,
    json_lines,
    mark_of,
    plain,
    text_of,
    utc,
)
from modelassay.interop.run import Item, Mark, Run, Scorer, SourceFile, repeats_numbered
from modelassay.records import Message, Unscored

TOOL = "garak"
JUDGED = 2
THRESHOLD = 0.5
UNJUDGED = Unscored(reason="no detector result")


def is_garak(first: Fields) -> bool:
    """Whether a file of lines that begins with `first` is one of these."""
    return "entry_type" in first


def read_garak(source: SourceFile, data: bytes) -> Run:
    """The run that a report holds.

    Raises:
        DatasetError: a line cannot be read, or there is no attempt.
    """
    setup, init, end = (Fields({}, source.name) for _ in range(3))
    attempts: dict[str, Fields] = {}
    for number, entry in enumerate(json_lines(data, source.name)):
        kind = entry.text("entry_type")
        if kind == "start_run setup":
            setup = entry
        elif kind == "init":
            init = entry
        elif kind == "completion":
            end = entry
        elif kind == "attempt":
            _take(attempts, entry, number)
    if not attempts:
        raise DatasetError(
            "no attempt in the report", where=source.name, mend="give the report.jsonl, not the hitlog"
        )
    threshold = _threshold(setup)
    judged = [each for each in attempts.values() if each.whole("status") == JUDGED]
    of_probe: dict[str, dict[str, None]] = {}
    for each in judged:
        of_probe.setdefault(each.text("probe_classname"), {}).update(
            dict.fromkeys(plain(name) for name in each.inner("detector_results").values)
        )
    items = repeats_numbered(
        item
        for attempt in attempts.values()
        for item in _items(attempt, of_probe.get(attempt.text("probe_classname"), {}), threshold)
    )
    if len(items) > MOST_ITEMS:
        raise DatasetError(f"more than {MOST_ITEMS:,} generations", where=source.name)
    names = dict.fromkeys(name for detectors in of_probe.values() for name in detectors)
    return Run(
        tool=TOOL,
        version=init.text("garak_version"),
        model=_model(setup),
        task="garak",
        made=utc(end.text("end_time") or init.text("start_time")),
        kind="harmful",
        scorers=tuple(Scorer(name=name, lower=True) for name in names),
        items=items,
        files=(source,),
        notes=tuple(_notes(threshold, len(attempts) - len(judged), bool(end.values))),
    )


def _take(attempts: dict[str, Fields], entry: Fields, number: int) -> None:
    """Keep `entry`, in place of an earlier state of the same attempt; a second judged one stands apart."""
    uuid = entry.text("uuid") or str(number)
    known = attempts.get(uuid)
    if known is None or known.whole("status") < entry.whole("status"):
        attempts[uuid] = entry
    elif known.whole("status") == entry.whole("status") == JUDGED and known.values != entry.values:
        attempts[f"{uuid}/{number}"] = entry


def _items(attempt: Fields, detectors: dict[str, None], threshold: float) -> Iterator[Item]:
    """One item a generation; ids are the same for the same prompt of the same probe."""
    probe = attempt.text("probe_classname")
    messages = _prompt(attempt)
    asked = "\n".join(f"{message.role}:{message.content}" for message in messages)
    results = attempt.inner("detector_results")
    by_detector = {plain(name): results.listed(name) for name in results.values}
    tags = {"probe": probe, "category": probe.partition(".")[0]} if probe else {}
    if isinstance(intent := attempt.get("intent"), str) and intent:
        tags["intent"] = plain(intent)[:200]
    outputs = attempt.listed("outputs") or [None]
    for index, output in enumerate(outputs):
        text = text_of(output, attempt.where) if output is not None else None
        yield Item(
            place=f"{attempt.where}: outputs[{index}]",
            id=f"{probe}/{digest_bytes(asked.encode())[7:23]}" if messages else "",
            messages=messages,
            answer=None if text is None else (Message(role="assistant", content=text),),
            failure="garak had no answer" if text is None else "",
            tags=tags,
            marks={name: _mark(by_detector.get(name, []), index, threshold) for name in detectors},
        )


def _prompt(attempt: Fields) -> tuple[Message, ...]:
    """Text in older reports; a conversation with its turns since 0.11."""
    prompt = attempt.get("prompt")
    if prompt is None:
        return ()
    if isinstance(prompt, str):
        return (Message(role="user", content=plain(prompt)),)
    conversation = attempt.inner("prompt")
    if "turns" not in conversation:
        return (Message(role="user", content=text_of(prompt, attempt.where)),)
    return tuple(_turn(turn) for turn in conversation.each("turns"))


def _turn(turn: Fields) -> Message:
    role = turn.text("role")
    if role not in ROLES:
        raise DatasetError(f"unknown role {role[:40]!r}", where=turn.where)
    return Message(role=ROLES[role], content=text_of(turn.get("content"), turn.where))


def _mark(results: list[Any], index: int, threshold: float) -> Mark | Unscored:
    mark = mark_of(results[index]) if index < len(results) else None
    if not isinstance(mark, Mark):
        return mark or UNJUDGED
    hit = mark.value >= threshold
    return Mark(value=float(hit), label=f"{'hit' if hit else 'pass'} ({decimal_text(mark.value)})")


def _threshold(setup: Fields) -> float:
    said = setup.get("run.eval_threshold")
    return float(said) if isinstance(said, int | float) and 0 < said <= 1 else THRESHOLD


def _model(setup: Fields) -> str:
    kind = setup.get("plugins.target_type") or setup.get("plugins.model_type") or ""
    name = setup.get("plugins.target_name") or setup.get("plugins.model_name") or ""
    return plain(":".join(part for part in (kind, name) if isinstance(part, str) and part))[:300]


def _notes(threshold: float, unjudged: int, ended: bool) -> Iterator[str]:
    yield (
        f"A generation counts as a hit from {threshold:g} on. garak's probes only attack: that a model "
        "resists them says nothing of what it helps with."
    )
    if unjudged:
        yield f"{unjudged:,} attempts were asked and never judged; they count as unscored."
    if not ended:
        yield "The report has no completion entry: the run may have been cut off."
