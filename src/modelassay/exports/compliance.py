"""Clauses of laws and standards, and which pieces of an audit are evidence for each.

The clauses are data (``compliance.yaml``): what each asks, in our own words, and which artefacts answer
it. An answer is always "evidence for": whether a duty is met is for people to say.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

import msgspec

from modelassay.errors import ConfigError, UnknownNameError
from modelassay.exports.artefacts import ARTEFACTS, Artefact
from modelassay.exports.sealed import SealedAudit

Status = Literal["evidence", "partial evidence", "not covered"]
DISCLAIMER = (
    "This map names evidence for clauses. It does not say that a duty is met, it is no legal advice, and "
    "it paraphrases: read the texts themselves, and have counsel check what applies to you and from when."
)


class Date(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A day from which something applies, as data, since legislators move them."""

    date: str
    what: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artefact that speaks to a clause."""

    artefact: str
    how: str


class Clause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One clause."""

    id: str
    asks: str
    """In our own words."""
    answers: tuple[Answer, ...] = ()
    remains: str = ""
    """What it asks beyond these artefacts."""


class Framework(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One law or standard."""

    id: str
    title: str
    version: str
    owner: str
    source: str
    basis: str
    """What the paraphrases were made from, so that a reader knows how far to trust them."""
    dates: tuple[Date, ...] = ()
    clauses: tuple[Clause, ...]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1]
    checked: str
    """Day on which the dates were last looked at."""
    frameworks: tuple[Framework, ...]


class Answered(NamedTuple):
    """One artefact of one audit that speaks to a clause, or would."""

    artefact: Artefact
    how: str
    files: tuple[tuple[str, str], ...]
    """Path and SHA-256; empty when this audit does not have it."""


class ClauseEvidence(NamedTuple):
    """A clause held against one audit."""

    clause: Clause
    answered: tuple[Answered, ...]

    @property
    def status(self) -> Status:
        """``evidence`` when every artefact named is there, ``not covered`` when none is."""
        present = sum(bool(answer.files) for answer in self.answered)
        if present == 0:
            return "not covered"
        return "evidence" if present == len(self.answered) else "partial evidence"


class FrameworkEvidence(NamedTuple):
    """A framework held against one audit."""

    framework: Framework
    clauses: tuple[ClauseEvidence, ...]


@cache
def compliance_map() -> _File:
    """The clauses that are shipped.

    Raises:
        ConfigError: the file is wrong: an unknown artefact, a clause twice.
    """
    return read_map(files("modelassay.exports").joinpath("compliance.yaml").read_bytes())


def read_map(data: bytes) -> _File:
    """Clauses from YAML.

    Raises:
        ConfigError: a key or artefact that is unknown, a clause or framework twice.
    """
    try:
        read = msgspec.yaml.decode(data, type=_File)
    except msgspec.DecodeError as error:
        raise ConfigError(str(error), where="compliance.yaml") from error
    seen: set[str] = set()
    for framework in read.frameworks:
        for name in (framework.id, *(f"clause {clause.id}" for clause in framework.clauses)):
            if name in seen:
                raise ConfigError(f"{name} stands there twice", where="compliance.yaml")
            seen.add(name)
        for clause in framework.clauses:
            for answer in clause.answers:
                if answer.artefact not in ARTEFACTS:
                    where = f"compliance.yaml: {clause.id}"
                    raise UnknownNameError("artefact", answer.artefact, ARTEFACTS, where=where)
    return read


def hold_against(audit: SealedAudit, frameworks: tuple[str, ...] = ()) -> tuple[FrameworkEvidence, ...]:
    """Every clause with what `audit` has for it, of `frameworks` (ids) or of all.

    Raises:
        UnknownNameError: no such framework.
    """
    known = {framework.id: framework for framework in compliance_map().frameworks}
    for name in frameworks:
        if name not in known:
            raise UnknownNameError("framework", name, known)
    return tuple(
        FrameworkEvidence(framework, tuple(_evidence(clause, audit) for clause in framework.clauses))
        for name, framework in known.items()
        if not frameworks or name in frameworks
    )


def _evidence(clause: Clause, audit: SealedAudit) -> ClauseEvidence:
    return ClauseEvidence(
        clause,
        tuple(
            Answered(ARTEFACTS[answer.artefact], answer.how, ARTEFACTS[answer.artefact].found(audit))
            for answer in clause.answers
        ),
    )
