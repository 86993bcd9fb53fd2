"""What the training thread hands over: text and numbers, nothing that training might still change."""

from __future__ import annotations

from typing import Any

import msgspec

from modelassay.canonical import Digest


class Rollouts(msgspec.Struct, tag="rollouts", array_like=True):
    """Rollouts by column; rewards stand under ``reward/<name>``."""

    count: int
    columns: dict[str, list[Any]]

    @property
    def size(self) -> int:
        """Bytes in memory, roughly."""
        text = sum(len(t) for name in _TEXTS for t in self.columns.get(name, ()) if t is not None)
        return text + 512 * self.count


class Line(msgspec.Struct, tag="line", array_like=True):
    """A record of another file: its name without number, and the JSON."""

    file: str
    data: bytes

    @property
    def size(self) -> int:
        """Likewise."""
        return len(self.data) + 64


class StepDone(msgspec.Struct, tag="step", array_like=True):
    """No more rollouts of this step or an earlier one will come."""

    step: int
    configuration: Digest | None = None
    code: Digest | None = None

    @property
    def size(self) -> int:
        """Likewise."""
        return 64


Item = Rollouts | Line | StepDone
_TEXTS = ("prompt", "completion", "grader_input", "grader_output", "extra")
