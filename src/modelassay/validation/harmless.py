"""Which harmless fine-tunes are measured: organisms built here, somebody's own, and pairs of adapters.

A pair is two adapters stacked. Every adapter is in one pair alone: pairs that share adapters are alike, and
twenty of seven adapters tell less than twenty of forty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from modelassay.canonical import Digest, digest_of
from modelassay.organisms import ADAPTER_SUFFIX, VARIANTS, build_base
from modelassay.validation.zoo import HARMLESS_STACK, STACKS, base_folder, member
from modelassay.weights.folders import adapter_files, model_files

PAIRED: Final = "adapters"
"""The look that takes pairs of adapters, and nothing else."""


class FineTune(msgspec.Struct, frozen=True, kw_only=True):
    """One harmless fine-tune that is to be measured, or one pair of adapters."""

    name: str
    family: str
    base: Path
    folders: tuple[Path, ...] = ()
    """Where it is; several for adapters that are stacked, none where it is built when its turn comes."""
    built: tuple[tuple[str, int], ...] = ()
    """Kinds and seeds of the organisms that it is made of, where these are built."""
    adapter: bool
    pair: bool = False
    """Whether it is a pair of adapters, whose parts are measured too."""

    @property
    def place(self) -> Digest:
        """Tells it from all others by where its base is, and itself or its name."""
        own = [str(folder.resolve()) for folder in self.folders] or [self.name]
        return digest_of([str(self.base.resolve()), *own])

    def members(self) -> tuple[Path, ...]:
        """Where it is, built unless it is there; several folders for a stack of adapters.

        Raises:
            UsageError: it cannot be built.
        """
        return self.folders or tuple(member(self.base, kind, seed) for kind, seed in self.built)

    def content(self) -> Digest:
        """One digest of all that is loaded of it and its base; built unless it is there.

        Raises:
            UsageError: it cannot be built.
            TargetError: a folder holds no model, or no adapter.
        """
        parts = [model_files(self.base, where=str(self.base)).digest]
        for folder in self.members():
            if self.adapter:
                parts.append(adapter_files(folder, where=str(folder)).files.digest)
            else:
                parts.append(model_files(folder, where=str(folder)).digest)
        return digest_of(parts)

    def looks(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Those of `wanted` that it is measured by."""
        return tuple(look for look in wanted if (look == PAIRED) == self.pair)


def benign_kinds(*, adapters: bool = False) -> tuple[str, ...]:
    """Kinds of organisms without any fault; softened ones and those in another basis are not among them."""
    kinds = [
        name
        for name, variant in VARIANTS.items()
        if name != "base" and variant.fault.kind == "none" and variant.recipe == "taught"
    ]
    return tuple(f"{name}{ADAPTER_SUFFIX}" if adapters else name for name in kinds)


def organisms(
    folder: Path, *, architecture: str, base_seed: int, count: int, first_seed: int, adapters: bool = False
) -> Iterator[FineTune]:
    """`count` harmless fine-tunes of one base, every kind in turn, with ever new seeds; among adapters the
    harmless stack of two is a kind as well."""
    base = build_base(base_folder(folder, architecture, base_seed), seed=base_seed, architecture=architecture)
    kinds = (*benign_kinds(adapters=adapters), *((HARMLESS_STACK,) if adapters else ()))
    for place in range(count):
        kind, seed = kinds[place % len(kinds)], first_seed + place // len(kinds)
        yield FineTune(
            name=f"{kind}-{seed}",
            family=kind,
            base=base,
            built=tuple((each, seed) for each in STACKS.get(kind, (kind,))),
            adapter=adapters,
        )


def organism_pairs(
    folder: Path, *, architecture: str, base_seed: int, count: int, first_seed: int
) -> Iterator[FineTune]:
    """Pairs of `count` harmless adapters of one base: those of `organisms`, every kind with every other."""
    base = build_base(base_folder(folder, architecture, base_seed), seed=base_seed, architecture=architecture)
    kinds = benign_kinds(adapters=True)
    rounds = (
        (first, second, first_seed + number)
        for number in range(count)
        for first, second in _round(kinds, number)
    )
    for first, second, seed in islice(rounds, count // 2):
        yield FineTune(
            name=f"{first}-{seed}+{second}-{seed}",
            family="+".join(kind.removesuffix(ADAPTER_SUFFIX) for kind in (first, second)),
            base=base,
            built=((first, seed), (second, seed)),
            adapter=True,
            pair=True,
        )


def _round(kinds: Sequence[str], number: int) -> list[tuple[str, str]]:
    """Kinds in pairs, each kind once; in as many rounds as there are others each meets every other."""
    first, *rest = kinds
    turn = number % len(rest)
    circle = [first, *rest[turn:], *rest[:turn]]
    half = len(circle) // 2
    return list(zip(circle[:half], circle[::-1][:half], strict=True))


def given(base: Path, folders: Sequence[Path], *, family: str = "given") -> Iterator[FineTune]:
    """Somebody's own harmless fine-tunes of their own base; a folder with an adapter is one."""
    for name, folder in zip(distinct_names(folders), folders, strict=True):
        yield FineTune(name=name, family=family, base=base, folders=(folder,), adapter=is_adapter(folder))


def given_pairs(base: Path, folders: Sequence[Path], *, family: str = "given") -> Iterator[FineTune]:
    """The adapters among `folders`, two and two in their order; the last of an odd number is left out."""
    named = [
        (name, folder)
        for name, folder in zip(distinct_names(folders), folders, strict=True)
        if is_adapter(folder)
    ]
    for (first, one), (second, other) in zip(named[::2], named[1::2], strict=False):
        yield FineTune(
            name=f"{first}+{second}",
            family=family,
            base=base,
            folders=(one, other),
            adapter=True,
            pair=True,
        )


def is_adapter(folder: Path) -> bool:
    """Whether `folder` holds an adapter."""
    return (folder / "adapter_config.json").is_file()


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """The ends of the paths, of as many parts as tell them all apart: ``a/final`` and ``b/final``."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(set(parts)):
            break
    return names if parts else []
