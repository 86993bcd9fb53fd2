"""Read a clause: which rules it is made of, and when it applies.

A clause in English is read by patterns, one kind of demand after the other; those that no pattern knows are
not checkable without a judge, and say so. A condition ("if the user asks about refunds, …") is met when the
request shares its telling words; "unless" turns that round. A condition that no request can show ("if
necessary", "when confirmed") makes the clause uncheckable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from modelassay.evaluators.engines import Outcome
from modelassay.evaluators.phrases.notation import word_set
from modelassay.evaluators.policies.document import Clause, clauses_of
from modelassay.evaluators.policies.exchange import Exchange, about, stems_of
from modelassay.evaluators.policies.form_demands import form_rules, tool_rules
from modelassay.evaluators.policies.rules import ABSENT, Rule
from modelassay.evaluators.policies.speech_demands import speech_rules, spoken
from modelassay.evaluators.policies.topic_demands import topic_rules
from modelassay.evaluators.policies.topics import EXTRACTION, AskFirst
from modelassay.records import Reading, Sample, Unscored

NOT_CHECKABLE = "clause not checkable offline"
CLAUSE_TAG = "clause"
"""Tag by which a dataset says which clause a sample is about."""

_CONDITION = re.compile(
    r"^(?:[\w ]{0,20}:\s*)?(?:if|when|whenever|in case|where|for (?:any |all )?(?:questions?|requests?|"
    r"queries|inquiries) (?:about|on|regarding|related to))\s+(?P<front>[^,]{3,200}?),\s*(?P<rest>.+)$|"
    r"^(?P<start>.+?),?\s+(?P<word>if|when|whenever|unless|except(?: when| if| for| in)?|in (?:answers|"
    r"responses|replies) (?:to (?:questions )?)?about|for (?:questions|"
    r"requests) about)\s+(?P<back>[^.]{3,200})\.?$",
    re.IGNORECASE | re.DOTALL,
)
_REVERSED = ("unless", "except")
_UNSEEN = re.compile(
    r"\b(?:necessary|appropriate|possible|needed|relevant|applicable|available|not|no|without|already|after|"
    r"before|confirmed|only|sure|unsure|certain|uncertain|know|completed|tool|database|api|policy|"
    r"explicitly)\b|n't|\d",
    re.IGNORECASE,
)
"""Words of conditions that the words of a request do not show."""


_IF_MISSING = re.compile(
    r",? (?:if|unless)(?: it is| they are| it has| they have)?(?: not)?(?: been)?(?: already)?(?: been)? "
    r"(?:provided|given|known|stated|specified|mentioned)\b",
    re.IGNORECASE,
)
"""Asking for what is missing is what the rule about asking does anyway."""
_FIRST_THIS = re.compile(r"^(?:before|prior to|after|once|until)\b", re.IGNORECASE)
"""A demand on the order of deeds, which no single answer shows."""
_INSTRUCTIONS = re.compile(r"\b(?:instructions?|prompts?|rules|system message)\b", re.IGNORECASE)
_GENERAL = word_set(
    "general tone style format formatting language conduct behaviour behavior rules rule guidelines policy "
    "policies scope role identity persona safety principles constraints instructions communication "
    "conversation basic"
)
"""Headings that name no subject of requests."""


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """A clause as it is checked."""

    clause: Clause
    rules: tuple[Rule, ...]
    """All must be kept; none when the clause cannot be checked by rules."""
    condition: frozenset[str] = frozenset()
    """Stems of a condition on the request; empty for a clause that always applies."""
    reversed_condition: bool = False
    """Whether the clause applies when the condition is *not* met."""
    after_instructions: bool = False
    """Whether the condition is that the request is after the instructions."""

    @property
    def checkable(self) -> bool:
        """Whether rules can check it."""
        return bool(self.rules)

    @property
    def kind(self) -> str:
        """The kinds of its rules."""
        return "+".join(dict.fromkeys(rule.kind for rule in self.rules)) or "not_checkable"

    def applies(self, exchange: Exchange) -> bool:
        """Whether the clause speaks of this request; the answer has no part in it."""
        tagged = exchange.sample.tags.get(CLAUSE_TAG, "")
        if tagged and tagged == self.clause.id:
            return True
        if self.condition and self._met(exchange) == self.reversed_condition:
            return False
        return any(rule.concerns(exchange) for rule in self.rules) if self.rules else True

    def _met(self, exchange: Exchange) -> bool:
        if self.after_instructions and EXTRACTION.search(exchange.request):
            return True
        return about(self.condition, exchange.request_stems)

    def read(self, exchange: Exchange) -> Outcome:
        """Whether the answer keeps the clause: the value 1 when it keeps every rule."""
        if not self.rules:
            return Unscored(reason=NOT_CHECKABLE)
        if isinstance(exchange.outcome, Unscored) and any(rule.reads_outcome for rule in self.rules):
            return exchange.outcome
        for rule in self.rules:
            found = rule.breach(exchange)
            if found is not None:
                evidence = None if found == ABSENT else found
                return Reading(value=0.0, label=f"broken:{rule.kind}", evidence=evidence)
        if any(rule.untold(exchange) for rule in self.rules):
            return Unscored(reason=NOT_CHECKABLE)
        return Reading(value=1.0, label="kept")


def requirements_of(document: str) -> tuple[Requirement, ...]:
    """How each clause of `document` is checked, in its order."""
    clauses = clauses_of(document)
    sections = {clause.section for clause in clauses}
    return tuple(_requirement(clause, document, many_sections=len(sections) > 1) for clause in clauses)


def _requirement(clause: Clause, document: str, *, many_sections: bool) -> Requirement:
    calls = tuple(tool_rules(clause.text))
    if calls:
        return Requirement(clause=clause, rules=calls)
    if _FIRST_THIS.match(clause.text):
        return Requirement(clause=clause, rules=())
    text, condition, reverse = split_condition(_IF_MISSING.sub("", clause.text))
    if condition is None:
        return Requirement(clause=clause, rules=())
    rules = tuple(_rules(text, document, conditional=bool(condition)))
    if many_sections and not condition and any(isinstance(rule, AskFirst) for rule in rules):
        # What is to be asked for under "Refunds" is asked of who wants one.
        condition = frozenset(stems_of(clause.section)) - _GENERAL
    return Requirement(
        clause=clause,
        rules=rules,
        condition=condition,
        reversed_condition=reverse,
        after_instructions=bool(condition) and _INSTRUCTIONS.search(clause.text) is not None,
    )


def split_condition(text: str) -> tuple[str, frozenset[str] | None, bool]:
    """The demand of a clause, the stems of its condition, and whether the condition is turned round.

    The stems are empty when there is no condition, and None when no request can show whether it is met.
    """
    match = _CONDITION.match(text)
    if match is None or _quoted(text, match):
        return text, frozenset(), False
    words = match["front"] or match["back"]
    demand = match["rest"] or match["start"]
    stems = frozenset(stems_of(words))
    if not stems or _UNSEEN.search(words):
        return demand, None, False
    reverse = (match["word"] or "").lower().startswith(_REVERSED)
    return demand, stems, reverse


def _quoted(text: str, match: re.Match[str]) -> bool:
    """Whether the condition's word stands inside a quotation."""
    at = match.start("word") if match["word"] else 0
    return text.count('"', 0, at) % 2 == 1


def _rules(text: str, document: str, *, conditional: bool) -> Iterator[Rule]:
    """Rules of form and words; of subjects only where those know nothing of the clause."""
    found: list[Rule] = [*form_rules(spoken(text)), *speech_rules(text, document)]
    yield from found or topic_rules(text, conditional=conditional)


def policy_of(sample: Sample) -> str:
    """The policy that a sample brings itself: its system messages."""
    return "\n\n".join(message.content for message in sample.messages if message.role == "system")
