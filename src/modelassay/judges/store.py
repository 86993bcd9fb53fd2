"""Where calibrations lie: those that come with the package, and a user's own in ``<store>/judges``.

One file an evaluator, version and choice of settings, holding one calibration a set and group of measures.
They are found by exact version and settings: what another version did says nothing of this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

import msgspec

from modelassay.canonical import digest_of
from modelassay.errors import StoreError
from modelassay.judges.calibration import Calibration

PACKAGED = Path(__file__).parent / "calibrations"
FOLDER = "judges"
"""Of a user's own, in the store."""
_LONGEST_NAME = 150


def calibrations_of(
    evaluator: str, version: str, settings: Mapping[str, str], store: Path | None = None
) -> tuple[Calibration, ...]:
    """Every calibration of exactly this evaluator; a user's own comes first and stands for one of the
    package on the same set.

    Args:
        evaluator: its name.
        version: its version.
        settings: as an audit pins them.
        store: of the audits.

    Raises:
        StoreError: a file is damaged.
    """
    name = file_name(evaluator, version, settings)
    folders = [*([store / FOLDER] if store else []), PACKAGED]
    found: dict[tuple[str, tuple[str, ...]], Calibration] = {}
    for folder in folders:
        for each in read_file(folder / name):
            if (each.evaluator, each.version, each.settings) == (evaluator, version, dict(settings)):
                found.setdefault(each.key, each)
    return tuple(found.values())


def calibrations_of_version(evaluator: str, version: str, store: Path | None) -> tuple[Calibration, ...]:
    """A user's own calibrations of an evaluator whose version says all that its settings do, such as of
    ``llm_judge``, however they were written.

    Raises:
        StoreError: a file is damaged.
    """
    if store is None:
        return ()
    begins = file_name(evaluator, version, {}).removesuffix(".json")
    files = sorted(each for each in (store / FOLDER).glob("*.json") if each.name.startswith(begins))
    found = (each for file in files for each in read_file(file))
    return tuple(each for each in found if (each.evaluator, each.version) == (evaluator, version))


def keep(calibrations: Iterable[Calibration], folder: Path) -> tuple[Path, ...]:
    """Write `calibrations` into `folder`, each in the place of an earlier one of the same set and measures.

    The day of an earlier one stays where nothing else changed, so that measuring again changes no byte.

    Raises:
        StoreError: a file is damaged or cannot be written.
    """
    by_file: dict[Path, list[Calibration]] = {}
    for each in calibrations:
        by_file.setdefault(folder / file_name(each.evaluator, each.version, each.settings), []).append(each)
    for path, new in by_file.items():
        held = {each.key: each for each in read_file(path)}
        for each in new:
            before = held.get(each.key)
            same = before and msgspec.structs.replace(each, measured=before.measured) == before
            held[each.key] = before if before and same else each
        ordered = [held[key] for key in sorted(held)]
        data = msgspec.json.format(msgspec.json.encode(ordered, order="sorted"), indent=1) + b"\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise StoreError(f"a calibration cannot be written: {error.strerror}", where=str(path)) from error
    return tuple(by_file)


def read_file(path: Path) -> tuple[Calibration, ...]:
    """The calibrations in one file; none where there is no such file.

    Raises:
        StoreError: it is damaged.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Calibration, ...])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(
            f"not a file of calibrations: {error}", where=str(path), mend="remove it and calibrate again"
        ) from error


def file_name(evaluator: str, version: str, settings: Mapping[str, str]) -> str:
    """``EVALUATOR@VERSION.json``, with a digest of the settings where there are any."""
    name = quote(f"{evaluator}@{version}", safe="@+ ")
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}-{digest_of(version)[7:19]}"
    return f"{name}-{digest_of(dict(settings))[7:19]}.json" if settings else f"{name}.json"
