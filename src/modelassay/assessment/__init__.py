"""A training run from its record to a signed report: the only place that knows the order of things.

Read `assess` first. Public names are imported when they are used (PEP 562), so that importing a part of this
room does not import all of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelassay.assessment.assess import assess
    from modelassay.assessment.comparing import compare_runs
    from modelassay.assessment.request import Proofs, Request

__all__ = ["Proofs", "Request", "assess", "compare_runs"]
_HOMES = {
    "Proofs": "modelassay.assessment.request",
    "Request": "modelassay.assessment.request",
    "assess": "modelassay.assessment.assess",
    "compare_runs": "modelassay.assessment.comparing",
}


def __getattr__(name: str) -> Any:
    """The public name `name`."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
