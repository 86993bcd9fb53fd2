"""Split a policy document into clauses: sentences that demand or forbid something, with where they stand.

Read are Markdown and plain text: headings, numbered and bulleted lists (nested ones too), paragraphs. A list
whose lead-in ends with a colon passes it on: "Never discuss:" with the item "politics" is the clause "Never
discuss politics". Sentences that only describe are not clauses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*?)\s*#*\s*$|\s*\*\*([^*]{1,80}?):?\*\*\s*:?\s*$")
_UNDERLINE = re.compile(r"\s*(?:={3,}|-{3,})\s*$")
_ITEM = re.compile(r"(\s*)([-*•–·]|\(?\d+(?:\.\d+)*[.)]|\d+(?:\.\d+)+|\(?[a-zA-Z][.)])\s+(.*)")
_TAB = 4
_SENTENCE_END = re.compile(r"[.!?]+[\"'”’)\]]*\s+(?=[\"'“(\[]?[A-Z0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|dr|mr|mrs|ms|st|no|approx|inc)|\b[A-Z])\.$", re.IGNORECASE
)
_QUOTES = re.compile(r'"[^"\n]*"|“[^”\n]*”|(?<!\w)\'[^\'\n]+\'(?!\w)')

NORM = re.compile(
    r"\b(?:must|shall|should|may not|might not|can ?not|can't|can only|has to|have to|had to|needs? to|"
    r"is to|are to|required?|requires|requirement|mandatory|prohibited|forbidden|not (?:allowed|permitted)|"
    r"disallowed|never|always|only|do not|don't|does not|doesn't|not to|won't|will not|avoids?|refrains?|"
    r"refuses?|declines?|den(?:y|ies)|ensures?|make sure|under no circumstances|at all times|at most|"
    r"at least|no more than|maximum|minimum|without)\b|^no\b",
    re.IGNORECASE,
)
"""Words that make a sentence demand or forbid."""
_IMPERATIVE = re.compile(
    r"(?:please\s+)?(?:ask|answer|respond|repl(?:y|ie)|include|end|begin|start|provide|use|keep|refer|tell|"
    r"recommend|write|offer|remind|redirect|transfer|explain|cite|mention|limit|speak|stay|treat|protect|"
    r"verif(?:y|ie)|confirm|check|obtain|follow|introduce|state|add|give|return|output|format|remain|"
    r"maintain|be|limit|reject|escalate|warn|advise|suggest|encourage|greet|thank|address|express|"
    r"identif(?:y|ie)|summari[sz]e|description|response is|responses are|\"[^\"]+\" at)(?:e?s)?\b",
    re.IGNORECASE,
)
"""Words that a demand begins with when it says what to do at once."""
_TITLE_WORDS = 8
_LONGEST = 2_000


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """One demand or prohibition of a policy."""

    id: str
    """Section and number: ``refunds.2``; the document's own number where it has one."""
    text: str
    section: str = ""
    """The heading that it stands under."""
    line: int
    """Line of the document, from 1."""

    @property
    def citation(self) -> str:
        """Where it stands, and its words."""
        place = f"{self.section}, line {self.line}" if self.section else f"line {self.line}"
        words = self.text if len(self.text) <= 160 else self.text[:157].rstrip() + "…"
        return f"{place}: “{words}”"


class _Block(msgspec.Struct, frozen=True, kw_only=True):
    """A list item or paragraph."""

    text: str
    section: str
    line: int
    marker: str = ""
    """What numbers or bullets it; empty for a paragraph."""
    indent: int = -1
    """Columns before the marker; -1 for a paragraph."""


def clauses_of(document: str) -> tuple[Clause, ...]:
    """The clauses of `document`, in its order; ids are unique."""
    found: list[Clause] = []
    leads: list[_Block] = []
    numbers: dict[str, int] = {}
    for block in _blocks(document):
        leads = [lead for lead in leads if _leads_on(lead, block)]
        if block.text.endswith(":") and not block.text.endswith("::"):
            leads.append(block)
            continue
        lead = " ".join(each.text.rstrip(": ") for each in leads if _is_norm(each.text.rstrip(": ")))
        texts = [f"{lead} {block.text}"] if lead else list(filter(_is_norm, split_sentences(block.text)))
        if not texts:
            continue
        slug = _slug(block.section)
        numbers[slug] = numbers.get(slug, 0) + 1
        own = block.marker.strip("().")
        number = own if own[:1].isdigit() and not leads else str(numbers[slug])
        for index, text in enumerate(texts):
            letter = chr(ord("a") + index) if len(texts) > 1 else ""
            name = _unused(f"{slug}.{number}{letter}", found)
            found.append(Clause(id=name, text=text[:_LONGEST], section=block.section, line=block.line))
    return tuple(found)


def split_sentences(text: str) -> list[str]:
    """The sentences of `text`; a quotation and an abbreviation end none."""
    quoted = [match.span() for match in _QUOTES.finditer(text)]
    sentences, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        inside = any(a < match.start() < b - 1 for a, b in quoted)
        if inside or _ABBREVIATION.search(text[start : match.start() + 1]):
            continue
        sentences.append(text[start : match.end()].strip())
        start = match.end()
    return [sentence for sentence in (*sentences, text[start:].strip()) if sentence]


def _blocks(document: str) -> Iterator[_Block]:
    lines = document.expandtabs(_TAB).splitlines()
    section, open_block = "", None
    for number, line in enumerate(lines, 1):
        heading = _HEADING.match(line)
        item = _ITEM.match(line)
        following = lines[number] if number < len(lines) else ""
        underlined = bool(line.strip()) and not item and _UNDERLINE.match(following) is not None
        if heading or underlined or not line.strip() or _UNDERLINE.match(line):
            if open_block:
                yield open_block
            open_block = None
            if heading or underlined:
                section = ((heading and (heading[1] or heading[2])) or line).strip().rstrip(":")
        elif item:
            if open_block:
                yield open_block
            open_block = _Block(
                text=item[3].strip(), section=section, line=number, marker=item[2], indent=len(item[1])
            )
        elif open_block:
            text = f"{open_block.text} {line.strip()}"
            open_block = msgspec.structs.replace(open_block, text=text)
        else:
            open_block = _Block(text=line.strip(), section=section, line=number)
    if open_block:
        yield open_block


def _leads_on(lead: _Block, block: _Block) -> bool:
    """Whether `block` still belongs to the list that `lead` opens."""
    return block.section == lead.section and bool(block.marker) and block.indent > lead.indent


def _is_norm(sentence: str) -> bool:
    """Whether a sentence demands or forbids something."""
    if sentence.endswith("?"):
        return False
    return NORM.search(sentence) is not None or _IMPERATIVE.match(sentence) is not None


def _slug(section: str) -> str:
    words = re.findall(r"[^\W_]+", section.lower())
    return "-".join(words[:_TITLE_WORDS]) or "clause"


def _unused(name: str, found: list[Clause]) -> str:
    taken = {clause.id for clause in found}
    unused, again = name, 1
    while unused in taken:
        again += 1
        unused = f"{name}-{again}"
    return unused
