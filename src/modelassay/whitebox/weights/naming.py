"""What tensors are called: prefixes that libraries put otherwise, embeddings, and what quantisation adds.

The same weights are saved as ``h.0.…`` or ``transformer.h.0.…``, as ``language_model.model.…`` or
``model.language_model.…``. Numbers of layers are never part of a prefix that is put otherwise: a layer in
another place is another model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from modelassay.artifacts.safetensors import TensorPlace

_EMBEDDINGS: Final = frozenset(
    {
        *("embed", "embedding", "embeddings", "embed_in", "embed_tokens", "tok_embeddings"),
        *("word_embeddings", "wte", "shared", "embed_tokens_per_layer"),
        *("embed_out", "head", "lm_head", "output", "output_layer", "decoder", "predictions"),
    }
)
"""What architectures call their input embedding and their output layer."""
_BESIDE: Final = (
    *(".qweight", ".qzeros", ".scales", ".g_idx", ".SCB", ".weight_format"),
    *(".weight_packed", ".weight_shape", ".weight_zero_point", ".weight_g_idx"),
    *(".weight_scale", ".weight_scale_inv", ".weight_scale_2", ".weight_global_scale"),
    *(".input_scale", ".input_global_scale", ".activation_scale", ".k_scale", ".v_scale", ".output_scale"),
    *(".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", "_blocks", "_scales"),
    *(".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"),
)
"""Ends of the names of tensors that GPTQ, AWQ, compressed-tensors, bitsandbytes, MXFP4 and 8-bit floats put
in place of a module's weights, or beside them."""
_FEW: Final = 0.5
"""Share of the smaller model's tensors below which names in common are few."""
_ALONE: Final = 4
"""Tensors of which a further prefix must account, unless they are embeddings."""
_MOST_PREFIXES: Final = 8


class Renaming(msgspec.Struct, frozen=True):
    """How a candidate's tensors are called in the base."""

    names: dict[str, str]
    """From the candidate's own name to the base's, of the tensors called otherwise there."""
    prefixes: tuple[tuple[str, str], ...]
    """Beginnings of names, the candidate's and the base's; the one that most tensors have comes first."""


def renaming(base: Mapping[str, TensorPlace], candidate: Mapping[str, TensorPlace]) -> Renaming | None:
    """Prefixes under which the candidate holds tensors of the base, of the same shapes and each one once.

    None where names are shared as they are, or where no prefixes make at least half of the smaller model's
    tensors meet.
    """
    enough = _FEW * min(len(base), len(candidate))
    shared = base.keys() & candidate.keys()
    if not enough or len(shared) >= enough:
        return None
    left = {name: place for name, place in base.items() if name not in shared}
    ours = {name: place for name, place in candidate.items() if name not in shared}
    names: dict[str, str] = {}
    prefixes: list[tuple[str, str]] = []
    while len(prefixes) < _MOST_PREFIXES and (found := _best(left, ours)) is not None:
        theirs, own = found
        met = {n: own + n[len(theirs) :] for n in ours if n.startswith(theirs)}
        met = {name: other for name, other in met.items() if other in left}
        names |= met
        prefixes.append(found)
        left = {name: place for name, place in left.items() if name not in set(met.values())}
        ours = {name: place for name, place in ours.items() if name not in met}
    if len(shared) + len(names) < enough:
        return None
    return Renaming(names, tuple(prefixes))


def _best(base: Mapping[str, TensorPlace], candidate: Mapping[str, TensorPlace]) -> tuple[str, str] | None:
    """The prefixes, the candidate's and the base's, under which most tensors meet; the shortest of them."""
    ends: dict[str, list[tuple[str, TensorPlace]]] = defaultdict(list)
    for name, place in base.items():
        for prefix in _beginnings(name):
            ends[name[len(prefix) :]].append((prefix, place))
    votes: Counter[tuple[str, str]] = Counter()
    for name, place in candidate.items():
        for prefix in _beginnings(name):
            for own, other in ends.get(name[len(prefix) :], ()):
                if other.shape == place.shape or differs_in_rows(name, other.shape, place.shape):
                    votes[prefix, own] += _ALONE if is_embedding(name) else 1
    if not votes:
        return None
    best = min(votes, key=lambda pair: (-votes[pair], len(pair[0]) + len(pair[1]), pair))
    return best if votes[best] >= _ALONE else None


def _beginnings(name: str) -> Iterator[str]:
    """The empty one, and each that ends at a dot, before the first number and the last two parts."""
    yield ""
    parts = name.split(".")
    for count in range(1, len(parts) - 1):
        if parts[count - 1].isdigit():
            return
        yield ".".join(parts[:count]) + "."


def is_embedding(name: str) -> bool:
    """Whether a tensor is called as architectures call their embedding or output layer, not in a layer."""
    parts = name.split(".")
    if len(parts) < 2 or any(part.isdigit() for part in parts):
        return False
    return parts[-1] in ("weight", "bias") and parts[-2] in _EMBEDDINGS


def differs_in_rows(name: str, ours: tuple[int, ...], theirs: tuple[int, ...]) -> bool:
    """Whether these are shapes of an embedding or output layer for more and for fewer tokens."""
    same = len(ours) == len(theirs) and len(ours) in (1, 2) and ours[1:] == theirs[1:]
    return same and is_embedding(name) and ours != theirs and 0 not in (*ours, *theirs)


def quantised_beside(names: Iterable[str], having: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that are there for quantisation alone: scales and packed numbers of a module that the
    other side has as well, or its plain weights where this side has packed ones.

    Args:
        names: tensors that one side alone holds.
        having: all tensors of that side.
        other: all tensors of the other side.
    """
    here, there = set(having), set(other)
    packed_there = {module for name in there if (module := _module(name))}
    known = here | there
    return tuple(
        name
        for name in names
        if ((module := _module(name)) and (module in there or f"{module}.weight" in known))
        or name.removesuffix(".weight") in packed_there
    )


def _module(name: str) -> str:
    """The module whose quantisation a tensor tells of; empty for any other tensor."""
    for end in sorted(_BESIDE, key=len, reverse=True):
        if name.endswith(end):
            return name.removesuffix(end).removesuffix(".weight")
    return ""
