"""What the parts of a rollout are: the bytes that are hashed, disclosed, withheld or erased.

=============  ==========================================================================================
``figures``    canonical JSON, numbers with a fraction as their shortest decimal text; no text but names
``prompt``     a line with the columns of ``extra`` that say it in tokens (``{}`` without any), then the
               text, in UTF-8
``completion`` likewise
``grader``     the canonical JSON array of what it saw, what it wrote, and what is left of ``extra``
=============  ==========================================================================================

So whoever withholds a text withholds its tokens with it. That is layout 2. In layout 1, which earlier
versions made, texts stand without that line and ``extra`` whole with the grader; step records say which
layout they are of (`records.StepRecord.layout`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from modelassay.records import StepRecord
from modelassay.training.columns import REWARD_PREFIX, pa

PARTS = ("figures", "prompt", "completion", "grader")
"""Parts of a rollout, in the order of its tree."""
TEXTS = ("prompt", "completion")
Layout = Literal[1, 2]
LAYOUT: Layout = 2
"""The layout of what is committed to from now on."""

Contents = tuple[bytes, bytes, bytes, bytes]
_PROMPTS = ("prompt",)
_COMPLETIONS = ("completion", "response", "output")
_LIKELIHOODS = "logp"


class StepKey(NamedTuple):
    """Rollouts that share a root: those of one step and phase that one process kept."""

    phase: str
    step: int
    rank: int


def key_of(record: StepRecord) -> StepKey:
    """Which rollouts `record` covers."""
    return StepKey(record.phase, record.step, record.rank)


class _Figures(msgspec.Struct, kw_only=True):
    """Everything of a rollout but its text."""

    advantage: str | None
    completion_characters: int
    completion_tokens: int | None
    env: str
    failure: str
    finish: str
    format: str
    group: str
    phase: str
    policy: str | None
    position: int
    prompt_characters: int
    prompt_tokens: int | None
    rank: int
    reward: str | None
    rewards: dict[str, str | None]
    step: int
    task: str
    time: str
    trained_on: bool | None


_encode = msgspec.json.Encoder(order="sorted").encode
_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def newest(key: StepKey) -> Layout:
    """The layout of steps that nobody has committed to."""
    return LAYOUT


def contents(
    batch: pa.RecordBatch, layout_of: Callable[[StepKey], Layout] = newest
) -> Iterator[tuple[StepKey, Contents]]:
    """The bytes of each rollout's parts, in the order of `PARTS`; see the module.

    Args:
        batch: all columns of a run.
        layout_of: the layout of each step.
    """
    column = {name: _values(batch.column(name)) for name in batch.schema.names if name not in _AS_BYTES}
    prompts, completions = (_texts(batch.column(name)) for name in TEXTS)
    rewards = [name for name in column if name.startswith(REWARD_PREFIX)]
    names = [name.removeprefix(REWARD_PREFIX) for name in rewards]
    graded = list(zip(*(map(_text, column[name]) for name in rewards), strict=True)) or [()] * batch.num_rows
    rows = zip(*(column[name] for name in _ORDER), graded, prompts, completions, strict=True)
    for (
        advantage, tokens, env, failure, finish, form, group, phase, policy, position, prompt_tokens, rank,
        reward, step, task, time, trained_on, seen, wrote, extra, scores, prompt, completion,
    ) in rows:  # fmt: skip
        figures = _Figures(
            advantage=_text(advantage), completion_characters=completion[1], completion_tokens=tokens,
            env=env, failure=failure, finish=finish, format=form, group=group, phase=phase, policy=policy,
            position=position, prompt_characters=prompt[1], prompt_tokens=prompt_tokens, rank=rank,
            reward=_text(reward), rewards=dict(zip(names, scores, strict=True)), step=step, task=task,
            time=time, trained_on=trained_on,
        )  # fmt: skip
        key = StepKey(phase, step, rank)
        if layout_of(key) == 1:
            yield key, (_encode(figures), prompt[0], completion[0], _encode([seen, wrote, extra]))
            continue
        told = split(extra)
        yield (
            key,
            (
                _encode(figures),
                told.prompt + b"\n" + prompt[0],
                told.completion + b"\n" + completion[0],
                _encode([seen, wrote, told.rest]),
            ),
        )


class Told(NamedTuple):
    """What ``extra`` has, by the part that it belongs to."""

    prompt: bytes
    """A JSON object of one line; likewise `completion`."""
    completion: bytes
    rest: str


def split(extra: str) -> Told:
    """The columns of ``extra`` that say prompt or completion in other words, and the rest.

    By their names: tokens, masks and messages of the prompt begin with ``prompt``, those of the completion
    with ``completion``, ``response`` or ``output``; likelihoods of tokens give tokens away to who has the
    model. What is no JSON object is left whole.
    """
    if not any(word in extra for word in (*_PROMPTS, *_COMPLETIONS, _LIKELIHOODS)):
        return Told(b"{}", b"{}", extra)
    try:
        columns = _columns(extra)
    except msgspec.DecodeError:
        return Told(b"{}", b"{}", extra)
    owners = {name: owner_of(name) for name in columns}
    if not any(owners.values()):
        return Told(b"{}", b"{}", extra)

    def of(part: str) -> bytes:
        return _encode({name: raw for name, raw in columns.items() if owners[name] == part})

    rest = of("")
    return Told(_line(of("prompt")), _line(of("completion")), "" if rest == b"{}" else rest.decode())


def extra_without(extra: str, parts: Collection[str], layout: Layout) -> str:
    """``extra`` without the columns that belong to `parts`; the other parts stay byte for byte.

    In layout 1 all of it belongs to the grader.
    """
    if layout == 1:
        return "" if "grader" in parts else extra
    told = split(extra)
    kept = b"{}" if "grader" in parts else told.rest.encode()
    if told.prompt == told.completion == b"{}":
        return "" if "grader" in parts else extra
    columns = {
        **_columns(kept or b"{}"),
        **({} if "prompt" in parts else _columns(told.prompt)),
        **({} if "completion" in parts else _columns(told.completion)),
    }
    return _encode(columns).decode() if columns else ""


def owner_of(name: str) -> str:
    """The text that a column of ``extra`` belongs to, by its name; empty when it belongs to none."""
    if name.startswith(_PROMPTS):
        return "prompt"
    return "completion" if name.startswith(_COMPLETIONS) or _LIKELIHOODS in name else ""


def _line(data: bytes) -> bytes:
    return msgspec.json.format(data, indent=-1) if b"\n" in data else data


def text_in(part: str, layout: Layout) -> str:
    """The text in the disclosed part of a text.

    Args:
        part: what was disclosed.
    """
    return part if layout == 1 else part.partition("\n")[2]


def restored(figures: bytes, lengths: dict[str, int], form: str) -> bytes:
    """The part `figures` as it was when the texts were there.

    Args:
        lengths: characters of each text that is no longer there.
        form: the column ``format`` as it was; empty when it is.
    """
    found = msgspec.json.decode(figures, type=_Figures)
    for name, characters in lengths.items():
        setattr(found, f"{name}_characters", characters)
    if form:
        found.format = form
    return _encode(found)


_ORDER = (
    "advantage", "completion_tokens", "env", "failure", "finish", "format", "group", "phase", "policy",
    "position", "prompt_tokens", "rank", "reward", "step", "task", "time", "trained_on", "grader_input",
    "grader_output", "extra",
)  # fmt: skip
_AS_BYTES = frozenset({"seq", "prompt", "completion"})


def _values(column: pa.Array) -> list[Any]:
    """The values of `column`; many times faster than `to_pylist` where values repeat or none is null."""
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_string(column.type):
        coded = column.dictionary_encode()
        words = coded.dictionary.to_pylist()
        return [None if i is None else words[i] for i in _values(coded.indices)]
    if column.null_count or not pa.types.is_primitive(column.type):
        return list(column.to_pylist())
    return list(column.to_numpy(zero_copy_only=False).tolist())


def _texts(column: pa.Array) -> Iterator[tuple[bytes, int]]:
    """Each text of a large-string column without nulls: its UTF-8 bytes, and its length in characters.

    One after another, so that the memory of one serves the next.
    """
    import pyarrow.compute as compute

    offsets = (
        pa.Array.from_buffers(pa.int64(), len(column) + 1, [None, column.buffers()[1]], offset=column.offset)
        .to_numpy()
        .tolist()
    )
    data = memoryview(column.buffers()[2] or b"")
    lengths = compute.utf8_length(column).to_numpy().tolist()
    spans = zip(offsets[:-1], offsets[1:], lengths, strict=True)
    return ((bytes(data[start:end]), length) for start, end, length in spans)


def _text(number: float | None) -> str | None:
    return None if number is None else repr(number)
