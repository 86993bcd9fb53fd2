"""What attacks on instructions look like: the measured features of the injection classifier.

Attacks of Perez and Ribeiro 2022 (goal hijacking, prompt leaking), of Greshake et al. 2023 (instructions in
documents and tool output) and jailbreaks by persona share few moves: void what was said before, give new
instructions, ask for the prompt, assign a role, dictate the reply, pretend that the data have ended. English,
German, Spanish, French.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelassay.evaluators.trained.cues import Lexicon, Marked

MOST_CHARACTERS = 6000
"""Of a longer text, half is read from its beginning and half from its end."""

LEXICON = Lexicon(
    {
        "void": "ignore* ignoring ignorier* disregard* forget* forgot overlook* overrid* neglect* "
        "erase abandon skip bypass* cancel nullif* "
        "vergiss vergessen vergesst missacht* olvid* oubli* dimentica* ignora*",
        "before": "previous* prior above all everything earlier preceding before initial original said told "
        "vorherig* vorhergehend* vorangegangen* obig* oben bisherig* alle alles davor zuvor ursprünglich* "
        "anterior* précédent* precedent* todo todas todos tout toutes tutto tutte",
        "instructions": "instruct* prompt prompts rule rules guideline* directive* "
        "command* order orders task tasks assignment* briefing anweisung* instruktion* befehl* aufgabe* "
        "auftrag* regel regeln vorgabe* instruc* istruzion* consigne* tâche* tarea* regla*",
        "system": "system prompt prompts context kontext* initial hidden document* message* "
        "configuration developer",
        "new": "new next real actual actually true instead following follow now neue* nun jetzt stattdessen "
        "folgende* nächste* nueva* nuevo* nouvelle* ahora maintenant",
        "reveal": "show print reveal* repeat display output tell spell write copy give return list summar* "
        "share leak recite what which translate zeig* gib nenn* wiederhol* drucke* schreib* "
        "ausgeben sag* muestra* dime repite* affiche* montre* répète*",
        "role": "act behave pretend imagine roleplay role-play simulate impersonat* persona character "
        "verhalte agiere spielst rolle vorstellen stell actúa finge imagina* agis imagine* "
        "du bist",
        "as": "as like be als wie como comme",
        "you": "you your you're yourself u du dein* dir dich sie ihr ihre ihnen tu tú eres vous",
        "say": "say state print type reply answer* respond* output write sag* sage schreib* antwort* "
        "formulier* responde di réponds dis",
        "only": "only just simply nothing exactly nur bloß einfach genau solamente solo seulement",
        "must": "must should never always shall need not don't cannot can't allowed musst sollst "
        "darfst wirst "
        "niemals immer nicht kein* keine debes nunca siempre devez jamais toujours",
        "secret": "secret* password* passwort* confidential code hidden geheim* credential* token key "
        "schlüssel contraseña clave",
        "model": "ai model* gpt* chatgpt openai assistant language chatbot bot llm ki sprachmodell* "
        "ki-modell ki-system developer* modelo modèle",
        "jailbreak": "dan jailbreak* unrestricted uncensored unfiltered restriction* filter* limits "
        "limitation* "
        "evil unethical immoral amoral bypass* freed character policies policy guidelines warning* "
        "moral* ethic* einschränkung*",
        "code": "python sql terminal console interpreter linux bash shell execute import eval sudo os http* "
        "script variable string function",
        "cipher": "base64 rot13 binary morse hex reverse* backward* cipher encode* decode* caesar anagram",
        "abuse": "hate stupid kill idiot* dumm* scheiß* scheiss* fuck* shit hasse* hassen worst blöd*",
        "language": "english german deutsch englisch spanish french español français spell-check translate "
        "übersetz* poem gedicht story geschichte",
        "ask": "how why who when where can could would welche* warum wer wann wo woher wie was kann könn* "
        "qué cómo quién comment pourquoi",
        "german": "der die das und ist nicht ich eine ein für mit auf den von zu werden gibt über des im",
        "english": "the and is of to in are that for with on do an my which have it this",
        "then": "then after afterwards also finally please and but dann danach außerdem bitte und luego",
    }
)
_NEAR = (
    ("void", "before", 6), ("void", "instructions", 6), ("before", "instructions", 4),
    ("new", "instructions", 4),
    ("reveal", "instructions", 8), ("reveal", "system", 8), ("reveal", "before", 6), ("reveal", "secret", 8),
    ("role", "as", 3), ("you", "role", 3), ("you", "must", 3), ("say", "only", 3), ("new", "say", 3),
    ("you", "model", 4), ("you", "instructions", 4), ("say", "abuse", 6), ("jailbreak", "you", 6),
    ("must", "jailbreak", 5), ("then", "say", 3), ("system", "instructions", 3),
)  # fmt: skip
_PAIRS = tuple((LEXICON[first], LEXICON[second], within) for first, second, within in _NEAR)
_NUMBER = {name: LEXICON[name] for name in LEXICON.names}

_FENCE = re.compile(
    r"={3,}|#{3,}|-{4,}|\*{4,}|<\|[^|\n]{1,30}\|>|\[/?INST\]|</?(?:system|user|prompt|instructions?|data)\b"
    r"|\bEND\b|\"{3}|`{3}|\\n|\[\s*(?:system|admin)"
)
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)|\n+")
_ORDER = re.compile(
    r"(?i)(?:^|[.!?:\"\n]\s*)(?:please |bitte |now )?"
    r"(?:act|answer|respond|reply|say|state|tell|write|print|repeat"
    r"|ignore|forget|disregard|pretend|imagine|give|list|show|translate|generate|create|output|describe"
    r"|explain|use|do|don't|never|always|start|stop|let|formuliere|schreibe?|sage?|antworte|nenne|gib|zeige?|erzähle?"
    r"|vergiss|ignoriere?|wiederhole|übersetze|generiere|erstelle|spiele?|beschreibe|beantworte)\b"
)
_QUOTE = re.compile(r"[\"“”„'‘]")
_CALL = re.compile(r"\w\(|\{\{|\$\w|=\s*[\"']|://")

FEATURES = (
    *(f"{name}_words" for name in LEXICON.names),
    *(f"{first}_near_{second}" for first, second, _ in _NEAR),
    "void_instructions", "both_languages", "orders", "late_order", "fences", "calls", "quotes", "questions",
    "late_question", "sentences", "length", "capitals", "ends_with_order",
)  # fmt: skip
"""Names of the features, in the order of `cues`."""


def cues(text: str) -> list[float]:
    """The features (`FEATURES`) of a text that a model is given."""
    if len(text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        text = f"{text[:half]}\n{text[-half:]}"
    marked = LEXICON.mark(text)
    orders = [match.start() for match in _ORDER.finditer(text)]
    sentences = sum(1 for part in _SENTENCE.split(text) if part and not part.isspace())
    letters = sum(map(str.isalpha, text[:500])) or 1
    return [
        *(min(marked.count(i), 3) for i in range(len(LEXICON.names))),
        *(marked.near(first, second, within) for first, second, within in _PAIRS),
        float(_voids(marked)),
        float(min(marked.count(_NUMBER["german"]), marked.count(_NUMBER["english"])) >= 2),
        min(len(orders), 4),
        float(any(at > 15 for at in orders)),
        min(len(_FENCE.findall(text)), 3),
        min(len(_CALL.findall(text)), 3),
        min(len(_QUOTE.findall(text)), 6) / 2,
        min(text.count("?"), 4),
        float(sentences > 1 and text.rstrip().endswith("?")),
        math.log1p(sentences),
        math.log1p(len(text)),
        sum(map(str.isupper, text[:500])) / letters,
        float(bool(orders) and orders[-1] > len(text) // 2),
    ]


def measure(texts: Sequence[str | tuple[str, ...]]) -> NDArray[np.float64]:
    """Features of texts, shape ``[texts, len(FEATURES)]``."""
    plain = (text if isinstance(text, str) else text[0] for text in texts)
    return np.array([cues(text) for text in plain], np.float64).reshape(-1, len(FEATURES))


def _voids(marked: Marked) -> bool:
    """Whether what was said before is declared void."""
    return marked.near(_NUMBER["void"], _NUMBER["before"], 4, 1) > 0 and (
        marked.near(_NUMBER["before"], _NUMBER["instructions"], 5, 1) > 0
    )
