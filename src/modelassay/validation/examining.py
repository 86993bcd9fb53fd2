"""Every look inside one candidate, beside its base."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec

from modelassay.records import Examination, Sample
from modelassay.whitebox.activations import examine_activations
from modelassay.whitebox.adapters.bench import open_bench
from modelassay.whitebox.adapters.examining import Settings as AdapterSettings
from modelassay.whitebox.adapters.examining import examine_adapters
from modelassay.whitebox.calibration import Nulls
from modelassay.whitebox.models import OpenModel, open_model
from modelassay.whitebox.refusal_margin import examine_refusal_margin
from modelassay.whitebox.requests import EACH, Requests, requests_of
from modelassay.whitebox.tampering import Tampering, examine_tampering
from modelassay.whitebox.triggers.examining import examine_triggers
from modelassay.whitebox.triggers.hunt import Settings as TriggerSettings
from modelassay.whitebox.watched import Watched, examine_watched, target_of
from modelassay.whitebox.weights.examining import examine_weights

OPTIONS: Final = {"device": "cpu", "threads": "1"}
"""How organisms are opened: a second thread makes them slower on a busy machine."""

Look = Callable[["Subject", Nulls], Examination]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A base, a candidate, and what they are asked."""

    base: Path
    members: tuple[Path, ...]
    """The candidate's folder; several for a stack of adapters."""
    adapters: bool
    samples: tuple[Sample, ...]
    """Harmful and benign requests."""
    origin: str
    """Name of the dataset that they are from."""
    seed: int = 1
    """Of all that looks draw: requests, wordings, texts."""

    @property
    def base_reference(self) -> str:
        """As in a plan."""
        return f"hf:{self.base}"

    @property
    def reference(self) -> str:
        """The candidate's, as in a plan."""
        if not self.adapters:
            return f"hf:{self.members[0]}"
        return "+".join([self.base_reference, *map(str, self.members)])

    @property
    def requests(self) -> Requests:
        """Drawn from the samples."""
        return requests_of(self.samples, origin=self.origin, seed=self.seed)


def _margin(of: Subject, nulls: Nulls) -> Examination:
    with open_model(of.base_reference, options=OPTIONS) as base, _candidate(of) as candidate:
        return examine_refusal_margin(base, candidate, of.requests, nulls=nulls)


def _activations(of: Subject, nulls: Nulls) -> Examination:
    with open_model(of.base_reference, options=OPTIONS) as base, _candidate(of) as candidate:
        return examine_activations(base, candidate, of.requests, nulls=nulls)


def _watched(of: Subject, nulls: Nulls) -> Examination:
    base, candidate = (target_of(each, OPTIONS) for each in (of.base_reference, of.reference))
    how = Watched(seed=of.seed)
    return examine_watched(base, candidate, of.samples, how=how, nulls=nulls, origin=of.origin)


def _weights(of: Subject, nulls: Nulls) -> Examination:
    return examine_weights(of.base, of.members[0], options=OPTIONS)[1]


def _adapters(of: Subject, nulls: Nulls) -> Examination:
    names = [str(path) for path in of.members]
    with open_bench(of.base_reference, names, of.requests, options=OPTIONS) as bench:
        return examine_adapters(bench, nulls=nulls)


def _pair(of: Subject, nulls: Nulls) -> Examination:
    """As `_adapters`, with next to no answers: these decide findings, and no statistic."""
    names = [str(path) for path in of.members]
    with open_bench(of.base_reference, names, of.requests, options=OPTIONS) as bench:
        return examine_adapters(bench, nulls=nulls, settings=AdapterSettings(answers=1))


def _tampering(of: Subject, nulls: Nulls) -> Examination:
    with open_model(of.base_reference, options=OPTIONS) as base, _candidate(of) as candidate:
        return examine_tampering(base, candidate, of.requests, how=Tampering(seed=of.seed), nulls=nulls)


def _triggers(of: Subject, nulls: Nulls) -> Examination:
    with open_model(of.base_reference, options=OPTIONS) as base, _candidate(of) as candidate:
        found = examine_triggers(
            base, candidate, of.samples, origin=of.origin, nulls=nulls, settings=TriggerSettings(seed=of.seed)
        )
    if "interrupted" in found.details.get("left_out", {}).values():
        raise KeyboardInterrupt  # a search cut short is nothing to judge a check by
    return found


def _candidate(of: Subject) -> AbstractContextManager[OpenModel]:
    return open_model(of.reference, options=OPTIONS)


LOOKS: Final[dict[str, Look]] = {
    "refusal_margin": _margin,
    "activations": _activations,
    "weights": _weights,
    "adapters": _adapters,
    "watched": _watched,
    "tampering": _tampering,
    "triggers": _triggers,
}
"""Every look, the quick ones first."""
MEASURES: Final[dict[str, Look]] = LOOKS | {"adapters": _pair}
"""Likewise, where only statistics are wanted."""


def settings_of(look: str, seed: int) -> dict[str, object]:
    """What decides the statistics of a look beside the models and the requests given to it."""
    settings: dict[str, msgspec.Struct] = {
        "watched": Watched(seed=seed),
        "tampering": Tampering(seed=seed),
        "triggers": TriggerSettings(seed=seed),
        "adapters": AdapterSettings(answers=1),
    }
    own = settings.get(look)
    found: dict[str, object] = {} if own is None else msgspec.to_builtins(own)
    return {"seed": seed, "requests_each": EACH, **{name: str(value) for name, value in found.items()}}


def looks_at(*, adapters: bool, only: Sequence[str] = ()) -> tuple[str, ...]:
    """The looks that a candidate can be given, in order.

    Args:
        adapters: whether it is the base with adapters; weights of the base are not compared then.
        only: these alone; all when empty.
    """
    absent = "weights" if adapters else "adapters"
    return tuple(name for name in LOOKS if name != absent and (not only or name in only))
