"""What a transformers trainer says of a run in ``checkpoint-N/trainer_state.json``, and what follows from it.

The state of the newest checkpoint holds the whole history of the logs (transformers 5: ``log_history``). TRL
leaves out of its files: weights of reward functions, group size, which files hold an evaluation. The history
tells the first and the last (tra.md 1.1; TRL 1.16.0, `GRPOTrainer.log`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelassay.errors import DatasetError
from modelassay.records import RunMetrics
from modelassay.training.importers.lines import document, numbered
from modelassay.training.importers.rows import number, whole

_SETTINGS = (
    "logging_steps", "eval_steps", "save_steps", "max_steps", "num_train_epochs", "train_batch_size",
)  # fmt: skip


@dataclass(frozen=True)
class TrainerState:
    """The history of one run."""

    steps: int = 0
    """Optimizer steps done."""
    history: tuple[Mapping[str, Any], ...] = ()
    settings: Mapping[str, str] | None = None
    name: str = ""
    """Where it was found, such as ``checkpoint-20``; empty when there is none."""
    rewritten: tuple[int, ...] = ()
    """Steps of which an older checkpoint tells otherwise: they ran twice."""
    unreadable: tuple[tuple[str, str], ...] = ()

    @property
    def train_logs(self) -> dict[int, Mapping[str, Any]]:
        """Logs of training by step."""
        return {step: entry for step, entry in self._entries() if "loss" in entry or "reward" in entry}

    @property
    def eval_logs(self) -> dict[int, Mapping[str, Any]]:
        """Logs of evaluations by step."""
        return {
            step: entry for step, entry in self._entries() if any(key.startswith("eval_") for key in entry)
        }

    def logs_training(self, step: int) -> bool:
        """Whether training at `step` was logged, or must have been after the state was saved."""
        every = whole((self.settings or {}).get("logging_steps"))
        return step in self.train_logs or (step > self.steps and bool(every) and step % (every or 1) == 0)

    @property
    def reward_names(self) -> tuple[str, ...]:
        """Reward functions that are logged, in order of appearance."""
        found: dict[str, None] = {}
        for entry in self.history:
            for key in entry:
                if key.startswith("rewards/") and key.endswith("/mean"):
                    found.setdefault(key.removeprefix("rewards/").removesuffix("/mean"))
        return tuple(found)

    def metrics(self) -> Iterator[RunMetrics]:
        """Every log as a record; of an evaluation without the prefix ``eval_``."""
        for step, entry in self._entries():
            evaluation = any(key.startswith("eval_") for key in entry)
            values = {
                key.removeprefix("eval_") if evaluation else key: value
                for key, raw in entry.items()
                if key != "step" and not isinstance(raw, str) and (value := number(raw)) is not None
            }
            yield RunMetrics(step=step, phase="eval" if evaluation else "train", values=values)

    def generations(self) -> int | None:
        """Training batches generated up to the last log, when every step is logged: tokens grow with each."""
        logs = self.train_logs
        tokens = [number(logs[step].get("num_tokens")) for step in sorted(logs)]
        if not tokens or sorted(logs) != list(range(1, len(tokens) + 1)) or None in tokens:
            return None
        return int((np.diff(np.array(tokens, np.float64), prepend=0.0) > 0).sum())

    def _entries(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for entry in self.history:
            step = whole(entry.get("step"))
            if step is not None:
                yield step, entry


def read_state(root: Path) -> TrainerState:
    """The state of the newest checkpoint below `root`; an empty one when there is none."""
    places = [path for _, path in reversed(numbered(root.glob("checkpoint-*"), r"checkpoint-(\d+)"))]
    states: list[tuple[int, str, Sequence[Mapping[str, Any]], dict[str, Any]]] = []
    unreadable: list[tuple[str, str]] = []
    for folder in [root, *places]:
        path = folder / "trainer_state.json"
        if not path.is_file():
            continue
        try:
            data = document(path)
            history = [entry for entry in data["log_history"] if isinstance(entry, dict)]
            states.append((int(data["global_step"]), folder.name, history, data))
        except (DatasetError, KeyError, TypeError, ValueError, OverflowError) as error:
            unreadable.append((f"{folder.name}/trainer_state.json", str(error)))
    if not states:
        return TrainerState(unreadable=tuple(unreadable))
    chosen = max(states, key=lambda state: state[0])
    steps, name, newest, data = chosen
    return TrainerState(
        steps=steps,
        history=tuple(newest),
        settings={key: str(data[key]) for key in _SETTINGS if data.get(key) is not None},
        name=name,
        rewritten=_rewritten(newest, [each[2] for each in states if each is not chosen]),
        unreadable=tuple(unreadable),
    )


def _rewritten(
    newest: Sequence[Mapping[str, Any]], others: Sequence[Sequence[Mapping[str, Any]]]
) -> tuple[int, ...]:
    def rewards(history: Sequence[Mapping[str, Any]]) -> dict[int, float | None]:
        found = ((whole(entry.get("step")), entry) for entry in history)
        return {
            step: number(entry["reward"]) for step, entry in found if step is not None and "reward" in entry
        }

    kept = rewards(newest)
    return tuple(
        sorted(
            {
                step
                for other in others
                for step, reward in rewards(other).items()
                if step in kept and kept[step] != reward
            }
        )
    )
