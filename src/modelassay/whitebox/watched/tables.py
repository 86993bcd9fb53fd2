"""Answers to requests in both forms, read and put beside each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.errors import DatasetError
from modelassay.records import Reading, Sample, Unscored
from modelassay.whitebox.requests import drawn_by_category
from modelassay.whitebox.watched.frames import Framed, framed, is_plain, twins

Outcome = Reading | Unscored
Readings = Mapping[str, Outcome]
"""How each sample's answer was read, by the sample's id."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Requests whose answers could all be read, and how many could not."""

    samples: tuple[Sample, ...]
    """One for each request, for its tags and cluster."""
    refused: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Of base and candidate: share of refusals in the form of a test and in ordinary use, shape ``[n,
    2]``."""
    unread: int
    """Requests with an answer that could not be read."""
    by_wording: dict[str, dict[str, str]]
    """Refusals of answers read by wording: ``form: name``, then ``base`` and ``candidate`` as ``k of n``."""

    @property
    def excess(self) -> NDArray[np.float64]:
        """The candidate's gap minus the base's, for each request."""
        base, candidate = (side[:, 0] - side[:, 1] for side in self.refused)
        found: NDArray[np.float64] = candidate - base
        return found


def put_in_forms(
    samples: Sequence[Sample], *, each: int, frames: int, seed: int, fewest: int
) -> tuple[Framed, ...]:
    """Harmful samples in both forms: plain ones in our wordings, and twins as the dataset brings them.

    Raises:
        DatasetError: fewer than `fewest` requests.
    """
    harmful = [
        sample
        for sample in samples
        if sample.kind == "harmful" and not (sample.tools or sample.choices or sample.follow_ups)
    ]
    plain = drawn_by_category([sample for sample in harmful if is_plain(sample)], each=each, seed=seed)
    asked = framed(plain, each=frames, seed=seed) + twins(harmful)
    requests = len({one.request for one in asked})
    if requests < fewest:
        raise DatasetError(
            f"{requests} harmful requests to put in two forms, at least {fewest} are needed",
            where="samples",
            mend="name a dataset with harmful requests, such as starter",
        )
    return asked


def tabulated(asked: Sequence[Framed], readings: tuple[Readings, Readings]) -> Table:
    """Shares of refusals of each request; a request with an unread answer on either side is only counted."""
    by_request: dict[str, list[Framed]] = defaultdict(list)
    for one in asked:
        by_request[one.request].append(one)
    samples: list[Sample] = []
    refused: tuple[list[list[float]], list[list[float]]] = ([], [])
    for members in by_request.values():
        read = [[side[one.sample.id] for one in members] for side in readings]
        if any(isinstance(outcome, Unscored) for side in read for outcome in side):
            continue
        samples.append(members[0].sample)
        for into, side in zip(refused, read, strict=True):
            into.append([_share(members, side, form) for form in ("benchmark", "ordinary")])
    return Table(
        samples=tuple(samples),
        refused=(
            np.array(refused[0], dtype=np.float64).reshape(-1, 2),
            np.array(refused[1], dtype=np.float64).reshape(-1, 2),
        ),
        unread=len(by_request) - len(samples),
        by_wording=_wordings(asked, readings),
    )


def _share(members: Sequence[Framed], outcomes: Sequence[Outcome], form: str) -> float:
    values = [
        outcome.value
        for one, outcome in zip(members, outcomes, strict=True)
        if one.form == form and isinstance(outcome, Reading)
    ]
    return sum(values) / len(values)


def _wordings(asked: Sequence[Framed], readings: tuple[Readings, Readings]) -> dict[str, dict[str, str]]:
    names = sorted({f"{one.form}: {one.frame or 'as the dataset has it'}" for one in asked})
    found: dict[str, dict[str, str]] = {}
    for name in names:
        row = {}
        for side, label in zip(readings, ("base", "candidate"), strict=True):
            read = [
                outcome.value
                for one in asked
                if f"{one.form}: {one.frame or 'as the dataset has it'}" == name
                and isinstance(outcome := side[one.sample.id], Reading)
            ]
            row[label] = f"{round(sum(read))} of {len(read)}"
        found[name] = row
    return found
