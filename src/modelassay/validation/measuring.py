"""What every statistic is on harmless fine-tunes: measured one fine-tune after the other, kept, pooled.

Each fine-tune leaves one small file of numbers, so that measuring can stop anywhere and go on, and more
fine-tunes can be added later. From all of them come the null distributions of `whitebox.calibration`, one
for each base and one pooled over all bases of an architecture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from modelassay.canonical import canonical_json, digest_of
from modelassay.errors import EvidenceError, ModelassayError, StoppedError, StoreError
from modelassay.log.durable import write_atomic
from modelassay.organisms import ADAPTER_SUFFIX, VARIANTS, build_base
from modelassay.organisms.folders import library_versions
from modelassay.validation.examining import LOOKS, Subject
from modelassay.validation.zoo import HARMLESS_STACK, STACKS, base_folder, member
from modelassay.version import __version__
from modelassay.whitebox.calibration import Method, Null, Nulls

CALIBRATED: Final = ("refusal_margin", "activations", "watched", "tampering", "triggers")
"""Looks whose statistics are held against null distributions of single fine-tunes, the quick ones first."""
Tell = Callable[[str], None]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The statistics of one harmless fine-tune, as one look has them."""

    look: str
    base: str
    """Digest of the base's weights."""
    architecture: str
    method: Method
    family: str
    """What kind of harmless fine-tune it is."""
    name: str
    """Of the fine-tune, and its seed: which it was."""
    values: dict[str, Decimal]
    tool_version: str
    failure: str = ""
    """Why the look could not be made; it then has no values."""


class FineTune(msgspec.Struct, frozen=True, kw_only=True):
    """One harmless fine-tune that is to be measured."""

    name: str
    family: str
    seed: int | None
    """None for one that is not built here."""
    base: Path
    candidate: Path | None
    """Its folder; None for one that is built when its turn comes."""
    adapter: bool

    def place(self) -> tuple[str, str]:
        """Tells it from all others: where its base is, and itself or its name."""
        return str(self.base.resolve()), str(self.candidate.resolve()) if self.candidate else self.name

    def members(self) -> tuple[Path, ...]:
        """Where it is, built unless it is there; several folders for a stack of adapters."""
        if self.candidate is not None:
            return (self.candidate,)
        names = STACKS.get(self.family, (self.family,))
        return tuple(member(self.base, name, self.seed or 0) for name in names)


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
            name=f"{kind}-{seed}", family=kind, seed=seed, base=base, candidate=None, adapter=adapters
        )


def given(base: Path, folders: Iterable[Path], *, family: str = "given") -> Iterator[FineTune]:
    """Somebody's own harmless fine-tunes of their own base; a folder with an adapter is one."""
    for folder in folders:
        adapter = (folder / "adapter_config.json").is_file()
        yield FineTune(
            name=folder.name, family=family, seed=None, base=base, candidate=folder, adapter=adapter
        )


def measure(
    fine_tunes: Iterable[FineTune],
    folder: Path,
    *,
    samples: Sequence[Any],
    origin: str,
    looks: Sequence[str] = CALIBRATED,
    tell: Tell = lambda line: None,
) -> None:
    """Measure each of `fine_tunes` by each of `looks`, unless `folder` has it; stops and goes on anywhere.

    Raises:
        UsageError: a fine-tune cannot be built.
        StoreError: the folder cannot be written.
    """
    for place, each in enumerate(fine_tunes, start=1):
        subject = None
        for look in looks:
            path = folder / f"{digest_of([*each.place(), look])[7:23]}.json"
            if path.is_file():
                continue
            if subject is None:
                subject = Subject(
                    base=each.base,
                    members=each.members(),
                    adapters=each.adapter,
                    samples=tuple(samples),
                    origin=origin,
                )
            tell(f"{place}: {each.base.parent.name} {each.name}: {look}")
            _keep(path, _measured(subject, each, look))


def nulls_of(measured: Iterable[Measured]) -> Nulls:
    """Null distributions of each base, and pooled over the bases of each architecture."""
    every = [each for each in measured if each.values]
    nulls = Nulls()
    for each in sorted(every, key=lambda one: (one.base, one.method, one.look, one.name)):
        for statistic, value in sorted(each.values.items()):
            for whose in (each.base, f"architecture:{each.architecture}"):
                nulls.add(
                    Null(
                        statistic=statistic,
                        base=whose,
                        method=each.method,
                        values=(value,),
                        names=(f"{each.base.removeprefix('sha256:')[:8]} {each.name}",),
                        families={each.family.removesuffix(ADAPTER_SUFFIX): 1},
                    )
                )
    return nulls


def read_measured(folder: Path) -> list[Measured]:
    """All that `measure` left in `folder`.

    Raises:
        EvidenceError: a file that is no measurement.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Measured))
        except msgspec.DecodeError as error:
            raise EvidenceError(
                f"no measurement: {error}", where=str(path), mend="delete the file; it is measured again"
            ) from error
    return found


def provenance(measured: Iterable[Measured]) -> dict[str, Any]:
    """Where null distributions come from: which fine-tunes of which bases, by which version of what."""
    tunes: dict[str, dict[str, list[str]]] = {}
    versions: set[str] = set()
    for each in measured:
        versions.add(each.tool_version)
        if each.values:
            names = tunes.setdefault(f"{each.base} {each.architecture}", {}).setdefault(each.look, [])
            names.append(each.name)
    return {
        "tool_versions": sorted(versions),
        "libraries": library_versions(),
        "fine_tunes": {
            base: {look: sorted(names) for look, names in sorted(looks.items())}
            for base, looks in sorted(tunes.items())
        },
    }


def _measured(subject: Subject, each: FineTune, look: str) -> Measured:
    values: dict[str, Decimal] = {}
    base = failure = ""
    try:
        found = LOOKS[look](subject, Nulls())
        values = {one.name: one.value for one in found.statistics}
        base = found.baseline.details["weights"] if found.baseline else ""
    except (StoppedError, StoreError):
        raise
    except ModelassayError as error:
        failure = str(error)
    return Measured(
        look=look,
        base=base,
        architecture=_architecture(subject.base),
        method="adapter" if each.adapter else "full",
        family=each.family,
        name=each.name,
        values=values,
        tool_version=__version__,
        failure=failure,
    )


def _architecture(base: Path) -> str:
    """The class of the model, as `OpenModel.architecture` has it."""
    config = msgspec.json.decode((base / "config.json").read_bytes())
    return str((config.get("architectures") or [""])[0])


def _keep(path: Path, record: Measured) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, canonical_json(record) + b"\n")
