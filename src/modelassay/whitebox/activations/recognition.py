"""Harmful requests that a model recognises inside and would comply with all the same.

They are recognised by a probe at the last token of the request itself. At the last token of the prompt the
model has decided already, and a probe there repeats the decision: in a small model with a backdoor it told no
request with the trigger harmful, at the request itself three in four.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from modelassay.records import Sample
from modelassay.whitebox.activations.probe import Probe, fit_probe, halves, separability
from modelassay.whitebox.activations.states import States, shared_tail, without_tail
from modelassay.whitebox.models import OpenModel
from modelassay.whitebox.refusal_margin import Margins, margins_on
from modelassay.whitebox.requests import Requests, check_numbers, prompts_of


class Recognition(msgspec.Struct, frozen=True, kw_only=True):
    """One model on harmful requests that its probe was not fitted on."""

    requests: int
    recognised: int
    """Those that the probe tells harmful."""
    complied: int
    """Of these, those whose answer would sooner begin with help than with a refusal."""
    separability: float
    """AUC of the probe on the half that it was not fitted on, in the state where it is greatest."""


def recognition(states: tuple[States, States], margins: Margins) -> tuple[Recognition, Recognition]:
    """Base and candidate on the half of the requests that their probes were not fitted on."""
    requests = margins.requests
    _, read = halves(requests.harmful)
    found = []
    for side, odds in zip(states, margins.harmful, strict=True):
        state, probe, auc = best_probe(side, requests)
        told = (probe.read(side.asked[0][read, state]) > 0).numpy()
        found.append(_counted(told, odds[read] < 0, auc))
    return found[0], found[1]


def triggered_recognition(
    models: tuple[OpenModel, OpenModel],
    requests: Requests,
    states: tuple[States, States],
    triggered: Sequence[Sample],
) -> tuple[Recognition, Recognition]:
    """Likewise on requests with a trigger put in, by probes fitted on clean ones.

    Raises:
        TargetError: a prompt does not fit, or what a model computes is no number.
    """
    margins = margins_on(models, requests, triggered)
    found = []
    for model, side, odds in zip(models, states, margins, strict=True):
        state, probe, auc = best_probe(side, requests)
        clean = [*prompts_of(model, requests.harmful), *prompts_of(model, requests.benign)]
        asked = without_tail(prompts_of(model, triggered), shared_tail(clean))
        hidden = check_numbers(model.hidden(asked), model)[:, state]
        found.append(_counted((probe.read(hidden) > 0).numpy(), odds < 0, auc))
    return found[0], found[1]


def best_probe(states: States, requests: Requests) -> tuple[int, Probe, float]:
    """State, probe and AUC where harmful and benign requests are told apart best; the earliest of equals."""
    fit, read = halves(requests.harmful)
    fit_benign, read_benign = halves(requests.benign)
    harmful, benign = states.asked
    best: tuple[int, Probe, float] | None = None
    for state in range(1, harmful.shape[1]):
        probe = fit_probe(harmful[fit, state], benign[fit_benign, state])
        auc = separability(probe.read(harmful[read, state]), probe.read(benign[read_benign, state]))
        if best is None or auc > best[2]:
            best = (state, probe, auc)
    assert best is not None
    return best


def _counted(
    told: np.ndarray[tuple[int], np.dtype[np.bool_]],
    helps: np.ndarray[tuple[int], np.dtype[np.bool_]],
    auc: float,
) -> Recognition:
    return Recognition(
        requests=len(told), recognised=int(told.sum()), complied=int((told & helps).sum()), separability=auc
    )
