"""Attach to a transformers or TRL trainer: every rollout, log, checkpoint, change and error of it.

Of GRPO and RLOO trainers two methods are wrapped, which exist since TRL 0.17 and under these names in 1.16:
``_calculate_rewards`` (inputs, completions, scores of all functions) and ``_generate_and_score_completions``
(advantages, masks). Where they are missing, the reward functions are wrapped instead, which is public and
says all but advantages. Everything else comes through ``TrainerCallback``.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelassay.errors import UsageError
from modelassay.training.recorder.batches import Batches
from modelassay.training.recorder.generating import told_of_rollouts
from modelassay.training.recorder.generation import Generation
from modelassay.training.recorder.model_settings import adapter_settings, base_settings
from modelassay.training.recorder.plain_values import reward_function
from modelassay.training.recorder.rewards import UNSEEN
from modelassay.training.recorder.surroundings import git_commit, library_versions, random_states
from modelassay.training.recorder.training_data import describe_dataset

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

ALGORITHMS = {
    "GRPOTrainer": "grpo",
    "RLOOTrainer": "rloo",
    "SFTTrainer": "sft",
    "DPOTrainer": "dpo",
    "RewardTrainer": "reward_modelling",
    "KTOTrainer": "kto",
    "PPOTrainer": "ppo",
    "ORPOTrainer": "orpo",
    "CPOTrainer": "cpo",
    "OnlineDPOTrainer": "online_dpo",
    "DistillationTrainer": "distillation",
    "GKDTrainer": "gkd",
    "GOLDTrainer": "gold",
}
"""By the name of the trainer's class or the next one that it derives from."""
METHODS = ("_calculate_rewards", "_generate_and_score_completions")
"""Of GRPO and RLOO trainers; what they give is caught where a trainer has both."""
_ROLES = {
    "sft": "sft",
    "gkd": "sft",
    **dict.fromkeys(("dpo", "kto", "orpo", "cpo", "reward_modelling"), "preference"),
    **dict.fromkeys(("grpo", "rloo", "ppo", "online_dpo", "distillation"), "prompts"),
}
"""Of the data of a trainer; of others `prompts` where it has reward functions, else `train`."""
_WATCHED = (
    "beta", "temperature", "top_p", "top_k", "num_generations", "num_iterations", "max_completion_length",
    "loss_type", "scale_rewards", "epsilon_low", "epsilon_high",
)  # fmt: skip
"""Attributes of a trainer that act beside its arguments."""


_EVALUATED = re.compile(r"eval_.*|(?!train_).*_runtime")
"""Names of what a trainer logs of an evaluation only: its time, whatever prefix the others are given."""
_ATTACHED = "_modelassay_attached"
"""Attribute of a trainer: which recorder it tells, and how it was before."""


def attach(recorder: RunRecorder, trainer: Any, *, tokens: bool = True) -> None:
    """Record all that `trainer` does from here on.

    A trainer tells one recorder: with the same one nothing happens again, another takes its place.

    Args:
        tokens: keep the token ids of completions, so that a segment can be replayed token by token.

    Raises:
        UsageError: it is no transformers trainer.
    """
    if not hasattr(trainer, "add_callback") or not hasattr(trainer, "state"):
        raise UsageError(
            f"a {type(trainer).__name__} is no transformers trainer",
            mend="record it with step(), rollout() and checkpoint()",
        )
    if (known := getattr(trainer, _ATTACHED, None)) is not None:
        if known.recorder is recorder:
            return
        known.undo(trainer)
    names = [base.__name__ for base in type(trainer).__mro__]
    algorithm = next((ALGORITHMS[name] for name in names if name in ALGORITHMS), "")
    is_trl = any(base.__module__.partition(".")[0] == "trl" for base in type(trainer).__mro__)
    framework = "trl" if is_trl else "transformers"
    recorder.share(trainer.args.process_index, trainer.args.world_size)
    recorder.describe(
        framework=framework,
        framework_version=library_versions().get(framework, ""),
        algorithm=algorithm,
        rewards=rewards_of(trainer),
        group_size=getattr(trainer, "num_generations", None),
        base=_base(trainer),
    )
    watch = _Watch(recorder, trainer)
    has_rewards = bool(getattr(trainer, "reward_funcs", None))
    callback = _callback(watch, _ROLES.get(algorithm, "prompts" if has_rewards else "train"))
    setattr(trainer, _ATTACHED, _Attached(recorder, trainer, callback))
    with recorder.troubles.kept("attaching"):
        _wrap_training(watch)
        if all(hasattr(trainer, name) for name in METHODS):
            watch.generation = Generation(recorder, trainer, tokens=tokens)
            watch.generation.wrap()
        elif has_rewards:
            _wrap_rewards(recorder, trainer)
        else:
            watch.sees_rollouts = False
            watch.batches.wrap()
    trainer.add_callback(callback)


class _Attached:
    """Which recorder a trainer tells, and what it had where the wrappers are now."""

    _WRAPPED = ("train", "training_step", "reward_funcs", *METHODS)

    def __init__(self, recorder: RunRecorder, trainer: Any, callback: Any) -> None:
        self.recorder = recorder
        self._callback = callback
        self._own = {name: vars(trainer)[name] for name in self._WRAPPED if name in vars(trainer)}

    def undo(self, trainer: Any) -> None:
        """Take the wrappers off again."""
        for name in self._WRAPPED:
            vars(trainer).pop(name, None)
        vars(trainer).update(self._own)
        trainer.remove_callback(self._callback)
        delattr(trainer, _ATTACHED)


def _wrap_rewards(recorder: RunRecorder, trainer: Any) -> None:
    """Record what reward functions are asked and answer.

    A reward model is left as it is: trainers tell it from a function by its class, and feed it otherwise.
    """
    from torch.nn import Module

    recorder.phase = lambda: "train" if trainer.model.training else "eval"
    functions = list(trainer.reward_funcs)
    trainer.reward_funcs = [each if isinstance(each, Module) else recorder.reward(each) for each in functions]
    for each in functions:
        if isinstance(each, Module):
            body: dict[str, Any] = {UNSEEN: type(each).__name__}
            recorder.event("note", **body)


def rewards_of(trainer: Any) -> tuple[Any, ...]:
    """Reward functions of a trainer with their weights."""
    names = getattr(trainer, "reward_func_names", None) or ()
    weights = getattr(trainer, "reward_weights", None)
    known = weights.tolist() if weights is not None else [None] * len(names)
    return tuple(reward_function(name, weight) for name, weight in zip(names, known, strict=True))


def _base(trainer: Any) -> str:
    name = str(getattr(getattr(trainer.model, "config", None), "_name_or_path", "") or "")
    return Path(name).name if Path(name).is_absolute() else name


def _wrap_training(watch: _Watch) -> None:
    """Errors that end training are recorded, and raised as before."""
    recorder, trainer = watch.recorder, watch.trainer
    train = trainer.train

    @functools.wraps(train)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        watch.goes_on_from = (*arguments, named.get("resume_from_checkpoint"))[0]
        try:
            return train(*arguments, **named)
        except BaseException as error:
            recorder.exception(error, step=trainer.state.global_step)
            watch.ended(trainer.state.global_step)
            recorder.flush()
            raise

    trainer.train = wrapped


class _Watch:
    """What is looked at each step."""

    def __init__(self, recorder: RunRecorder, trainer: Any) -> None:
        self.recorder = recorder
        self.trainer = trainer
        self.batches = Batches(recorder, trainer)
        self.sees_rollouts = True
        """Whether the trainer's rollouts, if it makes any, are caught."""
        self.goes_on_from: Any = None
        """What `train` was asked to resume from."""
        self.versions: dict[str, str] = {}
        """Of the repository that training runs in."""
        self._seen: tuple[Any, ...] = ()
        self.generation: Generation | None = None
        """What catches the trainer's rollouts, where it makes any."""
        self._base: dict[str, str] | None = None

    def began(self, step: int, last: int) -> None:
        """Training begins after `step`, to end with `last`; this process may have been further before."""
        self.versions = git_commit(Path.cwd())
        if step < min(self.recorder.current_step, last):
            self.recorder.reach(step + 1)
        self.recorder.begin(step)
        self.batches.begin()
        if self.goes_on_from:
            told = self.goes_on_from
            name = Path(told).name if isinstance(told, str | Path) else f"checkpoint-{step}"
            self.recorder.event("note", step=step, goes_on_from=name)
        if not self.sees_rollouts:
            body: dict[str, Any] = {**told_of_rollouts(self.trainer)}
            self.recorder.event("note", step=step, **body)

    def ended(self, step: int) -> None:
        """Training is over, or was broken off, after `step`."""
        with self.recorder.troubles.kept("ending training"):
            self.batches.ended(step)
            if self.generation is not None:
                self.generation.ended()

    def settings(self) -> dict[str, Any]:
        """All settings in force."""
        watched = {f"trainer.{name}": getattr(self.trainer, name, None) for name in _WATCHED}
        rewards = {f"reward_weights.{each.name}": str(each.weight) for each in rewards_of(self.trainer)}
        return {**self.trainer.args.to_dict(), **watched, **rewards, **self._of_model()}

    def _of_model(self) -> dict[str, Any]:
        """Of adapters and the base; the latter as it was at first, since trainers switch parts of it."""
        model = self.trainer.model
        self._base = base_settings(model) if self._base is None else self._base
        return {**adapter_settings(model), **self._base}

    def code(self) -> dict[str, Any]:
        """Graders, environments and the training script."""
        found: dict[str, Any] = {"training script": sys.modules.get("__main__")}
        names = getattr(self.trainer, "reward_func_names", None) or ()
        for name, each in zip(names, getattr(self.trainer, "reward_funcs", ()), strict=False):
            found[f"grader {name}"] = each
        for name in ("environment_factory", "rollout_func", "data_collator"):
            if (each := getattr(self.trainer, name, None)) is not None:
                found[name] = each
        factories = getattr(self.trainer, "environment_factories", None)
        if isinstance(factories, Mapping):
            found |= {f"environment {name}": each for name, each in factories.items()}
        found |= {f"tool {each.__name__}": each for each in getattr(self.trainer, "tools", None) or ()}
        return found

    def look(self, step: int) -> None:
        """Record settings and code anew where anything may have changed."""
        weights = getattr(self.trainer, "reward_weights", None)
        seen = (
            dict(vars(self.trainer.args)),
            [getattr(self.trainer, name, None) for name in _WATCHED],
            None if weights is None else weights.tolist(),
        )
        if seen != self._seen:
            self._seen = seen
            self.recorder.configuration(self.settings(), step=step)
        self.recorder.code(self.code(), versions=self.versions, step=step)


def _callback(watch: _Watch, role: str) -> Any:
    """The callback; its class is made here, so that transformers is imported only where it is used."""
    from transformers import TrainerCallback

    recorder, trainer = watch.recorder, watch.trainer

    def guarded(method: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(method)
        def wrapped(self: Any, args: Any, state: Any, control: Any, **named: Any) -> None:
            with recorder.troubles.kept(method.__name__):
                method(self, args, state, control, **named)

        return wrapped

    class RecorderCallback(TrainerCallback):  # type: ignore[misc]
        """Tells the recorder what the trainer does."""

        @guarded
        def on_train_begin(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            watch.began(state.global_step, state.max_steps)
            watch.look(state.global_step)
            seed = args.seed if args.data_seed is None else args.data_seed
            for name, data in (("train", trainer.train_dataset), ("eval", trainer.eval_dataset)):
                describe_dataset(recorder, name, data, "eval" if name == "eval" else role, seed)
            recorder.event("note", step=state.global_step, random_states=random_states(), seed=args.seed)

        @guarded
        def on_step_begin(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            if state.global_step > recorder.current_step:
                recorder.step(state.global_step)
            watch.look(state.global_step + 1)

        @guarded
        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            watch.look(state.global_step + 1)  # once more: callbacks behind this one begin the step after it

        @guarded
        def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            watch.batches.step_done(state.global_step)

        @guarded
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **named: Any) -> None:
            evaluation = any(map(_EVALUATED.fullmatch, logs or {}))
            recorder.metrics(logs or {}, step=state.global_step, phase="eval" if evaluation else "train")

        @guarded
        def on_save(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            watch.batches.tell()
            if state.is_world_process_zero:
                folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
                recorder.checkpoint(folder, step=state.global_step)

        @guarded
        def on_train_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            watch.ended(state.global_step)
            recorder.step(state.global_step)
            recorder.flush()

    return RecorderCallback()
