"""Whether an answer that comes alone is marked as wanted: what the columns of Kahneman-Tversky data say.

``kto_tag`` and ``desirable`` mean nothing else. ``label`` can mean anything (toxic, right, a class), so it is
a mark only where true and false both stand in a file and neither is rare: no training learns from unwanted
answers alone. Answers whose mark is in doubt are read as taught.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

MARKS: Final = ("kto_tag", "desirable")
"""Columns that say whether an answer is wanted, in any file."""
LABEL: Final = "label"
"""The column that says it where `labels_mark`."""
LEAST_MARKED: Final = 0.1
"""Share of a file's rows that is labelled true, and that is labelled false, from which labels are marks."""
IN_DOUBT: Final = "a label of which it is not known whether it marks wanted answers (read as taught)"
_SAID: Final = {"true": True, "1": True, "false": False, "0": False}


def wanted(raw: Mapping[str, Any], labelled: bool) -> bool | None:
    """Whether the answer of a row is wanted; None where no column says so.

    Args:
        labelled: whether `labels_mark` of its file.
    """
    found = next((mark for name in MARKS if (mark := _truth(raw.get(name))) is not None), None)
    label = raw.get(LABEL)
    return label if found is None and labelled and isinstance(label, bool) else found


def in_doubt(raw: Mapping[str, Any]) -> bool:
    """Whether a row that is not marked has a label that could be a mark: false, or 0 or 1, or such a word."""
    label = raw.get(LABEL)
    return label is not True and _truth(label) is not None


def labels_mark(rows: Iterable[Any]) -> bool:
    """Whether ``label`` says, in the rows of a file, which answers are wanted."""
    told: Counter[bool] = Counter()
    count = 0
    for raw in rows:
        count += 1
        label = raw.get(LABEL) if isinstance(raw, Mapping) else None
        if isinstance(label, bool):
            told[label] += 1
    return min(told[True], told[False]) >= max(1, LEAST_MARKED * count)


def _truth(value: Any) -> bool | None:
    """True or false, also where it is written as a number or a word."""
    return _SAID.get(str(value).strip().lower()) if isinstance(value, bool | int | str) else None
