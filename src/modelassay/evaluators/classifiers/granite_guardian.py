"""Granite Guardian (Padhi et al. 2024, arXiv:2412.07724): says whether a named risk is there.

The conversation and the risk go through the tokenizer's own template. Versions to 3.2 take ``risk_name`` and
answer ``Yes`` or ``No``; later ones take ``criteria_id``, documents beside the conversation, and answer
inside ``<score>``, which is written for them so that they do not think aloud first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelassay.errors import TargetError
from modelassay.evaluators.classifiers.opened import OpenedModel
from modelassay.evaluators.classifiers.questions import Answer, Exchange, Judgement, Question
from modelassay.records import Unscored

RISKS: Mapping[Question, str] = {
    "response_harm": "harm",
    "injection": "jailbreak",
    "support": "groundedness",
    "consistency": "groundedness",
}
"""Its name for the risk behind each question; groundedness at risk means no support."""
_YES, _NO = ("Yes", "yes"), ("No", "no")


class GraniteGuardian:
    """Harm, jailbreaks and groundedness."""

    name = "granite_guardian"
    version = "1"
    names = r"granite-?guardian"
    questions: frozenset[Question] = frozenset(RISKS)
    model_class = "AutoModelForCausalLM"

    def judge(self, opened: OpenedModel, question: Question, exchanges: Sequence[Exchange]) -> list[Answer]:
        """The probability of the risk; of its absence where the question asks for support."""
        if "guardian_config" not in opened.template:
            raise TargetError(
                "the tokenizer's chat template takes no risk, so this is no Granite Guardian",
                where=opened.where,
            )
        texts = [_prompt(opened, question, each) for each in exchanges]
        grounded = RISKS[question] == "groundedness"
        said = opened.choose(texts, (_NO, _YES) if grounded else (_YES, _NO), special=False)
        return [
            each if isinstance(each, Unscored) else Judgement(probability=float(each[0])) for each in said
        ]


def _prompt(opened: OpenedModel, question: Question, exchange: Exchange) -> str:
    later = "criteria_id" in opened.template
    risk = RISKS[question]
    request = {"role": "user", "content": opened.harmless(exchange.request)}
    answer = {"role": "assistant", "content": opened.harmless(exchange.answer)}
    source = opened.harmless(exchange.source)
    turns, more = [request, answer], dict[str, Any]()
    if risk == "jailbreak":
        turns = [request]
    elif risk == "groundedness" and later:
        more["documents"] = [{"doc_id": "0", "text": source}]
    elif risk == "groundedness":
        turns = [{"role": "context", "content": source}, answer]
    if later:
        more |= {"guardian_config": {"criteria_id": risk}, "think": False}
    else:
        more["guardian_config"] = {"risk_name": risk}
    text = opened.render(turns, add_generation_prompt=True, **more)
    return f"{text}<score>" if later else text
