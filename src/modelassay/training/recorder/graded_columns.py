"""What reward functions of each framework are asked and answer, as columns of rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelassay.records import RunPhase
from modelassay.training.columns import REWARD_PREFIX
from modelassay.training.importers.rows import json_text, number, task_of, text_of
from modelassay.training.importers.trl_columns import ENVIRONMENT
from modelassay.training.recorder.plain_values import scalar

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

Columns = dict[str, list[Any]]
NO_PHASE = "evaluations_not_told_apart"
"""Key of the note that names a reward function of which nobody said when it graded evaluations."""
PHASE_TOLD = "evaluations_told_apart"
"""Key of the note that takes this back."""
_NOT_DATA = frozenset({"prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric",
                       "environments"})  # fmt: skip


def phase_of(recorder: RunRecorder, name: str, asked: Mapping[str, Any]) -> RunPhase:
    """Whether what `name` is asked about serves training: as the recorder was told, else by TRL's model.

    TRL hands reward functions methods of the trainer (``log_extra``, ``log_metric``). Where neither tells, it
    is taken to be training, and the record says so.
    """
    if recorder.phase is not None:
        return recorder.phase()
    for said in ("log_extra", "log_metric"):
        model = getattr(getattr(asked.get(said), "__self__", None), "model", None)
        if isinstance(training := getattr(model, "training", None), bool):
            return "train" if training else "eval"
    recorder.graded.no_phase(name)
    return "train"


def trl_columns(recorder: RunRecorder, name: str, asked: Mapping[str, Any], batch: int) -> Columns:
    """Rollouts of a TRL reward call, without scores."""
    prompts = [text_of(each) for each in asked["prompts"]]
    completions = [text_of(each) for each in asked["completions"]]
    count = len(completions)
    state, phase = asked.get("trainer_state"), phase_of(recorder, name, asked)
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


def openrlhf_columns(
    recorder: RunRecorder, name: str, asked: Mapping[str, Any], answer: Any, phase: RunPhase | None = None
) -> Columns:
    """Rollouts of an OpenRLHF reward call, or of a request to its remote reward model (``query``).

    Args:
        phase: None where the recorder has to be asked.
    """
    queries = list(asked.get("queries") or asked.get("query") or [])
    prompts = list(asked.get("prompts") or [""] * len(queries))
    labels = list(asked.get("labels") or [None] * len(queries))
    reply = answer if isinstance(answer, Mapping) else {"rewards": answer}
    scores: Any = reply.get("rewards")
    scores = scores.tolist() if hasattr(scores, "tolist") else scores
    scores = list(scores) if isinstance(scores, list | tuple) else [scores] * len(queries)
    logs = reply.get("extra_logs") if isinstance(reply.get("extra_logs"), Mapping) else {}
    count = len(queries)
    if not len(prompts) == len(labels) == len(scores) == count:
        raise ValueError(
            f"{count} queries, {len(prompts)} prompts, {len(labels)} labels, {len(scores)} rewards"
        )
    completions = [
        q.removeprefix(p) if isinstance(q, str) else q for q, p in zip(queries, prompts, strict=True)
    ]
    texts = [text_of(each)[0] for each in prompts]
    values = [number(scalar(each)) for each in scores]
    phase = phase or phase_of(recorder, name, asked)
    step = recorder.current_step + (phase == "train")
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
    phase = phase_of(recorder, name, asked)
    step = recorder.current_step + (phase == "train")
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
