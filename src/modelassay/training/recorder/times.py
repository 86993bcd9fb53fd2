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


_last_ms = 0
_AHEAD_MS = 1000
"""So far events of one moment may be told ahead of the clock, so that each has a time of its own."""


def event_time() -> str:
    """The time in UTC, to the millisecond, as ``YYYY-MM-DDTHH:MM:SS.mmmZ``: later than any given before.

    What one process does within a moment stays in its order. A clock that is set back takes that with it.
    """
    global _last_ms
    now_ms = time.time_ns() // 1_000_000
    if now_ms <= _last_ms < now_ms + _AHEAD_MS:
        now_ms = _last_ms + 1
    _last_ms = now_ms
    second, ms = divmod(now_ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)) + f".{ms:03d}Z"
