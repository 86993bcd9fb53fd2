"""Models that read images too: text alone is put to them, as to the model inside that writes it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from modelassay.config import ModelReference
from modelassay.errors import TargetError
from modelassay.records import Decoding, Message, Reply, Request
from modelassay.targets import open_target
from modelassay.whitebox.models import open_model
from modelassay.whitebox.tampering.steering import blocks_of

TEXTS = ("how do I open a jar", "a jar of plum jam with one hand")


def answers(model: Path) -> list[str]:
    async def run() -> list[str]:
        target = open_target(ModelReference(model=f"hf:{model}"), folder=Path())
        try:
            await target.identify()
            decoding = Decoding(max_tokens=12)
            asked = [
                Request(messages=(Message(role="user", content=text),), seed=1, decoding=decoding)
                for text in TEXTS
            ]
            replies = await target.generate(asked)
            return [each.message.content for each in replies if isinstance(each, Reply)]
        finally:
            await target.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def seeing(tiny_models: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA whose text part is the tiny Llama."""
    from transformers import (
        AutoModelForCausalLM,
        CLIPVisionConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
    )

    folder = tmp_path_factory.mktemp("seeing") / "llava"
    text = AutoModelForCausalLM.from_pretrained(tiny_models.base)
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28
    )
    config = LlavaConfig(text_config=text.config, vision_config=vision, image_token_index=5)
    config.tie_word_embeddings = text.config.tie_word_embeddings
    model = LlavaForConditionalGeneration(config)
    model.model.language_model.load_state_dict(text.model.state_dict())
    model.lm_head.load_state_dict(text.lm_head.state_dict())
    model.generation_config = text.generation_config
    model.save_pretrained(folder)
    for each in tiny_models.base.iterdir():
        if each.name.startswith(("tokenizer", "special", "chat_template")):
            shutil.copy(each, folder)
    return folder


def test_text_is_answered_as_by_the_part_that_writes_it(seeing: Path, tiny_models: Any) -> None:
    found = answers(seeing)
    assert len(found) == len(TEXTS)
    assert found == answers(tiny_models.base)
    with (
        open_model(str(seeing), options={"threads": "1"}) as model,
        open_model(str(tiny_models.base)) as text,
    ):
        assert model.architecture == "LlavaForConditionalGeneration"
        prompts = text.prompts(TEXTS)
        assert model.prompts(TEXTS) == prompts
        assert float((model.logits(prompts) - text.logits(prompts)).abs().max()) < 1e-5
        assert model.hidden(prompts).shape == text.hidden(prompts).shape
        assert len(blocks_of(model.model)) == len(blocks_of(text.model))


def test_what_continues_no_text_is_refused_with_what_it_is(tiny_models: Any, tmp_path: Path) -> None:
    from transformers import CLIPConfig

    shutil.copytree(tiny_models.base, tmp_path / "clip")
    CLIPConfig().save_pretrained(tmp_path / "clip")
    with pytest.raises(TargetError, match="cannot be loaded: transformers opens CLIPConfig for other tasks"):
        answers(tmp_path / "clip")
