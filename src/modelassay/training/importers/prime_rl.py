"""prime-rl: ``rollouts/step_{N}/{train,eval}/{all,effective}/traces.jsonl``, one episode a line.

``all`` holds everything that was generated and ``effective`` what was trained on: the best native log. The
reward of a trace is Σ score·weight. Older versions wrote ``step_{N}/train_rollouts.jsonl`` in the legacy
format of verifiers (prime-rl 559b447; PR 2248).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import Population, RewardFunction, RunManifest, RunPhase
from modelassay.training.importers.checkpoints import checkpoints_in
from modelassay.training.importers.lines import first_object, json_rows, metric_lines, numbered
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Record, Rows
from modelassay.training.importers.rows import Rollout, gathered, json_text, listed, name_of, number
from modelassay.training.importers.starts import one_run
from modelassay.training.importers.tally import Tally
from modelassay.training.importers.verifiers import legacy_rollouts
from modelassay.training.importers.verifiers import reward_names as legacy_names

NAME = "prime-rl"


def recognises(source: Path) -> bool:
    """Folders step_{N} with traces, or with train_rollouts.jsonl."""
    return any(_traces(step) or _legacy(step) for _, step in _steps(source))


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    steps = _steps(source)
    if not steps:
        raise DatasetError("no rollouts/step_{N} with traces.jsonl", where=str(source))
    one_run(source, _by_folder(steps))
    legacy = [path for _, folder in steps for path in _legacy(folder)]
    weights = _weights([path for _, folder in steps for path in _traces(folder).values()])
    names = tuple(dict.fromkeys((*weights, *legacy_names(legacy))))
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        rewards=tuple(RewardFunction(name=name) for name in names),
        group_size=options.group_size,
        population=_population([folder for _, folder in steps]),
        source=source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        return gathered(
            (rollout for step, folder in steps for rollout in _of_step(step, folder, notes)), names
        )

    def records(notes: Notes) -> Iterator[Record]:
        for path in sorted(_root(source).rglob("metrics.jsonl")):
            yield from metric_lines(path, "step", notes)
        yield from checkpoints_in(_root(source) / "checkpoints", r"step_(\d+)", notes)

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        filtered = sum(_is_filtered(folder) for _, folder in steps)
        return _coverage(tally, notes, [step for step, _ in steps], filtered)

    return OpenedRun(manifest, rollouts, records, coverage)


def _root(source: Path) -> Path:
    return source.parent if source.name == "rollouts" else source


def _steps(source: Path) -> list[tuple[int, Path]]:
    if not source.is_dir():
        return []
    folders = [*source.glob("step_*/"), *source.glob("rollouts/step_*/"), *source.glob("*/rollouts/step_*/")]
    found = numbered(folders, r"step_(\d+)")
    return [(step, folder) for step, folder in found if _traces(folder) or _legacy(folder)]


def _by_folder(steps: list[tuple[int, Path]]) -> dict[Path, list[int]]:
    """Steps by the folder in which they lie: one for each run, also where it was resumed."""
    found: dict[Path, list[int]] = {}
    for step, folder in steps:
        found.setdefault(folder.parent, []).append(step)
    return found


def _traces(folder: Path) -> dict[tuple[RunPhase, str], Path]:
    """Files of traces by phase and subset."""
    phases: tuple[RunPhase, ...] = ("train", "eval")
    places = {
        (phase, subset): folder / phase / subset / "traces.jsonl"
        for phase in phases
        for subset in ("all", "effective")
    }
    return {key: path for key, path in places.items() if path.is_file()}


def _legacy(folder: Path) -> list[Path]:
    return [path for path in (folder / "train_rollouts.jsonl",) if path.is_file()]


def _is_filtered(folder: Path) -> bool:
    """Whether a step holds only what was trained on."""
    traces = _traces(folder)
    return ("train", "effective") in traces and ("train", "all") not in traces


def _population(folders: list[Path]) -> Population:
    if any(map(_is_filtered, folders)):
        return "trained_on"
    return "unknown" if any(map(_legacy, folders)) else "generated"


def _weights(paths: list[Path]) -> dict[str, None]:
    found: dict[str, None] = {}
    for path in paths:
        for trace in listed(first_object(path).get("traces")):
            if isinstance(trace, dict) and isinstance(trace.get("rewards"), dict):
                found.update(dict.fromkeys(trace["rewards"]))
    return found


def _of_step(step: int, folder: Path, notes: Notes) -> Iterator[Rollout]:
    for path in _legacy(folder):
        yield from legacy_rollouts(path, step, "train", "", notes)
    traces = _traces(folder)
    phases: tuple[RunPhase, ...] = ("train", "eval")
    for phase in phases:
        everything, effective = traces.get((phase, "all")), traces.get((phase, "effective"))
        if everything is None and effective is None:
            continue
        if everything is None:
            notes.say("Some steps have only effective traces: what was filtered out is gone.", grave=True)
        trained = None
        if phase == "train" and everything is not None and effective is not None:
            trained = {name_of(row.get("id")) for _, row in json_rows(effective, notes)}
        for where, row in json_rows(everything or effective or folder, notes):
            if phase == "train" and everything is None:
                trained = {name_of(row.get("id"))}
            yield from _episode(row, where, step, phase, trained, notes)


def _episode(
    row: Mapping[str, Any], where: str, step: int, phase: RunPhase, trained: set[str] | None, notes: Notes
) -> Iterator[Rollout]:
    traces = [trace for trace in listed(row.get("traces")) if isinstance(trace, dict)]
    if not traces:
        notes.quarantine(where, "an episode without traces", json_text(row))
        return
    episode = name_of(row.get("id"))
    env, task, group = _inner(row, "env"), _inner(row, "task"), _inner(row, "group")
    trainable = [t for t in traces if _inner(t, "agent").get("trainable", True)] or traces
    for trace in trainable:
        prompt, completion = _messages(trace)
        scores = {n: v for n, v in _inner(trace, "rewards").items() if isinstance(v, dict)}
        parts = [(number(v.get("score")), number(v.get("weight", 1))) for v in scores.values()]
        known = [s * w for s, w in parts if s is not None and w is not None]
        info, policy = _inner(trace, "info"), _inner(_inner(_inner(row, "run"), "work"), "policy")
        failed = row.get("ok") is False or row.get("errors")
        yield Rollout(
            step=step,
            phase=phase,
            prompt=prompt,
            completion=completion,
            env=name_of(env.get("name") or env.get("id")),
            task=name_of(task.get("key") or task.get("hash")),
            group=f"{step}{'e' if phase == 'eval' else ''}.{name_of(group.get('id')) or episode or where}",
            reward=sum(known) if known else None,
            rewards={name: number(value.get("score")) for name, value in scores.items()},
            advantage=number(info.get("advantage")),
            trained_on=None if phase == "eval" or trained is None else episode in trained,
            policy=name_of(policy.get("start")) or None,
            grader_output=json_text(info["judge"]) if info.get("judge") else None,
            failure=json_text(row.get("errors") or "not ok")[:500] if failed else "",
            finish=name_of(trace.get("stop_condition")),
            extra={
                "episode": episode,
                "weights": {n: number(v.get("weight", 1)) for n, v in scores.items()},
                **({"metrics": trace["metrics"]} if trace.get("metrics") else {}),
            },
        )


def _messages(trace: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Messages before the first that was sampled, and the rest, in the order of the nodes."""
    nodes = [node for node in listed(trace.get("nodes")) if isinstance(node, dict)]
    first = next((i for i, node in enumerate(nodes) if node.get("sampled")), len(nodes))
    messages = [node.get("message") for node in nodes]
    return messages[:first], messages[first:]


def _inner(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _coverage(tally: Tally, notes: Notes, steps: list[int], filtered: int) -> dict[str, Any]:
    missing = set(range(min(steps), max(steps) + 1)) - set(steps)
    sizes = tally.train_steps.values()
    batch = max(sizes, default=0)
    basis = f"all traces of {len(steps):,} steps, and {batch:,} for each missing step"
    if filtered:
        basis = f"of {filtered:,} of {len(steps):,} steps the source says only what was trained on"
    return {
        "expected_train": None if filtered else tally.train + len(missing) * batch,
        "basis": basis,
        "batches_expected": len(steps) + len(missing),
        "missing_steps": tuple(sorted(missing)),
        "statements": (*notes.statements, *tally.statements()),
    }
