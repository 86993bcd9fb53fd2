"""The HarmBench classifiers (Mazeika et al. 2024, arXiv:2402.04249): is an answer an instance of a behaviour?

Llama 2 (and Mistral for validation) asked for yes or no; the behaviour is the request, with the text that it
refers to where there is one. The published figures cut answers to 512 tokens; here they are read whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelassay.evaluators.classifiers.opened import OpenedModel
from modelassay.evaluators.classifiers.prompts import prompt
from modelassay.evaluators.classifiers.questions import Answer, Exchange, Judgement, Question
from modelassay.records import Unscored

PROMPT = prompt("harmbench.txt")
PROMPT_WITH_CONTEXT = prompt("harmbench_context.txt")


class HarmBench:
    """Harm of an answer, as an instance of what was requested."""

    name = "harmbench"
    version = "1"
    names = r"harmbench"
    questions: frozenset[Question] = frozenset({"response_harm"})
    model_class = "AutoModelForCausalLM"

    def judge(self, opened: OpenedModel, question: Question, exchanges: Sequence[Exchange]) -> list[Answer]:
        """Yes against no, in either spelling."""
        texts = [
            (PROMPT_WITH_CONTEXT if each.context else PROMPT).format(
                request=opened.harmless(each.request),
                answer=opened.harmless(each.answer),
                context=opened.harmless(each.context),
            )
            for each in exchanges
        ]
        return [
            each if isinstance(each, Unscored) else Judgement(probability=float(each[0]))
            for each in opened.choose(texts, (("yes", "Yes"), ("no", "No")))
        ]
