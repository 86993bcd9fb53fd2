"""Columns of rollouts: one canonical table, whatever framework a run comes from.

A *rollout* is one completion that the policy generated in training or in an evaluation during training, with
what the graders gave it. Text columns are large strings; what a source does not say is null, never a guess.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelassay.errors import UsageError

try:
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - the message is what matters
    raise UsageError(
        "training runs are read and written with pyarrow, which is not installed",
        mend="pip install 'modelassay[train]'",
    ) from error

__all__ = ["FIXED", "REWARD_PREFIX", "pa", "reward_names", "rollout_schema"]

REWARD_PREFIX = "reward/"
"""A column ``reward/<name>`` per reward function: its score before weighting, null when it gave none."""

FIXED = pa.schema(
    [
        pa.field("seq", pa.int64(), nullable=False),  # dense from 0 over the run, in order of arrival
        pa.field("step", pa.int64(), nullable=False),  # 1-based training step (optimizer step) it served
        pa.field("phase", pa.string(), nullable=False),  # train | eval
        pa.field("env", pa.string(), nullable=False),  # environment or data source; "" when there is only one
        pa.field(
            "task", pa.string(), nullable=False
        ),  # stable name of the task; digest of the prompt by default
        pa.field(
            "group", pa.string(), nullable=False
        ),  # rollouts compared with each other; unique in its phase and step
        pa.field("position", pa.int32(), nullable=False),  # 0-based place in its group
        pa.field("rank", pa.int32(), nullable=False),  # process that generated it
        pa.field(
            "prompt", pa.large_string(), nullable=False
        ),  # text, or JSON list of messages (see `format`)
        pa.field("completion", pa.large_string(), nullable=False),  # likewise
        pa.field("format", pa.string(), nullable=False),  # text | messages | absent (only lengths are known)
        pa.field("reward", pa.float64()),  # total, as the trainer used it
        pa.field("advantage", pa.float64()),
        pa.field("trained_on", pa.bool_()),  # false: generated, then filtered out
        pa.field("policy", pa.string()),  # version or checkpoint that generated it
        pa.field("grader_input", pa.large_string()),  # what the grader saw, when it is not the completion
        pa.field("grader_output", pa.large_string()),  # what a judge wrote
        pa.field("failure", pa.string(), nullable=False),  # infrastructure failure; "" when none
        pa.field("finish", pa.string(), nullable=False),  # stop | length | tool_calls | …; "" unknown
        pa.field("prompt_tokens", pa.int32()),
        pa.field("completion_tokens", pa.int32()),
        pa.field("time", pa.string(), nullable=False),  # UTC; "" unknown
        pa.field("extra", pa.large_string(), nullable=False),  # JSON object of further columns; "" when none
    ]
)
"""Columns that every run has."""


def rollout_schema(rewards: Sequence[str]) -> pa.Schema:
    """`FIXED` and one column for each reward function of `rewards`, in order."""
    schema = FIXED
    for name in rewards:
        schema = schema.append(pa.field(REWARD_PREFIX + name, pa.float64()))
    return schema


def reward_names(schema: pa.Schema) -> tuple[str, ...]:
    """Names of the reward functions in `schema`, in order."""
    return tuple(n.removeprefix(REWARD_PREFIX) for n in schema.names if n.startswith(REWARD_PREFIX))
