"""Folders with dumps of several starts: those that go on are one run, resumed; others are several runs.

Rollouts of several runs must never meet in one record: equal steps and prompts would make common groups of
what different policies answered and different graders paid for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import NoReturn

from modelassay.errors import DatasetError

MOST_NAMED = 5


def refuse_several(
    source: Path, runs: Iterable[Path], mend: str = "", steps: Mapping[Path, Collection[int]] | None = None
) -> NoReturn:
    """Say that `source` holds several runs, and where each of them lies.

    Args:
        mend: what else helps than to import one of them.
        steps: by folder; that with the most is named first.

    Raises:
        DatasetError: always.
    """
    length = {path: len(each) for path, each in (steps or {}).items()}
    ordered = sorted(runs, key=lambda path: (-length.get(path, 0), path))
    names = [path.relative_to(source).as_posix() for path in ordered]
    more = ", …" if len(names) > MOST_NAMED else ""
    raise DatasetError(
        f"several runs: {', '.join(names[:MOST_NAMED])}{more}",
        where=str(source),
        mend=f"import one of them: {source / names[0]}{'; ' + mend if mend else ''}",
    )


def one_run(source: Path, train: Mapping[Path, Collection[int]], mend: str = "") -> None:
    """Make sure that folders of training dumps are of one run: side by side, and no step in two of them.

    Args:
        train: steps by folder.

    Raises:
        DatasetError: they are of several runs.
    """
    steps = [step for each in train.values() for step in each]
    above = {folder.parent for folder in train}
    if len(above) > 1:
        inside = all(source in folder.parents for folder in above)
        refuse_several(source, above if inside else train, mend)
    if len(set(steps)) < len(steps):
        refuse_several(source, train, mend)


def one_place(source: Path, folders: Collection[Path]) -> None:
    """Make sure that each of `folders` lies below or above each other one.

    Raises:
        DatasetError: some lie apart, as those of several runs do.
    """
    if not all(a.is_relative_to(b) or b.is_relative_to(a) for a, b in combinations(folders, 2)):
        refuse_several(source, folders)


def starts_in_order(
    source: Path, train: Mapping[Path, Collection[int]], others: Collection[Path], form: str
) -> tuple[Path, ...]:
    """Folders of the starts of one run, the first one first.

    A framework that makes a new numbered folder at every start leaves several of a run that was resumed: each
    goes on somewhere after the step with which the first began.

    Args:
        train: steps of training by folder.
        others: folders with evaluations alone.
        form: pattern of the names of such folders, which captures the number.

    Raises:
        DatasetError: they are of several runs.
    """
    folders = [*train, *others]
    numbers = {folder: match for folder in folders if (match := re.fullmatch(form, folder.name))}
    if len(numbers) == len(folders) and len({folder.parent for folder in folders}) == 1:
        ordered = sorted(folders, key=lambda folder: int(numbers[folder].group(1)))
        begun = [min(train[folder]) for folder in ordered if folder in train]
        if all(later > begun[0] for later in begun[1:]):
            return tuple(ordered)
        refuse_several(source, folders, steps=train)  # each began anew: wherever they lie, they are several
    if len(train) > 1:
        refuse_several(
            source, folders, "or lay the numbered folders of one run into one of their own", steps=train
        )
    one_place(source, folders)
    return tuple(folders)
