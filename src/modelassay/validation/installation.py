"""What measures here: versions of libraries, and the machine."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Final

import msgspec

_LIBRARIES: Final = ("torch", "transformers", "peft", "tokenizers", "numpy")


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What a certificate is of: another one computes otherwise, if only in the last digits."""

    libraries: dict[str, str]
    """Versions by name."""
    machine: str
    """Kind of processor, system, Python."""


def this_installation() -> Installation:
    """The one that runs this."""
    return Installation(
        libraries={name: metadata.version(name) for name in _LIBRARIES},
        machine=f"{platform.machine()} {platform.system()} Python {platform.python_version()}",
    )
