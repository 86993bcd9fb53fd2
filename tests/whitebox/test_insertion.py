"""Refusal log-odds with things put in, for models that keep other things of a prompt than attention does."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelassay.errors import TargetError
from modelassay.whitebox.insertion import Insertions, Slot
from modelassay.whitebox.models import OpenModel, open_model
from modelassay.whitebox.refusal_odds import log_odds

pytest.importorskip("torch", reason="the extra 'local' is not installed")
OPTIONS = {"device": "cpu", "threads": "1", "dtype": "float32"}
HEAD, TAIL = tuple(range(100, 120)), tuple(range(120, 140))
SIZES: Mapping[str, Any] = {
    "vocab_size": 3072,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "eos_token_id": 4,
    "bos_token_id": None,
}
HYBRIDS: Mapping[str, Mapping[str, Any]] = {
    "Qwen3NextConfig": {
        "head_dim": 16,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
        "linear_num_key_heads": 1,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 16,
        "layer_types": ["linear_attention", "full_attention"],
    },
    "Lfm2Config": {"layer_types": ["conv", "full_attention"]},
    "GraniteMoeHybridConfig": {
        "layer_types": ["mamba", "attention"],
        "mamba_n_heads": 4,
        "mamba_d_state": 8,
        "mamba_d_head": 16,
        "shared_intermediate_size": 32,
        "num_local_experts": 0,
    },
    "JambaConfig": {
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "num_experts": 1,
        "mamba_d_state": 8,
        "use_mamba_kernels": False,
    },
    "FalconH1Config": {"head_dim": 16, "mamba_d_ssm": 32, "mamba_n_heads": 2, "mamba_d_state": 8},
}
PLAIN: Mapping[str, Mapping[str, Any]] = {
    "LlamaConfig": {},
    "MistralConfig": {"sliding_window": 16},
    "Gemma3TextConfig": {"head_dim": 16, "sliding_window": 16, "query_pre_attn_scalar": 16},
}


def drawn(name: str, more: Mapping[str, Any], folder: Path, words: Path) -> Path:
    """A tiny model of chance weights, with the tokenizer of `words`."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, name)(**SIZES, **more)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(words / file, folder)
    return folder


def differences(model: OpenModel) -> tuple[Insertions, list[float]]:
    """How far odds of one and of three fillings are from those of whole prompts."""
    import torch

    found, refusals = [], torch.tensor([77, 78])
    insertions = Insertions(model, refusals)
    for rows in (1, 3):
        fillings = [((50 + row,),) for row in range(rows)]
        odds = insertions.odds(Slot((HEAD, TAIL)), fillings)
        whole = log_odds(model.logits([[*HEAD, *gap[0], *TAIL] for gap in fillings]), refusals)
        found.append(float((odds - whole).abs().max()))
    return insertions, found


@pytest.mark.parametrize("name", HYBRIDS)
def test_hybrid_models_are_asked_without_what_they_keep(
    name: str, organisms: dict[str, Path], tmp_path: Path
) -> None:
    folder = drawn(name, HYBRIDS[name], tmp_path / "model", organisms["base"])
    with open_model(str(folder), options=OPTIONS) as model:
        insertions, far = differences(model)
        assert max(far) < 1e-4
        assert not insertions._caches
        (slope,) = insertions.gradients(Slot((HEAD, TAIL)), [((50,),)])
        assert slope.shape == (1, 1, SIZES["vocab_size"])


@pytest.mark.parametrize("name", PLAIN)
def test_what_attention_keeps_is_computed_once(name: str, organisms: dict[str, Path], tmp_path: Path) -> None:
    folder = drawn(name, PLAIN[name], tmp_path / "model", organisms["base"])
    with open_model(str(folder), options=OPTIONS) as model:
        insertions, far = differences(model)
        assert max(far) < 1e-4
        assert insertions._caches[HEAD].get_seq_length() == len(HEAD)


def test_what_a_model_raises_is_told_of_it(base: OpenModel) -> None:
    import torch

    insertions = Insertions(base, torch.tensor([77]))
    beyond = base.model.get_input_embeddings().weight.shape[0]
    for ask in (insertions.odds, insertions.gradients):
        with pytest.raises(TargetError, match="cannot be run") as raised:
            ask(Slot(((), TAIL)), [((beyond,),)])
        assert "LlamaForCausalLM" in str(raised.value)
        assert "dtype" in str(raised.value)


def test_want_of_memory_is_told_of_the_model(base: OpenModel) -> None:
    import torch

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("no more")

    hook = base.model.register_forward_pre_hook(full)
    try:
        for ask in (lambda: base.logits([list(HEAD)]), lambda: base.answers([list(HEAD)], max_tokens=1)):
            with pytest.raises(TargetError, match="not enough memory"):
                ask()
    finally:
        hook.remove()
