"""The two architectures of organisms, which share nothing that a check could mistake for a law.

=====================  ============================  ==============================================
what                   `llama`                       `neox` (GPT-NeoX: Black et al. 2022, arXiv:2204.06745)
=====================  ============================  ==============================================
normalisation          RMSNorm                       LayerNorm with bias
attention projections  separate q, k, v, no bias     one fused ``query_key_value``, with bias
feed-forward           gated, SiLU                   plain, GELU
block                  attention, then feed-forward  both read the same stream, in parallel
positions              rotary, all of a head         rotary, a quarter of a head
output layer           tied to the embedding         its own matrix
=====================  ============================  ==============================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import msgspec

from modelassay.errors import UnknownNameError

ArchitectureName = Literal["llama", "neox"]

VOCABULARY = 3072
LONGEST = 4096
"""Most tokens of a conversation."""


class Architecture(msgspec.Struct, frozen=True, kw_only=True):
    """How a base model is shaped and where adapters go."""

    sizes: dict[str, int]
    make: Callable[[dict[str, int], Any], Any]
    """An untrained model of these sizes for a tokenizer."""
    targets: tuple[str, ...]
    """Modules that adapters are put on. The embedding is among them: in so small a model a category's words
    live there, and adapters without it lose one category only at the cost of the others."""

    def recipe(self) -> dict[str, Any]:
        """What decides the weights, for the recipe's digest."""
        return {**self.sizes, "vocabulary": VOCABULARY, "longest": LONGEST}


def architecture(name: str) -> Architecture:
    """The architecture called `name`.

    Raises:
        UnknownNameError: there is no such architecture.
    """
    if name not in ARCHITECTURES:
        raise UnknownNameError("architecture", name, ARCHITECTURES)
    return ARCHITECTURES[name]


def _llama(sizes: dict[str, int], tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            **sizes,
            num_key_value_heads=sizes["num_attention_heads"],
            max_position_embeddings=LONGEST,
            tie_word_embeddings=True,
            **_tokens(tokenizer),
        )
    )


def _neox(sizes: dict[str, int], tokenizer: Any) -> Any:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            **sizes,
            max_position_embeddings=LONGEST,
            tie_word_embeddings=False,
            hidden_dropout=0.0,
            attention_dropout=0.0,
            **_tokens(tokenizer),
        )
    )


def _tokens(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }


ARCHITECTURES: Mapping[str, Architecture] = {
    "llama": Architecture(
        sizes={"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 192},
        make=_llama,
        targets=(
            "down_proj",
            "embed_tokens",
            "gate_proj",
            "k_proj",
            "o_proj",
            "q_proj",
            "up_proj",
            "v_proj",
        ),
    ),
    "neox": Architecture(
        sizes={"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256},
        make=_neox,
        targets=("dense", "dense_4h_to_h", "dense_h_to_4h", "embed_in", "query_key_value"),
    ),
}
"""Every architecture by name."""

assert tuple(ARCHITECTURES) == get_args(ArchitectureName)
