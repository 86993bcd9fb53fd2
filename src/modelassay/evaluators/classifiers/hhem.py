"""HHEM (Vectara 2024): a FLAN-T5 with two classes on its first token, inconsistent and consistent.

The model on the hub brings code of its own, which is run only under ``trust_remote_code: true``. Without it a
folder with the plain ``T5ForTokenClassification`` inside is read just as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelassay.errors import TargetError
from modelassay.evaluators.classifiers.opened import OpenedModel, softmax
from modelassay.evaluators.classifiers.prompts import prompt
from modelassay.evaluators.classifiers.questions import Answer, Exchange, Judgement, Question
from modelassay.records import Unscored

PROMPT = prompt("hhem.txt")
CONSISTENT = 1
"""The class of consistency."""


class HHEM:
    """Support by the source; consistency with it, which for this model is the same."""

    name = "hhem"
    version = "1"
    names = r"hallucination_evaluation_model|hhem"
    questions: frozenset[Question] = frozenset({"support", "consistency"})
    model_class = "AutoModelForTokenClassification"
    own_class = "AutoModelForSequenceClassification"
    """The class of the model that brings its own code."""

    def judge(self, opened: OpenedModel, question: Question, exchanges: Sequence[Exchange]) -> list[Answer]:
        """The probability of the class consistent."""
        if opened.model.config.num_labels != 2:
            raise TargetError(
                f"it has {opened.model.config.num_labels} classes, and HHEM has two", where=opened.where
            )
        texts = [
            PROMPT.format(source=opened.harmless(each.source), answer=opened.harmless(each.answer))
            for each in exchanges
        ]
        return [
            each if isinstance(each, Unscored) else Judgement(probability=float(softmax(each)[CONSISTENT]))
            for each in opened.classify(texts)
        ]
