"""Rewards against what was not optimised: measures that a run itself holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelassay.errors import UnknownNameError
from modelassay.records import RunFinding, RunManifest, RunMetrics
from modelassay.training.analyses.overoptimisation import (
    assess_overoptimisation,
    proxy_course,
    proxy_points,
    rank_agreement,
)
from modelassay.training.frame import Frame
from modelassay.training.logged_statistics import statistic_named

_PREFIXES = ("held_out/", "heldout/", "held-out/")
"""Metrics that say by their name that they were not optimised."""


def heldout_findings(
    frame: Frame, metrics: Sequence[RunMetrics], manifest: RunManifest, wanted: Sequence[str]
) -> tuple[RunFinding, ...]:
    """Over-optimisation against each measure that was held out.

    These are reward functions of weight 0, metrics named ``held_out/…``, and those of `wanted`.

    Raises:
        UnknownNameError: neither a reward function nor a logged metric is called so.
    """
    logged = sorted({name for each in metrics for name in each.values})
    unweighted = [each.name for each in manifest.rewards if each.weight == 0]
    names = dict.fromkeys((*wanted, *unweighted, *(n for n in logged if n.startswith(_PREFIXES))))
    return tuple(_finding(frame, metrics, name, logged) for name in names)


def _finding(frame: Frame, metrics: Sequence[RunMetrics], name: str, logged: Sequence[str]) -> RunFinding:
    about = {"held_out": name}
    if name in frame.rewards:
        held = frame.rewards[name]
        return assess_overoptimisation(
            proxy_course(frame, held), ranks=rank_agreement(frame, held), about=about
        )
    if name not in logged:
        raise UnknownNameError("measure", name, (*frame.rewards, *logged))
    values: dict[int, dict[str, float]] = {}
    for each in metrics:
        values.setdefault(each.step, {}).update(each.values)
    points = [
        (step, proxy, of[name])
        for step, of in sorted(values.items())
        if name in of and (proxy := _proxy(of)) is not None
    ]
    course = proxy_points(*([point[i] for point in points] for i in range(3)))
    return assess_overoptimisation(course, about=about)


def _proxy(values: Mapping[str, float]) -> float | None:
    """The mean total reward that was logged, of all rollouts where it is; None where agents have one each."""
    named = {name: statistic_named(name) for name in sorted(values)}
    totals = {name: found for name, found in named.items() if found is not None and found.is_total}
    for trained_on in (False, True):
        means = [values[name] for name, found in totals.items() if found.trained_on == trained_on]
        agents = {found.agent for found in totals.values() if found.trained_on == trained_on}
        if means:
            return means[0] if len(agents) == 1 else None
    return None
