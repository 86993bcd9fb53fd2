"""modelassay: audit a model after training, with evidence that a stranger can check.

Read `records` first (the nouns), then `protocols` (the five plugin points), then `audit` (the order
of things). Importing this package opens no socket, reads no file and imports nothing heavy.
"""

from importlib import import_module
from typing import Any

from modelassay.version import __version__

__all__ = ["Recorder", "__version__"]
_HOMES = {"Recorder": "modelassay.assessment.recording"}


def __getattr__(name: str) -> Any:
    """Public names that need more than the standard library are imported when they are used (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
