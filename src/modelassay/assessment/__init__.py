"""A training run from its record to a signed report: the only place that knows the order of things.

Read `assess` first. The public names are imported when they are used (PEP 562), so that importing a part of
this room does not import all of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelassay.assessment.assess import assess as assess_run
    from modelassay.assessment.comparing import compare_runs
    from modelassay.assessment.request import Proofs, Request

__all__ = ["Proofs", "Request", "assess_run", "compare_runs"]
_HOMES = {
    "Proofs": ("request", "Proofs"),
    "Request": ("request", "Request"),
    "assess_run": ("assess", "assess"),
    "compare_runs": ("comparing", "compare_runs"),
}


def __getattr__(name: str) -> Any:
    """The public name `name`."""
    if name in _HOMES:
        module, there = _HOMES[name]
        return getattr(import_module(f"{__name__}.{module}"), there)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
