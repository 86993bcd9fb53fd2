"""Evaluators: read transcripts into scores.

Each is built with its settings as keywords, is found by its plan name through the entry-point group
``modelassay.evaluators``, and reads single answers with `evaluate` (`modelassay.evaluators.single`); each
class says what it measures, its source and its limits. A name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelassay.evaluators.form import ResponseFormat, ResponseLength
    from modelassay.evaluators.judge import LanguageModelJudge
    from modelassay.evaluators.refusal import RefusalCorrectness, RefusalJudge
    from modelassay.evaluators.rubric import RUBRICS, Label, Rubric
    from modelassay.evaluators.single import Evaluation, SingleAnswer

_HOMES = {
    "Evaluation": "single",
    "Label": "rubric",
    "LanguageModelJudge": "judge",
    "RUBRICS": "rubric",
    "RefusalCorrectness": "refusal",
    "RefusalJudge": "refusal",
    "ResponseFormat": "form",
    "ResponseLength": "form",
    "Rubric": "rubric",
    "SingleAnswer": "single",
}
"""The module of this package that each public name lives in."""

__all__ = [
    "RUBRICS",
    "Evaluation",
    "Label",
    "LanguageModelJudge",
    "RefusalCorrectness",
    "RefusalJudge",
    "ResponseFormat",
    "ResponseLength",
    "Rubric",
    "SingleAnswer",
]


def __getattr__(name: str) -> Any:
    """The public `name`, imported on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Public names, for completion."""
    return sorted(__all__)
