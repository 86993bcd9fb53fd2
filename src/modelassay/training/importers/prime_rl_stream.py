"""prime-rl since v0.9.1.dev29: one stream of episodes, and annotations of what was learned of them later.

::

    monitors/file/traces/stream/00000.jsonl.zst        episodes as they arrived: a sealed chunk
    monitors/file/traces/stream/00001.jsonl            the one that was written last
    monitors/file/traces/annotations/orch/…            what was trained on, when, with which advantage
    monitors/file/traces/annotations/orch.index.jsonl  the same without streams of tokens

At first it lay in ``traces/`` of the output folder. A line of annotations names a trace and holds ``info``,
which is laid over that of the trace, the newest last; a trace that was trained on has ``effective`` there and
the step in ``ship`` (prime-rl 048a6e2, `FileMonitor.log_episodes`, `stamp_batch`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from modelassay.training.importers.episodes import (
    Learned,
    Place,
    inner,
    is_episode,
    kind_of,
    rollouts_of,
    traces_of,
)
from modelassay.training.importers.lines import first_objects, json_rows, numbered
from modelassay.training.importers.opened import Notes
from modelassay.training.importers.rows import Rollout, json_text, name_of, number, whole
from modelassay.training.importers.starts import refuse_several

LOOKED_AT = 64
"""First episodes that tell reward functions and agents."""
_PLACES = ("", "traces", "file/traces", "monitors/file/traces", "*/traces", "*/monitors/file/traces")
_CHUNK = r"(\d+)\.jsonl(?:\.zst)?"


@dataclass(frozen=True)
class Stream:
    """The stream of a run."""

    folder: Path
    """``traces``, which holds ``stream`` and ``annotations``."""

    @property
    def run(self) -> Path:
        """The folder of the run, which holds metrics and checkpoints."""
        nested = self.folder.parts[-3:-1] == ("monitors", "file")
        return self.folder.parents[2] if nested else self.folder.parent

    def first_episodes(self) -> Iterator[dict[str, Any]]:
        """The first episodes."""
        chunks = _chunks(self.folder / "stream")
        yield from islice((row for path in chunks for row in first_objects(path, LOOKED_AT)), LOOKED_AT)

    def rollouts(self, agents: frozenset[str], notes: Notes) -> Iterator[Rollout]:
        """The rollouts of all episodes, in the order in which they arrived."""
        shipped = _annotated(self.folder / "annotations", notes)
        if not shipped:
            notes.say(
                "The stream has no annotations: which of its episodes were trained on is not known.",
                grave=True,
            )
        others = Learned(trained_on=False if shipped else None)
        for path in _chunks(self.folder / "stream"):
            for where, row in json_rows(path, notes):
                place = _place(row, where, shipped) if is_episode(row) else None
                if place is None:
                    notes.quarantine(where, "no episode, or one that names no step", json_text(row))
                    continue
                yield from rollouts_of(row, place, lambda trace: shipped.get(trace, others), agents)


def stream_in(source: Path) -> Stream | None:
    """The stream of episodes at `source`; None where there is none.

    Raises:
        DatasetError: there are several.
    """
    if not source.is_dir():
        return None
    places = {place for form in _PLACES for place in (source.glob(form) if form else [source])}
    found = sorted(place for place in places if _is_stream(place / "stream"))
    if not found and source.name == "stream" and _is_stream(source):
        found = [source.parent]
    if len(found) > 1:
        refuse_several(source, found)
    return Stream(found[0]) if found else None


def _is_stream(folder: Path) -> bool:
    return any(is_episode(row) for path in _chunks(folder) for row in first_objects(path, 1))


def _chunks(folder: Path) -> list[Path]:
    """The chunks of a stream in order; of one that was about to be sealed the plain file, which is whole."""
    found: dict[int, Path] = {}
    for number_, path in numbered(folder.glob("*.jsonl*"), _CHUNK):
        if number_ not in found or path.suffix == ".jsonl":
            found[number_] = path
    return [found[number_] for number_ in sorted(found)]


def _annotated(folder: Path, notes: Notes) -> dict[str, Learned]:
    """What annotations tell of each trace, by its id; the newest last, of each producer."""
    found: dict[str, Learned] = {}
    for producer in sorted(folder.glob("*/")):
        index = producer.with_name(f"{producer.name}.index.jsonl")
        for path in [index] if index.is_file() else _chunks(producer):
            for _, row in json_rows(path, notes):
                name, info = name_of(row.get("trace_id")), inner(row, "info")
                if info.get("effective") is True or name in found:
                    found[name] = _laid_over(found.get(name, Learned()), info)
    return found


def _laid_over(known: Learned, info: Mapping[str, Any]) -> Learned:
    step, advantage = whole(inner(info, "ship").get("step")), number(info.get("advantage"))
    effective = info.get("effective")
    return Learned(
        step=known.step if step is None else step,
        trained_on=effective if isinstance(effective, bool) else known.trained_on,
        advantage=known.advantage if advantage is None else advantage,
    )


def _place(row: Mapping[str, Any], where: str, shipped: Mapping[str, Learned]) -> Place | None:
    """Where an episode stands: the step that trained on it, else that at which it arrived or was sent out."""
    traces = traces_of(row)
    trained = (known.step for trace in traces if (known := shipped.get(name_of(trace.get("id")))))
    arrived = (whole(inner(inner(trace, "info"), "arrival").get("step")) for trace in traces)
    sent = whole(inner(inner(row, "run"), "work").get("step"))
    step = next((each for each in (*trained, *arrived, sent) if each is not None), None)
    phase = kind_of(row) or "eval"
    return None if step is None else Place(step, phase, where, f"{step}e." if phase == "eval" else "")
