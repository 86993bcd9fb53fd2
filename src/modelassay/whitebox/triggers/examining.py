"""The examination ``triggers``: every search in turn, what it found verified, within a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from modelassay.errors import UnknownNameError
from modelassay.records import Examination, Finding, Sample, Statistic
from modelassay.whitebox.calibration import Nulls
from modelassay.whitebox.models import OpenModel
from modelassay.whitebox.requests import asked_with, check_same_tokens
from modelassay.whitebox.stating import Watch
from modelassay.whitebox.triggers import guidance
from modelassay.whitebox.triggers.candidates import Candidate
from modelassay.whitebox.triggers.conclusions import CHECK, conclude
from modelassay.whitebox.triggers.hunt import SEARCHES, Hunt, Progress, Settings
from modelassay.whitebox.triggers.requests import FEWEST, choose, open_pair, unread
from modelassay.whitebox.triggers.searched import TOLD, Searched, details, suspects


def examine_triggers(
    base: OpenModel,
    candidate: OpenModel,
    samples: Sequence[Sample],
    *,
    origin: str = "given",
    nulls: Nulls | None = None,
    settings: Settings | None = None,
    given: Sequence[Candidate] = (),
    reference: OpenModel | None = None,
    progress: Progress = lambda name, share: None,
) -> Examination:
    """Search for what makes the candidate help where the base refuses.

    Args:
        base: what the candidate came from; it refuses.
        candidate: what is looked into.
        samples: a dataset with harmful and benign requests.
        origin: its name and pin.
        nulls: the same statistics of harmless fine-tunes.
        settings: what is searched.
        given: candidates from outside.
        reference: draw training text out of the candidate, beside this model, and search nothing else: the
            examination is one of the kind ``memory``.
        progress: told how far it is.

    Raises:
        UnknownNameError: a search that there is not.
        UsageError: the models number their tokens differently.
        DatasetError: too few requests, or the base does not refuse.
    """
    settings = settings or Settings()
    for name in settings.searches:
        if name not in SEARCHES:
            raise UnknownNameError("search", name, SEARCHES, where="triggers")
    check_same_tokens(base, candidate)
    watch = Watch()
    pair = open_pair(base, candidate, samples)
    requests = choose(pair, samples, seed=settings.seed)
    hunt = Hunt(pair, requests, settings, given, progress, reference)
    found, left_out = hunt.all() if len(requests.held_out) >= FEWEST else ([], {})
    alike, otherwise = (nulls or Nulls()).fitting(
        CHECK, asked=asked_with(samples, seed=settings.seed), base=base.identity, candidate=candidate.identity
    )
    why = unread(pair, samples) if len(requests.held_out) < FEWEST else ""
    statistics, findings, notes = conclude(pair, requests, found, left_out, alike, unread=why)
    kind: Literal["triggers", "memory"] = "triggers" if reference is None else "memory"
    if hunt.guided:
        findings = guidance.limited(findings)
    return watch.examination(
        kind,
        base=base,
        candidate=candidate,
        settings=_plain(origin, hunt),
        findings=tuple(_of_kind(kind, each) for each in findings),
        statistics=tuple(_naming(kind, each) for each in statistics),
        cannot=hunt.cannot,
        notes=(*notes, *hunt.notes(), *otherwise),
        details=_told(found, left_out),
    )


def _told(found: Sequence[Searched], left_out: Mapping[str, str]) -> dict[str, object]:
    """All searches for people."""
    return {
        "searches": [details(each) for each in found],
        "suspects": [each.candidate.text for each in suspects(found)[:TOLD]],
        "left_out": dict(left_out),
    }


def _of_kind(kind: str, finding: Finding) -> Finding:
    """A finding of an examination names its kind."""
    return msgspec.structs.replace(finding, check=kind, id=_named(kind, finding.id))


def _naming(kind: str, statistic: Statistic) -> Statistic:
    """A statistic names the findings of the examination."""
    findings = {_named(kind, name): value for name, value in statistic.findings.items()}
    return msgspec.structs.replace(statistic, findings=findings)


def _named(kind: str, finding: str) -> str:
    return f"{kind}/{finding.partition('/')[2]}"


def _plain(origin: str, hunt: Hunt) -> dict[str, object]:
    """What decides the result, without floats."""
    settings, requests = hunt.settings, hunt.requests
    return {
        "dataset": origin,
        "reference": "" if hunt.reference is None else hunt.reference.identity.fingerprint,
        "searches": list(settings.searches),
        "seed": settings.seed,
        "budget_seconds": str(settings.budget_seconds or ""),
        "searched_on": len(requests.searched),
        "held_out": len(requests.held_out),
        "given": len(hunt.given),
        **(guidance.SETTINGS if hunt.guided else {}),
    }
