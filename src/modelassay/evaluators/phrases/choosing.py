"""How people say which option they choose, that one is wrong, and that nothing can be known.

English, Spanish, French, German, Italian, Portuguese, Russian, Arabic and Chinese.
"""

from __future__ import annotations

import re

MARKS = re.compile(r"[*`_#$\"“”„«»{}]|\\(?:text|textbf|mathrm|mathbf|\(|\)|\[|\])")
"""Markdown and mathematical markup around a choice."""


def _any(*words: str) -> str:
    return "(?:" + "|".join(words) + ")"


_ANSWER = _any(
    r"answer|option|choice|respuesta|opción|réponse|option|antwort|lösung|risposta|opzione|scelta",
    r"resposta|opção|ответ|вариант|الإجابة|الاجابة|الجواب|答案",
)
_IS = _any(
    r"(?:is|would be|should be|must be|es|sería|est|serait|ist|lautet|wäre|è|é)\b",
    r"هي|هو|应该是|应为|應為|是|为|為|[:：]",
)
_RIGHT = _any(
    r"correct|right|best|most likely|correcta|bonne|correcte|juste|richtige|korrekte|corretta|giusta",
    r"correta|certa|правильный|正确|正確",
)
_FINALLY = _any(r"final|definitive|last|endgültige|finale|окончательный|最终|最終|النهائية")
_WORD_START = r"(?:\b|(?<=[^\x00-\x7f])|(?=[^\x00-\x7f]))"
OPTION_WORDS = r"\b(?:option|choice|opción|opzione|opção|вариант|الخيار)|选项|選項|选择"
"""Words right before a label."""

_SURELY = r"(?:(?:probably|likely|clearly|definitely|simply)\s+)?"
_BEFORE_LABEL = _any(
    r"(?:option|choice|answer|opción|letra|letter|antwort|réponse|the|an?|el|la|los|las|le|les|der|die|das)\s+",
    r"(?:il|lo|o|os|as|al)\s+|选项|選項",
)
LEAD = re.compile(rf"[\s:：,\-–—>]*{_SURELY}{_BEFORE_LABEL}*[\s:：]*", re.IGNORECASE)
"""What may stand between a statement and what it names; nothing matches too."""

_CHOOSING = _any(
    r"(?i:\bI(?:['’]d|['’]ll| would| will)? (?:choose|pick|select|say|go with|opt for|answer)\b)",
    r"(?i:\b(?:elijo|escojo|je choisis|ich wähle|scelgo|escolho|выбираю)\b)",
    r"أختار|我选择|我選擇|我选|故选|因此选|应选|选(?=\s*[A-Z(（])",
)
STATEMENT = re.compile(rf"(?i:{_WORD_START}(?:{_RIGHT}\s*)?{_ANSWER}\s*(?:{_RIGHT}\s*)?{_IS}\s*)|{_CHOOSING}")
"""Says that what follows is the answer."""

FINAL = re.compile(
    rf"(?i:{_FINALLY}\s*(?:{_RIGHT}\s*)?{_ANSWER}\s*(?:{_FINALLY}\s*)?(?:{_IS}\s*)?"
    rf"|{_ANSWER}\s+{_FINALLY}\s*{_IS}\s*)|\\f?boxed\b"
)
"""Says that what follows is the last word."""

CLAUSE = re.compile(r"[^.!?;\n。！？；؟]{0,160}")
"""What a statement is about."""

JOINING = r"(?:[,/&、，]|(?i:or|and|oder|und|ou|et|o|y|e|и|или|أو|و)\b|或者?|和|与)"
"""What joins two labels."""
STOP = re.compile(r"\s*(?:$|[.,;:!\n)–—。，、！：]|-\s)")
ARTICLE = re.compile(
    r"^\s*(?:the|an?|el|la|los|las|le|les|l['’]|der|die|das|il|lo|gli|o|os|as)\s+", re.IGNORECASE
)

_NOT_BEFORE = re.compile(
    r"(?i:\b"
    + _any(
        r"not|cannot|never|neither|nor|isn|aren|wasn|don|doesn|didn|can|couldn|wouldn|whether|if|unlike|without",
        r"rather than|instead of|other than|except|eliminates?|rules? out|nicht|kein\w*|ob|statt|weder|nunca",
        r"ni|pas|jamais|non|não|не|ни",
    )
    + r"\b(?!\s+only))|n['’]t\b|不是|不|没有|並非|并非|ليس|ليست"
)
_NOT_AFTER = re.compile(
    r"[\s)\]]*(?:(?:is|are|was|were|seems?|looks?|would be|ist|sind|es|est|è|é)\s+)?(?:clearly\s+|also\s+)?"
    + _any(
        r"not\b|n['’]t\b|wrong|incorrect|false|implausible|unlikely|ruled out|falsch|incorrect[oa]|faux",
        r"fausse|sbagliat|errad|неверн|错|錯|不对|خطأ|isn|aren|wasn|doesn|can['’]?t|cannot",
    ),
    re.IGNORECASE,
)
_BREAK = re.compile(
    r"[.!?;,\n。！？；，؟]|\b(?:but|so|therefore|hence|sino|sondern|mais|donc|aber|ma|mas)\b|而是|所以",
    re.IGNORECASE,
)

_UNKNOWN = _any(
    r"not (?:enough|sufficient) (?:info\w*|evidence|context)|insufficient (?:info\w*|evidence|context)",
    r"(?:can['’]?t|cannot|can ?not|could ?n['’]?t|could not) (?:be )?(?:determined?|answered|known?|tell)",
    r"(?:can['’]?t|cannot|can ?not|could ?n['’]?t|could not) (?:be )?(?:told|say|said|infer(?:red)?)",
    r"not (?:answerable|known|determined|specified|stated|clear|mentioned)|unknown|undetermined|unclear",
    r"(?:does ?n['’]?t|does not|do ?n['’]?t|do not) (?:say|specify|state|tell|mention)",
    r"(?:does ?n['’]?t|does not|do ?n['’]?t|do not) (?:provide|give|contain) enough",
    r"impossible to (?:say|know|tell|determine)|no way (?:to know|of knowing|to tell)|unanswerable",
    r"we (?:do not|don['’]?t) know",
)
UNKNOWN = re.compile(rf"\b{_UNKNOWN}\b", re.IGNORECASE)
"""Ways to say that a question cannot be answered from what is given."""
UNKNOWN_OPTION = re.compile(
    rf"\b(?:{_UNKNOWN}|(?:can['’]?t|cannot|can ?not) answer|no answer)\b", re.IGNORECASE
)
"""An option that says so."""


def denied(text: str, start: int, end: int) -> bool:
    """Whether what stands at ``text[start:end]`` is said to be wrong, or is only asked about."""
    before = text[max(0, start - 60) : start]
    breaks = list(_BREAK.finditer(before))
    clause = before[breaks[-1].end() :] if breaks else before
    return bool(_NOT_BEFORE.search(clause) or _NOT_AFTER.match(text, end))
