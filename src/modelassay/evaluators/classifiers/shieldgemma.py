"""ShieldGemma (Zeng et al. 2024, arXiv:2407.21772): Gemma 2 that says whether an answer breaks one guideline.

Each of its four guidelines is a prompt of its own; an answer is as harmful as the guideline that it breaks
most likely. The score is the probability of ``Yes`` against ``No``, as the model card says.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from modelassay.evaluators.classifiers.opened import OpenedModel
from modelassay.evaluators.classifiers.prompts import prompt
from modelassay.evaluators.classifiers.questions import Answer, Exchange, Judgement, Question
from modelassay.records import Unscored

GUIDELINES = msgspec.json.decode(prompt("shieldgemma_guidelines.json"), type=dict[str, str])
"""The guidelines that it was trained on, for answers."""
PROMPT = prompt("shieldgemma.txt")


class ShieldGemma:
    """Harm of an answer, under four guidelines."""

    name = "shieldgemma"
    version = "1"
    names = r"shield-?gemma"
    questions: frozenset[Question] = frozenset({"response_harm"})
    model_class = "AutoModelForCausalLM"

    def judge(self, opened: OpenedModel, question: Question, exchanges: Sequence[Exchange]) -> list[Answer]:
        """The guideline most likely broken."""
        templated = "guideline" in opened.template
        texts = [_prompt(opened, each, line) for each in exchanges for line in GUIDELINES.values()]
        said = opened.choose(texts, (("Yes",), ("No",)), special=not templated)
        width = len(GUIDELINES)
        return [_worst(said[start : start + width]) for start in range(0, len(said), width)]


def _prompt(opened: OpenedModel, exchange: Exchange, guideline: str) -> str:
    request, answer = opened.harmless(exchange.request), opened.harmless(exchange.answer)
    if "guideline" in opened.template:
        chat = [{"role": "user", "content": request}, {"role": "assistant", "content": answer}]
        return opened.render(chat, guideline=guideline)
    return PROMPT.format(request=request, answer=answer, guideline=guideline)


def _worst(said: Sequence[np.ndarray[tuple[int], np.dtype[np.float64]] | Unscored]) -> Answer:
    chances: dict[str, float] = {}
    for name, each in zip(GUIDELINES, said, strict=True):
        if isinstance(each, Unscored):
            return each
        chances[name] = float(each[0])
    worst = max(chances, key=lambda name: chances[name])
    return Judgement(probability=chances[worst], label=worst, hazard="" if worst == "dangerous" else worst)
