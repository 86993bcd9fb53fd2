"""open-instruct: ``{run_name}_rollouts_{shard:06d}.jsonl`` and ``{run_name}_metadata.jsonl`` (save_traces).

Lines hold token ids and no text, so a tokenizer is needed to read them; without one only lengths are known.
They are written *after* groups of equal rewards were filtered out, which ``{run_name}_filtered_rollouts_…``
keep where that is wished (save_filtered_rollouts): group by group, so that ``prompt_idx`` is always 0 there,
and shards are numbered anew at each step (open-instruct e6c3044, `save_filtered_rollouts_to_disk`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import RewardFunction, RunManifest
from modelassay.training.importers.lines import first_object, json_rows
from modelassay.training.importers.open_instruct_files import Start, commits, one_run, starts_in
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Rows
from modelassay.training.importers.rows import (
    Rollout,
    gathered,
    json_text,
    leftover,
    name_of,
    number,
    task_of,
    whole,
)
from modelassay.training.importers.starts import MOST_NAMED
from modelassay.training.importers.tally import Tally
from modelassay.training.importers.tokens import decoder

NAME = "open-instruct"
_KNOWN = frozenset(
    (
        "step", "sample_idx", "prompt_idx", "prompt_tokens", "response_tokens", "reward", "advantage",
        "finish_reason", "dataset", "logprobs",
    )
)  # fmt: skip
Decode = Callable[[list[int]], str] | None


def recognises(source: Path) -> bool:
    """Shards of rollouts with token ids."""
    shards = (path for start in starts_in(source) for _, path in (*start.trained, *start.dropped))
    return any("response_tokens" in first_object(path) for path in shards)


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    starts = starts_in(source)
    if not starts:
        raise DatasetError("no {run_name}_rollouts_{shard}.jsonl", where=str(source))
    one_run(source, starts)
    text = decoder(options.tokenizer) if options.tokenizer else None
    whole_population = all(start.dropped for start in starts)
    near = starts_in(source.parent) if source.is_file() else []
    beside = [each.name for each in near if each.continues(starts[0])]
    named = starts[0].stem if len(starts) > 1 else starts[0].told("run_name")
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        rewards=(RewardFunction(name="reward"),),
        group_size=options.group_size,
        population="generated" if whole_population else "trained_on",
        base=next(filter(None, (start.told("model_name") for start in starts)), ""),
        code=commits(starts),
        source=named or source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        return gathered(chain(_trained(starts, text, notes), _dropped(starts, text, notes)), ("reward",))

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        if text is None:
            notes.say(
                "Only token ids are kept; name the tokenizer's folder with --tokenizer to read the text."
            )
        if beside:
            notes.say(
                f"Other starts of this run were not read: {', '.join(beside[:MOST_NAMED])}.", grave=True
            )
        return _coverage(tally, notes, starts, whole_population)

    return OpenedRun(manifest, rollouts, coverage=coverage)


def _rows(path: Path, notes: Notes) -> Iterator[dict[str, Any]]:
    for where, row in json_rows(path, notes):
        tokens = (row.get("prompt_tokens"), row.get("response_tokens"))
        if whole(row.get("step")) is None or not all(isinstance(each, list) for each in tokens):
            notes.quarantine(where, "no step or token ids", json_text(row))
            continue
        yield row


def _rollout(row: dict[str, Any], text: Decode) -> Rollout:
    step, prompt, answer = whole(row["step"]) or 0, row["prompt_tokens"], row["response_tokens"]
    request = row.get("request_info")
    tool_failed = isinstance(request, dict) and any(
        request.get(key) for key in ("timeouts", "tool_errors") if request.get(key) not in (0, "", [], None)
    )
    reward = number(row.get("reward"))
    task = task_of(json_text(prompt))
    return Rollout(
        step=step,
        prompt=text(prompt) if text else None,
        completion=text(answer) if text else None,
        env=name_of(row.get("dataset")),
        task=task,
        group=f"{step}.{row.get('prompt_idx', task)}",
        reward=reward,
        rewards={"reward": reward},
        advantage=number(row.get("advantage")),
        trained_on=True,
        finish=name_of(row.get("finish_reason")),
        prompt_tokens=len(prompt),
        completion_tokens=len(answer),
        extra={**leftover(row, _KNOWN), **({"tool_failed": True} if tool_failed else {})},
    )


class _Blocks:
    """Counts how often lines that are written together came: a resumed run writes some of them once more.

    Steps, or groups, that are written at the same time may change places, so their order tells nothing.
    """

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()
        self._current = ("", "")
        self._last = -1

    def before(self, start: Start, key: str, row: dict[str, Any]) -> int:
        """How often lines of `key` had come before those to which `row` belongs."""
        place = whole(row.get("sample_idx"))
        if (start.name, key) != self._current or (place is not None and place <= self._last):
            self._times[key] += 1
        self._current, self._last = (start.name, key), -1 if place is None else place
        return self._times[key] - 1


def _trained(starts: list[Start], text: Decode, notes: Notes) -> Iterator[Rollout]:
    """Rollouts that were trained on, with groups of their own for steps that come again."""
    blocks = _Blocks()
    for start in starts:
        for row in (row for _, path in start.trained for row in _rows(path, notes)):
            rollout = _rollout(row, text)
            if times := blocks.before(start, str(rollout.step), row):
                notes.repeated.add(rollout.step)
                rollout.group += f".r{times}"
            yield rollout


def _dropped(starts: list[Start], text: Decode, notes: Notes) -> Iterator[Rollout]:
    """Rollouts of groups that were filtered out."""
    blocks = _Blocks()
    notes.filtered = 0
    for start in starts:
        for row in (row for _, path in start.dropped for row in _rows(path, notes)):
            rollout = _rollout(row, text)
            rollout.trained_on = False
            rollout.group = f"{rollout.step}.filtered.{name_of(row.get('prompt_id')) or rollout.task}"
            if times := blocks.before(start, rollout.group, row):
                rollout.group += f".r{times}"
            notes.filtered += 1
            yield rollout


def _coverage(tally: Tally, notes: Notes, starts: list[Start], whole_population: bool) -> dict[str, Any]:
    kept = any(start.dropped for start in starts)
    if not whole_population:
        which = "Of some starts of the run groups" if kept else "Groups"
        notes.say(
            f"{which} of equal rewards were filtered out before this was written: an exploit that is fully "
            f"learned shows here least.",
            grave=True,
        )
    if kept:
        notes.say(
            "Groups of equal rewards that were filtered out are here, as not trained on; what was dropped "
            "for other reasons, such as answers that were cut off, is not."
        )
    _tell_starts(notes, starts)
    steps = sorted(tally.train_steps)
    return {
        "basis": f"{'what else' if whole_population else 'what'} was dropped is not counted in the source",
        "missing_steps": tuple(sorted(set(range(1, steps[-1] + 1)) - set(steps))) if steps else (),
        "filtered": notes.filtered if kept else None,
        "statements": (*notes.statements, *tally.statements()),
    }


def _tell_starts(notes: Notes, starts: list[Start]) -> None:
    """Say which shards are missing, and how often the run was started."""
    for start in starts:
        for shards in ([shard for shard, _ in files] for files in (start.trained, start.dropped) if files):
            absent = sorted(set(range(shards[0], shards[-1] + 1)) - set(shards))
            if absent:
                told = ", ".join(map(str, absent[:10]))
                notes.say(f"Shards are missing of {start.name}: {told}.", grave=True)
    if len(starts) > 1:
        told = ", ".join(f"{start.name} from step {start.first_step:,}" for start in starts)
        notes.say(f"The run was started {len(starts):,} times: {told}.")
    if len({start.told("git_commit") for start in starts} - {""}) > 1:
        notes.say("The starts of the run were of different git commits.", grave=True)
