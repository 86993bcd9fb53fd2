"""Evaluators: read transcripts into scores.

Each is built with its settings as keywords, is found by its plan name through the entry-point group
``modelassay.evaluators``, and reads single answers with `evaluate` (`modelassay.evaluators.single`); each
class says what it measures, its source and its limits. A name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelassay.evaluators.bias import BiasDetection
    from modelassay.evaluators.capability import CapabilityGain
    from modelassay.evaluators.compliance import IsCompliant
    from modelassay.evaluators.consistency import Consistency
    from modelassay.evaluators.content_safety import ContentSafety
    from modelassay.evaluators.factual_consistency import IsFactuallyConsistent
    from modelassay.evaluators.faithfulness import Faithfulness
    from modelassay.evaluators.form import ResponseFormat, ResponseLength
    from modelassay.evaluators.judge import LanguageModelJudge
    from modelassay.evaluators.over_refusal import OverRefusal
    from modelassay.evaluators.prompt_injection import PromptInjection
    from modelassay.evaluators.refusal import RefusalCorrectness, RefusalJudge
    from modelassay.evaluators.refusal_quality import RefusalQuality
    from modelassay.evaluators.regurgitation import TrainingDataRegurgitation
    from modelassay.evaluators.rubric import RUBRICS, Label, Rubric
    from modelassay.evaluators.secret_leakage import SecretLeakage
    from modelassay.evaluators.single import Evaluation, SingleAnswer
    from modelassay.evaluators.sycophancy import Sycophancy
    from modelassay.evaluators.task_accuracy import TaskAccuracy
    from modelassay.evaluators.toxicity import Toxicity
    from modelassay.evaluators.truthfulness import Truthfulness
    from modelassay.evaluators.value_shift import ValueShift

_HOMES = {
    "BiasDetection": "bias",
    "CapabilityGain": "capability",
    "Consistency": "consistency",
    "ContentSafety": "content_safety",
    "Evaluation": "single",
    "Faithfulness": "faithfulness",
    "IsCompliant": "compliance",
    "IsFactuallyConsistent": "factual_consistency",
    "Label": "rubric",
    "LanguageModelJudge": "judge",
    "OverRefusal": "over_refusal",
    "PromptInjection": "prompt_injection",
    "RUBRICS": "rubric",
    "RefusalCorrectness": "refusal",
    "RefusalJudge": "refusal",
    "RefusalQuality": "refusal_quality",
    "ResponseFormat": "form",
    "ResponseLength": "form",
    "Rubric": "rubric",
    "SecretLeakage": "secret_leakage",
    "SingleAnswer": "single",
    "Sycophancy": "sycophancy",
    "TaskAccuracy": "task_accuracy",
    "Toxicity": "toxicity",
    "TrainingDataRegurgitation": "regurgitation",
    "Truthfulness": "truthfulness",
    "ValueShift": "value_shift",
}
"""The module of this package that each public name lives in: the one list to add a name to, with the import
above and `__all__`, which type checkers read."""

__all__ = [
    "RUBRICS",
    "BiasDetection",
    "CapabilityGain",
    "Consistency",
    "ContentSafety",
    "Evaluation",
    "Faithfulness",
    "IsCompliant",
    "IsFactuallyConsistent",
    "Label",
    "LanguageModelJudge",
    "OverRefusal",
    "PromptInjection",
    "RefusalCorrectness",
    "RefusalJudge",
    "RefusalQuality",
    "ResponseFormat",
    "ResponseLength",
    "Rubric",
    "SecretLeakage",
    "SingleAnswer",
    "Sycophancy",
    "TaskAccuracy",
    "Toxicity",
    "TrainingDataRegurgitation",
    "Truthfulness",
    "ValueShift",
]


def __getattr__(name: str) -> Any:
    """The public `name`, imported on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Public names, for completion."""
    return sorted(__all__)
