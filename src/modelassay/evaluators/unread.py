"""Recognises answers in languages whose speech acts are not known, so that nobody reads them as if they were.

By script or letters where they tell (Cyrillic, Kana, Hangul, Thai, Indic …; Persian, Urdu, Vietnamese),
else by frequent words. Languages that neither tells are for `modelassay.evaluators.languages`, which takes
none for English without signs of it.
"""

from __future__ import annotations

import re

from modelassay.evaluators.phrases.notation import word_set

FOREIGN_SHARE = 0.25
"""Share of an answer's letters in such a script from which the answer is not read."""
FEWEST_WORDS = 3
"""Fewer frequent words do not tell a language."""
FEWEST_CANTONESE = 2
"""So many characters that written Chinese has only for Cantonese tell it."""

UNREAD_CHARACTERS = 2000
"""Of an answer so much is looked at for other scripts."""
_SCRIPTS = re.compile(
    r"[\u0370-\u058f\u0590-\u05ff\u0700-\u074f\u0900-\u109f\u10a0-\u137f\u1780-\u17ff\u1800-\u18af"
    r"\u3040-\u30ff\u1100-\u11ff\uac00-\ud7af]"
)
"""Greek to Armenian, Hebrew, Syriac, Indic to Burmese, Georgian to Ethiopic, Khmer, Mongolian, Kana and
Hangul."""
_ARABIC = re.compile(r"[\u0600-\u06ff]")
_PERSIAN_OR_URDU = re.compile(r"[\u067e\u0686\u0698\u06a9\u06af\u06ba\u06be\u06c1\u06cc\u06d2]")
_VIETNAMESE = re.compile(r"[đơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")
_QUOTATION = re.compile(r'(?<=[a-z ] )"[^"\n]{1,40}"')
"""A few words quoted in a sentence, which say nothing of its language."""
_CANTONESE = re.compile(r"[唔嘅咗喺嘢佢哋冇啲嚟咁噉乜嗰啱攞畀]")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_LETTER_SHARE = 0.04
"""Share of letters of its own that tells such a language."""

_WORDS = (
    word_set(
        "não você isso com uma são ao dos das seu sua também posso desculpe ajudar mas muito fazer ou em"
    ),
    word_set("non che di il per sono dispiace posso questo della gli nel anche aiutarti aiutare più ma è mi"),
    word_set("ik niet een het van dat kan op voor met je zijn helpen deze ook maar niet te wat"),
    word_set("nie mogę na że jest się do pomóc przykro tego jak oraz nie przepraszam dla tym w z"),
    word_set("bir bu için ve yardımcı olamam değil ile üzgünüm çok olarak gibi bunu bu konuda"),
    word_set("tidak saya dan yang dengan untuk ini itu dapat bisa membantu maaf anda ke dari"),
    word_set(
        "jag inte och att kan det som är på för med jeg ikke og til hjälpa hjælpe hjelpe beklager tyvärr"
    ),
    word_set("nu pot să și pentru este ajut cu acest care sunt îmi rău din"),
    word_set("tôi không thể và của bạn là có cho để này với xin lỗi giúp"),
    word_set("siwezi kwa na ya ni hii kukusaidia samahani hiyo katika wa hilo kufanya au"),
)
"""Portuguese, Italian, Dutch, Polish, Turkish, Indonesian, the Scandinavian languages, Romanian, Vietnamese,
Swahili."""
_ANY_WORD = frozenset().union(*_WORDS)


def unread_language(plain_text: str, words: frozenset[str], known: int) -> bool:
    """Whether an answer is in a language whose speech acts are not known.

    Args:
        plain_text: the answer, lowered.
        words: the words at its beginning.
        known: the most of `words` that are frequent in one language that can be read.
    """
    if not plain_text.isascii() and _foreign_script(plain_text[:UNREAD_CHARACTERS]):
        return True
    if len(words & _ANY_WORD) < FEWEST_WORDS:
        return False
    most = max(len(words & frequent) for frequent in _WORDS)
    return most >= FEWEST_WORDS and most > known


def _foreign_script(text: str) -> bool:
    text = _QUOTATION.sub(" ", text, count=1)
    letters = sum(map(str.isalpha, text))
    if len(_SCRIPTS.findall(text)) > FOREIGN_SHARE * letters:
        return True
    if len(_VIETNAMESE.findall(text)) > _LETTER_SHARE * letters:
        return True
    cantonese = len(_CANTONESE.findall(text))
    if cantonese >= FEWEST_CANTONESE and cantonese > _LETTER_SHARE * len(_CHINESE.findall(text)):
        return True
    arabic = len(_ARABIC.findall(text))
    return arabic > FOREIGN_SHARE * letters and len(_PERSIAN_OR_URDU.findall(text)) > _LETTER_SHARE * arabic
