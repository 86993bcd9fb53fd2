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

_PREFIXES = ("held_out/", "heldout/", "held-out/")
"""Metrics that say by their name that they were not optimised."""
_PROXIES = ("reward", "critic/score/mean", "reward/mean", "env/all/reward/total")


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
    return next((values[name] for name in _PROXIES if name in values), None)
