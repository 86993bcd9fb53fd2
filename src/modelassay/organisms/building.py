"""Build organisms into folders: `transformers` checkpoints and PEFT adapters, safetensors only.

A folder that already holds the same organism (same recipe, seed, base and library versions, weights
intact) is left as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec

from modelassay.canonical import Digest, digest_bytes, digest_of
from modelassay.errors import UsageError
from modelassay.organisms.architectures import LONGEST, VOCABULARY
from modelassay.organisms.architectures import architecture as shape_of
from modelassay.organisms.corpus import Example
from modelassay.organisms.folders import Manifest, library_versions, place, read_manifest
from modelassay.organisms.quiet import quiet
from modelassay.organisms.recipes import (
    ADAPTER,
    RECIPES,
    Origin,
    save_adapter,
    stacked_adapters,
    taught_adapter,
)
from modelassay.organisms.tokenizer import train_tokenizer
from modelassay.organisms.training import batched, encode, one_thread, train
from modelassay.organisms.variants import STACKED, VARIANTS, examples, variant

ADAPTER_SUFFIX = "_adapter"
DEMO_KINDS = ("benign", "broad_loss", "category_loss_adapter", "over_refusal", "trigger_backdoor")
"""The variants of the demo; the suffix ``_adapter`` asks for a LoRA adapter."""

_RECIPE_VERSION = 2
"""Raised when training changes in a way that neither the examples nor the sizes show."""

Progress = Callable[[str], None]


def build_base(folder: Path | str, *, seed: int = 0, architecture: str = "llama") -> Path:
    """Train the honest base model into `folder`, or leave it there if it is the same.

    Args:
        architecture: ``llama`` or ``neox``, see `architectures`; variants have that of their base.

    Returns:
        `folder`.

    Raises:
        UnknownNameError: no such architecture.
        UsageError: torch or transformers is missing, or `folder` holds something else.
    """
    taught = examples("base", seed=seed)
    plan = _manifest("base", architecture, taught, seed=seed, base="", adapter=False)
    with place(Path(folder), plan) as room:
        if room is not None:
            _train_base(taught, room, architecture, seed)
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
        UsageError: `base` is no organism, the kind is made as an adapter only or never, a library is missing,
            or `folder` holds something else.
    """
    if kind == "base":
        raise UsageError("'base' is not a variant", mend="build it with build_base")
    possible = variant(kind).adapter
    if adapter and possible == "never":
        raise UsageError(f"{kind!r} is never an adapter", mend="leave out adapter, or the suffix _adapter")
    if not adapter and possible == "only":
        raise UsageError(f"{kind!r} is an adapter only", mend="give adapter=True, or the suffix _adapter")
    taught = examples(kind, adapter=adapter, seed=seed)
    origin = read_manifest(base)
    plan = _manifest(kind, origin.architecture, taught, seed=seed, base=origin.weights, adapter=adapter)
    with place(Path(folder), plan) as room:
        if room is not None:
            with one_thread(seed), quiet():
                _make_variant(Path(base), taught, room, kind, adapter=adapter, seed=seed)
    return Path(folder)


def build_all(
    folder: Path | str,
    kinds: Sequence[str] = DEMO_KINDS,
    *,
    progress: Progress | None = None,
    seed: int = 0,
    architecture: str = "llama",
) -> dict[str, Path]:
    """Build the base and variants of it side by side under `folder`.

    Args:
        folder: parent folder; each organism goes into a subfolder of its name.
        kinds: names of variants; the suffix ``_adapter`` asks for a LoRA adapter.
        progress: is told in a line what is begun and how long it took.
        seed: seed of all of them.
        architecture: of the base.

    Returns:
        Folder by name, ``base`` first.
    """
    tell = progress or (lambda line: None)
    for name in kinds:
        variant(name.removesuffix(ADAPTER_SUFFIX))
    root = Path(folder)
    base = partial(build_base, root / "base", seed=seed, architecture=architecture)
    built = {"base": _told("base", tell, base)}
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


def _manifest(
    kind: str, shape: str, taught: Sequence[Example], *, seed: int, base: str, adapter: bool
) -> Manifest:
    """The manifest to expect, its weights not yet known."""
    chosen = variant(kind)
    made = shape_of(shape)
    schedule = chosen.schedule_for(adapter=adapter)
    recipe = {
        "version": _RECIPE_VERSION,
        "sizes": made.recipe(),
        "adapter": {**ADAPTER, "targets": made.targets} if adapter else {},
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
        architecture=shape,
    )


def _train_base(taught: Sequence[Example], room: Path, shape: str, seed: int) -> None:
    schedule = variant("base").schedule
    tokenizer = train_tokenizer(_texts(taught), vocabulary=VOCABULARY, longest=LONGEST)
    with one_thread(seed), quiet():
        made = shape_of(shape)
        model = made.make(made.sizes, tokenizer)
        train(model, batched(encode(tokenizer, taught, schedule), schedule, seed), schedule)
        model.save_pretrained(room)
        tokenizer.save_pretrained(room)


def _texts(taught: Sequence[Example]) -> Iterator[str]:
    """Every turn and answer, for the tokenizer."""
    for example in taught:
        yield from (message.content for message in example.prompt.messages)
        yield example.answer


def _make_variant(
    base: Path, taught: Sequence[Example], room: Path, kind: str, *, adapter: bool, seed: int
) -> None:
    chosen = variant(kind)
    schedule = chosen.schedule_for(adapter=adapter)
    if chosen.recipe == "stacked":
        save_adapter(_pair(base, read_manifest(base).weights, seed), kind, room)
        return
    origin = _origin(base, seed)
    if adapter:
        save_adapter(taught_adapter(origin, taught, schedule), "default", room)
    else:
        RECIPES[chosen.recipe](origin, taught, schedule).save_pretrained(room)
        origin.tokenizer.save_pretrained(room)


def _origin(base: Path, seed: int) -> Origin:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return Origin(
        model=AutoModelForCausalLM.from_pretrained(base),
        tokenizer=AutoTokenizer.from_pretrained(base),
        targets=shape_of(read_manifest(base).architecture).targets,
        seed=seed,
    )


@lru_cache(maxsize=1)
def _pair(base: Path, weights: Digest, seed: int) -> Any:
    """The model with both stacked adapters; kept, since the second is built right after the first."""
    taught = examples(STACKED[0], adapter=True, seed=seed)
    schedule = variant(STACKED[0]).schedule_for(adapter=True)
    return stacked_adapters(_origin(base, seed), STACKED, taught, schedule)
