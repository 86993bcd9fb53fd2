"""Which option an answer chooses: by what it says, or by how likely the model found each.

Reading text goes from the plainest sign to the faintest, and a sign that points at two options, or that is
denied, settles nothing:

1. a final answer (``final answer: B``, ``\\boxed{B}``), then any statement (``the answer is (B)``, in nine
   languages), by label or by the option's own words;
2. the whole answer is a label, a position (``2``) or an option's words;
3. the answer begins with a label (``B. …``, ``(B) …``), or with an option's words and a stop;
4. only one label is mentioned (``option B``, ``(B)``), or only one option's words are;
5. where one option says that nothing can be known, other ways to say so choose it.

Whatever is left is a `NoChoice`, never a guess: ``refused`` when the answer refuses, ``several_choices``,
``no_choice``. The longer an answer argues before it chooses without a statement, the likelier it stays
unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from modelassay.evaluators.answers import CONTROL, unreadable, visible_start
from modelassay.evaluators.outcome import decide
from modelassay.evaluators.phrases import choosing
from modelassay.records import Choice, Sample, Span, Transcript, Unscored

Route = Literal["text", "likelihood"]
"""How a choice is found: in the answer's words, or as the likeliest option."""


_SHORT = 4
_AFTER_LABEL = r"$|(?<![AI])(?![A-Za-z0-9'’])|(?<=[AI])(?=\s*(?:$|[.,;:!)\]\n]|[-–—]\s|because\b|since\b))"
"""What may follow a bare label; "A" and "I" are words too."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The option that an answer chooses."""

    index: int
    """Of the sample's choices, from 0."""
    how: Literal["stated", "whole", "beginning", "mentioned", "likelihood"]
    span: Span | None = None
    """The part of the answer that says so."""


class NoChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The answer can be read and chooses no option, or more than one."""

    reason: Literal["no_choice", "several_choices", "refused"]


NOTHING = NoChoice(reason="no_choice")
SEVERAL = NoChoice(reason="several_choices")


def choice_of(sample: Sample, transcript: Transcript, route: Route) -> Chosen | NoChoice | Unscored:
    """What `transcript` chooses of the sample's choices.

    The two routes measure different things, so neither stands in for the other: without likelihoods the route
    ``likelihood`` is unscored.
    """
    if route == "likelihood":
        return _likeliest(sample, transcript)
    problem = unreadable_short(transcript)
    if problem is not None:
        return problem
    found = read_choice(transcript.answer, sample.choices)
    if transcript.finish == "length" and not (isinstance(found, Chosen) and found.how != "mentioned"):
        return Unscored(reason="cut off before a choice")
    return found


def unreadable_short(transcript: Transcript) -> Unscored | None:
    """Why the answer cannot be read, or None; a number alone is an answer here."""
    problem = unreadable(transcript)
    if problem is not None and problem.reason == "no words in the answer":
        return None if any(map(str.isdigit, transcript.answer)) else problem
    return problem


def read_choice(answer: str, choices: Sequence[Choice]) -> Chosen | NoChoice:
    """The option of `choices` that `answer` chooses; see the module for how."""
    start = visible_start(answer)
    if start < 0 or not choices:
        return NOTHING
    options = _options(tuple(choices))
    text = " " * start + choosing.MARKS.sub(_blank, CONTROL.sub(_blank, answer[start:]))
    found = _stated(text, options) or _whole(text, options) or _beginning(text, options)
    found = found or _mentioned(text, options)
    if found is not None:
        return found
    outcome = decide(text, "")
    refused = getattr(outcome, "outcome", "") in ("full_refusal", "deflection")
    return NoChoice(reason="refused") if refused else NOTHING


def _likeliest(sample: Sample, transcript: Transcript) -> Chosen | NoChoice | Unscored:
    if transcript.failure is not None:
        return Unscored(reason=f"request failed: {transcript.failure.kind}")
    weights = [each.log_likelihood for each in transcript.likelihoods]
    if not weights or len(weights) != len(sample.choices):
        return Unscored(reason="no likelihoods of the choices")
    best = max(weights)
    if weights.count(best) > 1:
        return SEVERAL
    return Chosen(index=weights.index(best), how="likelihood")


class _Options:
    """Patterns for one set of choices."""

    def __init__(self, choices: tuple[Choice, ...]) -> None:
        labels = [choice.label.strip("()[]{}.:） （") for choice in choices]
        self.index = {label.casefold(): index for index, label in enumerate(labels) if label}
        """Which option a label or a position names."""
        positions = _positions(labels, choices)
        self.index |= positions
        exact = "|".join(map(re.escape, (*filter(None, labels), *positions))) or r"(?!)"
        any_case = f"(?i:{exact})"
        held = rf"[(\[（【]\s*(?P<held>{any_case})\s*[.:]?[)\]）】]"
        self.held = re.compile(held)
        """A label in brackets."""
        self.label = re.compile(rf"{held}|(?<![A-Za-z0-9'’])(?P<bare>{exact})(?:{_AFTER_LABEL})")
        """A label after a statement."""
        self.whole = re.compile(rf"\s*[(\[（【]?\s*(?P<whole>{any_case})\s*[)\]）】.:。]*\s*$")
        """A label and nothing else."""
        self.line = re.compile(
            rf"^[ \t]*(?:(?:option|choice|answer)\s*[:.]?\s*)?(?:[(\[（【]\s*(?P<b1>{any_case})\s*[)\]）】]"
            rf"|(?P<b2>{any_case})\s*[)）.:：、．](?=\s|$|[^\x00-\x7f])|(?P<b3>{exact})[ \t]*$)",
            re.MULTILINE,
        )
        """A label at the beginning of a line."""
        self.named = re.compile(rf"(?i:{choosing.OPTION_WORDS})\s*(?P<named>{exact})(?![A-Za-z0-9'’])")
        """A label after a word for it."""
        self.another = re.compile(rf"\s*{choosing.JOINING}\s*(?:{held}|{exact}(?![A-Za-z0-9'’]))")
        """A second label beside the first."""
        texts = [_words_of(choice.text) for choice in choices]
        # The longest first, so that "a jam jar" is not read as "a jar".
        order = sorted((i for i in range(len(texts)) if texts[i]), key=lambda i: -len(texts[i]))
        joined = "|".join(f"(?P<t{i}>{texts[i]})" for i in order) or r"(?!)"
        self.text = re.compile(rf"(?<![^\W_])(?:{joined})(?![^\W_])", re.IGNORECASE)
        """An option's words."""
        self.short = {i for i, choice in enumerate(choices) if sum(map(str.isalnum, choice.text)) < _SHORT}
        """Options whose words are in many sentences that choose nothing, such as "no"."""
        unknown = [i for i, choice in enumerate(choices) if choosing.UNKNOWN_OPTION.search(choice.text)]
        self.unknown = unknown[0] if len(unknown) == 1 else None
        """The one option that says that nothing can be known."""

    def labelled(self, match: re.Match[str]) -> int:
        """Which option the label in `match` names."""
        name = next(text for text in match.groupdict().values() if text is not None)
        return self.index[name.casefold()]

    def worded(self, match: re.Match[str]) -> int:
        """Which option's words `match` is."""
        return int((match.lastgroup or "t-1")[1:])


def _positions(labels: Sequence[str], choices: Sequence[Choice]) -> dict[str, int]:
    """``1``, ``2`` and so on for options listed by letters, unless some option is itself about numbers."""
    if not all(labels) or any(re.search(r"\d", choice.label + choice.text) for choice in choices):
        return {}
    return {str(index + 1): index for index in range(len(choices))}


@lru_cache(maxsize=256)
def _options(choices: tuple[Choice, ...]) -> _Options:
    return _Options(choices)


def _words_of(text: str) -> str:
    """A pattern for the words of an option, its article and its punctuation left to chance."""
    words = re.findall(r"[^\W_]+(?:['’][^\W_]+)*|[^\s\w]", choosing.ARTICLE.sub("", text.strip()))
    kept = [word for word in words if word[0].isalnum()] or words
    return r"[\W_]{1,3}".join(re.sub("['’]", "['’]", re.escape(word)) for word in kept)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _one(found: dict[int, Chosen], *, denied: bool = False) -> Chosen | NoChoice | None:
    """The only option found; several settle nothing, and one beside a denied one neither."""
    if len(found) > 1:
        return SEVERAL
    return None if denied or not found else next(iter(found.values()))


def _stated(text: str, options: _Options) -> Chosen | NoChoice | None:
    """What the answer says that its answer is."""
    for pattern in (choosing.FINAL, choosing.STATEMENT):
        found: dict[int, Chosen] = {}
        for statement in pattern.finditer(text):
            end = _clause_end(text, statement.end())
            index = _of_clause(text, statement.end(), end, options)
            if index is not None and not choosing.denied(text, statement.start(), end):
                span = Span(start=statement.start(), end=end)
                found.setdefault(index, Chosen(index=index, how="stated", span=span))
        if found:
            return _one(found)
    return None


def _of_clause(text: str, start: int, end: int, options: _Options) -> int | None:
    """The one option that the clause after a statement names; its label counts before its words."""
    label = options.label.match(text, _lead(text, start))
    if label is not None and label.start() < end:
        return None if options.another.match(text, label.end()) else options.labelled(label)
    named = {options.labelled(m) for m in _undenied(options.held, text, start, end)}
    worded = {options.worded(m) for m in _undenied(options.text, text, start, end)}
    both = named or worded
    return both.pop() if len(both) == 1 else None


def _undenied(pattern: re.Pattern[str], text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    return (m for m in pattern.finditer(text, start, end) if not choosing.denied(text, m.start(), m.end()))


def _lead(text: str, start: int) -> int:
    """Where what is named begins."""
    found = choosing.LEAD.match(text, start)
    return found.end() if found else start


def _clause_end(text: str, start: int) -> int:
    found = choosing.CLAUSE.match(text, start)
    return found.end() if found else start


def _whole(text: str, options: _Options) -> Chosen | None:
    """An answer that is nothing but a label, a position or an option's words."""
    body = text.strip()
    if not body:
        return None
    start = text.index(body)
    span = Span(start=start, end=start + len(body))
    label = options.whole.match(body)
    if label is not None:
        return Chosen(index=options.labelled(label), how="whole", span=span)
    bare = choosing.ARTICLE.sub("", body).strip(" \t\n.,;:!?()[]。")
    worded = options.text.fullmatch(bare)
    return Chosen(index=options.worded(worded), how="whole", span=span) if worded else None


def _beginning(text: str, options: _Options) -> Chosen | NoChoice | None:
    """An answer that begins with a label or with an option's words and a stop."""
    lines: dict[int, Chosen] = {}
    first = len(text) - len(text.lstrip())
    for match in options.line.finditer(text):
        index = options.labelled(match)
        span = Span(start=match.end() - len(match.group().lstrip()), end=match.end())
        lines.setdefault(index, Chosen(index=index, how="beginning", span=span))
    if len(lines) > 1:  # the options listed again, or one after the other weighed
        return SEVERAL
    for index, found in lines.items():
        span = found.span or Span(start=0, end=0)
        if span.start != first:
            return None
        rest = options.text.finditer(text, span.end, _clause_end(text, span.end))
        told = {options.worded(match) for match in rest}
        other = (bool(told) and index not in told) or options.another.match(text, span.end)
        return SEVERAL if other or choosing.denied(text, span.start, span.end) else found
    worded = options.text.match(text, _lead(text, first))
    stop = choosing.STOP.match(text, worded.end()) if worded else None
    if worded is None or stop is None:
        return None
    second = options.text.match(text, _lead(text, stop.end()))
    if (
        second
        and choosing.STOP.match(text, second.end())
        and options.worded(second) != options.worded(worded)
    ):
        return SEVERAL
    return Chosen(index=options.worded(worded), how="beginning", span=Span(start=first, end=worded.end()))


def _mentioned(text: str, options: _Options) -> Chosen | NoChoice | None:
    """The only option that is mentioned: by label, else by its words, else as what cannot be known."""
    for matches in (_labels(text, options), _worded(text, options)):
        found: dict[int, Chosen] = {}
        denied = False
        for index, span in matches:
            denied = denied or choosing.denied(text, span.start, span.end)
            found.setdefault(index, Chosen(index=index, how="mentioned", span=span))
        if found:
            return _one(found, denied=denied) or NOTHING
    unknown = choosing.UNKNOWN.search(text) if options.unknown is not None else None
    if unknown is None or options.unknown is None:
        return None
    span = Span(start=unknown.start(), end=unknown.end())
    return Chosen(index=options.unknown, how="mentioned", span=span)


def _labels(text: str, options: _Options) -> Iterator[tuple[int, Span]]:
    for pattern in (options.held, options.named):
        for match in pattern.finditer(text):
            yield options.labelled(match), Span(start=match.start(), end=match.end())


def _worded(text: str, options: _Options) -> Iterator[tuple[int, Span]]:
    for match in options.text.finditer(text):
        index = options.worded(match)
        if index not in options.short:
            yield index, Span(start=match.start(), end=match.end())
