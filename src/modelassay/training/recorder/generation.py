"""Rollouts as a GRPO or RLOO trainer makes them: caught between its own methods, on this process's share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

from modelassay.records import RunPhase
from modelassay.training.columns import REWARD_PREFIX
from modelassay.training.importers.rows import json_text, text_of
from modelassay.training.importers.trl_columns import ENVIRONMENT, TASK
from modelassay.training.recorder.graded import said_of_error
from modelassay.training.recorder.items import Loss, lost_rollouts
from modelassay.training.used_up import NOT_USED_UP

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

SAID_BY_GRADERS = ("grader_input", "grader_output", "failure")
"""Columns that a reward function may fill through TRL's ``log_extra``."""
_TEXTS = ("prompt", "completion")


@dataclass
class _Scored:
    """What `_calculate_rewards` was given, and what it returned."""

    inputs: Sequence[Mapping[str, Any]]
    prompts: Sequence[Any]
    completions: Sequence[Any]
    token_ids: Sequence[Sequence[int]]
    scores: list[list[float]]
    """Of the rollouts of all processes, by reward function."""
    said: dict[str, list[Any]]


class Generation:
    """Wraps the two methods of one trainer.

    Args:
        tokens: keep the token ids of completions.
    """

    def __init__(self, recorder: RunRecorder, trainer: Any, *, tokens: bool) -> None:
        self._recorder, self._trainer, self._tokens = recorder, trainer, tokens
        self._scored: _Scored | None = None
        self._batch = (("", -1), 0)
        self._newest: tuple[str, int, int] | None = None
        """Of the training rollouts made last: how names of their groups begin, their number, and the step
        that was done when they were made."""
        ends = getattr(trainer, "eos_token_ids", None) or [getattr(trainer, "eos_token_id", None)]
        tokenizer = getattr(trainer, "_tokenizer", None) or getattr(trainer, "processing_class", None)
        self._ends = {*ends, getattr(tokenizer, "pad_token_id", None)}

    def wrap(self) -> None:
        """Put the wrappers in place; what they wrap works, returns and raises as before."""
        trainer = self._trainer
        self._recorder.sees_rollouts = True
        trainer._calculate_rewards = self._around(
            trainer._calculate_rewards, self._after_scoring, self._loss, self._unscored
        )
        trainer._generate_and_score_completions = self._around(
            trainer._generate_and_score_completions, self._after_generation, self._loss, self._unfinished
        )

    def ended(self) -> None:
        """Say of how many rollouts nothing was trained any more: training is over, or was broken off.

        A trainer mixes the rollouts that it makes at once and takes them in turns: nobody knows which.
        """
        newest, self._newest = self._newest, None
        if newest is None:
            return
        begins, count, done = newest
        args = self._trainer.args
        each = getattr(args, "gradient_accumulation_steps", 1)
        whole = getattr(args, "steps_per_generation", None) or each
        turns = (self._trainer.state.global_step - done) * each
        if turns < whole:
            body = {NOT_USED_UP: begins, "rollouts": count, "used": count * turns // whole}
            self._recorder.event("note", step=self._trainer.state.global_step, **body)

    def _around(
        self,
        method: Callable[..., Any],
        after: Callable[..., None],
        lost: Callable[..., Loss],
        failed: Callable[..., None],
    ) -> Callable[..., Any]:
        """`method`, then `after` with what it returned, or `failed` with what it raised.

        `lost` is what is not recorded where either fails.
        """
        troubles = self._recorder.troubles

        @functools.wraps(method)
        def wrapped(*arguments: Any, **named: Any) -> Any:
            loss = functools.partial(lost, *arguments, **named)
            try:
                result = method(*arguments, **named)
            except BaseException as error:
                with troubles.kept("reading rollouts", loss):
                    failed(error, *arguments, **named)
                raise
            with troubles.kept("reading rollouts", loss):
                after(result, *arguments, **named)
            return result

        return wrapped

    def _loss(self, inputs: Any, *_: Any, **__: Any) -> Loss:
        return lost_rollouts(len(inputs), (self._place()[1],))

    def _place(self) -> tuple[RunPhase, int]:
        """Phase and step of the rollouts that the trainer makes now."""
        phase: RunPhase = "train" if self._trainer.model.training else "eval"
        return phase, self._trainer.state.global_step + (phase == "train")

    def _unscored(
        self, error: BaseException, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any
    ) -> None:
        """Rollouts that were made, and could not be scored: nothing was learnt from them."""
        failure = f"the reward functions raised {said_of_error(error)}"
        self._failed(_Scored(inputs, prompts, completions, completion_ids_list, [], {}), failure)

    def _unfinished(self, error: BaseException, inputs: Any) -> None:
        """Rollouts that were scored, and from which no batch was made."""
        scored, self._scored = self._scored, None
        if scored is not None:
            failure = f"no batch was made of them: {said_of_error(error)}"
            self._failed(scored, failure)

    def _failed(self, scored: _Scored, failure: str) -> None:
        """Record rollouts that training made nothing of."""
        trainer, count = self._trainer, len(scored.prompts)
        phase, step = self._place()
        self._recorder.reach(step, phase)
        first = trainer.accelerator.process_index * count
        columns = self._texts(scored) | self._places(scored, phase, step, first)
        if scored.scores:
            columns |= _scores(scored.scores[first : first + count], trainer)
        columns["completion_tokens"] = [len(ids) for ids in scored.token_ids]
        columns["finish"] = self._finishes(scored)
        columns["failure"] = [failure] * count
        columns["trained_on"] = [False] * count
        columns["extra"] = [json_text(_without_texts(row)) for row in scored.inputs]
        more = {"completion_ids": list(scored.token_ids)} if self._tokens else {}
        self._recorder.named(count, columns, more)

    def _finishes(self, scored: _Scored) -> list[str]:
        """Whether each completion came to its end."""
        whole = [len(ids) > 0 and ids[-1] in self._ends for ids in scored.token_ids]
        return ["stop" if each else "length" for each in whole]

    def _after_scoring(
        self, result: Any, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any
    ) -> None:
        pending = getattr(self._trainer, "_pending_extra_logs", None) or {}
        self._scored = _Scored(
            inputs,
            prompts,
            completions,
            completion_ids_list,
            result.tolist(),
            {name: list(values) for name, values in pending.items()},
        )

    def _after_generation(self, output: Any, inputs: Any) -> None:
        scored, self._scored = self._scored, None
        if scored is None:
            raise RuntimeError("rewards were not calculated for these rollouts")
        trainer, count = self._trainer, len(scored.prompts)
        phase, step = self._place()
        self._recorder.reach(step, phase)
        first = trainer.accelerator.process_index * count
        columns = self._texts(scored)
        columns |= self._places(scored, phase, step, first)
        columns |= _scores(scored.scores[first : first + count], trainer)
        columns["advantage"] = output["advantages"].reshape(count, -1)[:, 0].tolist()
        columns["prompt_tokens"] = output["prompt_mask"].sum(dim=1).tolist()
        lengths = [len(ids) for ids in scored.token_ids]
        if "tool_mask" in output:
            lengths = output["tool_mask"].sum(dim=1).tolist()
        columns["completion_tokens"] = lengths
        columns["finish"] = self._finishes(scored)
        if phase == "train":
            masked = getattr(trainer, "mask_truncated_completions", False)
            columns["trained_on"] = [each == "stop" or not masked for each in columns["finish"]]
            self._newest = (columns["group"][0].rpartition(".")[0] + ".", count, trainer.state.global_step)
        for name in SAID_BY_GRADERS:
            if len(said := scored.said.get(name, ())) == count:
                columns[name] = [None if each is None else text_of(each)[0] for each in said]
        more = _data(scored)
        if more is None:
            columns["extra"] = [json_text(_without_texts(row)) for row in scored.inputs]
        self._recorder.named(count, columns, (more or {}) | self._more(scored, output, lengths))

    def _texts(self, scored: _Scored) -> dict[str, list[Any]]:
        if all(isinstance(each, str) for texts in (scored.prompts, scored.completions) for each in texts):
            prompts, completions = list(scored.prompts), list(scored.completions)
            return {"prompt": prompts, "completion": completions, "format": ["text"] * len(prompts)}
        read = [(text_of(p), text_of(c)) for p, c in zip(scored.prompts, scored.completions, strict=True)]
        return {
            "prompt": [prompt for (prompt, _), _ in read],
            "completion": [completion for _, (completion, _) in read],
            "format": ["messages" if "messages" in (a, b) else "text" for (_, a), (_, b) in read],
        }

    def _places(self, scored: _Scored, phase: str, step: int, first: int) -> dict[str, list[Any]]:
        """Step, phase, group and task; groups are `num_generations` consecutive rollouts of all processes."""
        trainer, count = self._trainer, len(scored.prompts)
        size = trainer.num_generations
        if phase == "eval":
            size = getattr(trainer, "num_generations_eval", size)
        self._batch = ((phase, step), self._batch[1] + 1 if self._batch[0] == (phase, step) else 0)
        stretch = self._recorder.stretch
        mark = f"{stretch}:" if stretch else ""
        mark += f"{step}{'e' if phase == 'eval' else ''}.{self._batch[1]}"
        env = next((name for name in ENVIRONMENT if name in scored.inputs[0]), None)
        task = next((name for name in TASK if name in scored.inputs[0]), None)
        places: dict[str, list[Any]] = {
            "step": [step] * count,
            "phase": [phase] * count,
            "group": [f"{mark}.{(first + row) // size}" for row in range(count)],
            "position": [(first + row) % size for row in range(count)],
            "env": [str(row.get(env, "")) for row in scored.inputs] if env else [""] * count,
        }
        if task:  # the scribe names the others by their prompts
            places["task"] = [str(row.get(task, "")) for row in scored.inputs]
        return places

    def _more(self, scored: _Scored, output: Any, lengths: list[int]) -> dict[str, list[Any]]:
        """What graders logged, and tokens."""
        more: dict[str, list[Any]] = {
            name: values
            for name, values in scored.said.items()
            if name not in SAID_BY_GRADERS and len(values) == len(lengths)
        }
        if self._tokens:
            masks, prompts = output["prompt_mask"].tolist(), output["prompt_ids"].tolist()
            more["completion_ids"] = list(scored.token_ids)
            more["prompt_ids"] = [list(compress(ids, mask)) for ids, mask in zip(prompts, masks, strict=True)]
            if (logged := output.get("sampling_per_token_logps")) is not None:
                values = zip(logged.tolist(), lengths, strict=True)
                more["logprobs"] = [each[:length] for each, length in values]
        return more


def _data(scored: _Scored) -> dict[str, list[Any]] | None:
    """Columns of the data; None where rows have different ones."""
    names = scored.inputs[0].keys()
    if any(row.keys() != names for row in scored.inputs):
        return None
    return {name: [row[name] for row in scored.inputs] for name in names if name not in _TEXTS}


def _without_texts(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _TEXTS}


def _scores(scores: list[list[float]], trainer: Any) -> dict[str, list[Any]]:
    """Scores by function, and the total as the trainer weighs it: over the functions that scored."""
    names, weights = trainer.reward_func_names, trainer.reward_weights.tolist()
    by_function = list(zip(*scores, strict=True)) or [()] * len(names)
    columns: dict[str, list[Any]] = {
        REWARD_PREFIX + name: [_finite(each) for each in values]
        for name, values in zip(names, by_function, strict=True)
    }
    columns["reward"] = [_total(row, weights) for row in scores]
    return columns


def _total(row: Sequence[float], weights: Sequence[float]) -> float | None:
    known = [score * weight for score, weight in zip(row, weights, strict=True) if score == score]
    return _finite(sum(known)) if known else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
