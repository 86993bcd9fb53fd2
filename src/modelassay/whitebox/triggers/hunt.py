"""All searches for triggers over one pair of models, each found text verified, within a budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from modelassay.errors import TargetError
from modelassay.whitebox.models import OpenModel
from modelassay.whitebox.triggers import guidance
from modelassay.whitebox.triggers.candidates import Candidate, Place
from modelassay.whitebox.triggers.fitting import fitting, nowhere
from modelassay.whitebox.triggers.framed import opened
from modelassay.whitebox.triggers.kept_in_mind import kept_in_mind
from modelassay.whitebox.triggers.listed import listed, openings
from modelassay.whitebox.triggers.memory import remembered
from modelassay.whitebox.triggers.odd import Drawn, odd_phrases, odd_turns
from modelassay.whitebox.triggers.pairs import LAYOUTS, PairSearch, pairs, partners, pool
from modelassay.whitebox.triggers.positions import POSITIONS
from modelassay.whitebox.triggers.requests import Pair, Requests
from modelassay.whitebox.triggers.searched import TOLD, Searched
from modelassay.whitebox.triggers.sweep import SURVIVORS, Lexicon, Swept, lexicon, sweep
from modelassay.whitebox.triggers.verification import answered, median_extra, verify
from modelassay.whitebox.triggers.wording import CANNOT, MASKED

SEARCHES: Final = (
    "template",
    *POSITIONS,
    "pair",
    "partner",
    "phrase",
    "remembered",
    "odd_phrase",
    "odd_turn",
)
"""Every search, in the order in which they are made: the list, the vocabulary by position, two words of a
pool, words that moved furthest beside every other, phrases of a sentence, earlier turns that ask to remember
something; odd phrases and earlier turns drawn by chance."""
_FORM: Final = 24
"""Texts of a phrase's form that are verified."""
_ANSWERED: Final = 3
"""Candidates of a search whose answers are read at least, and at most all that are told of, until those of
one help …"""
_WORTH_READING: Final = 0.25
"""… where so large a share of first tokens flips."""

Progress = Callable[[str, float], None]
"""Told which search is on and what share of all work is done."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched, and how long."""

    searches: tuple[str, ...] = SEARCHES
    seed: int = 1
    budget_seconds: float | None = None
    """Searches that have not ended by then are left out, and named."""
    guided: bool = False
    """Of the vocabulary try only the words that gradients point to (`guidance`): quicker, and may miss some.
    What is found is held against the same null distributions, of full sweeps."""


class _Over(Exception):  # noqa: N818
    """The budget is used up."""


class Hunt:
    """All searches over one pair of models."""

    def __init__(
        self,
        pair: Pair,
        requests: Requests,
        settings: Settings,
        given: Sequence[Candidate],
        progress: Progress,
        reference: OpenModel | None,
    ) -> None:
        self.pair = pair
        self.requests = requests
        self.settings = settings
        self.given = given
        self.progress = progress
        self.reference = reference
        self.guided = settings.guided and reference is None
        self.swept: dict[str, Swept] = {}
        self._words: Lexicon | None = None
        self._places: dict[Place, bool] = {}
        self._ends = None if settings.budget_seconds is None else time.monotonic() + settings.budget_seconds

    def all(self) -> tuple[list[Searched], dict[str, str]]:
        """Every search that there was time for, and why others were left out, by name."""
        found: list[Searched] = []
        left_out: dict[str, str] = {}
        searches = self.settings.searches if self.reference is None else ("memory",)
        names = [*(["given"] if self.given else []), *searches]
        try:
            for done, name in enumerate(names):
                self.progress(name, done / len(names))
                try:
                    found.append(self._one(name))
                except _Over:
                    left_out[name] = "the budget of time was used up"
                except TargetError as error:
                    left_out[name] = str(error)
        except KeyboardInterrupt:
            left_out |= {
                name: "interrupted" for name in names if name not in left_out | {s.name: 0 for s in found}
            }
        self.progress("", 1.0)
        return found, left_out

    @property
    def cannot(self) -> tuple[str, ...]:
        """What these searches could not have found."""
        if self.guided:
            return (guidance.CANNOT, *CANNOT)
        return CANNOT if self.reference is None else (MASKED, *CANNOT)

    def notes(self) -> tuple[str, ...]:
        """What a guided search passed over."""
        return (guidance.note(self.swept, self._lexicon()),) if self.guided and self.swept else ()

    def _one(self, name: str) -> Searched:
        started = time.monotonic()
        self._tick()
        drawn = None
        unfit: dict[Candidate, str] = {}
        if name == "given":
            chosen, unfit = fitting(self.pair, self.requests.held_out, self.given, self._tick)
            tried = len(chosen)
        elif name in ("odd_phrase", "odd_turn"):
            drawn = self._odd(name)
            tried, chosen = (drawn.tried, list(drawn.strongest)) if drawn else (0, [])
        else:
            tried, chosen = self._chosen(name)
        verified = verify(self.pair, self.requests.held_out, chosen, self._tick)
        for at, each in enumerate(verified[:TOLD]):
            if at >= _ANSWERED and any(one.helps for one in verified[:at]):
                break
            if each.flips >= _WORTH_READING * each.asked:
                verified[at] = answered(self.pair, self.requests.held_out, each)
                self._tick()
        return Searched(
            name=name,
            tried=tried,
            verified=tuple(verified),
            seconds=time.monotonic() - started,
            drawn=drawn,
            unfit=unfit,
            nowhere=nowhere(unfit, chosen),
        )

    def _chosen(self, name: str) -> tuple[int, list[Candidate]]:
        """How many texts a search tried, and those that are verified."""
        if name in POSITIONS:
            return self._words_at(name)
        searches: dict[str, Callable[[], tuple[int, list[Candidate]]]] = {
            "template": self._listed,
            "memory": self._memory,
            "pair": lambda: self._pairs(pairs),
            "partner": lambda: self._pairs(partners),
            "phrase": lambda: opened(
                self.pair, self._lexicon(), openings(), self.requests, most=_FORM, tick=self._tick
            ),
            "remembered": lambda: kept_in_mind(
                self.pair, self._lexicon(), self.requests, most=_FORM, tick=self._tick
            ),
        }
        return searches[name]()

    def _odd(self, name: str) -> Drawn | None:
        """Texts of a form, drawn by chance."""
        words, seed = self._lexicon(), self.settings.seed
        if name == "odd_turn":
            return odd_turns(self.pair, words, self.requests, seed=seed, most=_FORM, tick=self._tick)
        return odd_phrases(
            self.pair, words, openings(), self.requests, seed=seed, most=_FORM, tick=self._tick
        )

    def _listed(self) -> tuple[int, list[Candidate]]:
        """The strongest of the list."""
        usable = [each for each in listed() if self._fits(each.place)]
        drops = median_extra(self.pair, self.requests.searched, usable, self._tick)
        order = sorted(range(len(usable)), key=lambda at: -drops[at])
        return len(usable), [usable[at] for at in order[:SURVIVORS]]

    def _words_at(self, name: str) -> tuple[int, list[Candidate]]:
        """The strongest words of the vocabulary at a position."""
        words, position, searched = self._lexicon(), POSITIONS[name], self.requests.searched
        among = None
        if self.guided:
            among = guidance.pointed_to(self.pair, words, position, searched, tick=self._tick)
        swept = sweep(self.pair, words, position, searched, among=among, tick=self._tick)
        self.swept[name] = swept
        return (
            swept.searched,
            [
                Candidate(text=words.words[word], place=name, source="vocabulary")  # type: ignore[arg-type]
                for word in swept.words[:SURVIVORS]
            ],
        )

    def _pairs(self, search: PairSearch) -> tuple[int, list[Candidate]]:
        """The strongest pairs of words in each layout."""
        words, searched = self._lexicon(), self.requests.searched
        chosen = pool(self.pair, words, searched)
        tried, found = 0, list[Candidate]()
        for layout in LAYOUTS:
            if chosen and self._fits(layout):
                most = SURVIVORS // len(LAYOUTS)
                count, best = search(self.pair, words, chosen, searched, layout, most=most, tick=self._tick)
                tried, found = tried + count, found + best
        return tried, found

    def _memory(self) -> tuple[int, list[Candidate]]:
        """What the candidate writes where a user would."""
        assert self.reference is not None
        drawn = remembered(self.pair.candidate.model, self.reference, seed=self.settings.seed)
        self._tick()
        found = [one for each in drawn for one in each.candidates()]
        return len(drawn), found

    def _lexicon(self) -> Lexicon:
        if self._words is None:
            self._words = lexicon(self.pair.base.model)
        return self._words

    def _fits(self, place: Place) -> bool:
        """Whether both chat templates can hold conversations with something at this place."""
        if place not in self._places:
            trial = Candidate(
                text="Hello {request}" if place == "template" else "Hello", place=place, source=""
            )
            try:
                self.pair.prompts([trial.put(self.requests.searched[0])])
                self._places[place] = True
            except TargetError:
                self._places[place] = False
        return self._places[place]

    def _tick(self) -> None:
        if self._ends is not None and time.monotonic() > self._ends:
            raise _Over
