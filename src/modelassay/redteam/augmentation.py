"""Best-of-N: many small disturbances of the same request, any of which may slip through."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from modelassay.errors import UsageError
from modelassay.records import Decoding
from modelassay.redteam.chance import Chance
from modelassay.redteam.frozen import Rewriting

MOST_ATTEMPTS = 10_000


class BestOfN(Rewriting):
    """Scrambles letters within words, changes case and a few characters, another way for each seed.

    With strength s a word of four or more letters is scrambled, and a letter's case drawn anew, with
    probability s^(1/2) each, and a character moved by one in ASCII with probability s^3, as in the paper's
    text augmentation. An answer counts for the best of all attempts, so their number belongs to the attack.

    Args:
        attempts: how many forms of each request.
        strength: s, a decimal text in [0, 1].
        decoding: how `run` generates answers.

    Raises:
        UsageError: a number outside its range.
    """

    name = "best_of_n"
    family = "augmentation"
    dated = "2026-11-21"
    source = "Hughes et al. 2024, arXiv:2412.03556"
    one_of_many = True

    def __init__(self, *, attempts: int = 8, strength: str = "0.4", decoding: Decoding | None = None) -> None:
        if isinstance(attempts, bool) or not isinstance(attempts, int) or not 1 <= attempts <= MOST_ATTEMPTS:
            raise UsageError(
                f"{attempts!r} attempts",
                where="attack best_of_n: attempts",
                mend=f"give 1 to {MOST_ATTEMPTS}",
            )
        self._attempts = attempts
        number = _share(strength)
        self._often, self._seldom = float(number.sqrt()), float(number**3)
        super().__init__({"attempts": attempts, "strength": str(number.normalize())}, decoding)

    @property
    def draws(self) -> int:
        """How many attempts."""
        return self._attempts

    def rewrite(self, request: str, start: int, seed: int) -> str:
        """One disturbed form of the request; spaces stay where they were."""
        chance = Chance(self.name, start, seed)
        words = _WORD.sub(
            lambda word: scrambled(word[0], chance) if chance.happens(self._often) else word[0], request
        )
        return noised(recased(words, chance, self._often), chance, self._seldom)


def scrambled(word: str, chance: Chance) -> str:
    """`word` with all letters but the first and last in another order."""
    return word[0] + "".join(word[1 + place] for place in chance.order(len(word) - 2)) + word[-1]


def recased(text: str, chance: Chance, probability: float) -> str:
    """`text` with the case of ASCII letters drawn anew, each with `probability`."""
    return "".join(
        (each.upper() if chance.below(2) else each.lower())
        if each.isascii() and each.isalpha() and chance.happens(probability)
        else each
        for each in text
    )


def noised(text: str, chance: Chance, probability: float) -> str:
    """`text` with printable ASCII characters other than spaces moved by one, each with `probability`."""
    return "".join(
        chr(min(0x7E, max(0x21, ord(each) + 2 * chance.below(2) - 1)))
        if "!" <= each <= "~" and chance.happens(probability)
        else each
        for each in text
    )


def _share(given: object) -> Decimal:
    try:
        number = Decimal(str(given))
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or not 0 <= number <= 1:
        raise UsageError(
            f"{given!r} is no strength", where="attack best_of_n: strength", mend="give a text from 0 to 1"
        )
    return number


_WORD = re.compile(r"[^\W\d_]{4,}")
