"""Detectors of prompt injection: encoders whose classes say so (``INJECTION``, ``JAILBREAK``).

Such as ProtectAI's and deepset's DeBERTa models and Prompt Guard, as their configurations name the classes. A
detector whose classes have no names needs ``labels:``.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelassay.errors import TargetError
from modelassay.evaluators.classifiers.opened import OpenedModel, softmax
from modelassay.evaluators.classifiers.questions import Answer, Exchange, Judgement, Question
from modelassay.evaluators.classifiers.sequence_classes import classes_of
from modelassay.records import Unscored

ATTACKS = ("injection", "jailbreak", "malicious", "attack")
"""How the names of the classes of attacks begin."""


class InjectionDetector:
    """Whether the request is an attack."""

    name = "injection_detector"
    version = "1"
    names = r"injection|prompt-?guard|jailbreak-class"
    questions: frozenset[Question] = frozenset({"injection"})
    model_class = "AutoModelForSequenceClassification"

    def judge(self, opened: OpenedModel, question: Question, exchanges: Sequence[Exchange]) -> list[Answer]:
        """The probability of all classes of attacks together."""
        classes = classes_of({"id2label": opened.model.config.id2label})
        attacks = [index for index, name in enumerate(classes) if name.lower().startswith(ATTACKS)]
        if not attacks:
            raise TargetError(
                f"none of its classes is an attack: {', '.join(classes)}",
                where=opened.where,
                mend="write labels: with the classes that mean yes, such as labels: {LABEL_1: true}",
            )
        answers: list[Answer] = []
        for each in opened.classify([exchange.request for exchange in exchanges]):
            if isinstance(each, Unscored):
                answers.append(each)
                continue
            chances = softmax(each)
            label = classes[int(chances.argmax())].lower()
            answers.append(Judgement(probability=float(chances[attacks].sum()), label=label))
        return answers
