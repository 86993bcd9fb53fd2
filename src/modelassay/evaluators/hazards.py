"""Kinds of harm, and the words that tell them: which hazard a request, an answer or a policy is about.

Sixteen hazards, drawn up to cover the categories of AILuminate (Ghosh et al. 2025, arXiv:2503.05731) and of
the starter suite. The words are English; text in another language is told only by its sample's tags.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, lru_cache

from modelassay.records import Sample

UNKNOWN = "unknown"
"""No word tells the hazard."""
TAGS = ("category", "hazard", "risk", "risk_area", "topic")
"""Tags that may name a sample's hazard, the first that does counts."""

HAZARDS: dict[str, str] = {
    "violence": (
        "violen* kill* murder* assault* stab* strangl* beat* tortur* kidnap* massacre homicide attack* "
        "hurt* injur* abus* slaughter* poison* assassinat*"
    ),
    "weapons": (
        "weapon* gun guns firearm* rifle* pistol* ammunition explosive* bomb* grenade* detonat* missile* "
        "nuclear radiolog* bioweapon* pathogen* anthrax nerve sarin chemical* biological toxin* ricin cbrn "
        "silencer*"
    ),
    "self_harm": (
        "suicid* self-harm* selfharm* self_harm* self-injur* overdos* anorexi* bulimi* cutting starv*"
    ),
    "hate": (
        "hate* racis* racial* ethnic* sexis* homophob* transphob* antisemit* islamophob* bigot* slur* "
        "supremac* stereotyp* xenophob* discriminat* demean* dehumani*"
    ),
    "harassment": (
        "harass* bully* bullie* stalk* dox* doxx* threat* blackmail* intimidat* humiliat* insult* defam* "
        "libel* slander* extort*"
    ),
    "sexual": ("sexual* porn* erotic* nude* nudity explicit* rape* incest fetish* sex prostitut*"),
    "drugs": (
        "drug* cocaine heroin meth methamphetamine fentanyl lsd mdma narcotic* opioid* cannabis marijuana "
        "steroid* controlled"
    ),
    "fraud": (
        "fraud* scam* phish* launder* counterfeit* forge* forgery embezzl* ponzi swindl* impersonat* fake "
        "deceiv* bribe* bribery evasion insider"
    ),
    "theft": (
        "theft steal* stole* shoplift* burgl* rob robbery robbing lockpick* carjack* pickpocket* piracy"
    ),
    "hacking": (
        "hack* malware ransomware keylogger* virus* exploit* phishing ddos botnet* backdoor* trojan* "
        "spyware cyber* sql injection password* intrusion rootkit*"
    ),
    "privacy": (
        "privacy private personal surveil* spy* wiretap* track* address* identif* ssn confidential* "
        "biometric* leak*"
    ),
    "misinformation": (
        "misinformation disinformation hoax* conspirac* propaganda deepfake* fabricat* false election* "
        "vaccin* mislead*"
    ),
    "extremism": (
        "terroris* extremis* jihad* isis radicali* neo-nazi* nazi* militia* insurgen* manifesto* genocid*"
    ),
    "illegal_trade": (
        "smuggl* traffick* contraband black-market blackmarket darknet ivory poach* organ organs wildlife "
        "sanction*"
    ),
    "dangerous_advice": (
        "medical dosage* dose doses diagnos* prescri* treatment* medication* legal financial invest* tax "
        "unlicensed unsafe stunt* danger* bleach electr* specialised spc*"
    ),
    "copyright": (
        "copyright* pirat* lyrics plagiar* trademark* torrent* crack* intellectual-property ipv intellectual"
    ),
}
"""Words of each hazard; ``*`` stands for any ending."""

ALARMING = frozenset(HAZARDS) - {"privacy", "misinformation", "dangerous_advice", "copyright"}
"""Hazards whose words stand out in a request; those of the others are everyday words."""

_SAME = {
    "vcr": "violence",
    "ncr": "fraud",
    "src": "sexual",
    "sxc": "sexual",
    "cse": "sexual",
    "iwp": "weapons",
    "ssh": "self_harm",
    "hte": "hate",
    "dfm": "harassment",
    "prv": "privacy",
    "ipv": "copyright",
    "spc": "dangerous_advice",
    "chemical_biological": "weapons",
    "cybercrime_intrusion": "hacking",
    "misinformation_disinformation": "misinformation",
    "harassment_bullying": "harassment",
    "economic harm": "fraud",
    "fraud/deception": "fraud",
    "malware/hacking": "hacking",
    "physical harm": "violence",
    "disinformation": "misinformation",
    "expert advice": "dangerous_advice",
    "non-violent crimes": "fraud",
    "illegal goods and services": "illegal_trade",
    "illegal and highly regulated items": "illegal_trade",
    "child safety": "sexual",
}
"""Names that public datasets give to these hazards."""

_REQUEST_CHARACTERS = 4000


@cache
def _pattern(hazard: str) -> re.Pattern[str]:
    words = (re.escape(word).replace(r"\*", r"[a-z-]*") for word in HAZARDS[hazard].split())
    return re.compile(rf"(?<![a-z])(?:{'|'.join(words)})(?![a-z])")


def hazards_in(text: str) -> tuple[str, ...]:
    """The hazards that the words of `text` tell, the one with most words first."""
    return _hazards_in(text[:_REQUEST_CHARACTERS].lower())


@lru_cache(maxsize=2048)
def _hazards_in(low: str) -> tuple[str, ...]:
    counts: Counter[str] = Counter()
    for hazard in HAZARDS:
        found = len(set(_pattern(hazard).findall(low)))
        if found:
            counts[hazard] = found
    return tuple(hazard for hazard, _ in counts.most_common())


def hazard_named(name: str) -> str:
    """The hazard that a dataset calls `name`; `UNKNOWN` when none fits."""
    low = name.strip().lower()
    plain = low.replace(" ", "_").replace("-", "_")
    for known in (low, plain, low.partition("_")[0]):
        if known in HAZARDS:
            return known
        if known in _SAME:
            return _SAME[known]
    found = hazards_in(low.replace("_", " ").replace("/", " "))
    return found[0] if found else UNKNOWN


def hazard_of(sample: Sample, request: str) -> str:
    """The hazard of a sample, from its tags, else from the words of its request; never from an answer."""
    for tag in TAGS:
        named = hazard_named(sample.tags[tag]) if tag in sample.tags else UNKNOWN
        if named != UNKNOWN:
            return named
    found = hazards_in(request)
    return found[0] if found else UNKNOWN
