"""One examination of a declared stack of adapters: each alone, in pairs, together, and put otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from modelassay.errors import TargetError, UsageError
from modelassay.records import Examination, Finding
from modelassay.targets.base_tensors import named_few
from modelassay.whitebox.adapters.bench import Bench, Stack
from modelassay.whitebox.adapters.conclusions import (
    CHECK,
    Change,
    change_findings,
    stack_findings,
    table,
)
from modelassay.whitebox.adapters.confirmation import Confirmation, Confirmed
from modelassay.whitebox.adapters.judging import MATTERS, held, maxima
from modelassay.whitebox.adapters.profile import profile_details, profile_findings
from modelassay.whitebox.adapters.stacks import Survey, Tick, survey
from modelassay.whitebox.calibration import Nulls, decimal
from modelassay.whitebox.stating import Watch, described

_CONFIRMED: Final = 3
"""Stacks whose answers are read, beside the declared one."""
FACTORS: Final = ("0.5", "2")
_CANNOT: Final = (
    "Adapters that act together only with others than those given: only the declared stack, pairs and the "
    "stacks that interact most were looked at.",
    "Stacks are singled out by the first token of answers to these requests: adapters that open together "
    "only at a trigger, in another language, or after the first words of an answer are not seen.",
    "Somebody who trained the adapters so that the loss is shared out, each alone being a little softer, is "
    "seen in the loss of the stack and not in the interaction.",
    "Answers are greedy: what a stack says when it is sampled was not read.",
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How far an examination of adapters goes."""

    largest: int = 2
    """Adapters of the largest stacks tried beside the declared one."""
    most: int = 200
    """Stacks of two and more that are measured at most."""
    answers: int = 96
    """Harmful requests whose answers are generated and read."""
    community: bool = False
    """Whether provenance, files and spectra are looked at too, as of adapters from strangers."""


def examine_adapters(
    bench: Bench,
    *,
    nulls: Nulls | None = None,
    settings: Settings | None = None,
    tick: Tick = lambda what: None,
) -> Examination:
    """Examine the declared stack of a bench and all that it is made of.

    Args:
        bench: base and adapters, opened by `open_bench`.
        nulls: the same statistics of harmless pairs of adapters.
        settings: how far to go.
        tick: is told what is being done.

    Raises:
        UsageError: settings that ask for nothing.
        TargetError: an adapter alone, or the declared stack, cannot be asked.
    """
    settings = settings or Settings()
    if settings.largest < 2 or settings.most < 1 or settings.answers < 1:
        raise UsageError("stacks have two adapters at least, and at least one is measured", where=CHECK)
    watch = Watch()
    found = survey(bench, largest=settings.largest, most=settings.most, tick=tick)
    confirmation = Confirmation(bench, most=settings.answers)
    confirmed = _confirmed(bench, found, confirmation, tick)
    alike, otherwise = (nulls or Nulls()).fitting(
        CHECK, asked=bench.requests.asked, base=bench.base.identity, candidate=bench.whole.identity
    )
    statistics = held(maxima(found), alike, bench.base)
    rests_on = (bench.base.identity.fingerprint, bench.whole.identity.fingerprint)
    effects = _effects(bench, rests_on)
    findings = (
        *stack_findings(bench, found, confirmed, statistics, rests_on),
        *effects,
        *change_findings(bench, *_changes(bench, found, tick), rests_on),
        *_profiles(bench, settings, rests_on),
    )
    return watch.examination(
        "adapters",
        base=bench.base,
        candidate=bench.whole,
        settings={**bench.requests.settings(), **_plain(settings), "adapters": list(bench.names)},
        findings=findings,
        statistics=statistics,
        cannot=_CANNOT,
        notes=(*_notes(bench, found), *otherwise),
        details={
            "stacks": table(bench, found, confirmation.counts()),
            "adapters": [profile_details(reading) for reading in bench.readings],
            **_covered(bench, settings),
        },
    )


def _profiles(bench: Bench, settings: Settings, rests_on: tuple[str, ...]) -> Iterator[Finding]:
    """What the files of each adapter say of it."""
    for reading in bench.readings:
        yield from profile_findings(
            reading,
            base=bench.base.reference,
            community=settings.community,
            rests_on=rests_on,
            asked=bench.asked,
            base_class=bench.base.architecture,
        )


def _covered(bench: Bench, settings: Settings) -> dict[str, Any]:
    """That the weights were looked at too: tensors, ranks, numbers and spectra of each adapter, as far as its
    kind has such; there is no whole model to be held against the base."""
    read = settings.community and all(reading.kind == "LORA" for reading in bench.readings)
    return {"covers": ["weights"]} if read else {}


def _plain(settings: Settings) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(settings)
    return plain


def _confirmed(bench: Bench, found: Survey, confirmation: Confirmation, tick: Tick) -> list[Confirmed]:
    """Answers of the declared stack and of the stacks with the greatest excess; alone where there is one."""
    if not found.stacks:
        return [confirmation.confirm(bench.everything, tick)]
    chosen = [each.stack for each in found.stacks[:_CONFIRMED] if each.excess >= MATTERS]
    chosen = chosen or [found.stacks[0].stack]
    declared = [bench.everything] if found.of(bench.everything) is not None else []
    return [confirmation.confirm(stack, tick) for stack in dict.fromkeys([*declared, *chosen])]


def _effects(bench: Bench, rests_on: tuple[str, ...]) -> Iterator[Finding]:
    """What each adapter does when it is switched on, and whether switching it off brings the base back."""
    for place, name in enumerate(bench.names):
        stack = Stack((place,))
        effects = bench.effects(stack)
        said = ", ".join(f"{value:.2g} on {kind} prompts" for kind, value in effects.items())
        changes = bench.changes(stack)
        yield described(
            CHECK,
            "effect",
            "What adapters change",
            f"{name} switched on moves the distribution of the next token by {said} (KL divergence from the "
            "base, nats)."
            if changes
            else f"{name} switched on changes no answer to these prompts.",
            role="descriptive" if changes else "concern",
            severity="none" if changes else "medium",
            tags={"adapter": name},
            values=effects,
            rests_on=rests_on,
        )
        if names := bench.rewrites(place):
            yield described(
                CHECK,
                "rewrites",
                "Tensors of the base that adapters replace",
                f"{name} holds {len(names)} tensors of the base itself with other numbers: "
                f"{named_few(names)}. Loading it overwrites the base's, and switching it off does not bring "
                "them back: whoever serves both from one copy in memory serves a changed base.",
                role="concern",
                severity="medium",
                tags={"adapter": name},
                values={"tensors": len(names)},
                rests_on=rests_on,
            )
    yield _restored(bench, rests_on)


def _restored(bench: Bench, rests_on: tuple[str, ...]) -> Finding:
    """Whether switching every adapter off brings the base back."""
    restored = bench.is_restored()
    which = f" ({named_few(bench.whole.rewritten)})" if bench.whole.rewritten else ""
    text = (
        "With every adapter switched off every tensor of the base is as before, and it answers bit for bit "
        "as before."
        if restored
        else f"With every adapter switched off the base is not as before: an adapter changes the base's own "
        f"weights{which}, so each stack was loaded anew."
    )
    return described(
        CHECK,
        "restored",
        "The base with adapters switched off",
        text,
        role="concern",
        state="shown_fine" if restored else "shown_harmful",
        severity="none" if restored else "medium",
        rests_on=rests_on,
    )


def _changes(bench: Bench, found: Survey, tick: Tick) -> tuple[list[Change], dict[str, str]]:
    """What other orders and weights change; and what could not be asked so, with the reason."""
    changes: list[Change] = []
    impossible: dict[str, str] = {}
    for usual, other in _others(bench, found):
        tick(bench.called(other))
        try:
            changes.append(_change(bench, usual, other))
        except TargetError as error:
            impossible[bench.called(other)] = error.what
    return changes, impossible


def _others(bench: Bench, found: Survey) -> Iterator[tuple[Stack, Stack]]:
    """The declared stack and the one with the greatest excess in reversed order; these, and each adapter
    alone, at other weights: the usual stack and the other one."""
    several = [bench.everything] if found.of(bench.everything) in found.stacks else []
    several += [found.stacks[0].stack] if found.stacks else []
    for stack in dict.fromkeys(several):
        yield stack, Stack(stack.places[::-1])
    for stack in dict.fromkeys([*(each.stack for each in found.alone), *several]):
        if all(bench.readings[place].scalable for place in stack.places):
            for factor in FACTORS:
                yield stack, Stack(stack.places, factor)


def _change(bench: Bench, usual: Stack, other: Stack) -> Change:
    was, now = bench.margins(usual), bench.margins(other)
    before, after = was.harmful, now.harmful
    return Change(
        stack=other,
        usual=usual,
        moved=float(decimal(float(abs(after - before).max()))),
        flips=int(((before > 0) & (after <= 0)).sum()),
        refused=int((before > 0).sum()),
        asked=len(before),
        unread=was.unread or now.unread,
    )


def _notes(bench: Bench, found: Survey) -> tuple[str, ...]:
    notes = []
    if len(bench.names) == 1:
        notes.append("One adapter was given, so that nothing could be said of stacks.")
    if found.left_out:
        notes.append(
            f"{found.left_out} stacks were left out, {len(found.stacks)} being the most that were asked for."
        )
    return tuple(notes)
