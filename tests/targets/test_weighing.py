"""Log-likelihoods of options: real tiny models, held against one plain forward pass for each option."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import torch

from modelassay.config import ModelReference
from modelassay.records import Choice, Decoding, Failure, Message, Reply, Request
from modelassay.targets import open_target

LETTERS = tuple(Choice(label=letter, text=f"jar number {letter}") for letter in "ABC")
SENTENCES = (Choice(text="one jar of plum jam"), Choice(text="a hand"), Choice(text="open"))


def ask(text: str, choices: tuple[Choice, ...]) -> Request:
    message = Message(role="user", content=text)
    return Request(messages=(message,), seed=1, decoding=Decoding(max_tokens=4), choices=choices)


def replies(address: Path | str, requests: Sequence[Request], **settings: Any) -> list[Reply]:
    async def run() -> list[Reply | Failure]:
        target = open_target(ModelReference(model=f"hf:{address}", **settings), folder=Path())
        try:
            return list(await target.generate(requests))
        finally:
            await target.close()

    found = asyncio.run(run())
    assert all(isinstance(reply, Reply) for reply in found), found
    return [reply for reply in found if isinstance(reply, Reply)]


def questions() -> list[Request]:
    return [ask("which jar " * (1 + n % 6) + str(n), LETTERS if n % 2 else SENTENCES) for n in range(14)] + [
        ask("no choice here", ())
    ]


def plainly(address: Path, request: Request) -> list[float]:
    """The oracle: prompt and option as one row, one forward pass, no padding."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(address).eval()
    tokenizer = AutoTokenizer.from_pretrained(address)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": request.messages[0].content}], add_generation_prompt=True, tokenize=False
    )
    prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
    found = []
    for choice in request.choices:
        option = tokenizer(choice.label or choice.text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            scores = model(torch.tensor([prompt + option])).logits[0].log_softmax(-1)
        found.append(sum(float(scores[len(prompt) - 1 + i, token]) for i, token in enumerate(option)))
    return found


@pytest.mark.parametrize("model", ["base", "gpt"])
def test_likelihoods_are_those_of_a_plain_forward_pass(tiny_models: Any, model: str) -> None:
    address = getattr(tiny_models, model)
    asked = questions()
    for request, reply in zip(asked, replies(address, asked, batch_size=5), strict=True):
        weights = [float(each.log_likelihood) for each in reply.likelihoods]
        assert weights == pytest.approx(plainly(address, request), abs=2e-3)
        assert all(weight < 0 for weight in weights)


def test_likelihoods_do_not_depend_on_the_batch_and_leave_answers_alone(tiny_models: Any) -> None:
    asked = questions()
    together = replies(tiny_models.base, asked, batch_size=64)
    alone = [replies(tiny_models.base, [request])[0] for request in asked]
    assert [reply.message for reply in together] == [reply.message for reply in alone]
    for left, right in zip(together, alone, strict=True):
        assert [each.tokens for each in left.likelihoods] == [each.tokens for each in right.likelihoods]
        for one, other in zip(left.likelihoods, right.likelihoods, strict=True):
            assert abs(one.log_likelihood - other.log_likelihood) <= Decimal("0.0005")
    without = [Request(messages=r.messages, seed=r.seed, decoding=r.decoding) for r in asked]
    assert [reply.message for reply in replies(tiny_models.base, without)] == [r.message for r in together]
    assert together[-1].likelihoods == ()


def test_an_adapter_changes_the_likelihoods(tiny_models: Any) -> None:
    asked = [ask("which jar", LETTERS)]
    (plain,) = replies(tiny_models.base, asked)
    (adapted,) = replies(f"{tiny_models.base}+{tiny_models.adapter}", asked)
    assert plain.likelihoods != adapted.likelihoods


def test_a_choice_beyond_the_window_is_not_weighed_in_part(tiny_models: Any) -> None:
    long = Choice(text="plum jam with one hand " * 40)
    (reply,) = replies(tiny_models.gpt, [ask("which jar", (*SENTENCES, long))])
    assert reply.likelihoods == ()
    assert reply.message.role == "assistant"
