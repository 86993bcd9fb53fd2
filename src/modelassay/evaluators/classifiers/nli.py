"""Natural-language inference: does the source entail the claim, contradict it, or neither?

Cross-encoders read source (premise) and claim (hypothesis) together. Which logit is which class is read from
the model's configuration, never assumed: models disagree on the order.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelassay.errors import TargetError
from modelassay.evaluators.classifiers.opened import Floats, OpenedModel, softmax
from modelassay.evaluators.classifiers.questions import Answer, Exchange, Judgement, Question
from modelassay.evaluators.classifiers.sequence_classes import classes_of, place_of
from modelassay.records import Unscored


class NaturalLanguageInference:
    """Support by the source: entailment; consistency with it: no contradiction."""

    name = "nli"
    version = "1"
    names = r"\bnli\b|-nli-|mnli|anli"
    questions: frozenset[Question] = frozenset({"support", "consistency"})
    model_class = "AutoModelForSequenceClassification"

    def judge(self, opened: OpenedModel, question: Question, exchanges: Sequence[Exchange]) -> list[Answer]:
        """The probability of entailment, or of anything but contradiction."""
        classes = classes_of({"id2label": opened.model.config.id2label})
        entails, contradicts = place_of(classes, "entail"), place_of(classes, "contradict")
        if entails is None or (question == "consistency" and contradicts is None):
            missing = "entailment" if entails is None else "contradiction"
            raise TargetError(
                f"none of its classes is {missing}: {', '.join(classes)}",
                where=opened.where,
                mend="write labels: with the classes that mean yes, such as labels: {LABEL_1: true}",
            )

        def judged(logits: Floats) -> Judgement:
            chances = softmax(logits)
            yes = chances[entails] if question == "support" else 1 - chances[contradicts]
            return Judgement(probability=float(yes), label=classes[int(chances.argmax())].lower())

        said = opened.classify([(exchange.source, exchange.answer) for exchange in exchanges])
        return [each if isinstance(each, Unscored) else judged(each) for each in said]
