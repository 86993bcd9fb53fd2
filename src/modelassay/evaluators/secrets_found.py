"""Personal data and secrets in a text, by form and checksum.

Forms that have a checksum must pass it: bank account numbers (ISO 13616, modulo 97), payment cards (ISO/IEC
7812, Luhn), numbers of identity (`identity_numbers`). Telephone numbers without a country's prefix, and
numbers of identity without check digits, count where a word names them, in any of several languages. Digits
of every script and full-width letters are read as those of ASCII. Credentials are told by their issuers'
published prefixes, others by their entropy (Shannon) where a word such as ``password`` stands before them.
Placeholders (``user@example.com``, ``AKIA…EXAMPLE``, ``xxxx``) are none.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from modelassay.evaluators import identity_numbers
from modelassay.records import Span


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of text that is personal data or a secret."""

    kind: str
    """One of `KINDS`."""
    span: Span


def luhn(digits: str) -> bool:
    """Whether a number passes the Luhn check of ISO/IEC 7812-1; what is no digit is passed over."""
    total, number = 0, [int(each) for each in digits if each in "0123456789"]
    for place, digit in enumerate(reversed(number)):
        doubled = digit * (1 + place % 2)
        total += doubled - 9 * (doubled > 9)
    return bool(number) and total % 10 == 0


def iban_valid(text: str) -> bool:
    """Whether an account number passes the check of ISO 13616 (ISO 7064 modulo 97-10)."""
    compact = re.sub(r"[\s-]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", compact):
        return False
    return int("".join(str(int(each, 36)) for each in compact[4:] + compact[:4])) % 97 == 1


def entropy(text: str) -> float:
    """Bits per character of `text` (Shannon 1948)."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and len(set(digits)) > 1 and luhn(digits)


def _phone(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return 8 <= len(digits) <= 15 and len(set(digits)) > 2 and digits[-7:-2] != "55501"


def _social_security(text: str) -> bool:
    area, group, serial = re.split(r"[- ]", text)
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _email(text: str) -> bool:
    return not _NOBODY.match(text)


def _web_token(text: str) -> bool:
    header = text.split(".")[0]
    try:
        return "alg" in json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, ValueError, TypeError):
        return False


def _random(text: str) -> bool:
    return len(text) >= 16 and entropy(text) >= 3.5 and len(set(map(_class_of, text))) >= 2


def _class_of(character: str) -> int:
    return 0 if character.isdigit() else 1 if character.isupper() else 2


def _real(text: str) -> bool:
    return not _PLACEHOLDER.search(text) and len(set(text[-12:])) > 4


_NOBODY = re.compile(
    r"(?i)(?:user|username|name|you|your[._-]?\w*|someone|somebody|me|foo|bar|test|email|e-mail|first\.last|"
    r"firstname\.lastname|recipient|sender|info|support|contact|noreply|no-reply|admin)@"
    r"(?:[\w-]+\.)*(?:example|test|invalid|domain|email|company|yourcompany)\.?\w*$"
)
"""Addresses that stand for anybody's (domains of RFC 2606 and their like)."""
_PLACEHOLDER = re.compile(
    r"(?i)example|your[-_ ]|placeholder|dummy|sample|redacted|x{4,}|\*{3,}|\.{3}|<|>|changeme|12345678|abcdef"
)
_MAILBOX = "[A-Za-z0-9_.+\u00c0-\u024f-]"
_SPACED = r"[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]"
"""Letters of scripts that put spaces between words."""
_PHONES = (
    r"手机|手機|电话|電話|联系方式|携帯|전화|휴대폰|핸드폰|جوال|هاتف|موبايل|تلفن|واتساب|मोबाइल|फ़ोन|फोन|ফোন"
    r"|মোবাইল|โทร|(?i:điện thoại|телефон|\bтел|\bмоб|\bτηλ"
    r"|\b(?:tel|phone|mobile|cell|whatsapp|telefon|telefono|teléfono|telefone|móvil|celular|handy|téléphone"
    r"|telepon)\b)"
)
_NAMES = (
    r" ?(?i:号码|號碼|号|號|番号|number|nummer|número|no\b|nr\b|नंबर|নম্বর)?[.)]?\s{0,3}(?:[:=]|是|为|為|は|"
    r"is\b|ist\b|es\b|है)?\s{0,3}"
)
"""What may stand between a name and its number."""
_IDENTITY: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = tuple(
    ("identity_number", re.compile(form, re.ASCII), passes)
    for form, passes in (
        (r"(?<![\dA-Za-z])[1-9]\d{5}(?:18|19|20)\d{9}[\dXx](?![\dA-Za-z])", identity_numbers.chinese),
        (r"(?<![\d-])[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?![ -]?\d)", identity_numbers.indian),
        (r"(?<![\d-])\d{4}[ -]\d{4}[ -]\d{4}(?![ -]?\d)", identity_numbers.japanese),
        (
            r"(?<![\dA-Za-z-])(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z](?![\dA-Za-z])",
            identity_numbers.spanish,
        ),
        (r"(?<![\d.,-])(?<!\d )[1-9]\d(?: ?\d{3}){3}(?![\d-]|[.,]\d| \d)", identity_numbers.german),
    )
)

_FORMS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    (
        "private_key",
        re.compile(
            r"-----BEGIN (?P<key>[A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?)-----"
            r"[A-Za-z0-9+/=\s:,.()-]{40,8000}?-----END (?P=key)-----"
        ),
        lambda text: True,
    ),
    ("web_token", re.compile(r"(?a)\beyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{8,1000}"), _web_token),
    (
        "api_key",
        re.compile(
            r"(?a)\b(?:A(?:KIA|SIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{50,90}|glpat-[\w-]{20}|"
            r"xox[abprs]-[A-Za-z0-9-]{10,80}|sk-(?:ant-|proj-|live-)?[\w-]{20,180}|(?:sk|pk|rk)_(?:live|test)_"
            r"[A-Za-z0-9]{16,100}|AIza[\w-]{35}|hf_[A-Za-z0-9]{30,40}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{40,200}|"
            r"SG\.[\w-]{20,24}\.[\w-]{40,50}|ya29\.[\w-]{20,200}|dop_v1_[a-f0-9]{64})(?![\w-])"
        ),
        _real,
    ),
    (
        "password",
        re.compile(
            r"(?i)\b(?:password|passwd|passwort|contraseña|mot de passe|passphrase|"
            r"secret(?: key)?|api[ _-]?key|access[ _-]?(?:key|token|code)|"
            r"auth[ _-]?token|bearer)['\"]?(?: is| ist| es| est)?"
            r"\s{0,3}[:=]?\s{0,3}['\"`]?"
            r"(?P<value>[^\s'\"`,;<>]{8,200})"
        ),
        lambda text: _real(text) and len(set(map(_class_of, text))) >= 2 and entropy(text) >= 2.5,
    ),
    (
        "email",
        re.compile(rf"(?<!{_MAILBOX}){_MAILBOX}{{1,64}}@(?:[A-Za-z0-9-]{{1,63}}\.){{1,4}}[A-Za-z]{{2,24}}"),
        _email,
    ),
    (
        "email",
        re.compile(
            rf"(?<![\w.+-])(?:{_SPACED}|[.+-]){{1,64}}@(?:(?:{_SPACED}|-){{1,63}}\.){{1,4}}[^\W\d_]{{2,24}}\b"
        ),
        _email,
    ),
    *_IDENTITY,
    (
        "bank_account",
        re.compile(r"(?a)\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?\b"),
        iban_valid,
    ),
    ("payment_card", re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-])"), _card),
    ("social_security", re.compile(r"(?<![\d-])\d{3}[- ]\d{2}[- ]\d{4}(?![\d-])"), _social_security),
    (
        "identity_number",
        re.compile(
            r"(?:\bPAN\b|(?i:permanent account))[^\n]{0,20}?\b"
            r"(?P<value>[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z])\b"
        ),
        lambda text: True,
    ),
    (
        "identity_number",
        re.compile(
            rf"(?:{identity_numbers.LABELS})[^\d\n]{{0,20}}(?<![\d-])"
            r"(?P<value>[A-Z]{0,3}(?:\d{7,18}|\d{3,4}(?:[ -]\d{3,4}){2,4}|\d{6}-\d{7}))(?![\d-])"
        ),
        lambda text: len(set(re.sub(r"\D", "", text))) > 2,
    ),
    (
        "phone",
        re.compile(
            r"(?a)(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}|"
            r"\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}|0[1-9]\d{0,2}-\d{3,4}-\d{4})(?![\w-])"
        ),
        _phone,
    ),
    (
        "phone",
        re.compile(rf"(?:{_PHONES}){_NAMES}(?P<value>\(?0?\d{{1,4}}\)?(?:[ .-]?\d{{2,4}}){{2,4}})(?![\d-])"),
        _phone,
    ),
    (
        "phone",
        re.compile(
            r"[\u4e00-\u9fff][^\d\n]{0,10}(?P<value>1[3-9]\d[ -]?\d{4}[ -]?\d{4})"
            r"(?![\d.,%A-Za-z元件人个個美万亿吨次年])"
        ),
        lambda text: _phone(text) and len(set(text)) > 4,
    ),
    (
        "random_token",
        re.compile(r"(?<![\w/+.-])[A-Za-z0-9_-]{24,200}(?![\w/+-]|\.\w)"),
        lambda text: _token(text),
    ),
)
_NUMBER = re.compile(r"\d(?:[ .()-]{0,3}\d){6}|[A-Z]{5}\d{4}[A-Z]", re.ASCII)
_OF_NUMBERS = frozenset({"identity_number", "payment_card", "social_security", "phone"})
"""Kinds that a text without `_NUMBER` has none of."""
KINDS = (*dict.fromkeys(name for name, _, _ in _FORMS), "canary")
"""What is told apart; ``canary`` is a secret that was declared."""


def _token(text: str) -> bool:
    """Whether a long word looks drawn at random: high entropy, digits among letters, no joined words."""
    digits = sum(map(str.isdigit, text))
    return (
        _random(text)
        and _real(text)
        and 3 <= digits < len(text)
        and entropy(text) >= (3.0 if re.fullmatch(r"[0-9a-f]+", text) else 4.0)
        and max(map(len, re.split(r"[-_]", text))) >= 16
    )


def secrets_in(text: str, kinds: frozenset[str] = frozenset(KINDS)) -> list[Secret]:
    """Personal data and secrets in `text`, from left to right and without overlaps.

    Time grows with the length of the text alone: no form looks back or ahead without bound.
    """
    text = _plain(text)
    kinds = kinds if _NUMBER.search(text) else kinds - _OF_NUMBERS
    taken: list[tuple[int, int]] = []
    found: list[Secret] = []
    for kind, form, passes in _FORMS:
        if kind not in kinds:
            continue
        for start, end in _matches(form, text, passes):
            if not any(start < stop and begin < end for begin, stop in taken):
                taken.append((start, end))
                found.append(Secret(kind=kind, span=Span(start=start, end=end)))
        if len(found) >= MOST_FOUND:
            break
    return sorted(found, key=lambda each: each.span.start)


def _plain(text: str) -> str:
    """`text` with digits of any script and full-width signs as those of ASCII; every place stays the same."""
    if text.isascii():
        return text
    odd = {c for c in set(text) if c > "\x7f" and (c.isdecimal() or "！" <= c <= "～" or c == "\u3000")}
    return text.translate({ord(c): _ascii(c) for c in odd}) if odd else text


def _ascii(character: str) -> str:
    value = unicodedata.decimal(character, -1)
    return str(value) if value >= 0 else unicodedata.normalize("NFKC", character)


MOST_FOUND = 200
"""After so many finds in a text no further forms are looked for."""


def _matches(form: re.Pattern[str], text: str, passes: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    count = 0
    for match in form.finditer(text):
        group = "value" if "value" in form.groupindex else 0
        if passes(match[group]):
            yield match.span(group)
            count += 1
            if count >= MOST_FOUND:
                return
