"""Conversations of several turns that are settled beforehand: escalation by a script, and turns once found.

What the user says is fixed, whatever the models answer, so that baseline and candidate hear the same words
and their last answers make a pair. A script starts with something harmless and comes to the request in the
end, as Crescendo does with an attacker that reacts (Russinovich et al. 2024, arXiv:2404.01833). The scripts
that come with the package hold nothing of any subject; a folder of your own takes their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelassay.errors import UnknownNameError, UsageError
from modelassay.records import Decoding, Message, Sample
from modelassay.records.dated import newest
from modelassay.redteam.conversations import MOST_TURNS, by_request, read_conversations
from modelassay.redteam.frozen import Found, FrozenAttack, number_of
from modelassay.redteam.requests import request_of, with_request
from modelassay.redteam.templates import REQUEST, packaged_templates, templates_in

BREAK = "\n---\n"
"""Between two turns of a script: a line of three dashes."""

Turns = tuple[str, ...]


class Conversing(FrozenAttack):
    """Several user turns, the first in the request's place, each of the others once the one before was
    answered."""

    def turns(self, sample: Sample, seed: int) -> Turns:
        """All user turns, for a sample that suits."""
        raise NotImplementedError

    def put(self, sample: Sample, seed: int) -> tuple[Message, ...]:
        """The sample's messages, the request replaced by the first turn."""
        return with_request(sample, self.turns(sample, seed)[0])

    def follow_ups(self, sample: Sample, seed: int) -> Turns:
        """The other turns."""
        return self.turns(sample, seed)[1:]


class ScriptedEscalation(Conversing):
    """Comes to the request by harmless steps: a conversation from a script, another one for each seed.

    Args:
        script: the only script to use, by its file name without suffix; all when empty.
        folder: scripts in place of those that come with the package, one to a ``.txt`` or ``.md`` file: user
            turns with lines of three dashes between them, ``{request}`` once in the last turn.
        decoding: how `run` generates answers.

    Raises:
        UsageError: a folder without scripts, or a script of one turn or without ``{request}`` in its last.
        UnknownNameError: no script has this name.
    """

    name = "scripted_escalation"
    family = "scripted conversation"
    dated = "2026-11-21"
    source = "Russinovich et al. 2024, arXiv:2404.01833 (the idea; the scripts are our own)"
    file_settings = ("folder",)

    def __init__(
        self, *, script: str = "", folder: str | Path | None = None, decoding: Decoding | None = None
    ) -> None:
        found = packaged_templates("escalation") if folder is None else templates_in(folder, self.name)
        if script:
            if script not in found:
                raise UnknownNameError("script", script, found, where=f"attack {self.name}: script")
            found = {script: found[script]}
        self.scripts: Mapping[str, Turns] = {name: _turns_of(name, text) for name, text in found.items()}
        super().__init__({"scripts": found}, decoding)

    @property
    def draws(self) -> int:
        """How many scripts there are."""
        return len(self.scripts)

    def turns(self, sample: Sample, seed: int) -> Turns:
        """A script with the request in its last turn."""
        scripts = list(self.scripts.values())
        turns = scripts[(number_of(self.name, sample.id) + seed) % len(scripts)]
        return (*turns[:-1], turns[-1].replace(REQUEST, request_of(sample)))


class FrozenConversation(Conversing):
    """Says again, word for word, what an attacker said who once had its way: turns from a file.

    `modelassay redteam run` and `modelassay redteam chat` write such files. Conversations are found by the
    text of the request; those with an empty one are scripts for every request, ``{request}`` in their turns.

    Args:
        file: JSONL of frozen conversations (`redteam.conversations`).
        decoding: how `run` generates answers.

    Raises:
        UsageError: no file, or one that cannot be read.
    """

    name = "frozen_conversation"
    family = "frozen conversation"
    dated = "2026-11-21"
    needs = ("file",)
    file_settings = ("file",)

    def __init__(self, *, file: str | Path | None = None, decoding: Decoding | None = None) -> None:
        if file is None:
            raise UsageError(
                "needs a file of conversations", where=f"attack {self.name}", mend="give file=FILE"
            )
        kept_here = read_conversations(file, attack=self.name)
        self.texts_dated = newest(each.date for each in kept_here)
        self._dates: dict[tuple[str, Turns], str] = {}
        """Of each conversation, by request and turns: the day on which it was found last."""
        for each in kept_here:
            place = each.request, each.turns
            self._dates[place] = newest((self._dates.get(place, ""), each.date))
        self._tried: dict[tuple[str, Turns], bool] = {}
        """Of those that were kept for what came of them: whether they had their way."""
        for each in kept_here:
            if each.tried:
                place = each.request, each.turns
                self._tried[place] = self._tried.get(place, False) or each.outcome == "success"
        found = by_request(kept_here)
        self._turns: Mapping[str, tuple[Turns, ...]] = {
            request: tuple(dict.fromkeys(each.turns for each in kept)) for request, kept in found.items()
        }
        super().__init__({"turns": sorted(self._turns.items())}, decoding)

    @property
    def draws(self) -> int:
        """Conversations of the request that has most of them, with every script."""
        scripts = len(self._turns.get("", ()))
        return scripts + max((len(kept) for request, kept in self._turns.items() if request), default=0)

    def unsuited(self, sample: Sample) -> str:
        """Also a sample for whose request nothing was kept."""
        if reason := super().unsuited(sample):
            return reason
        return "" if self._of(sample) else "no conversation was kept for this request"

    def turns(self, sample: Sample, seed: int) -> Turns:
        """One of the conversations kept for the request."""
        _, chosen = self._chosen(sample, seed)
        request = request_of(sample)
        return tuple(turn.replace(REQUEST, request) for turn in chosen)

    def dated_for(self, sample: Sample, seed: int) -> str:
        """The day on which this conversation was found, unless the plan dates them all."""
        return self._dates[self._chosen(sample, seed)] if self.texts_dated else self.dated

    def found(self, sample: Sample, seed: int) -> Found | None:
        """A conversation of a single request, or one that says on which models it was found; no script."""
        succeeded = self._tried.get(self._chosen(sample, seed))
        return None if succeeded is None else Found(self.dated_for(sample, seed), succeeded)

    def _chosen(self, sample: Sample, seed: int) -> tuple[str, Turns]:
        kept = self._of(sample)
        return kept[(number_of(self.name, sample.id) + seed) % len(kept)]

    def _of(self, sample: Sample) -> tuple[tuple[str, Turns], ...]:
        """The conversations for a sample, each with the request that it is kept under."""
        return tuple(
            (request, turns) for request in (request_of(sample), "") for turns in self._turns.get(request, ())
        )


def _turns_of(name: str, text: str) -> Turns:
    """The user turns of a script.

    Raises:
        UsageError: one turn or too many, an empty one, or the request elsewhere than in the last.
    """
    turns = tuple(turn.strip() for turn in text.split(BREAK))
    wrong = ""
    if not 2 <= len(turns) <= MOST_TURNS:
        wrong = f"has {len(turns)} turns"
    elif not all(turns):
        wrong = "has an empty turn"
    elif REQUEST not in turns[-1]:
        wrong = f"holds {REQUEST} elsewhere than in its last turn"
    if wrong:
        raise UsageError(
            wrong,
            where=f"attack scripted_escalation: script {name}",
            mend=f"write 2 to {MOST_TURNS} turns with lines of three dashes between them",
        )
    return turns
