"""Numbers that states give their people, by their check digits; of others the words that name them.

With check digits: China (GB 11643, ISO 7064 modulo 11-2), India (Aadhaar, Verhoeff), Spain (DNI and NIE,
modulo 23), Japan (My Number, modulo 11) and Germany (tax identification number, ISO 7064 modulo 11,10). All
take digits of ASCII; what parts them is passed over.
"""

from __future__ import annotations

import re
from typing import Final

_CHINESE_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHINESE_CHECKS: Final = "10X98765432"
_SPANISH_CHECKS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_JAPANESE_WEIGHTS: Final = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_TURNS: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
"""Verhoeff's permutation, applied once more for each place from the right."""

LABELS: Final = (
    r"身份证(?:号码?|號碼?)?|身分證|居民号码|護照|护照|マイナンバー|個人番号|旅券番号|주민등록번호|여권번호"
    r"|رقم الهوية|رقم الإقامة|الرقم القومي|رقم جواز|کد ملی|आधार|पासपोर्ट|আধার|পরিচয়পত্র(?:ের)?|পাসপোর্ট"
    r"|\b(?:NID|DNI|NIE|NIF|CPF|CURP|PESEL|IdNr|СНИЛС|ИНН)\b|(?i:паспорт"
    r"|\b(?:aadha?ar|identity (?:card )?number|national (?:identity|insurance|id)|id card|iqama|passport"
    r"|steuer-?id|steueridentifikationsnummer|personnummer)\b)"
)
"""Words that name a number of identity."""


def chinese(text: str) -> bool:
    """Whether 17 digits and a digit or X are a number of residence with a date of birth."""
    month, day = int(text[10:12]), int(text[12:14])
    if not (1 <= month <= 12 and 1 <= day <= 31 and text[6:8] in ("18", "19", "20")):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_CHINESE_WEIGHTS, text[:17], strict=True))
    return _CHINESE_CHECKS[total % 11] == text[17].upper()


def indian(text: str) -> bool:
    """Whether 12 digits pass Verhoeff's check, as Aadhaar numbers do."""
    check = 0
    for place, digit in enumerate(reversed(_digits(text))):
        for _ in range(place % 8):
            digit = _TURNS[digit]
        check = _joined(check, digit)
    return check == 0


def _joined(one: int, other: int) -> int:
    """The product of two elements of the dihedral group of ten."""
    if one < 5:
        return (one + other) % 5 if other < 5 else 5 + (one + other) % 5
    return 5 + (one - other) % 5 if other < 5 else (one - other) % 5


def spanish(text: str) -> bool:
    """Whether the letter behind the number of a DNI or NIE is the one that follows from it."""
    number = "".join(str("XYZ".index(c)) if c in "XYZ" else c for c in text[:-1] if c.isalnum())
    return _SPANISH_CHECKS[int(number) % 23] == text[-1]


def japanese(text: str) -> bool:
    """Whether the last of 12 digits follows from the others, as in My Numbers."""
    digits = _digits(text)
    rest = sum(w * d for w, d in zip(_JAPANESE_WEIGHTS, digits, strict=False)) % 11
    return digits[11] == (0 if rest <= 1 else 11 - rest) and len(set(digits)) > 2


def german(text: str) -> bool:
    """Whether 11 digits are a tax identification number: one of the first ten stands twice or three times."""
    digits = _digits(text)
    counts = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    if digits[0] == 0 or counts[-1] not in (2, 3) or counts[:-1] != [1] * (len(counts) - 1):
        return False
    product = 10
    for digit in digits[:10]:
        product = 2 * ((digit + product) % 10 or 10) % 11
    return (11 - product) % 10 == digits[10]


def _digits(text: str) -> list[int]:
    return [int(digit) for digit in re.sub(r"\D", "", text)]
