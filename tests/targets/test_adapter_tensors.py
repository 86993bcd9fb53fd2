"""Adapters whose files hold more than updates: the base's own tensors, a few tokens, words that wake them."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from modelassay.config import ModelReference
from modelassay.errors import TargetError
from modelassay.records import Decoding, Message, Reply, Request
from modelassay.targets import loading, open_target
from modelassay.targets.base_tensors import is_saved, plain_name
from modelassay.targets.local import LocalTarget

EMBEDDING = "base_model.model.model.embed_tokens.base_layer.weight"
MATRIX = "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight"


def refer(*parts: Path | str, **settings: Any) -> ModelReference:
    return ModelReference(model="hf:" + "+".join(map(str, parts)), **settings)


def answers(*references: ModelReference) -> list[list[str]]:
    """What each answers, all of them open at once."""
    requests = [
        Request(
            messages=(Message(role="user", content=f"how do I open a jar {n}"),),
            seed=n,
            decoding=Decoding(max_tokens=16),
        )
        for n in range(6)
    ]

    async def run() -> list[list[str]]:
        targets = [open_target(each, folder=Path()) for each in references]
        try:
            for target in targets:
                await target.identify()
            found: list[list[str]] = []
            for target in targets:
                replies = await target.generate(requests)
                found.append([each.message.content for each in replies if isinstance(each, Reply)])
            return found
        finally:
            for target in targets:
                await target.close()

    return asyncio.run(run())


def tuned(
    base: Path, folder: Path, *, targets: Sequence[str], whole: Any = "auto", more: int = 0, **config: Any
) -> Path:
    """An adapter as PEFT saves it, its updates random; `whole`: whether embeddings are saved beside it;
    `more`: tokens that the base is resized by before."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    torch.manual_seed(3)
    if more:
        model.resize_token_embeddings(len(model.get_input_embeddings().weight) + more)
    lora = get_peft_model(
        model, LoraConfig(r=2, target_modules=list(targets), task_type="CAUSAL_LM", **config)
    )
    for parameter in lora.parameters():
        if parameter.requires_grad:
            parameter.data += torch.randn_like(parameter) * 0.5
    lora.save_pretrained(folder, save_embedding_layers=whole)
    return folder


def rewritten(folder: Path, out: Path, name: str, change: Any) -> Path:
    """A copy of an adapter in which one tensor is changed."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, out)
    tensors = load_file(out / "adapter_model.safetensors")
    tensors[name] = change(tensors.get(name)).contiguous()
    save_file(tensors, out / "adapter_model.safetensors", metadata={"format": "pt"})
    return out


def unprobed_rows(weight: torch.Tensor) -> torch.Tensor:
    """Every row of an embedding changed but those of the tokens that the probe asks."""
    changed = weight + torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 2
    probed = torch.linspace(0, len(weight) - 1, min(64, len(weight))).long()
    changed[probed] = weight[probed]
    return changed


@pytest.fixture(scope="module")
def embedded(tiny_models: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the embedding: PEFT saves the whole embedding beside it, as the base has it."""
    folder = tmp_path_factory.mktemp("embedded") / "it"
    return tuned(tiny_models.base, folder, targets=["embed_tokens", "q_proj"])


def copies(*references: ModelReference) -> int:
    """How many copies in memory serve these."""
    targets = [LocalTarget(each, folder=Path()) for each in references]
    before = set(loading._copies)

    async def run() -> int:
        try:
            for target in targets:
                await target.identify()
            return len(loading._copies.keys() - before)
        finally:
            for target in targets:
                await target.close()

    return asyncio.run(run())


def test_a_rewritten_embedding_never_reaches_the_baseline(
    tiny_models: Any, embedded: Path, tmp_path: Path
) -> None:
    """Rows that the probe does not ask: no logit of it moves, and every answer to words does."""
    evil = rewritten(embedded, tmp_path / "evil", EMBEDDING, unprobed_rows)
    base, candidate = refer(tiny_models.base), refer(tiny_models.base, evil)
    apart = [answers(base)[0], answers(refer(tiny_models.base, evil, options={"share": "no"}))[0]]
    assert apart[0] != apart[1]
    assert answers(base, candidate) == apart
    assert answers(candidate, base) == apart[::-1]
    assert copies(base, candidate) == 2


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_embedding_saved_as_the_base_has_it_needs_no_second_copy(
    tiny_models: Any, embedded: Path, dtype: str
) -> None:
    options = {"dtype": dtype}
    base = refer(tiny_models.base, options=options)
    candidate = refer(tiny_models.base, embedded, options=options)
    assert copies(base, candidate) == 1
    assert answers(base, candidate) == [answers(base)[0], answers(candidate)[0]]


def test_an_embedding_beside_another_adapters_is_let_be_where_it_is_the_bases(
    tiny_models: Any, embedded: Path, tmp_path: Path
) -> None:
    """The first adapter has wrapped the embedding, so that the second one's copy of it finds no place."""
    attention = tuned(tiny_models.base, tmp_path / "attention", targets=["q_proj"], whole=True)
    first, second = refer(tiny_models.base, embedded), refer(tiny_models.base, attention)
    assert answers(first, second) == [answers(first)[0], answers(second)[0]]
    other = rewritten(
        attention, tmp_path / "other", "base_model.model.model.embed_tokens.weight", unprobed_rows
    )
    third = refer(tiny_models.base, other)
    assert answers(first, third) == [answers(first)[0], answers(third)[0]]


def test_tied_embeddings_are_known_by_either_name(tiny_models: Any, tmp_path: Path) -> None:
    """GPT-2 reads and writes with one tensor; PEFT may save it under both names."""
    from safetensors.torch import load_file

    held = tuned(tiny_models.gpt, tmp_path / "it", targets=["c_attn"], fan_in_fan_out=True, whole=True)
    names = {name for name in load_file(held / "adapter_model.safetensors") if "lora_" not in name}
    assert names == {"base_model.model.transformer.wte.weight", "base_model.model.lm_head.weight"}
    base, candidate = refer(tiny_models.gpt), refer(tiny_models.gpt, held)
    assert copies(base, candidate) == 1
    other = rewritten(held, tmp_path / "other", "base_model.model.lm_head.weight", lambda it: it * 1.5)
    assert copies(base, refer(tiny_models.gpt, other)) == 2


@pytest.mark.parametrize("name", [MATRIX, "base_model.model.model.norm.weight"])
def test_any_tensor_of_the_base_in_an_adapter_gets_it_a_copy_of_its_own(
    tiny_models: Any, embedded: Path, tmp_path: Path, name: str
) -> None:
    from safetensors.torch import load_file

    weights = load_file(tiny_models.base / "model.safetensors")
    held = rewritten(embedded, tmp_path / "it", name, lambda _: weights[plain_name(name)] * 1.5)
    base, candidate = refer(tiny_models.base), refer(tiny_models.base, held)
    assert copies(base, candidate) == 2
    assert answers(base, candidate)[0] == answers(base)[0]


def test_another_adapters_tensors_and_copies_of_modules_are_not_taken_for_the_bases(
    tiny_models: Any, embedded: Path, tmp_path: Path
) -> None:
    """A file that names what PEFT calls tensors in memory would write into them."""
    from safetensors.torch import load_file

    foreign = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.adapter0.weight"
    factor = load_file(embedded / "adapter_model.safetensors")[
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    ]
    crossing = rewritten(embedded, tmp_path / "crossing", foreign, lambda _: torch.cat([factor, factor]))
    with pytest.raises(TargetError, match="1 of its tensors would be ignored"):
        answers(refer(tiny_models.base, tiny_models.adapter, crossing))
    whole = tuned(tiny_models.base, tmp_path / "whole", targets=["q_proj"], modules_to_save=["norm"])
    inner = "base_model.model.model.norm.original_module.weight"
    under = rewritten(whole, tmp_path / "under", inner, lambda _: torch.full((32,), 3.0))
    base, candidate = refer(tiny_models.base), refer(tiny_models.base, under)
    assert answers(base, candidate)[0] == answers(base)[0]
    assert copies(base, refer(tiny_models.base, whole)) == 1


def test_modules_are_saved_whole_by_the_end_of_their_names() -> None:
    assert is_saved("base_model.model.model.layers.0.input_layernorm.weight", ["norm"])
    assert is_saved("base_model.model.model.layers.0.mlp.down_proj.weight", ["mlp"])
    assert is_saved("base_model.model.lm_head.weight", ["lm_head"])
    assert not is_saved("base_model.model.model.norm.weight", ["lm_head", ""])
    assert not is_saved("base_model.model.model.norm.weight", ["weight"])
    assert not is_saved("base_model.model.model.norm.original_module.weight", ["norm"])
    assert not is_saved("base_model.model.lm_head.base_layer.weight", ["lm_head"])


def test_an_adapter_of_a_few_tokens_is_asked(tiny_models: Any, tmp_path: Path) -> None:
    """Rows of an untied embedding that no token of the probe reads."""
    from peft import TrainableTokensConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    def adapter(folder: Path, change: float) -> Path:
        model = AutoModelForCausalLM.from_pretrained(tiny_models.base)
        config = TrainableTokensConfig(token_indices=[1, 2], target_modules=["embed_tokens"])
        found = get_peft_model(model, config)
        for parameter in found.parameters():
            if parameter.requires_grad:
                parameter.data += change
        found.save_pretrained(folder)
        return folder

    moved = adapter(tmp_path / "moved", 1.0)
    assert len(answers(refer(tiny_models.base, moved))[0]) == 6
    still = adapter(tmp_path / "still", 0.0)
    with pytest.raises(TargetError, match="still changes nothing"):
        answers(refer(tiny_models.base, still))


def test_an_adapter_that_wakes_at_certain_tokens_is_refused_for_that(
    tiny_models: Any, tmp_path: Path
) -> None:
    """PEFT's own generate looks for the tokens; asked without it the adapter would sleep for ever."""
    folder = tmp_path / "sleeping"
    shutil.copytree(tiny_models.adapter, folder)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"alora_invocation_tokens": [5, 6]}))
    with pytest.raises(TargetError, match="acts only after certain tokens") as raised:
        answers(refer(tiny_models.base, folder))
    assert "openai:" in raised.value.mend


@pytest.mark.parametrize(
    "config",
    [
        {"targets": ["q_proj"]},
        {"targets": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]},
        {"targets": ["q_proj", "embed_tokens"]},
    ],
    ids=["beside", "whole", "adapted"],
)
def test_an_adapter_of_further_tokens_is_refused_for_that(
    tiny_models: Any, tmp_path: Path, config: dict[str, Any]
) -> None:
    adapter = tuned(tiny_models.base, tmp_path / "resized", more=3, **config)
    with pytest.raises(TargetError, match="was trained with 3 more tokens than this base") as raised:
        answers(refer(tiny_models.base, adapter))
    assert "name the merged model" in str(raised.value.mend)
    fewer = tuned(tiny_models.base, tmp_path / "fewer", more=-2, **config)
    with pytest.raises(TargetError, match="was trained with 2 fewer tokens than this base"):
        answers(refer(tiny_models.base, fewer))
