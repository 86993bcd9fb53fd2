"""Reward functions that record: what the grader was asked, and what it answered, framework by framework."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from modelassay.training.columns import REWARD_PREFIX
from modelassay.training.importers.rows import clean, json_text, number, task_of, text_of
from modelassay.training.importers.trl_columns import ENVIRONMENT
from modelassay.training.recorder.forks import REASON
from modelassay.training.recorder.items import Loss, lost_rollouts
from modelassay.training.recorder.plain_values import scalar

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

UNSEEN = "reward_model_not_recorded"
"""Key of the note that names a reward model which a trainer asks itself."""
_TOLD = 200
"""Characters of an error's words."""
F = TypeVar("F", bound=Callable[..., Any])
Columns = dict[str, list[Any]]
_NOT_DATA = frozenset({"prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric",
                       "environments"})  # fmt: skip


def recording(recorder: RunRecorder, function: F, name: str = "") -> F:
    """See `RunRecorder.reward`."""
    title = name or getattr(function, "__name__", type(function).__name__)
    batches = recorder.graded
    recorder.totals.know([title])

    def note(arguments: tuple[Any, ...], named: dict[str, Any], answer: Any) -> None:
        if not recorder.sees_rollouts:
            asked: dict[str, Any] = {}
            with recorder.troubles.kept(f"recording the reward {title}", lambda: batches.lost(asked)):
                asked |= _named(function, arguments, named)
                if isinstance(answer, BaseException):
                    batches.fail(title, asked, answer)
                else:
                    batches.take(title, asked, answer)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*arguments: Any, **named: Any) -> Any:
            try:
                answer = await function(*arguments, **named)
            except BaseException as error:
                note(arguments, named, error)
                raise
            note(arguments, named, answer)
            return answer

        return later  # type: ignore[return-value]

    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        try:
            answer = function(*arguments, **named)
        except BaseException as error:
            note(arguments, named, error)
            raise
        note(arguments, named, answer)
        return answer

    wrapped.__name__ = title if name else getattr(function, "__name__", title)
    return wrapped  # type: ignore[return-value]


def said_of_error(error: BaseException) -> str:
    """An error in words that stand beside each rollout."""
    return f"{type(error).__name__}: {clean(str(error))[:_TOLD]}".removesuffix(": ")


def _named(function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """All arguments of a call by name."""
    bound = inspect.signature(function).bind_partial(*arguments, **named)
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        found |= value if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    return found


class GradedBatches:
    """Puts the scores of several functions for the same completions together."""

    def __init__(self, recorder: RunRecorder) -> None:
        self._recorder = recorder
        self._completions: Any = None
        """Those of which `_columns` are; none of them when these could not be made."""
        self._columns: Columns = {}
        self._number = 0

    def take(self, name: str, asked: Mapping[str, Any], answer: Any) -> None:
        """Take one call."""
        if "solution_str" in asked:
            self._recorder.named(1, verl_columns(self._recorder, name, asked, answer))
        elif "queries" in asked:
            columns = openrlhf_columns(self._recorder, name, asked, answer)
            self._recorder.named(len(columns["completion"]), columns)
        elif "completions" in asked:
            self._take_trl(name, asked, answer)
        else:
            raise TypeError("neither TRL's, OpenRLHF's nor verl's arguments")

    def fail(self, name: str, asked: Mapping[str, Any], error: BaseException) -> None:
        """Take one call that raised: its rollouts are there, and have no score by it."""
        failure = f"the reward function {name} raised {said_of_error(error)}"
        if "solution_str" in asked:
            columns = verl_columns(self._recorder, name, asked, None)
        elif "queries" in asked:
            columns = openrlhf_columns(self._recorder, name, asked, None)
        elif "completions" in asked:
            columns = self._begun(asked)
        else:
            raise TypeError("neither TRL's, OpenRLHF's nor verl's arguments")
        columns["failure"] = [failure] * len(columns["completion"])
        if "completions" not in asked:
            self._recorder.named(len(columns["completion"]), columns)

    def lost(self, asked: Mapping[str, Any]) -> Loss:
        """What is not in the record of a call that could not be taken."""
        completions, rows = asked.get("completions"), asked.get("queries", asked.get("completions"))
        if completions is not None and completions is self._completions:
            return Loss(records=1)  # its rollouts were told as lost, or are kept without this score
        if completions is not None:
            self._completions = completions  # other functions of the same rollouts lose no further ones
        return lost_rollouts(1 if rows is None else len(rows), [self._recorder.current_step + 1])

    def _take_trl(self, name: str, asked: Mapping[str, Any], answer: Sequence[Any]) -> None:
        columns = self._begun(asked, REWARD_PREFIX + name)
        scores = [number(scalar(each)) for each in answer]
        if len(scores) != len(columns["completion"]):
            raise ValueError(f"{len(scores)} scores for {len(columns['completion'])} completions")
        columns.pop("failure", None)  # it was asked again, and answered
        columns[REWARD_PREFIX + name] = scores

    def _begun(self, asked: Mapping[str, Any], column: str = "") -> Columns:
        """Columns of a TRL call: begun, unless other functions were asked about the same completions."""
        if self._recorder.is_foreign:
            raise RuntimeError(REASON)
        if asked["completions"] is not self._completions or column in self._columns:
            self.flush()
            self._columns = trl_columns(self._recorder, asked, self._number)
            self._completions = asked["completions"]
            self._number += 1
        if not self._columns:
            raise ValueError("its rollouts could not be recorded")
        return self._columns

    def flush(self) -> None:
        """Record what has all its scores."""
        columns, self._columns, self._completions = self._columns, {}, None
        if columns:
            count = len(columns["completion"])
            columns["reward"] = self._recorder.totals.column(columns, count)
            self._recorder.named(count, columns)


def trl_columns(recorder: RunRecorder, asked: Mapping[str, Any], batch: int) -> Columns:
    """Rollouts of a TRL reward call, without scores."""
    prompts = [text_of(each) for each in asked["prompts"]]
    completions = [text_of(each) for each in asked["completions"]]
    count = len(completions)
    state, phase = asked.get("trainer_state"), recorder.phase()
    step = (recorder.current_step if state is None else state.global_step) + (phase == "train")
    data = {
        name: values
        for name, values in asked.items()
        if name not in _NOT_DATA and isinstance(values, list) and len(values) == count
    }
    env = next((name for name in ENVIRONMENT if name in data), None)
    size = recorder.manifest.group_size
    recorder.reach(step, phase)
    mark = f"{recorder.stretch}:{step}.{batch}"
    tasks = [task_of(text) for text, _ in prompts]
    ids = asked.get("completion_ids") or [None] * count
    return {
        "step": [step] * count,
        "phase": [phase] * count,
        "env": [str(each) for each in data[env]] if env else [""] * count,
        "task": tasks,
        "group": [f"{mark}.{row // size if size else tasks[row]}" for row in range(count)],
        "position": [row % size if size else tasks[:row].count(tasks[row]) for row in range(count)],
        "prompt": [text for text, _ in prompts],
        "completion": [text for text, _ in completions],
        "format": [
            "messages" if "messages" in (a, b) else "text"
            for (_, a), (_, b) in zip(prompts, completions, strict=True)
        ],
        "completion_tokens": [None if each is None else len(each) for each in ids],
        "extra": [json_text({name: values[row] for name, values in data.items()}) for row in range(count)],
    }  # fmt: skip


def openrlhf_columns(recorder: RunRecorder, name: str, asked: Mapping[str, Any], answer: Any) -> Columns:
    """Rollouts of an OpenRLHF reward call, or of a request to its remote reward model (``query``)."""
    queries = list(asked.get("queries") or asked.get("query") or [])
    prompts = list(asked.get("prompts") or [""] * len(queries))
    labels = list(asked.get("labels") or [None] * len(queries))
    reply = answer if isinstance(answer, Mapping) else {"rewards": answer}
    scores: Any = reply.get("rewards")
    scores = scores.tolist() if hasattr(scores, "tolist") else scores
    scores = list(scores) if isinstance(scores, list | tuple) else [scores] * len(queries)
    logs = reply.get("extra_logs") if isinstance(reply.get("extra_logs"), Mapping) else {}
    count, step = len(queries), recorder.current_step + 1
    if not len(prompts) == len(labels) == len(scores) == count:
        raise ValueError(
            f"{count} queries, {len(prompts)} prompts, {len(labels)} labels, {len(scores)} rewards"
        )
    completions = [
        q.removeprefix(p) if isinstance(q, str) else q for q, p in zip(queries, prompts, strict=True)
    ]
    texts = [text_of(each)[0] for each in prompts]
    values = [number(scalar(each)) for each in scores]
    phase = recorder.phase()
    recorder.reach(step, phase)
    return {
        "step": [step] * count,
        "phase": [phase] * count,
        "group": [f"{recorder.stretch}:{step}.{task_of(text)}" for text in texts],
        "position": [texts[:row].count(texts[row]) for row in range(count)],
        "prompt": texts,
        "completion": [text_of(each)[0] for each in completions],
        "grader_input": [text_of(each)[0] for each in queries],
        REWARD_PREFIX + name: values,
        "reward": list(values),
        "extra": [
            json_text({"label": labels[row], **{k: _at(v, row) for k, v in (logs or {}).items()}})
            for row in range(count)
        ],
    }


def verl_columns(recorder: RunRecorder, name: str, asked: Mapping[str, Any], answer: Any) -> Columns:
    """The rollout of a verl ``compute_score`` call; the prompt is what ``extra_info`` says it is."""
    about = asked.get("extra_info") or {}
    prompt = about.get("question") or about.get("prompt") or "" if isinstance(about, Mapping) else ""
    score = number(scalar(answer.get("score") if isinstance(answer, Mapping) else answer))
    step, phase = recorder.current_step + 1, recorder.phase()
    recorder.reach(step, phase)
    text = text_of(prompt)[0]
    index = str(about.get("index", "")) if isinstance(about, Mapping) else ""
    task = index or task_of(text)
    return {
        "step": [step],
        "phase": [phase],
        "env": [str(asked.get("data_source", ""))],
        "task": [task],
        "group": [f"{recorder.stretch}:{step}.{task}"],
        "prompt": [text],
        "completion": [text_of(asked["solution_str"])[0]],
        REWARD_PREFIX + name: [score],
        "reward": [score],
        "extra": [json_text({"ground_truth": asked.get("ground_truth"), "answer": answer})],
    }


def _at(values: Any, row: int) -> Any:
    values = values.tolist() if hasattr(values, "tolist") else values
    return values[row] if isinstance(values, list | tuple) and row < len(values) else values
