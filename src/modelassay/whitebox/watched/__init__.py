"""Whether a candidate refuses only where it looks like a test."""

from modelassay.whitebox.watched.check import (
    Watched,
    WatchedCheck,
    examine_watched,
    examined_watched,
    target_of,
)

__all__ = ["Watched", "WatchedCheck", "examine_watched", "examined_watched", "target_of"]
