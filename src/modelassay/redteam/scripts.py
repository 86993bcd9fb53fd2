"""Requests that people read as before while the characters are others, or that people cannot see at all.

Boucher et al. 2022, "Bad Characters" (arXiv:2106.09898): invisible characters, look-alikes, reordering.
"""

from __future__ import annotations

from modelassay.errors import UsageError
from modelassay.records import Decoding
from modelassay.redteam.encodings import LETTERS, Encoding

ZERO_WIDTH_SPACE = "\u200b"
RIGHT_TO_LEFT_OVERRIDE, POP_DIRECTIONAL_FORMATTING = "\u202e", "\u202c"
TAG_OFFSET = 0xE0000
"""U+E0020 to U+E007E are the tags of ASCII characters 0x20 to 0x7E (Unicode 16, section 23.9)."""
LOOK_ALIKE: dict[str, str] = dict(
    zip(
        "aceijopsxyhABCEHIJKMOPSTXNZY",
        "асеіјорѕхуһАВСЕНІЈКМОРЅТХΝΖΥ",
        strict=True,
    )
)
"""Latin letters and the Cyrillic or Greek ones that look the same (Unicode UTS 39, confusables)."""


class Script(Encoding):
    """The request in other characters; by default without a word about it."""

    family = "script"
    dated = "2026-11-21"
    source = "Boucher et al. 2022, arXiv:2106.09898"

    def __init__(
        self,
        *,
        hint: bool = False,
        decoding: Decoding | None = None,
        settings: dict[str, str | int] | None = None,
    ) -> None:
        super().__init__(hint=hint, decoding=decoding, settings=settings)


class ZeroWidth(Script):
    """The request with an invisible space between all characters."""

    name = "zero_width"
    scheme = "plain text with zero-width spaces between the characters"

    def encode(self, text: str) -> str:
        """U+200B between any two characters."""
        return ZERO_WIDTH_SPACE.join(text)


class Homoglyph(Script):
    """The request with Cyrillic and Greek letters that look like the Latin ones."""

    name = "homoglyph"
    letters = frozenset(LETTERS + LETTERS.upper())
    scheme = "letters that look like Latin ones"

    def encode(self, text: str) -> str:
        """Every letter that has a look-alike replaced."""
        return text.translate(_LOOK_ALIKE)


class Bidi(Script):
    """The request with each line backwards, and the marks that make it look forwards."""

    name = "bidi"
    scheme = "text stored backwards under a right-to-left override"

    def encode(self, text: str) -> str:
        """The code points of each line in reverse order between U+202E and U+202C."""
        return "\n".join(
            RIGHT_TO_LEFT_OVERRIDE + line[::-1] + POP_DIRECTIONAL_FORMATTING for line in text.split("\n")
        )


class TagCharacters(Script):
    """The request in invisible tag characters after a harmless visible line.

    Args:
        cover: the visible line.
        hint: whether the model is told that there are tag characters.
        decoding: how `run` generates answers.

    Raises:
        UsageError: the cover is not text.
    """

    name = "tag_characters"
    letters = frozenset(LETTERS + LETTERS.upper())
    scheme = "Unicode tag characters"
    source = "Unicode 16, section 23.9"

    def __init__(
        self, *, cover: str = "Hello! 👋", hint: bool = False, decoding: Decoding | None = None
    ) -> None:
        if not isinstance(cover, str):
            raise UsageError(
                f"{cover!r} is no text", where="attack tag_characters: cover", mend="give a line"
            )
        self._cover = cover
        super().__init__(hint=hint, decoding=decoding, settings={"cover": cover})

    def encode(self, text: str) -> str:
        """ASCII characters as tags, after the cover; others stand as they are."""
        return self._cover + text.translate(_TAGS)


class CharacterSplitting(Script):
    """The request with a mark between all characters.

    Args:
        mark: one character.
        hint: whether the model is told so.
        decoding: how `run` generates answers.

    Raises:
        UsageError: the mark is not one character.
    """

    name = "character_splitting"
    scheme = "plain text with a mark between the characters"
    source = ""

    def __init__(self, *, mark: str = "-", hint: bool = False, decoding: Decoding | None = None) -> None:
        if not isinstance(mark, str) or len(mark) != 1:
            raise UsageError(
                f"{mark!r} is not one character",
                where="attack character_splitting: mark",
                mend="give one, such as '-'",
            )
        self._mark = mark
        super().__init__(hint=hint, decoding=decoding, settings={"mark": mark})

    def encode(self, text: str) -> str:
        """The mark between any two characters."""
        return self._mark.join(text)


_LOOK_ALIKE = str.maketrans(LOOK_ALIKE)
_TAGS = {code: TAG_OFFSET + code for code in range(0x20, 0x7F)}
