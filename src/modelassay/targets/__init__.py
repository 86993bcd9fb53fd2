"""Targets: everything that answers, one module for each kind of model.

``openai:`` served models (`openai`), ``hf:`` local weights with adapters (`local`), ``inspect:`` the
providers of Inspect AI (`inspect`), ``python:`` a callable (`function`). Each module offers
``open_target(reference, *, folder)`` and is found by entry point, as anybody else's would be. ``again:`` in
front of any of them is the same model decoded a second time (`again`).
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import msgspec

from modelassay import plugins
from modelassay.config import ModelReference
from modelassay.errors import UsageError
from modelassay.protocols import Target
from modelassay.records.noise_floor import AGAIN

__all__ = ["open_target"]


def open_target(reference: ModelReference, *, folder: Path = Path()) -> Target:
    """The target that `reference` names; nothing is asked and no weights are read yet.

    Args:
        reference: which model, as in a plan.
        folder: where relative paths start, the folder of the plan.

    Raises:
        UsageError: the reference is malformed, or its kind is unknown.
    """
    if ":" not in reference.model:
        raise UsageError(
            "a model needs its kind before the first colon",
            where=repr(reference.model),
            mend="kinds: " + ", ".join(f"{name}:…" for name in plugins.names("targets")),
        )
    if reference.model.startswith(AGAIN):
        from modelassay.targets.again import DecodedAgain

        once = msgspec.structs.replace(reference, model=reference.model.removeprefix(AGAIN))
        if once.model.startswith(AGAIN):
            raise UsageError(
                "a model is decoded a second time, never a third",
                where=repr(reference.model),
                mend=f"write one `{AGAIN}` in front of it",
            )
        return DecodedAgain(open_target(once, folder=folder))
    return cast(Target, plugins.load("targets", reference.scheme)(reference, folder=folder))
