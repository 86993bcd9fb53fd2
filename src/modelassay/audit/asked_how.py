"""How the two models were asked, where that is not the same or leaves something out: notes and limits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from modelassay.audit.noise_floor import GREEDY, NOTE
from modelassay.config import Plan
from modelassay.records import DatasetPin, Decoding, TargetIdentity
from modelassay.records.audit import AUTHOR_SAYS

_PROMPT, _TEMPLATE, _OPTION = "system_prompt", "chat_template", "option."
_MOST_NAMED = 12
"""Categories that are named; the rest is counted."""
_SERVED = frozenset({"extra_body", "omit"})
"""Parts of an identity that change what is sent to a server."""


def side_notes(baseline: TargetIdentity, candidate: TargetIdentity) -> tuple[str, ...]:
    """A sentence where the candidate was asked otherwise than the baseline: under another system prompt or
    chat template, or with other options. Models of two kinds have no options in common.
    """
    differing = list(_differing(baseline.details, candidate.details))
    if not differing:
        return ()
    what = " and ".join(differing)
    prompts = [side.details.get(_PROMPT) for side in (baseline, candidate)]
    alone = ""
    if None in prompts and any(prompts):
        alone = f" The {'baseline' if prompts[0] else 'candidate'} alone was given a system prompt."
    return (
        f"The candidate was asked under another {what} than the baseline, so what differs between their "
        f"answers is of model and {what} together.{alone}",
    )


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    """In words, what decides how a model is asked and is not the same of two identities."""
    if one.get(_PROMPT) != other.get(_PROMPT):
        yield "system prompt"
    if {_TEMPLATE} <= one.keys() & other.keys() and one[_TEMPLATE] != other[_TEMPLATE]:
        yield "chat template"
    if one.get("kind") == other.get("kind"):
        for key in sorted(one.keys() | other.keys()):
            if (key in _SERVED or key.startswith(_OPTION)) and one.get(key) != other.get(key):
                yield f"option {key.removeprefix(_OPTION)}"


def stop_notes(decoding: Decoding) -> tuple[str, ...]:
    """That answers end at strings of the plan's, where they do."""
    if not decoding.stop:
        return ()
    strings = ", ".join(json.dumps(each, ensure_ascii=False) for each in decoding.stop)
    return (
        f"Every answer ends before the first of these strings (decoding.stop): {strings}. What a model would "
        "have said after it was not read, and is in no figure.",
    )


def authored(plan: Plan, *, noise_floor: bool) -> tuple[str, ...]:
    """The plan's own notes, each named as its author's; of a noise floor but for those that this product
    wrote into it."""
    own = (NOTE, GREEDY) if noise_floor else ()
    return tuple(f"{AUTHOR_SAYS}{note}" for note in plan.notes if note not in own)


def selection_limits(pins: Sequence[DatasetPin]) -> Iterator[str]:
    """A sentence for each dataset of which whole categories were left out by every entry of the plan."""
    by_name: dict[str, list[DatasetPin]] = {}
    for pin in pins:
        by_name.setdefault(pin.name, []).append(pin)
    for name, own in by_name.items():
        common = sorted(set.intersection(*(set(pin.left_out) for pin in own)))
        if not common:
            continue
        named = ", ".join(f"{each} ({own[0].left_out[each]:,})" for each in common[:_MOST_NAMED])
        more = f" and {len(common) - _MOST_NAMED} further categories" if len(common) > _MOST_NAMED else ""
        yield (
            f"Selection: of the {own[0].whole:,} rows of {name} the plan leaves out all in {named}{more}; "
            "what a model does there stays unseen."
        )
