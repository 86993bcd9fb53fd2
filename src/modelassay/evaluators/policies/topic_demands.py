"""Read demands about subjects: what an answer must leave alone, and what requests must be refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelassay.evaluators.policies.rules import Rule
from modelassay.evaluators.policies.topics import ForbidSubject, Refuse, subjects_in

_NOT = (
    r"(?:must not|must never|shall not|should not|should never|may not|may never|cannot|can not|can't|"
    r"do not|don't|does not|doesn't|is not (?:allowed|permitted) to|are not (?:allowed|permitted) to|never|"
    r"will not|won't|avoids?|refrains? from|prohibited from|forbidden to|no)"
)
_ADVERB = r"(?: ever| under any circumstances| attempt to| directly| knowingly| explicitly| in any way)?"
_SPEAK = (
    r"(?:discuss|mention|talk about|speak about|speak of|bring up|refer to|name|promote|advertise|endorse|"
    r"recommend|compare|comment on|speculate (?:about|on)|express (?:an? )?opinions? (?:about|on)|engage in|"
    r"engage with)"
)
_HELP = (
    r"(?:provide|give|offer|share|supply|generate|produce|create|write|assist with|assist in|help with|"
    r"help (?:users? )?to|help|answer questions (?:about|on)|answer|instruct|explain|facilitate|encourage|"
    r"support|advise on|teach|suggest|diagnose|prescribe|respond to|make)"
)
_FORBIDDEN = re.compile(
    rf"\b{_NOT}{_ADVERB}\s+(?P<verb>{_SPEAK}|{_HELP})(?:ing|es|s)?\b\s*"
    r"(?:or \w+ )?(?P<what>[^.;:]*(?::[^.;]*)?)",
    re.IGNORECASE,
)
_PASSIVE = re.compile(
    r"^(?P<what>[^.;:]{3,120}?) (?:is|are) (?:strictly |absolutely )?(?:prohibited|forbidden|not (?:allowed|"
    r"permitted)|off[- ]limits|banned)\b",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"\b(?:refuse|refuses|decline|declines|deny|denies|reject|rejects|turn down)\b(?: to)?(?: (?:help with|"
    r"assist with|answer|any|all|every|user|users?'|requests?|questions?|discuss|provide|give|for|about|on|"
    r"related to|that involve|involving|regarding|concerning|to))*\s+(?P<what>[^.;:]{3,200})",
    re.IGNORECASE,
)
_REQUESTS_REFUSED = re.compile(
    r"\b(?:requests?|questions?|queries|inquiries) (?:for|about|on|regarding|"
    r"concerning) (?P<what>[^.;:]{3,150}?) (?:must|should|shall|are to|have to|need to|will) be (?:refused|"
    r"declined|denied|rejected|turned down)\b",
    re.IGNORECASE,
)
_REFUSE_AT_ALL = re.compile(
    r"^(?:please |you (?:must|should|shall) |the \w+ (?:must|should|shall) )?(?:always )?(?:politely )?"
    r"(?:refuses?|declines?|den(?:y|ies)|do(?:es)? not (?:help|answer|assist|respond|comply)|never answers?)"
    r"(?: to (?:help|answer|assist|respond|comply))?(?: (?:the|this|that|such) requests?)?\W*$",
    re.IGNORECASE,
)
_TOO_VAGUE = re.compile(
    r"\b(?:off[- ]topic|unrelated|out of scope|scope|against (?:this|the|our) polic\w+|anything else|"
    r"any of (?:the )?these|not provided|that do(?:es)? not|anything|everything|false|made[- ]up|make up|"
    r"subjective|broad|non-specific|these (?:words|things)|harm\w*|inappropriate|such (?:requests|"
    r"questions))\b",
    re.IGNORECASE,
)
"""Subjects that words of a request cannot show."""
_MOST_WORDS = 6
"""A subject of more telling words is a description, whose words no request need share."""


def topic_rules(text: str, *, conditional: bool) -> Iterator[Rule]:
    """The rules about subjects that the demand `text` makes.

    Args:
        text: the demand, without its condition.
        conditional: whether a condition says already which requests it is about.
    """
    if conditional and _REFUSE_AT_ALL.match(text):
        yield Refuse(subjects=())
        return
    refused = _REQUESTS_REFUSED.search(text) or _REFUSED.search(text)
    if refused:
        subjects = _subjects(refused["what"])
        if subjects:
            yield Refuse(subjects=subjects)
        return
    match = _FORBIDDEN.search(text) or _PASSIVE.search(text)
    if match is None:
        return
    subjects = _subjects(match["what"])
    if subjects:
        verb = match.groupdict().get("verb") or "provide"
        yield ForbidSubject(subjects=subjects, mention=re.fullmatch(_SPEAK, verb, re.IGNORECASE) is not None)


def _subjects(what: str) -> tuple[frozenset[str], ...]:
    if _TOO_VAGUE.search(what):
        return ()
    return tuple(subject for subject in subjects_in(what) if len(subject) <= _MOST_WORDS)
