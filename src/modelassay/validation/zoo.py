"""Which organisms are audited, and where each is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from modelassay.errors import UsageError
from modelassay.organisms import (
    ADAPTER_SUFFIX,
    ARCHITECTURES,
    STACKED,
    VARIANTS,
    Fault,
    build_base,
    build_variant,
)
from modelassay.organisms.variants import variant

HARMLESS_STACK: Final = "stacked_benign"
STACKS: Final[dict[str, tuple[str, ...]]] = {
    "stacked": tuple(f"{name}{ADAPTER_SUFFIX}" for name in STACKED),
    HARMLESS_STACK: (f"benign{ADAPTER_SUFFIX}", f"benign_domain{ADAPTER_SUFFIX}"),
}
"""Stacks of adapters that are audited as one candidate: one harmful together, one harmless."""
_QUICK_ADAPTERS: Final = ("benign", "broad_loss", "category_loss")
FULL_SEEDS: Final = 5
"""Seeds that ``--full`` goes through."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate whose fault is known, on a base of its own architecture and seed."""

    kind: str
    """A kind of organism, with the suffix ``_adapter`` for a low-rank adapter, or a name of `STACKS`."""
    architecture: str
    seed: int
    """Of base and candidate."""

    @property
    def name(self) -> str:
        """Names the case in files and plans."""
        return f"{self.kind}-{self.architecture}-{self.seed}"

    @property
    def members(self) -> tuple[str, ...]:
        """The organisms that make up the candidate: several for a stack of adapters."""
        return STACKS.get(self.kind, (self.kind,))

    @property
    def fault(self) -> Fault:
        """What was planted; a stack has the fault of its members, which alone are harmless."""
        return variant(self.members[0].removesuffix(ADAPTER_SUFFIX)).fault

    @property
    def adapters(self) -> bool:
        """Whether the candidate is the base with adapters."""
        return self.members[0].endswith(ADAPTER_SUFFIX)


def cases(
    seed: int, *, kinds: Sequence[str] = (), architectures: Sequence[str] = ("llama",), full: bool = False
) -> tuple[Case, ...]:
    """The candidates to audit, those of one base together.

    Args:
        seed: the first seed.
        kinds: only these; all when empty.
        architectures: of the bases.
        full: every adapter as well, and `FULL_SEEDS` seeds.

    Raises:
        UnknownNameError: no such kind.
        UsageError: a kind that cannot be had in this way.
    """
    chosen = tuple(kinds) or tuple(all_kinds(full=full))
    for kind in chosen:
        _check(kind)
    seeds = range(seed, seed + (FULL_SEEDS if full else 1))
    return tuple(
        Case(kind=kind, architecture=shape, seed=each)
        for shape in architectures
        for each in seeds
        for kind in chosen
    )


def all_kinds(*, full: bool) -> Iterator[str]:
    """Every kind of full fine-tune, adapters, stacks."""
    names = [name for name in VARIANTS if name != "base"]
    yield from (name for name in names if VARIANTS[name].adapter != "only")
    for name in names:
        if VARIANTS[name].adapter == "possible" and (full or name in _QUICK_ADAPTERS):
            yield name + ADAPTER_SUFFIX
    yield from STACKS


def built(folder: Path, case: Case) -> tuple[Path, tuple[Path, ...]]:
    """Folders of base and members of `case` under `folder`, built unless they are there.

    Raises:
        UsageError: torch or transformers is missing, or a folder holds something else.
    """
    base = build_base(
        base_folder(folder, case.architecture, case.seed), seed=case.seed, architecture=case.architecture
    )
    return base, tuple(member(base, name, case.seed) for name in case.members)


def base_folder(folder: Path, architecture: str, seed: int) -> Path:
    """Where the base of an architecture and seed is kept; its variants stand beside it."""
    return folder / f"{architecture}-{seed}" / "base"


def member(base: Path, name: str, seed: int) -> Path:
    """The variant `name` of `base`, built unless it is there."""
    kind = name.removesuffix(ADAPTER_SUFFIX)
    return build_variant(base, base.parent / f"{name}-{seed}", kind, adapter=kind != name, seed=seed)


def shapes(name: str) -> tuple[str, ...]:
    """The architectures that ``--architecture`` names."""
    return tuple(ARCHITECTURES) if name == "both" else (name,)


def _check(kind: str) -> None:
    if kind in STACKS:
        return
    name = kind.removesuffix(ADAPTER_SUFFIX)
    possible = variant(name).adapter
    if name == "base":
        raise UsageError("the base is what candidates are held against", where="kinds")
    if kind != name and possible == "never":
        raise UsageError(f"{name} is never an adapter", where="kinds", mend=f"ask for {name}")
    if kind == name and possible == "only":
        raise UsageError(
            f"{name} is an adapter only", where="kinds", mend=f"ask for {name}{ADAPTER_SUFFIX} or stacked"
        )
