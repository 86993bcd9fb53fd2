"""Show hostile text to a judge so that it cannot end its own quotation, take another's turn, or hide words.

Every line of the text stands behind a mark that the text does not hold ("datamarking": Hines et al. 2024,
arXiv:2403.14720), between two lines with the mark in brackets that the text cannot hold either. Characters
that people do not see are taken out or, where they carry a message, written out; control tokens of chat
templates are broken. Nothing else changes, nothing is cut, and every character knows where it stands in the
original, so that a quotation from what was shown is found in what was answered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from modelassay.canonical import digest_of
from modelassay.records import Span

_MARK_DIGITS = 16
_CHANGED = re.compile(
    r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]"  # ends of lines, in all their forms
    r"|(?P<tags>[\U000e0001-\U000e007f]+)"
    r"|[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0080-\U000e0fff]"
    r"|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
    r"|[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]|(?P<half>[\ud800-\udfff])|(?P<bracket>[⟦⟧⟨⟩])"
    r"|(?P<token><[|｜][^<>\n]{1,40}[|｜]>|\[/?(?:INST|SYS)\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>"
    r"|<(?:pad|unk|bos|eos)>|\[/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])"
)
_MAY_CHANGE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f<\[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u27e6-\u27e9\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001d173-\U0001d17a\U000e0001-\U000e0fff]"
)
"""The first character of whatever is changed in any text."""
_BROKEN = str.maketrans("<>[]⟦⟧⟨⟩", "‹›❲❳[]()")
_QUOTES = str.maketrans("’‘‚“”„«»", '\'\'\'"""""')


class Shown(msgspec.Struct, frozen=True):
    """A text as a judge is shown it."""

    text: str
    """Without the marks; lines end with a line feed."""
    offsets: Sequence[int]
    """Where each character of `text`, and its end, stands in the original."""

    def behind(self, mark: str) -> str:
        """Every line behind `mark`."""
        return "\n".join(f"{mark}| {line}" for line in self.text.split("\n"))

    def find(self, quote: str, mark: str) -> Span | None:
        """Where `quote` stands in the original, whatever the white space and the shape of quotation marks."""
        found = _find(quote.replace(f"{mark}|", " "), self.text)
        if found is None:
            return None
        return Span(start=self.offsets[found[0]], end=self.offsets[found[1] - 1] + 1)

    def without(self, spans: list[tuple[int, int]], instead: str) -> Shown:
        """With each of `spans` (offsets in `text`, in order, apart) replaced."""
        text: list[str] = []
        offsets: list[int] = []
        last = 0
        for start, end in spans:
            text += (self.text[last:start], instead)
            offsets += (*self.offsets[last:start], *[self.offsets[start]] * len(instead))
            last = end
        return Shown("".join((*text, self.text[last:])), [*offsets, *self.offsets[last:]])


def shown(text: str) -> Shown:
    """`text` as it is put before a judge."""
    parts: list[str] = []
    offsets: list[int] = []
    last = 0
    if _is_plain(text) if text.isascii() else _MAY_CHANGE.search(text) is None:
        return Shown(text, range(len(text) + 1))
    for match in _CHANGED.finditer(text):
        start, end = match.span()
        instead = _instead(match)
        parts += (text[last:start], instead)
        offsets += range(last, start)
        if len(instead) == end - start:
            offsets += range(start, end)
        else:
            offsets += [start] * len(instead)
        last = end
    offsets += range(last, len(text) + 1)
    return Shown("".join((*parts, text[last:])), offsets)


_HARMLESS = bytes(code for code in range(0x20, 0x7F) if chr(code) not in "<[") + b"\t\n"


def _is_plain(text: str) -> bool:
    """Whether nothing of a text of plain ASCII is changed; faster than `_MAY_CHANGE`."""
    others = text.encode().translate(None, _HARMLESS)
    return not others or (not others.strip(b"<[") and _CHANGED.search(text) is None)


def _instead(match: re.Match[str]) -> str:
    found = match.group()
    if match["tags"]:
        return f"⟨hidden: {''.join(chr(ord(each) - 0xE0000) for each in found if ord(each) >= 0xE0020)}⟩"
    if match["half"]:
        return "\ufffd"
    if match["bracket"] or match["token"]:
        return found.translate(_BROKEN)
    return "\n" if found in ("\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029") else ""


def mark_of(about: list[str], seed: int = 0) -> str:
    """Sixteen hexadecimal digits that none of the texts `about` holds: the same for the same texts and seed.

    The mark is a digest over the texts, so a text cannot be written around a mark that is known before.
    """
    attempt = 0
    sound = [text.encode("utf-8", "backslashreplace").decode() for text in about]  # no half characters
    while True:
        digest = digest_of(["modelassay judge mark", str(seed), str(attempt), *sound])
        mark = digest.removeprefix("sha256:")[:_MARK_DIGITS]
        if not any(mark in text for text in about):
            return mark
        attempt += 1


def block(name: str, text: Shown, mark: str) -> str:
    """The text between its two boundary lines."""
    return f"⟦{name} {mark} begins⟧\n{text.behind(mark)}\n⟦{name} {mark} ends⟧"


def find_quote(quote: str, text: str) -> Span | None:
    """Where `quote` stands in `text`, whatever the white space and the shape of quotation marks."""
    found = _find(quote, text)
    return None if found is None else Span(start=found[0], end=found[1])


def _find(quote: str, text: str) -> tuple[int, int] | None:
    words = quote.translate(_QUOTES).split()
    if not words:
        return None
    match = re.search(r"\s+".join(map(re.escape, words)), text.translate(_QUOTES))
    return match.span() if match else None
