"""Any other model with a classification head, by the setting ``labels:``.

``labels: {TOXIC: true, CLEAN: false}`` says which of the model's classes answer the evaluator's question with
yes; the probabilities of those are added, or, where the classes do not exclude each other, the largest
counts. ``reads:`` says what is put to the model.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelassay.errors import ConfigError, did_you_mean
from modelassay.evaluators.classifiers.opened import OpenedModel, sigmoid, softmax
from modelassay.evaluators.classifiers.questions import Answer, Exchange, FamilySettings, Judgement, Question
from modelassay.evaluators.classifiers.sequence_classes import classes_of
from modelassay.records import Unscored


class LabelledClasses:
    """Whatever the labels say.

    Args:
        settings: the labels, and what the model reads.
    """

    name = "labelled_classes"
    version = "1"
    names = r"(?!)"
    questions: frozenset[Question] = frozenset(
        {"response_harm", "refusal", "toxicity", "injection", "support", "consistency"}
    )
    model_class = "AutoModelForSequenceClassification"

    def __init__(self, settings: FamilySettings) -> None:
        self._settings = settings

    def judge(self, opened: OpenedModel, question: Question, exchanges: Sequence[Exchange]) -> list[Answer]:
        """The probability of the labels that mean yes.

        Raises:
            ConfigError: a label that the model does not have.
        """
        config = opened.model.config
        classes = classes_of({"id2label": config.id2label})
        for label in self._settings.labels:
            if label not in classes:
                raise ConfigError(
                    f"the classifier has no label {label!r}",
                    where=opened.where,
                    mend=did_you_mean(label, classes),
                )
        yes = [index for index, name in enumerate(classes) if self._settings.labels.get(name)]
        apart = config.problem_type == "multi_label_classification" or len(classes) == 1
        answers: list[Answer] = []
        for each in opened.classify([self._text(question, exchange) for exchange in exchanges]):
            if isinstance(each, Unscored):
                answers.append(each)
                continue
            chances = sigmoid(each) if apart else softmax(each)
            chance = float(chances[yes].max() if apart else chances[yes].sum())
            answers.append(Judgement(probability=min(chance, 1.0), label=classes[int(chances.argmax())]))
        return answers

    def _text(self, question: Question, exchange: Exchange) -> str | tuple[str, str]:
        reads = self._settings.reads
        if reads == "pair" or (not reads and question in ("support", "consistency")):
            return (exchange.source or exchange.request, exchange.answer)
        if reads == "request" or (not reads and question == "injection"):
            return exchange.request
        return exchange.answer
