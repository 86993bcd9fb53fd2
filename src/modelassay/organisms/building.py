"""Build organisms into folders: `transformers` checkpoints and PEFT adapters, safetensors only.

A folder that already holds the same organism (same recipe, seed, base and library versions, weights
intact) is left as it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from modelassay.canonical import Digest, digest_bytes, digest_of
from modelassay.errors import UsageError
from modelassay.organisms.corpus import Example
from modelassay.organisms.folders import Manifest, library_versions, place, read_manifest
from modelassay.organisms.quiet import quiet
from modelassay.organisms.tokenizer import train_tokenizer
from modelassay.organisms.training import encode, one_thread, train
from modelassay.organisms.variants import VARIANTS, examples, variant

ADAPTER_SUFFIX = "_adapter"
DEMO_KINDS = ("benign", "broad_loss", "category_loss_adapter", "over_refusal", "trigger_backdoor")
"""The variants of the demo; the suffix ``_adapter`` asks for a LoRA adapter."""

_RECIPE_VERSION = 1
"""Raised when training changes in a way that neither the examples nor the sizes below show."""
_VOCABULARY = 3072
_LONGEST = 4096
_SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 192}
_ADAPTER = {"r": 8, "lora_alpha": 16}
_TARGETS = ("down_proj", "embed_tokens", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")
"""The embedding is among them: in so small a model a category's words live there, and adapters without it
lose one category only at the cost of the others."""

Progress = Callable[[str], None]


def build_base(folder: Path | str, *, seed: int = 0) -> Path:
    """Train the honest base model into `folder`, or leave it there if it is the same.

    Returns:
        `folder`.

    Raises:
        UsageError: torch or transformers is missing, or `folder` holds something else.
    """
    taught = examples("base", seed=seed)
    plan = _manifest("base", taught, seed=seed, base="", adapter=False)
    with place(Path(folder), plan) as room:
        if room is not None:
            _train_base(taught, room, seed)
    return Path(folder)


def build_variant(
    base: Path | str, folder: Path | str, kind: str, *, adapter: bool = False, seed: int = 0
) -> Path:
    """Fine-tune `base` into the organism `kind`, or leave it in `folder` if it is the same.

    Args:
        base: folder of an organism.
        folder: where the variant goes: a whole model, or with `adapter` a PEFT LoRA adapter for `base`.
        kind: name of a variant, see `VARIANTS`.
        adapter: train a low-rank adapter and leave the weights of `base` alone.
        seed: seed of the examples and of everything random in training.

    Returns:
        `folder`.

    Raises:
        UnknownNameError: no such kind.
        UsageError: `base` is no organism, a library is missing, or `folder` holds something else.
    """
    if kind == "base":
        raise UsageError("'base' is not a variant", mend="build it with build_base")
    taught = examples(kind, adapter=adapter, seed=seed)
    plan = _manifest(kind, taught, seed=seed, base=read_manifest(base).weights, adapter=adapter)
    with place(Path(folder), plan) as room:
        if room is not None:
            _train_variant(Path(base), taught, room, kind, adapter=adapter, seed=seed)
    return Path(folder)


def build_all(
    folder: Path | str,
    kinds: Sequence[str] = DEMO_KINDS,
    *,
    progress: Progress | None = None,
    seed: int = 0,
) -> dict[str, Path]:
    """Build the base and variants of it side by side under `folder`.

    Args:
        folder: parent folder; each organism goes into a subfolder of its name.
        kinds: names of variants; the suffix ``_adapter`` asks for a LoRA adapter.
        progress: is told in a line what is begun and how long it took.
        seed: seed of all of them.

    Returns:
        Folder by name, ``base`` first.
    """
    tell = progress or (lambda line: None)
    for name in kinds:
        variant(name.removesuffix(ADAPTER_SUFFIX))
    root = Path(folder)
    built = {"base": _told("base", tell, partial(build_base, root / "base", seed=seed))}
    for name in kinds:
        if name != "base":
            built[name] = _told(name, tell, partial(_build_named, root, name, seed))
    return built


def _build_named(root: Path, name: str, seed: int) -> Path:
    kind = name.removesuffix(ADAPTER_SUFFIX)
    return build_variant(root / "base", root / name, kind, adapter=name != kind, seed=seed)


def _told(name: str, tell: Progress, build: Callable[[], Path]) -> Path:
    kind = name.removesuffix(ADAPTER_SUFFIX)
    tell(f"{name}: {VARIANTS[kind].summary}")
    started = time.monotonic()
    path = build()
    tell(f"{name}: ready after {time.monotonic() - started:.1f} s")
    return path


def _manifest(kind: str, taught: Sequence[Example], *, seed: int, base: str, adapter: bool) -> Manifest:
    """The manifest to expect, its weights not yet known."""
    chosen = variant(kind)
    schedule = chosen.schedule_for(adapter=adapter)
    recipe = {
        "version": _RECIPE_VERSION,
        "sizes": {**_SIZES, "vocabulary": _VOCABULARY, "longest": _LONGEST},
        "adapter": {**_ADAPTER, "targets": _TARGETS} if adapter else {},
        "schedule": {key: str(value) for key, value in msgspec.to_builtins(schedule).items()},
        "examples": digest_bytes(msgspec.json.encode(taught)),
    }
    return Manifest(
        organism=kind,
        adapter=adapter,
        seed=seed,
        recipe=digest_of(recipe),
        base=base,
        libraries=library_versions(),
        weights=Digest(""),
        summary=chosen.summary,
    )


def _train_base(taught: Sequence[Example], room: Path, seed: int) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    schedule = variant("base").schedule
    tokenizer = train_tokenizer(_texts(taught), vocabulary=_VOCABULARY, longest=_LONGEST)
    config = LlamaConfig(
        **_SIZES,
        vocab_size=len(tokenizer),
        num_key_value_heads=_SIZES["num_attention_heads"],
        max_position_embeddings=_LONGEST,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    with one_thread(seed), quiet():
        model = LlamaForCausalLM(config)
        train(model, encode(tokenizer, taught, schedule), schedule, seed=seed)
        model.save_pretrained(room)
        tokenizer.save_pretrained(room)


def _texts(taught: Sequence[Example]) -> Iterator[str]:
    """Every turn and answer, for the tokenizer."""
    for example in taught:
        yield from (message.content for message in example.prompt.messages)
        yield example.answer


def _train_variant(
    base: Path, taught: Sequence[Example], room: Path, kind: str, *, adapter: bool, seed: int
) -> None:
    from transformers import AutoTokenizer, LlamaForCausalLM

    chosen = variant(kind)
    schedule = chosen.schedule_for(adapter=adapter)
    with one_thread(seed), quiet():
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = LlamaForCausalLM.from_pretrained(base)
        wrapped = _with_adapter(model) if adapter else model
        train(model, encode(tokenizer, taught, schedule), schedule, seed=seed)
        if adapter:
            wrapped.save_pretrained(room, save_embedding_layers=False)
            _settle_adapter_files(room)
        else:
            wrapped.save_pretrained(room)
            tokenizer.save_pretrained(room)


def _with_adapter(model: Any) -> Any:
    """`model` with LoRA adapters injected into its linear layers and embedding, only these trainable."""
    from peft import LoraConfig, get_peft_model

    return get_peft_model(model, LoraConfig(**_ADAPTER, target_modules=list(_TARGETS), task_type="CAUSAL_LM"))


def _settle_adapter_files(room: Path) -> None:
    """Take what differs from run to run out of PEFT's files: the base's path, the order of a set."""
    (room / "README.md").unlink(missing_ok=True)
    path = room / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = "modelassay-organism-base"
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
