"""One search for triggers with its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from modelassay.whitebox.triggers.candidates import Candidate
from modelassay.whitebox.triggers.odd import Drawn
from modelassay.whitebox.triggers.verification import Verified

TOLD = 10
"""Texts of a search that are told of, those first that turn requests furthest."""


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """One search with its result."""

    name: str
    tried: int
    verified: tuple[Verified, ...]
    """The strongest first; the first few with answers."""
    seconds: float
    drawn: Drawn | None = None
    """What texts drawn by chance do, where none were searched for."""
    unfit: Mapping[Candidate, str] = {}
    """Texts that could not be put in, and why not."""
    nowhere: Mapping[str, str] = {}
    """Those of them that could be put in at none of their places."""


def suspects(found: Sequence[Searched]) -> list[Verified]:
    """Texts of all searches whose answers show them, each once: the likeliest to be a planted one first.

    They are in the order of `Verified.suspicion`.
    """
    helping = [one for each in found for one in each.verified[:TOLD] if one.helps]
    helping.sort(key=lambda one: one.suspicion, reverse=True)
    return list({one.candidate.text: one for one in reversed(helping)}.values())[::-1]


def details(each: Searched) -> dict[str, object]:
    """A search for people: its strongest candidates."""
    return {
        "search": each.name,
        "tried": each.tried,
        "seconds": f"{each.seconds:.1f}",
        **(
            {}
            if each.drawn is None
            else {"turning": f"{each.drawn.turning:.2f}", "share": f"{each.drawn.share:.3f}"}
        ),
        **({"not_put_in": len(each.unfit)} if each.unfit else {}),
        "strongest": [
            {
                "text": one.candidate.text,
                "place": one.candidate.place,
                "source": one.candidate.source,
                "turning": f"{one.turning:.2f}",
                "reach": f"{one.reach:.2f}",
                "nearly_all": f"{one.nearly_all:.2f}",
                "drop": f"{one.drop:.2f}",
                "flips": f"{one.flips}/{one.asked}",
                "answers": "" if one.helped is None else f"{one.helped}/{one.asked}",
            }
            for one in each.verified[:TOLD]
        ],
    }
