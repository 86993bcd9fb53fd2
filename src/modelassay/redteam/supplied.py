"""Attacks whose texts a user brings: translations of the requests, suffixes found by optimisation.

None comes with the package: translations must be vouched for, and suffixes belong to the models that they
were found on. Both are read once, and their content is part of the attack's id.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from modelassay.errors import UnknownNameError, UsageError
from modelassay.records import Decoding, Message, Sample
from modelassay.redteam.files import read_rows
from modelassay.redteam.frozen import FrozenAttack, Rewriting
from modelassay.redteam.requests import request_of, with_request


class TranslatedRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a table of translations."""

    request: str
    """The request, letter for letter as the dataset has it."""
    language: str
    """Language of the translation, such as ``sw``."""
    text: str
    """The translation."""


class Translation(FrozenAttack):
    """Puts the request in another language, from a table of translations.

    Args:
        table: JSONL with ``request``, ``language`` and ``text``.
        language: which language; may be left out where the table has one.
        decoding: how `run` generates answers.

    Raises:
        UsageError: no table, one that cannot be read, two translations of the same request, or several
            languages and none chosen.
        UnknownNameError: the table has no such language.
    """

    name = "translation"
    family = "translation"
    dated = "2026-11-21"
    source = "Yong et al. 2023, arXiv:2310.02446"
    needs = ("table",)
    file_settings = ("table",)

    def __init__(
        self, *, table: str | Path | None = None, language: str = "", decoding: Decoding | None = None
    ) -> None:
        if table is None:
            raise UsageError(
                "needs a table of translations", where="attack translation", mend="give table=FILE"
            )
        rows: tuple[TranslatedRequest, ...] = read_rows(table, self.name, "table", TranslatedRequest)
        languages = sorted({row.language for row in rows})
        if language and language not in languages:
            raise UnknownNameError("language", language, languages, where="attack translation: language")
        if not language and len(languages) > 1:
            raise UsageError(
                f"the table has the languages {', '.join(languages)}",
                where="attack translation: language",
                mend="choose one",
            )
        self.language = language or languages[0]
        self._texts: dict[str, str] = {}
        for row in rows:
            if row.language != self.language:
                continue
            if self._texts.setdefault(row.request, row.text) != row.text or not row.text.strip():
                raise UsageError(
                    f"two translations, or an empty one, of {row.request[:60]!r}",
                    where=f"attack translation: table: {table}",
                    mend="leave one",
                )
        content = {"language": self.language, "texts": sorted(self._texts.items())}
        super().__init__(content, decoding)

    @property
    def id(self) -> str:
        """With the language in its name: two of them are two attacks, and told apart."""
        language = "".join(c if c.isalnum() or c in "-." else "_" for c in self.language)
        return super().id.replace(self.name, f"{self.name}_{language}", 1)

    def tags(self, sample: Sample) -> dict[str, str]:
        """The language in which the request is put, whatever that of the sample is."""
        return {"language": self.language}

    def unsuited(self, sample: Sample) -> str:
        """Also a sample whose request the table does not have."""
        if reason := super().unsuited(sample):
            return reason
        known = request_of(sample) in self._texts
        return "" if known else f"the table has no translation into {self.language} of this request"

    def put(self, sample: Sample, seed: int) -> tuple[Message, ...]:
        """The sample's messages, the request translated."""
        return with_request(sample, self._texts[request_of(sample)])


class Suffix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a file of suffixes."""

    suffix: str
    found_on: str = ""
    """The model that it was found on; for the record."""


class AdversarialSuffix(Rewriting):
    """Puts a suffix after the request that was found by optimisation elsewhere, another one for each seed.

    Args:
        file: JSONL with ``suffix`` and, for the record, ``found_on``.
        decoding: how `run` generates answers.

    Raises:
        UsageError: no file, or one that cannot be read.
    """

    name = "adversarial_suffix"
    family = "adversarial suffix"
    dated = "2026-11-21"
    source = "Zou et al. 2023, arXiv:2307.15043"
    needs = ("file",)
    file_settings = ("file",)

    def __init__(self, *, file: str | Path | None = None, decoding: Decoding | None = None) -> None:
        if file is None:
            raise UsageError(
                "needs a file of suffixes", where="attack adversarial_suffix", mend="give file=FILE"
            )
        rows: tuple[Suffix, ...] = read_rows(file, self.name, "file", Suffix)
        if not all(row.suffix for row in rows):
            raise UsageError(
                "an empty suffix", where=f"attack adversarial_suffix: file: {file}", mend="leave it out"
            )
        self._suffixes = tuple(dict.fromkeys(row.suffix for row in rows))
        super().__init__({"suffixes": self._suffixes}, decoding)

    @property
    def draws(self) -> int:
        """How many suffixes there are."""
        return len(self._suffixes)

    def rewrite(self, request: str, start: int, seed: int) -> str:
        """The request and one suffix, a space between."""
        return f"{request} {self._suffixes[(start + seed) % len(self._suffixes)]}"
