"""What every statistic is on harmless fine-tunes: measured one fine-tune after the other, kept, pooled.

Each fine-tune leaves one small file of numbers, so that measuring can stop anywhere and go on, and more
fine-tunes can be added later. A file is of these weights, these requests, these settings and these versions
of the statistics: anything else is measured anew, and pooled apart. From all of them come the null
distributions of `whitebox.calibration`, one for each base and one pooled over all bases of an architecture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from modelassay.canonical import Digest, canonical_json, digest_of
from modelassay.errors import EvidenceError, ModelassayError, StoppedError, StoreError
from modelassay.log.durable import write_atomic
from modelassay.organisms import ADAPTER_SUFFIX
from modelassay.organisms.folders import library_versions
from modelassay.records import Sample
from modelassay.suites import pin_digest
from modelassay.validation.examining import MEASURES, Subject, settings_of
from modelassay.validation.harmless import PAIRED, FineTune
from modelassay.version import __version__
from modelassay.whitebox.adapters.judging import ALONE_LOSS, INTERACTION, STACK_LOSS
from modelassay.whitebox.calibration import Method, Null, Nulls, content_of
from modelassay.whitebox.requests import asked_with

CALIBRATED: Final[Mapping[str, tuple[str, ...]]] = {
    "refusal_margin": (
        "refusal_margin.loss@1",
        "refusal_margin.worst_category@1",
        "refusal_margin.over_refusal@1",
    ),
    "activations": ("activations.refusal_gap_loss@1", "activations.refusal_gap_loss_worst@1"),
    "watched": ("watched.gap@1", "watched.gap_worst_category@1"),
    PAIRED: (INTERACTION, ALONE_LOSS, STACK_LOSS),
    "tampering": ("tampering.steps_to_half@1", "tampering.strength_to_half@1"),
    "triggers": (
        "triggers.reach@2",
        "triggers.words@1",
        "triggers.odd_phrases@1",
        "triggers.odd_turns@1",
    ),
}
"""Looks whose statistics are held against null distributions, the quick ones first, and these statistics."""
_REPLACED: Final = ".replaced"
"""Suffix of the file of a fine-tune that another one took the place of."""
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
    content: str = ""
    """Digest of what was loaded: base and fine-tune. Earlier versions kept none, nor the next two."""
    how: str = ""
    """Digest of what was asked and of how it was read (`Asked.how`)."""
    place: str = ""
    """Where the fine-tune was (`FineTune.place`)."""
    weights: str = ""
    """Digest of its weights and its base's (`calibration.content_of`); earlier versions kept none."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What fine-tunes are asked, and the seed of all that is drawn."""

    samples: tuple[Sample, ...]
    origin: str
    """Name and pin of the dataset that they are from."""
    seed: int = 1

    def how(self, look: str) -> Digest:
        """One digest of all that decides the statistics of a look, beside the models."""
        return digest_of(
            [look, pin_digest(self.samples), settings_of(look, self.seed), list(CALIBRATED[look])]
        )


def measure(
    fine_tunes: Iterable[FineTune],
    folder: Path,
    *,
    asked: Asked,
    looks: Sequence[str] = tuple(CALIBRATED),
    tell: Tell = lambda line: None,
) -> None:
    """Measure each of `fine_tunes` by each of `looks`, unless `folder` has it; stops and goes on anywhere.

    A look that cannot be made is told, and made again next time. What `folder` has of another fine-tune that
    was at the same place is set aside.

    Raises:
        UsageError: a fine-tune cannot be built.
        EvidenceError: a file in `folder` is no measurement.
        StoreError: the folder cannot be written.
    """
    hows = {look: asked.how(look) for look in looks}
    known: dict[tuple[str, str], list[Path]] = {}
    for path, each in _read(folder):
        known.setdefault((each.place, each.how), []).append(path)
    for number, tune in enumerate(fine_tunes, start=1):
        for look in tune.looks(looks):
            line = f"{number}: {tune.base.parent.name} {tune.name}: {look}"
            try:
                content = tune.content()
                path = folder / f"{digest_of([content, hows[look]])[7:23]}.json"
                for other in known.pop((tune.place, hows[look]), []):
                    if other != path:
                        other.rename(other.with_suffix(_REPLACED))
                        tell(f"{line}: other weights are here now; {other.name} of the earlier is set aside")
                if not _there(path):
                    tell(line)
                    _keep(path, _measured(tune, look, asked, content=content, how=hows[look]))
            except (StoppedError, StoreError):
                raise
            except ModelassayError as error:
                tell(f"{line}: {error}")


def alike(measured: Iterable[Measured], asked: Asked) -> list[Measured]:
    """Those that were asked and read as `asked` says: no others can be pooled with them."""
    hows = {look: asked.how(look) for look in CALIBRATED}
    return [each for each in measured if each.how and each.how == hows.get(each.look)]


def nulls_of(measured: Sequence[Measured], asked: Asked) -> Nulls:
    """Null distributions of each base, and pooled over the bases of each architecture, for organisms.

    Args:
        measured: all of them asked as `asked` says (`alike`).
        asked: noted in each, so that no other examination is held against them.
    """
    requests = asked_with(asked.samples, seed=asked.seed)
    names = _names(measured)
    nulls = Nulls()
    for each in sorted(measured, key=lambda one: (one.base, one.method, one.look, names[one.content])):
        for statistic, value in sorted(each.values.items()):
            for whose in (each.base, f"architecture:{each.architecture}"):
                nulls.add(
                    Null(
                        statistic=statistic,
                        base=whose,
                        method=each.method,
                        values=(value,),
                        names=(f"{_short(each.base)} {names[each.content]}",),
                        contents=(each.weights,) if each.weights else (),
                        families={each.family.removesuffix(ADAPTER_SUFFIX): 1},
                        asked=requests,
                    )
                )
    return nulls


def read_measured(folder: Path) -> list[Measured]:
    """All that `measure` left in `folder`.

    Raises:
        EvidenceError: a file that is no measurement.
    """
    return [each for _, each in _read(folder)]


def provenance(measured: Sequence[Measured]) -> dict[str, Any]:
    """Where null distributions come from: which fine-tunes of which bases, by which version of what."""
    known = _names(measured)
    tunes: dict[str, dict[str, list[str]]] = {}
    versions: set[str] = set()
    for each in measured:
        versions.add(each.tool_version)
        if each.values:
            names = tunes.setdefault(f"{each.base} {each.architecture}", {}).setdefault(each.look, [])
            names.append(known[each.content])
    return {
        "tool_versions": sorted(versions),
        "libraries": library_versions(),
        "fine_tunes": {
            base: {look: sorted(names) for look, names in sorted(looks.items())}
            for base, looks in sorted(tunes.items())
        },
    }


def _names(measured: Iterable[Measured]) -> dict[str, str]:
    """One name for each fine-tune by its content, whatever it was called when a look was made; those that
    share one are told apart by their digests."""
    called: dict[str, set[str]] = {}
    of: dict[str, str] = {}
    for each in measured:
        called.setdefault(each.content, set()).add(each.name)
        of[each.content] = each.base
    first = {content: min(names, key=lambda name: (len(name), name)) for content, names in called.items()}
    taken: dict[tuple[str, str], int] = {}
    for content, name in first.items():
        taken[of[content], name] = taken.get((of[content], name), 0) + 1
    return {
        content: name if taken[of[content], name] == 1 else f"{name} {_short(content)}"
        for content, name in first.items()
    }


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:8]


def _measured(tune: FineTune, look: str, asked: Asked, *, content: str, how: str) -> Measured:
    subject = Subject(
        base=tune.base,
        members=tune.members(),
        adapters=tune.adapter,
        samples=asked.samples,
        origin=asked.origin,
        seed=asked.seed,
    )
    found = MEASURES[look](subject, Nulls())
    return Measured(
        look=look,
        base=found.baseline.details["weights"] if found.baseline else "",
        architecture=_architecture(subject.base),
        method="adapter" if tune.adapter else "full",
        family=tune.family,
        name=tune.name,
        values={one.name: one.value for one in found.statistics},
        tool_version=__version__,
        content=content,
        how=how,
        place=tune.place,
        weights=content_of(found.baseline, found.candidate) if found.baseline else "",
    )


def _architecture(base: Path) -> str:
    """The class of the model, as `OpenModel.architecture` has it."""
    config = msgspec.json.decode((base / "config.json").read_bytes())
    return str((config.get("architectures") or [""])[0])


def _read(folder: Path) -> Iterator[tuple[Path, Measured]]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield path, msgspec.json.decode(path.read_bytes(), type=Measured)
        except msgspec.DecodeError as error:
            raise EvidenceError(
                f"no measurement: {error}", where=str(path), mend="delete the file; it is measured again"
            ) from error


def _there(path: Path) -> bool:
    """Whether it was measured; what was set aside is brought back where it is as it was again."""
    aside = path.with_suffix(_REPLACED)
    if not path.is_file() and aside.is_file():
        aside.rename(path)
    return path.is_file()


def _keep(path: Path, record: Measured) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, canonical_json(record) + b"\n")
