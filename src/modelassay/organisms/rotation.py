"""The same model in another basis: every weight another, every output the same.

The residual stream is turned by an orthogonal matrix Q ("computational invariance": Ashkboos et al. 2024,
arXiv:2401.15024): what writes into the stream is multiplied by Q, what reads from it by Q transposed. A
normalisation stands between the stream and each reader; its weight w is folded into the reader first, because
only a normalisation without weights commutes with Q. LayerNorm also takes the mean away, which commutes with
every Q that leaves the vector of ones where it is; its bias b, divided by w, is turned along and stays. Tied
output layers are untied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def rotate(model: Any, seed: int) -> Any:
    """Turn the basis of `model`, a Llama or a GPT-NeoX, in place; `seed` decides the turn."""
    import torch

    with torch.no_grad():
        mean_free = hasattr(model, "gpt_neox")
        turn = _orthogonal(model.config.hidden_size, seed, keep_mean=mean_free)
        _untie(model)
        for norm, readers in _readers(model):
            weight = norm.weight.double()
            for reader in readers:
                reader.weight.copy_((reader.weight.double() * weight) @ turn)
            if getattr(norm, "bias", None) is not None:
                norm.bias.copy_((norm.bias.double() / weight) @ turn)
            norm.weight.fill_(1.0)
        for writer in _writers(model):
            writer.weight.copy_(turn.T @ writer.weight.double())
            if writer.bias is not None:
                writer.bias.copy_(writer.bias.double() @ turn)
        embedding = model.get_input_embeddings()
        embedding.weight.copy_(embedding.weight.double() @ turn)
    return model


def _orthogonal(size: int, seed: int, *, keep_mean: bool) -> Any:
    """A random orthogonal matrix; with `keep_mean` one that leaves the vector of ones where it is."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    inner = size - keep_mean
    turn = torch.linalg.qr(torch.randn(inner, inner, generator=generator, dtype=torch.float64)).Q
    if not keep_mean:
        return turn
    frame = torch.eye(size, dtype=torch.float64)
    frame[:, 0] = 1.0
    frame = torch.linalg.qr(frame).Q
    return frame @ torch.block_diag(torch.ones(1, 1, dtype=torch.float64), turn) @ frame.T


def _untie(model: Any) -> None:
    """Give the output layer a matrix of its own."""
    import torch

    if model.config.tie_word_embeddings:
        model.config.tie_word_embeddings = False
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())


def _readers(model: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Each normalisation of the stream, with the layers that read what it gives."""
    for block in model.base_model.layers:
        if hasattr(model, "gpt_neox"):
            yield block.input_layernorm, (block.attention.query_key_value,)
            yield block.post_attention_layernorm, (block.mlp.dense_h_to_4h,)
        else:
            attention, mlp = block.self_attn, block.mlp
            yield block.input_layernorm, (attention.q_proj, attention.k_proj, attention.v_proj)
            yield block.post_attention_layernorm, (mlp.gate_proj, mlp.up_proj)
    last = model.gpt_neox.final_layer_norm if hasattr(model, "gpt_neox") else model.model.norm
    yield last, (model.get_output_embeddings(),)


def _writers(model: Any) -> Iterator[Any]:
    """The layers that add to the stream."""
    for block in model.base_model.layers:
        if hasattr(model, "gpt_neox"):
            yield from (block.attention.dense, block.mlp.dense_4h_to_h)
        else:
            yield from (block.self_attn.o_proj, block.mlp.down_proj)
