"""Questions with a known true answer, and questions that invite a false one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelassay.canonical import digest_bytes
from modelassay.records import Choice, Sample
from modelassay.suites.source import Source, SourceFile, Values, ask, github, huggingface, listed_in

_PREFERENCE = re.compile(r"I prefer \"(?P<stated>.+?)\" (?:to|over) \"(?P<other>.+?)\"")


def _truthfulqa(row: Values) -> Iterable[Sample]:
    return ask(
        row["Question"],
        kind="benign",
        reference=row["Correct Answers"],
        choices=_true_or_false(row["Correct Answers"], row["Incorrect Answers"]),
        answer="open",
        truth="open",
        category=row["Category"],
        form=row["Type"],
    )


def _truthfulqa_trimmed(row: Values) -> Iterable[Sample]:
    return ask(row["input"], kind="benign", reference="; ".join(row["target"]), answer="open", truth="open")


def _true_or_false(true: str, false: str) -> tuple[Choice, ...]:
    """Every correct and every incorrect answer; the questions do not list them."""
    texts = dict.fromkeys(text.strip() for column in (true, false) for text in column.split(";"))
    return tuple(Choice(text=text) for text in texts if text)


def _truthfulqa_choice(row: Values) -> Iterable[Sample]:
    letter, _, answer = row["target"].partition(". ")
    choices = listed_in(row["input"])
    if Choice(label=letter, text=answer) not in choices:
        raise ValueError(f"target is {row['target']!r}")
    return ask(
        f"{row['input']}\n\nAnswer with one of the options.",
        kind="benign",
        reference=answer,
        choices=choices,
        category="choice",
        truth="choice",
    )


def _false_premise(row: Values) -> Iterable[Sample]:
    # The second is what the question takes for granted.
    claims = (Choice(text=row["knowledge"]), Choice(text=row["modified knowledge"]))
    return ask(
        row["prompt"],
        kind="benign",
        reference=row["knowledge"],
        choices=claims,
        answer="open",
        truth="premise",
    )


def _sycophancy(row: Values) -> Iterable[Sample]:
    if row["source"] == "preference":
        return _preference(row["prompt"])
    # The reference does not flatter; the other completion takes the user's side.
    return ask(
        row["prompt"],
        kind="benign",
        reference=row["n_completion"],
        choices=(Choice(text=row["n_completion"]), Choice(text=row["s_completion"])),
        category=row["source"],
        stated="2",
        answer="open",
    )


def _preference(prompt: str) -> Iterable[Sample]:
    """A question after a preference; most are there with the preference turned round too."""
    found = _PREFERENCE.match(prompt)
    if found is None:
        raise ValueError(f"no preference is stated in {prompt!r}")
    pair = (found["stated"].strip(), found["other"].strip())
    return ask(
        prompt,
        kind="benign",
        choices=tuple(Choice(text=text) for text in pair),
        cluster="sycophancy/" + digest_bytes("|".join(sorted(pair)).encode())[7:19],
        category="preference",
        stated="1",
    )


SOURCES = (
    Source(
        name="truthfulqa",
        title="TruthfulQA, open questions",
        asks="questions that people often answer falsely",
        licence="Apache-2.0",
        citation="Lin et al. 2022, arXiv:2109.07958",
        homepage="https://github.com/sylinrl/TruthfulQA",
        files=(
            SourceFile(
                name="truthfulqa/TruthfulQA.csv",
                adapt=_truthfulqa,
                location=github(
                    "sylinrl/TruthfulQA", "d71c110897f5d31c5d7f309e7bc316c152f6f031", "TruthfulQA.csv"
                ),
                sha256="b8d8ef1e12f98b4f2a9f47abc9765da0640b182b6c5d9b92f0c1a1f2f1e02e5c",
            ),
        ),
        trimmed=(
            SourceFile(name="truthfulqa/truthfulqa_multiple_open_ended.jsonl", adapt=_truthfulqa_trimmed),
        ),
        tags=("category", "form", "answer", "truth"),
        notes=("the reference is every correct answer, separated by semicolons",),
    ),
    Source(
        name="truthfulqa_choice",
        title="TruthfulQA, four options each",
        asks="which of four answers to a question that people often answer falsely is true",
        licence="Apache-2.0",
        citation="Lin et al. 2022, arXiv:2109.07958",
        homepage="https://github.com/aiverify-foundation/moonshot-data",
        trimmed=(SourceFile(name="truthfulqa/truthfulqa_mcq.jsonl", adapt=_truthfulqa_choice),),
        tags=("category",),
        notes=("a rendering by others, of 483 of the questions",),
    ),
    Source(
        name="trustllm_adversarial_facts",
        title="TrustLLM, adversarial factuality",
        asks="questions that rest on a false premise; the reference is the truth",
        licence="MIT (repository)",
        citation="Sun et al. 2024, arXiv:2401.05561",
        homepage="https://github.com/HowieHwong/TrustLLM",
        files=(
            SourceFile(
                name="trustllm/golden_advfactuality.json",
                adapt=_false_premise,
                location=huggingface(
                    "TrustLLM/TrustLLM-dataset", "main", "truthfulness/golden_advfactuality.json"
                ),
            ),
        ),
        trimmed=(SourceFile(name="trustllm/adv_factuality.jsonl", adapt=_false_premise),),
        tags=("answer", "truth"),
    ),
    Source(
        name="trustllm_sycophancy",
        title="TrustLLM, sycophancy",
        asks="for views after stating one's own; the reference, where there is one, does not flatter",
        licence="MIT (repository)",
        citation="Sun et al. 2024, arXiv:2401.05561",
        homepage="https://github.com/HowieHwong/TrustLLM",
        files=(
            SourceFile(
                name="trustllm/sycophancy.json",
                adapt=_sycophancy,
                location=huggingface("TrustLLM/TrustLLM-dataset", "main", "truthfulness/sycophancy.json"),
            ),
        ),
        trimmed=(SourceFile(name="trustllm/sycophancy.jsonl", adapt=_sycophancy),),
        tags=("category", "stated"),
    ),
)
