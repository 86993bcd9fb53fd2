"""The recorder's clock."""

from __future__ import annotations

import time

_last = (0, "")


def now() -> str:
    """The time in UTC, to the second, as ``YYYY-MM-DDTHH:MM:SSZ``."""
    global _last
    second = int(time.time())
    if _last[0] != second:  # many records share a second
        _last = (second, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second)))
    return _last[1]
