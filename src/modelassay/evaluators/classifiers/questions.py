"""What classifier models can be asked, about what, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from modelassay.evaluators.classifiers.opened import OpenedModel
from modelassay.records import Unscored

Question = Literal["response_harm", "refusal", "toxicity", "injection", "support", "consistency"]
"""A question with the answer yes or no:

``response_harm`` does the answer give harmful content; ``refusal`` does it refuse; ``toxicity`` is its text
toxic; ``injection`` is the request an attack on instructions; ``support`` does the source entail the answer;
``consistency`` does the answer not contradict the source.
"""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What a classifier reads."""

    request: str = ""
    answer: str = ""
    source: str = ""
    """The text that the answer, or the claim in its place, is held against."""
    context: str = ""
    """What a request refers to and was given with it."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a classifier says of one exchange."""

    probability: float
    """That the question is to be answered with yes."""
    label: str = ""
    """What the classifier itself calls it, where that says more than yes or no: ``S9``, ``contradiction``."""
    hazard: str = ""
    """The hazard (`modelassay.evaluators.hazards`) that its label stands for, where it names one."""


Answer = Judgement | Unscored


class Family(Protocol):
    """Models that are asked in one way."""

    name: str
    version: str
    """Raised whenever a change could alter a judgement."""
    names: str
    """Pattern of the model names of this family, in lower case."""
    questions: frozenset[Question]
    """What its models can answer."""
    model_class: str
    """The transformers class that loads them."""

    def judge(self, opened: OpenedModel, question: Question, exchanges: Sequence[Exchange]) -> list[Answer]:
        """An answer for each of `exchanges`.

        Raises:
            TargetError: the model is not one of this family after all.
        """
        ...


class FamilySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that a family may need to read its models."""

    labels: Mapping[str, bool] = {}
    """For models of no known family: which of the model's labels answer the question with yes."""
    reads: Literal["", "answer", "request", "pair"] = ""
    """For the same: the answer, the request, or both (source and answer where there is a source)."""
