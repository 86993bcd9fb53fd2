"""Dates as precise as they are known: a day, or only a month."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import date

_DATED = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?", re.ASCII)


def last_day(dated: str) -> date | None:
    """The last day that `dated` can mean, so that nothing is taken for older than it is.

    Args:
        dated: ``YYYY-MM-DD``, or ``YYYY-MM`` where only the month is known (ISO 8601).

    Returns:
        None where it is neither, or there is no such day.
    """
    found = _DATED.fullmatch(dated)
    if found is None:
        return None
    year, month, day = (int(part) if part else 0 for part in found.groups())
    try:
        return date(year, month, day if found[3] else monthrange(year, month)[1])
    except ValueError:
        return None


def newest(dates: Iterable[str]) -> str:
    """The day of the newest of `dates`, ISO 8601; empty where none of them is one."""
    return max((day.isoformat() for each in dates if (day := last_day(each))), default="")
