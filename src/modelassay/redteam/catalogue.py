"""Attacks by name: what there is, opened with settings, and put to samples.

`freeze` is how an audit takes up attacks: samples and attacks in, questions with pair keys out, before any
model is asked.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelassay import plugins
from modelassay.errors import UnknownNameError, UsageError
from modelassay.protocols import Attack
from modelassay.records import AttackedRequest, Decoding, Message, PairKey, Sample, Tool
from modelassay.records.conversation import sample_id
from modelassay.records.dated import newest
from modelassay.records.red_team import FOUND_ON
from modelassay.redteam.frozen import Found, FrozenAttack
from modelassay.redteam.requests import request_of

ATTACK_TAG = "attacked_with"
"""Tag of `Attacked.as_sample`: the attack's id."""
FAMILY_TAG = "attack_family"
SAMPLE_TAG = "attacked_sample"
"""Tag of `Attacked.as_sample`: id of the sample that was attacked."""


_KEYS = ("use", "settings", "dated")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An installed attack."""

    name: str
    id: str = ""
    """With its default settings; empty where it needs some, or is not frozen."""
    family: str = ""
    summary: str
    """First line of its docstring."""
    draws: int = 0
    """How many forms of one request it has with its default settings; 0 where not known."""
    needs: tuple[str, ...] = ()
    """Settings that must be given."""
    frozen: bool
    """Whether it asks every model the same."""
    dated: str = ""
    """Day on which it was written or last changed, ISO 8601; empty when not known."""
    source: str = ""
    """Where the idea was published, where it was."""
    package: str
    """The installed package that brings it."""


class Attacked(msgspec.Struct, frozen=True, kw_only=True):
    """One sample under one frozen attack."""

    sample: Sample
    """The sample as the dataset has it: what evaluators judge the answer against."""
    key: PairKey
    """Its epoch is the repetition times the attack's draws plus the draw. `PairKey.attack` is the attack's
    id; empty for ``direct``, which so shares its answers with an audit without attacks."""
    attack: str
    """The attack's id, also for ``direct``."""
    family: str
    asked: tuple[Message, ...]
    """What is put to the models in place of the sample's messages (`Transcript.asked`)."""
    tools: tuple[Tool, ...]
    """Tools that are offered with it."""
    dated: str = ""
    """When the attack was written or last changed."""
    follow_ups: tuple[str, ...] = ()
    """Further user turns, each put once the turn before was answered."""
    tags: dict[str, str] = {}
    """In which it is otherwise than the sample (`FrozenAttack.tags`)."""
    found: Found | None = None
    """See `FrozenAttack.found`."""

    def as_sample(self) -> Sample:
        """A sample of its own that asks the same, for whoever knows no attacks.

        It keeps kind and reference, and those tags in which the attack makes it no other, and adds
        `ATTACK_TAG`, `FAMILY_TAG` and `SAMPLE_TAG`, and `FOUND_ON` where its words once had their way; forms
        of one sample are one cluster. Evaluators then see the attacked text in place of the request.
        """
        given = self.sample
        tags = {ATTACK_TAG: self.attack, FAMILY_TAG: self.family, SAMPLE_TAG: given.id}
        if self.found is not None and self.found.succeeded:
            tags[FOUND_ON] = self.found.day
        return Sample(
            id=sample_id(
                self.asked,
                tools=self.tools,
                reference=given.reference,
                context=given.context,
                choices=given.choices,
                follow_ups=self.follow_ups,
            ),
            messages=self.asked,
            kind=given.kind,
            tools=self.tools,
            reference=given.reference,
            context=given.context,
            choices=given.choices,
            tags={**given.tags, **self.tags, **tags},
            follow_ups=self.follow_ups,
            attacked=AttackedRequest(
                sample=given.id,
                attack=self.attack,
                family=self.family,
                request=request_of(given),
                dated=self.dated,
                known=self.found is not None,
            ),
            cluster=given.cluster or given.id,
        )


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A sample that an attack cannot be put to: counted, never dropped in silence."""

    sample: str
    """Id of the sample."""
    attack: str
    """Id of the attack."""
    reason: str


class FrozenQuestions(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be asked under attacks, settled before any model answers."""

    asked: tuple[Attacked, ...]
    left_out: tuple[LeftOut, ...]


def freeze(
    samples: Iterable[Sample],
    attacks: Sequence[FrozenAttack],
    *,
    seed: int = 0,
    epochs: int = 1,
    forms: int = 0,
    whole: bool = True,
) -> FrozenQuestions:
    """Every sample under every attack.

    Args:
        samples: what is attacked.
        attacks: how; see `open_attacks`.
        seed: the plan's; forms are drawn from it, and it is part of each key.
        epochs: how often each form is asked.
        forms: at most this many of the forms that an attack has; all when 0.
        whole: attempts of one attack (`FrozenAttack.one_of_many`) are not cut by `forms`.

    Returns:
        In the order of samples, then attacks, then epochs; the same for the same arguments.

    Raises:
        UsageError: two attacks with the same id.
    """
    twice = [each for each, count in Counter(attack.id for attack in attacks).items() if count > 1]
    if twice:
        raise UsageError(f"the attack {twice[0]} is there twice", where="attacks", mend="name it once")
    asked: list[Attacked] = []
    left_out: list[LeftOut] = []
    for sample in samples:
        for attack in attacks:
            if reason := attack.unsuited(sample):
                left_out.append(LeftOut(sample=sample.id, attack=attack.id, reason=reason))
                continue
            cut = forms and not (whole and attack.one_of_many)
            draws = min(forms, attack.draws) if cut else attack.draws
            asked += _drawn(sample, attack, draws, seed=seed, epochs=epochs)
    return FrozenQuestions(asked=tuple(_dated_alike(asked)), left_out=tuple(left_out))


def _drawn(sample: Sample, attack: FrozenAttack, draws: int, *, seed: int, epochs: int) -> Iterator[Attacked]:
    """One sample in `draws` forms of one attack, each as often as there are epochs."""
    forms = [
        (
            attack.messages(sample, seed + draw),
            attack.follow_ups(sample, seed + draw),
            attack.dated_for(sample, seed + draw),
            attack.found(sample, seed + draw),
        )
        for draw in range(draws)
    ]
    tools = attack.tools(sample)
    keyed = "" if attack.unchanged else attack.id
    for epoch in range(epochs * len(forms)):
        messages, follow_ups, dated, found = forms[epoch % len(forms)]
        yield Attacked(
            sample=sample,
            key=PairKey(sample=sample.id, attack=keyed, seed=seed, epoch=epoch),
            attack=attack.id,
            family=attack.family,
            dated=dated,
            asked=messages,
            follow_ups=follow_ups,
            tools=tools,
            tags=attack.tags(sample),
            found=found,
        )


def _dated_alike(asked: Sequence[Attacked]) -> Iterator[Attacked]:
    """`asked`, all of one attack dated by the newest of the texts that it puts to any of these samples: what
    is in a file and is put to none makes no attack newer."""
    dates: dict[str, set[str]] = {}
    for each in asked:
        dates.setdefault(each.attack, set()).add(each.dated)
    alike = {attack: found.pop() if len(found) == 1 else newest(found) for attack, found in dates.items()}
    for each in asked:
        yield msgspec.structs.replace(each, dated=alike[each.attack])


def open_attacks(
    references: Iterable[str | Mapping[str, Any]],
    *,
    folder: Path | None = None,
    decoding: Decoding | None = None,
) -> tuple[FrozenAttack, ...]:
    """The frozen attacks that are named, each by its name or as ``{use: name, settings: {…}}``, with a date
    (``dated: 2026-11-21``) where it puts texts of a user's own.

    Raises:
        UnknownNameError: no installed attack, or no setting, has this name.
        UsageError: an attack that is not frozen, or settings that it does not take.
    """
    opened = []
    for given in references:
        reference: Mapping[str, Any] = {"use": given} if isinstance(given, str) else given
        if unknown := [key for key in reference if key not in _KEYS]:
            raise UnknownNameError("key", unknown[0], _KEYS, where="attacks")
        if "use" not in reference:
            raise UsageError("an attack without a name", where="attacks", mend="write `use: NAME`")
        settings = reference.get("settings", {})
        attack = open_attack(reference["use"], settings, folder=folder, decoding=decoding)
        if not isinstance(attack, FrozenAttack):
            raise UsageError(
                f"the attack {reference['use']!r} is not frozen: it does not ask every model the same",
                where="attacks",
                mend="run it by itself, or choose one that `modelassay redteam list` shows as frozen",
            )
        _date(attack, reference)
        opened.append(attack)
    return tuple(opened)


def _date(attack: FrozenAttack, reference: Mapping[str, Any]) -> None:
    """An attack that puts a user's own texts is as old as those, not as the code that puts them."""
    said = reference.get("dated", "")
    if any(reference.get("settings", {}).get(key) for key in attack.file_settings):
        attack.dated = said or attack.texts_dated
        attack.texts_dated = "" if said else attack.texts_dated
    elif said:
        raise UsageError(
            f"the attack {attack.name!r} brings its date; dated is for texts of your own",
            where="attacks",
            mend="remove dated",
        )


def open_attack(
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    folder: Path | None = None,
    decoding: Decoding | None = None,
) -> Attack:
    """The installed attack called `name`.

    Args:
        name: see `modelassay redteam list`; ``pyrit:NAME`` is a converter of PyRIT, where that is installed.
        settings: what its class takes, but for ``decoding``.
        folder: where relative paths in the settings start; the working folder when None.
        decoding: how its `run` generates answers.

    Raises:
        UnknownNameError: no such attack, or no such setting.
        UsageError: a setting with a value that it does not take, or one that must be given and is not.
    """
    if name.startswith("pyrit:"):
        from modelassay.redteam.pyrit import PyritConverter

        made: Any = PyritConverter(name.removeprefix("pyrit:"), settings=settings, decoding=decoding)
        return made  # type: ignore[no-any-return]
    kind = plugins.load("attacks", name)
    given = dict(settings or {})
    parameters = inspect.signature(kind).parameters
    takes = [key for key in parameters if key != "decoding"]
    for key in given:
        if key not in takes:
            raise UnknownNameError("setting", key, takes, where=f"attack {name}")
    for key in getattr(kind, "file_settings", ()):
        if folder is not None and isinstance(given.get(key), str):
            given[key] = folder / given[key]
    if "decoding" in parameters:
        given["decoding"] = decoding
    if missing := [key for key in _required(kind) if key not in given]:
        raise UsageError(f"needs the setting {missing[0]!r}", where=f"attack {name}", mend="give it")
    attack: Attack = kind(**given)
    return attack


def entries() -> tuple[Entry, ...]:
    """Every installed attack, sorted by family and name."""
    found = [_entry(name) for name in plugins.names("attacks")]
    return tuple(sorted(found, key=lambda each: (not each.frozen, each.family, each.name)))


def _entry(name: str) -> Entry:
    kind = plugins.load("attacks", name)
    frozen = isinstance(kind, type) and issubclass(kind, FrozenAttack)
    needs = tuple(dict.fromkeys((*getattr(kind, "needs", ()), *_required(kind))))
    opened = kind() if frozen and not needs else None
    return Entry(
        name=name,
        id=opened.id if opened else "",
        family=getattr(kind, "family", ""),
        summary=" ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split()),
        draws=opened.draws if opened else 0,
        needs=needs,
        frozen=frozen,
        dated=getattr(kind, "dated", ""),
        source=getattr(kind, "source", ""),
        package=plugins.distribution("attacks", name),
    )


def _required(kind: Any) -> list[str]:
    """Settings without a default."""
    return [
        each.name
        for each in inspect.signature(kind).parameters.values()
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
