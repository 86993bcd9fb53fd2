"""Open datasets and put them together: starter suite, public sources and the user's own files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from modelassay.artifacts import digest_file
from modelassay.canonical import Digest
from modelassay.config.plan import DatasetReference
from modelassay.errors import DatasetError, UnknownNameError, did_you_mean
from modelassay.records import DatasetPin, Sample, SampleKind
from modelassay.records.dated import last_day
from modelassay.records.red_team import FOUND_IN, FOUND_ON
from modelassay.suites.columns import Placed, map_rows
from modelassay.suites.download import Progress
from modelassay.suites.duplicates import drop_duplicates
from modelassay.suites.files import file_stem, has_row_suffix, read_rows
from modelassay.suites.locate import Found, locate
from modelassay.suites.pins import check_pin, pin_digest, split_pin
from modelassay.suites.selection import keep_where, spread
from modelassay.suites.source import Hosts, Source
from modelassay.suites.sources import source, sources

STARTER = "starter"
"""Name of the built-in suite."""
DATASET_TAG = "dataset"
"""Tag that `merge` gives every sample: the dataset it came from."""


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """Samples of one dataset, pinned."""

    name: str
    samples: tuple[Sample, ...]
    """Each content once, in the dataset's order."""
    pin: DatasetPin
    """Which rows these are."""
    warnings: tuple[str, ...] = ()
    """What a reader should know: rows dropped as repeats, a trimmed copy, a non-commercial licence."""


class _Loaded(NamedTuple):
    """A dataset before selection."""

    name: str
    samples: tuple[Sample, ...]
    origin: str
    licence: str = ""
    citation: str = ""
    dated: str = ""
    warnings: tuple[str, ...] = ()
    file_sha256: str = ""


def open_suite(
    reference: DatasetReference,
    *,
    folder: Path,
    data_dir: Path | None,
    cache_dir: Path,
    seed: int,
    offline: bool = False,
    progress: Progress | None = None,
    hosts: Hosts | None = None,
    kinds: Collection[SampleKind] = (),
) -> Suite:
    """The samples that `reference` names, read, checked against its pin, selected and pinned.

    A pin may be the digest of all rows or of the rows that ``where`` and ``limit`` leave; either
    proves what is asked.

    Args:
        reference: the dataset as the plan has it.
        folder: the plan's folder, from which relative paths start.
        data_dir: folder of public datasets already at hand, ``<name>/<file>``.
        cache_dir: where downloads are kept.
        seed: decides which rows a ``limit`` keeps.
        offline: refuse to download.
        progress: told of downloads.
        hosts: base URLs in place of the official ones.
        kinds: those of which alone something is asked, so that a ``limit`` is drawn from these.

    Raises:
        UnknownNameError: neither a known dataset nor a file.
        DatasetError: the rows cannot be had, cannot be read or are not those of the pin.
    """
    name, pin = split_pin(reference.use)
    if name == STARTER:
        loaded = _starter(reference)
    elif has_row_suffix(name):
        loaded = _local(folder / Path(name).expanduser(), name, reference)
    else:
        known = _known(name, folder)
        _refuse_columns(reference)
        found = locate(
            known, data_dir=data_dir, cache_dir=cache_dir, offline=offline, progress=progress, hosts=hosts
        )
        loaded = _published(known, found)
    return _selected(loaded, reference, pin, seed, kinds)


def merge(suites: Iterable[Suite]) -> tuple[Sample, ...]:
    """The samples of all `suites`, each content once, each tagged with its dataset.

    Content that several datasets share stays with the first, unless a later one says of it that it is an
    attack, or one that had its way before; `overlaps` says how much. A tag ``dataset`` that a sample already
    has is left as it is.
    """
    merged: dict[str, Sample] = {}
    for suite in suites:
        for sample in suite.samples:
            if sample.id not in merged or _says_more(sample, merged[sample.id]):
                tags = {DATASET_TAG: suite.name} | sample.tags
                merged[sample.id] = msgspec.structs.replace(sample, tags=tags)
    return tuple(merged.values())


def overlaps(suites: Iterable[Suite]) -> tuple[str, ...]:
    """A sentence for each pair of datasets that share content, naming contradictory kinds."""
    owner: dict[str, tuple[str, Sample]] = {}
    shared: Counter[tuple[str, str, str]] = Counter()
    disputed: Counter[tuple[str, str, str]] = Counter()
    for suite in suites:
        for sample in suite.samples:
            name, first = owner.setdefault(sample.id, (suite.name, sample))
            if name == suite.name:
                continue
            if more := _says_more(sample, first):
                owner[sample.id] = suite.name, sample
            pair = suite.name, name, suite.name if more else name
            shared[pair] += 1
            disputed[pair] += first.kind != sample.kind
    return tuple(
        f"{count} of {later} also in {earlier}, asked once under {kept}"
        + (", as the attack that it is kept as" if kept == later else "")
        + (f" ({disputed[later, earlier, kept]} with another kind)" if disputed[later, earlier, kept] else "")
        for (later, earlier, kept), count in shared.items()
    )


def _says_more(sample: Sample, than: Sample) -> bool:
    """Whether the same content is a known attack here and not there, or one that had its way before: as a
    plain request it would lose what it is asked again for."""
    return _standing(sample) > _standing(than)


def _standing(sample: Sample) -> tuple[bool, bool]:
    return sample.attacked is not None, not sample.tags.keys().isdisjoint((FOUND_ON, FOUND_IN))


def _starter(reference: DatasetReference) -> _Loaded:
    from modelassay.suites.starter import STARTER_DATED, starter_samples

    _refuse_columns(reference)
    return _Loaded(STARTER, starter_samples(), "built in", licence="Apache-2.0", dated=STARTER_DATED)


def _local(path: Path, given: str, reference: DatasetReference) -> _Loaded:
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DatasetError(
            "the file does not exist",
            where=str(path),
            mend=did_you_mean(path.name, siblings) if siblings else "check the path",
        )
    placed = map_rows(read_rows(path), columns=reference.columns, kind=reference.kind, origin=str(path))
    samples, warnings = drop_duplicates(placed)
    dated = reference.dated or _newest_found(samples)
    return _Loaded(
        _own_name(file_stem(path)),
        samples,
        given,
        dated=dated,
        warnings=warnings,
        file_sha256=digest_file(path),
    )


def _own_name(stem: str) -> str:
    """The name of a user's file; where that is a known dataset's, it says that these rows are the user's."""
    known = {STARTER, *(each.name for each in sources())}
    return f"{stem} (own file)" if stem.casefold() in known else stem


def _newest_found(samples: Iterable[Sample]) -> str:
    """The newest day on which one of `samples` was found, of those that are regression items."""
    found = (last_day(sample.tags.get(FOUND_ON, "")) for sample in samples)
    return max((day.isoformat() for day in found if day), default="")


def _published(known: Source, found: Found) -> _Loaded:
    samples, repeats = drop_duplicates(_placed(found))
    if not samples:
        raise DatasetError(
            "the files hold no rows", where=str(found.files[0][0]), mend="fetch them from the official place"
        )
    official = ", ".join(known.locations)
    origin = official or known.homepage
    warnings = [*known.notes, *repeats]
    if found.trimmed:
        origin = ", ".join(file.name for _, file in found.files) + f" (trimmed copy of {known.homepage})"
        warnings.append("read from a trimmed copy, so figures do not compare with published ones")
    elif not known.pinned:
        warnings.append("this version does not know the official bytes; the first download was recorded")
    return _Loaded(
        known.name, samples, origin, known.licence, known.citation, known.published, tuple(warnings)
    )


def _placed(found: Found) -> Iterator[Placed]:
    for path, file in found.files:
        yield from file.placed(path)


def _known(name: str, folder: Path) -> Source:
    try:
        return source(name)
    except UnknownNameError:
        if (folder / name).is_file():
            # An existing file of unknown format: let the reader say which formats there are.
            read_rows(folder / name)
        raise UnknownNameError("dataset", name, [STARTER, *(known.name for known in sources())]) from None


def _refuse_columns(reference: DatasetReference) -> None:
    own = {"columns": reference.columns, "kind": reference.kind, "dated": reference.dated}
    for setting, value in own.items():
        if value:
            raise DatasetError(
                f"{setting} is for files; this dataset brings its own",
                where=reference.use,
                mend=f"remove {setting}",
            )


def _selected(
    loaded: _Loaded,
    reference: DatasetReference,
    pin: Digest | None,
    seed: int,
    kinds: Collection[SampleKind],
) -> Suite:
    samples: Sequence[Sample] = loaded.samples
    if reference.where:
        samples = keep_where(samples, reference.where, origin=reference.use)
    if reference.limit and kinds:
        samples = [sample for sample in samples if sample.kind in kinds]
    samples = spread(samples, reference.limit, seed=seed)
    digest = pin_digest(samples)
    if pin is not None and pin != digest:
        whole = digest if len(samples) == len(loaded.samples) else pin_digest(loaded.samples)
        check_pin(pin, (whole, digest), origin=reference.use, file_sha256=loaded.file_sha256)
    return Suite(
        name=loaded.name,
        samples=tuple(samples),
        pin=DatasetPin(
            name=loaded.name,
            digest=digest,
            rows=len(samples),
            source=loaded.origin,
            licence=loaded.licence,
            citation=loaded.citation,
            dated=loaded.dated,
            whole=len(loaded.samples),
            where=reference.where,
            left_out=_left_out(loaded.samples, samples),
        ),
        warnings=loaded.warnings,
    )


def _left_out(whole: Iterable[Sample], chosen: Iterable[Sample]) -> dict[str, int]:
    """See `DatasetPin.left_out`."""
    kept = {sample.tags.get("category", "") for sample in chosen}
    rows = Counter(sample.tags.get("category", "") for sample in whole)
    return {name: rows[name] for name in sorted(rows) if name and name not in kept}
