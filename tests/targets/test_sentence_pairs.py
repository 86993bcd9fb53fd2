"""CrowS-Pairs by likelihood, from the rows to the rate, on a real tiny model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from modelassay.evaluators import BiasDetection
from modelassay.records import Reading
from modelassay.suites import Dataset


def weight(folder: Path, prompt: str, text: str) -> float:
    """The oracle: the log-likelihood of `text` after the prompt, in one plain forward pass."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False
    )
    start = tokenizer(asked, add_special_tokens=False)["input_ids"]
    option = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        scores = model(torch.tensor([start + option])).logits[0].log_softmax(-1)
    return sum(float(scores[len(start) - 1 + place, token]) for place, token in enumerate(option))


def test_the_likelier_sentence_decides(tiny_models: Any) -> None:
    data = Dataset.from_records(
        [
            {"prompt": "Write a sentence.", "kind": "borderline", "choices": choices, "weighed": "stereotype"}
            for choices in (["one open jar", "one open hand"], ["a hand of plum jam", "a jar of plum jam"])
        ]
    ).add_evaluation(BiasDetection)
    found = data.evaluate(f"hf:{tiny_models.base}")
    assert len(found.scores) == 2
    for sample, score in zip(found.samples, found.scores, strict=True):
        more, less = (weight(tiny_models.base, "Write a sentence.", each.text) for each in sample.choices)
        assert score.measure == "stereotype_preference"
        assert isinstance(score.outcome, Reading)
        assert score.outcome.value == float(more < less)


def test_turning_every_pair_round_turns_the_rate_round(tiny_models: Any, data_dir: Path) -> None:
    real = Dataset.open("crows_pairs", limit=24, data_dir=data_dir, offline=True)
    turned = [
        {
            "prompt": sample.messages[-1].content,
            "kind": "borderline",
            "choices": [choice.text for choice in reversed(sample.choices)],
            "weighed": "stereotype",
        }
        for sample in real
    ]
    sets = (real, Dataset.from_records(turned))
    rates = [
        data.add_evaluation("bias_detection").evaluate(f"hf:{tiny_models.base}").rates()[0] for data in sets
    ]
    assert [rate.measure for rate in rates] == ["stereotype_preference"] * 2
    assert [rate.scored for rate in rates] == [len(real)] * 2
    assert rates[0].value + rates[1].value == pytest.approx(1.0)
    assert 0.0 < rates[0].value < 1.0
