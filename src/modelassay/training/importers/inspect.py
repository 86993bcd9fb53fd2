"""Inspect AI: logs, ``.eval`` or ``.json``, one evaluation of one checkpoint each.

Rollouts are of the phase ``eval``: sample and epoch name them, scores become rewards. What an agent did is
its completion: all from its first answer on, reasoning and calls of tools included. Logs are read by
`modelassay.interop`, in memory, within its bounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelassay.errors import DatasetError
from modelassay.interop.inspect_logs import read_inspect
from modelassay.interop.reading import read_source
from modelassay.interop.run import Item, Mark
from modelassay.interop.run import Run as Log
from modelassay.records import Message, RewardFunction, RunManifest
from modelassay.training.importers.left_unread import what_is_here
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Rows
from modelassay.training.importers.rows import Rollout, gathered
from modelassay.training.importers.tally import Tally

NAME = "inspect"
_HEAD = 1 << 16
"""First bytes of a file, by which a log is known."""
_LOG = re.compile(rb'\s*\{\s*"version"\s*:\s*\d')


def recognises(source: Path) -> bool:
    """Logs: files ending in .eval, or in .json that begin as logs do."""
    return bool(_files(source))


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    files = _files(source)
    if not files:
        raise DatasetError("no logs of Inspect, .eval or .json", where=str(source), mend=what_is_here(source))
    first = _first_readable(files)
    names = tuple(scorer.name for scorer in first.scorers)
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        framework_version=first.version,
        rewards=tuple(RewardFunction(name=name) for name in names),
        group_size=options.group_size,
        source=source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        return gathered((r for step, path in enumerate(files, 1) for r in _read(path, step, notes)), names)

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        notes.say("Logs of evaluations: nothing here was trained on; steps number the logs by name.")
        return {"basis": "evaluations", "statements": (*notes.statements, *tally.statements())}

    return OpenedRun(manifest, rollouts, coverage=coverage)


def _files(source: Path) -> list[Path]:
    paths = [source] if source.is_file() else [*source.glob("*.eval"), *source.glob("*.json")]
    return sorted(path for path in paths if path.suffix == ".eval" or _begins_as_log(path))


def _begins_as_log(path: Path) -> bool:
    if path.suffix != ".json":
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return _LOG.match(head) is not None and b'"eval"' in head


def _first_readable(files: list[Path]) -> Log:
    failure: DatasetError | None = None
    for path in files:
        try:
            return read_inspect(*read_source(path))
        except DatasetError as error:
            failure = failure or error
    raise failure or DatasetError("no logs of Inspect")


def _read(path: Path, step: int, notes: Notes) -> Iterator[Rollout]:
    notes.read(path)
    try:
        log = read_inspect(*read_source(path), conversations=True)
    except DatasetError as error:
        notes.quarantine(path.name, error.what, "")
        return
    for item in log.items:
        if _thought(item):
            notes.say(
                "Reasoning is kept between <think> tags; scorers are taken to have seen the output's text, "
                "which is what Inspect gives them and has no reasoning in it."
            )
        if item.thinking.redacted:
            notes.say("Some reasoning is redacted; a summary stands for it where the log has one.")
        yield _rollout(item, log, step)


def _thought(item: Item) -> bool:
    return any(item.thinking.conversation) or bool(item.thinking.answer)


def _rollout(item: Item, log: Log, step: int) -> Rollout:
    marks = {name: mark.value if isinstance(mark, Mark) else None for name, mark in item.marks.items()}
    known = [value for value in marks.values() if value is not None]
    prompt, completion = _said(item)
    return Rollout(
        step=step,
        phase="eval",
        prompt=[_message(message) for message in prompt],
        completion=[_message(message) for message in completion],
        env=log.task,
        task=f"{log.task}/{item.id}",
        group=f"{step}e.{item.id}",
        position=item.epoch,
        reward=known[0] if len(marks) == 1 and known else None,
        rewards=marks,
        policy=log.model or None,
        grader_input="\n".join(message.content for message in item.answer or ()) if _thought(item) else None,
        failure=item.failure,
        finish="" if item.finish == "unknown" else item.finish,
        time=log.made,
        extra={"reference": item.reference} if item.reference else {},
    )


def _said(item: Item) -> tuple[Sequence[Message], Sequence[Message]]:
    """What was asked, and everything from the model's first answer on.

    Answers that the question holds, as examples of how to answer, are the question's. An output that is not
    among the messages, as of agents that keep messages of their own, comes last.
    """
    given = sum(message.role == "assistant" for message in item.messages)
    answers = [i for i, message in enumerate(item.conversation) if message.role == "assistant"]
    output = [_thinking_aloud(message, item.thinking.answer) for message in item.answer or ()]
    if len(answers) <= given:
        return item.messages, output
    first = answers[given]
    said = {message.content for message in item.conversation[first:] if message.role == "assistant"}
    texts = item.thinking.conversation[first:]
    done = [_thinking_aloud(*pair) for pair in zip(item.conversation[first:], texts, strict=True)]
    further = [
        aloud
        for message, aloud in zip(item.answer or (), output, strict=True)
        if message.content and message.content not in said
    ]
    return item.conversation[:first], [*done, *further]


def _thinking_aloud(message: Message, text: str) -> Message:
    """`message` with its text and reasoning; as it is where it has none."""
    return msgspec.structs.replace(message, content=text) if text else message


def _message(message: Message) -> dict[str, Any]:
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in message.tool_calls
    ]
    return {
        "role": message.role,
        "content": message.content,
        **({"tool_calls": calls} if calls else {}),
        **({"tool_call_id": message.tool_call_id} if message.tool_call_id else {}),
    }
