"""prime-rl: ``rollouts/step_{N}/{train,eval}/{all,effective}/traces.jsonl``, one episode a line.

``all`` holds everything that was generated and ``effective`` what was trained on: the best native log. Older
versions wrote ``step_{N}/train_rollouts.jsonl`` and ``eval_rollouts_{env}.jsonl`` in the legacy format of
verifiers, newer ones a stream of episodes (`prime_rl_stream`). Episodes that failed have no part in
advantages, which are computed among the others of their group (prime-rl 559b447, 004274e; PR 2248).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import Population, RewardFunction, RunManifest, RunPhase
from modelassay.training.importers.checkpoints import checkpoints_in
from modelassay.training.importers.episodes import (
    Learned,
    Place,
    agents_in,
    is_episode,
    rewards_in,
    rollouts_of,
)
from modelassay.training.importers.lines import first_object, json_rows, metric_lines, numbered
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Record, Rows
from modelassay.training.importers.prime_rl_stream import Stream, stream_in
from modelassay.training.importers.rows import Rollout, gathered, json_text, name_of
from modelassay.training.importers.starts import one_run
from modelassay.training.importers.tally import Tally
from modelassay.training.importers.trained_steps import Trained
from modelassay.training.importers.verifiers import legacy_rollouts
from modelassay.training.importers.verifiers import reward_names as legacy_names

NAME = "prime-rl"
_EVALUATED = "eval_rollouts_"
"""How names of older files of evaluations begin, which end with that of the environment."""
_TRAINING = ("train/", "reward/", "loss", "optim/", "entropy/", "mismatch_kl/")
"""How names of metrics begin that are logged where something was trained."""


def recognises(source: Path) -> bool:
    """Folders step_{N} with traces or train_rollouts.jsonl, or a stream of episodes."""
    return any(_traces(step) or _legacy(step) for _, step in _steps(source)) or stream_in(source) is not None


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    stream = stream_in(source)
    if stream is not None:
        return _open_stream(source, stream, options)
    steps = _steps(source)
    if not steps:
        raise DatasetError("no rollouts/step_{N} with traces.jsonl, and no traces/stream", where=str(source))
    one_run(source, _by_folder(steps))
    legacy = [path for _, folder in steps for path in _legacy(folder)]
    looked_at = [first_object(path) for _, folder in steps for path in _traces(folder).values()]
    names = tuple(dict.fromkeys((*rewards_in(looked_at), *legacy_names(legacy))))
    agents = agents_in(looked_at)
    manifest = _manifest(source, names, options, _population([folder for _, folder in steps]))
    trained = Trained(_TRAINING)

    def rollouts(notes: Notes) -> Iterator[Rows]:
        return gathered(
            (rollout for step, folder in steps for rollout in _of_step(step, folder, agents, notes)),
            names,
        )

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        filtered = sum(_is_filtered(folder) for _, folder in steps)
        return _coverage(tally, notes, trained, [step for step, _ in steps], filtered)

    return OpenedRun(
        manifest, rollouts, lambda notes: trained.noted(_records(_root(source), notes)), coverage
    )


def _open_stream(source: Path, stream: Stream, options: ImportOptions) -> OpenedRun:
    looked_at = list(stream.first_episodes())
    names, agents = tuple(rewards_in(looked_at)), agents_in(looked_at)
    trained = Trained(_TRAINING)

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        here = sorted({*tally.train_steps, *tally.eval_steps})
        return _coverage(tally, notes, trained, here, 0)

    return OpenedRun(
        _manifest(source, names, options, "generated"),
        lambda notes: gathered(stream.rollouts(agents, notes), names),
        lambda notes: trained.noted(_records(stream.run, notes)),
        coverage,
    )


def _manifest(
    source: Path, names: tuple[str, ...], options: ImportOptions, population: Population
) -> RunManifest:
    return RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        rewards=tuple(RewardFunction(name=name) for name in names),
        group_size=options.group_size,
        population=population,
        source=source.name,
    )


def _records(root: Path, notes: Notes) -> Iterator[Record]:
    for path in sorted(root.rglob("metrics.jsonl")):
        yield from metric_lines(path, "step", notes, timed=True)
    yield from checkpoints_in(root / "checkpoints", r"step_(\d+)", notes)


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


def _of_step(step: int, folder: Path, agents: frozenset[str], notes: Notes) -> Iterator[Rollout]:
    for path in _legacy(folder):
        yield from legacy_rollouts(path, step, "train", "", notes)
    for path in sorted(folder.glob(f"{_EVALUATED}*.jsonl")):
        yield from legacy_rollouts(path, step, "eval", path.stem.removeprefix(_EVALUATED), notes)
    traces = _traces(folder)
    phases: tuple[RunPhase, ...] = ("train", "eval")
    for phase in phases:
        everything, effective = traces.get((phase, "all")), traces.get((phase, "effective"))
        if everything is None and effective is None:
            continue
        if everything is None:
            notes.say("Some steps have only effective traces: what was filtered out is gone.", grave=True)
        if effective is not None:
            notes.read(effective)  # of evaluations it repeats what is in the other file
        trained = None
        if phase == "train" and everything is not None and effective is not None:
            trained = {name_of(row.get("id")) for _, row in json_rows(effective, notes)}
        mark = f"{step}{'e' if phase == 'eval' else ''}."
        for where, row in json_rows(everything or effective or folder, notes):
            if not is_episode(row):
                notes.quarantine(where, "no episode", json_text(row))
                continue
            kept = everything is None or (None if trained is None else name_of(row.get("id")) in trained)
            yield from rollouts_of(row, Place(step, phase, where, mark), _known(kept), agents)


def _known(trained_on: bool | None) -> Callable[[str], Learned]:
    learned = Learned(trained_on=trained_on)
    return lambda trace: learned


def _coverage(tally: Tally, notes: Notes, trained: Trained, here: list[int], filtered: int) -> dict[str, Any]:
    """Fields of the coverage statement.

    Args:
        here: steps that have rollouts of training or evaluations.
        filtered: how many of them hold only what was trained on.
    """
    first = min(1, *here)
    # A checkpoint is named by how many steps were done, which is one more where they count from 0.
    trained.saved = {step - 1 for step in trained.saved} if first < 1 else trained.saved
    last, known_by = trained.last(here)
    missing = set(range(first, last + 1)) - set(here)
    batch = max(tally.train_steps.values(), default=0)
    named = f", of which the last is named{known_by}" if known_by else ""
    basis = f"all traces of {len(here):,} steps, and {batch:,} for each missing step{named}"
    if filtered:
        basis = f"of {filtered:,} of {len(here):,} steps the source says only what was trained on"
    return {
        "expected_train": None if filtered else tally.train + len(missing) * batch,
        "basis": basis,
        "batches_expected": len(here) + len(missing),
        "missing_steps": tuple(sorted(missing)),
        "statements": (*notes.statements, *tally.statements()),
    }
