"""Who decides on a verdict, with which key, and how their word gets into bundle and log."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelassay.cli.signing import log_signing_options, log_witnessed, notary_of
from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.errors import ExitCode
    from modelassay.evidence.clearance import Clearance
    from modelassay.evidence.events import KeyAdded
    from modelassay.evidence.keyring import Keyring
    from modelassay.evidence.lapse import Lapse
    from modelassay.evidence.notary import Notary
    from modelassay.evidence.signing_off import UnsignedOff
    from modelassay.evidence.waivers import Waiver
    from modelassay.log.signing import PublicKey, Signer
    from modelassay.records import AuditRecord, Outcome

F = TypeVar("F", bound=Callable[..., Any])


def person_options(function: F) -> F:
    """``--key``, and those of the log."""
    key = click.option(
        "--key",
        "reference",
        default="",
        metavar="KEY",
        help="The person's key: a name, PEM file, env: or command:. [default: the one for verdicts]",
    )
    return key(log_signing_options(function))


@dataclass(frozen=True)
class Decider:
    """A person about to decide on a verdict; all keys are unlocked."""

    store: Path
    verdict: UnsignedOff
    signer: Signer
    holder: str
    notary: Notary
    keyring: Keyring
    known: bool
    """Whether the log knows the key as a person's already."""

    @property
    def key(self) -> str:
        """Id of their key."""
        return self.signer.public.key_id

    def standing(self) -> tuple[Waiver, ...]:
        """What they said last on this verdict, as long as it counts."""
        from modelassay.cli.keys_options import log_of
        from modelassay.evidence.clearance_files import heard_at

        log = log_of(self.store)
        if log is None or not (self.verdict.folder / "verdict.json").is_file():
            return ()  # a bundle of nothing but what admission needs: there, nobody is heard
        words = heard_at(self.verdict.folder, log).words
        return tuple(word.waiver for word in words if word.key == self.key)

    def say(self, waiver: Waiver) -> Path:
        """Sign `waiver`, put it into the bundle, and log it, with the key if the log does not know it yet.

        It is logged although they may have said the same before: what was taken back can be said again.
        """
        from modelassay.evidence.events import WaiverGranted
        from modelassay.evidence.waivers import add_waiver

        path = add_waiver(self.verdict.folder, waiver, self.signer)
        if not self.known:
            log_witnessed(self.store, self.notary, _added(self.signer.public, self.holder))
        granted = WaiverGranted(
            audit=waiver.audit,
            payload=waiver.verdict,
            holder=waiver.holder,
            key=self.key,
            reason=waiver.reason,
            expires=waiver.expires,
            role=waiver.role,
            assessment=waiver.assessment,
        )
        log_witnessed(self.store, self.notary, granted, again=True)
        for warning in self.keyring.warnings:
            click.echo(f"warning: {warning}", err=True)
        return path


def decider_on(
    store: Path, audit: str, *, person: str, reference: str, passphrase_file: Path | None, **signing: Any
) -> Decider:
    """Who decides on the signed and logged verdict of `audit`.

    Args:
        person: who, as given; empty for the holder of the key.
        reference: their key, as given.

    Raises:
        UsageError: no verdict or no key, a pipeline's key, one that signed the verdict when it was issued, or
            somebody else's.
    """
    from modelassay.cli.keys_options import open_keyring
    from modelassay.cli.verdict_folder import issued_verdict

    verdict = issued_verdict(store, audit)
    keyring = open_keyring(passphrase_file)
    signer = keyring.signer("verdict", reference, held_by="person")
    if signer is None:
        raise UsageError(
            "no key to sign with",
            where="--key",
            mend='a person makes one with `modelassay keys new NAME --use verdict --person "NAME"`',
        )
    held = _holder_of(store, keyring, signer.public)
    if held and held[1] != "person":
        raise UsageError(
            f"the key of {held[0]} is a pipeline's; a person must decide",
            where="--key",
            mend='make one with `modelassay keys new NAME --use verdict --person "NAME"`',
        )
    _refuse_issuer(store, verdict, signer.public)
    if held and person and _one_name(person) != _one_name(held[0]):
        raise UsageError(f"the key is {held[0]}'s, not {person}'s", where="--key", mend="sign with your own")
    notary = notary_of(passphrase_file=passphrase_file, **signing)  # unlocked before anything is written
    return Decider(
        store=store,
        verdict=verdict,
        signer=signer,
        holder=(held[0] if held else person.strip()) or signer.public.name,
        notary=notary,
        keyring=keyring,
        known=_logged_key(store, signer.public) is not None,
    )


def require_outcome(decider: Decider, outcome: Outcome, mend: dict[str, str]) -> None:
    """Refuse a verdict that this decision is not about.

    Raises:
        UsageError: says what is, by outcome, in `mend`.
    """
    found = decider.verdict.statement.predicate.facts.outcome
    if found != outcome:
        raise UsageError(
            f"the verdict says {found}, not {outcome}",
            where=decider.verdict.audit,
            mend=mend.get(found, "only another audit changes it"),
        )


def last_day(decider: Decider, expires: datetime | None) -> str:
    """Until when a decision holds: as asked, by default as long as the verdict.

    Raises:
        UsageError: over already, or longer than the verdict holds.
    """
    verdict = decider.verdict.statement.predicate.facts.expires
    day = expires.date().isoformat() if expires else verdict
    if day <= datetime.now(UTC).date().isoformat():
        raise UsageError("is over already", where="--expires", mend="name a day to come")
    if day > verdict:
        raise UsageError(
            "is after the verdict expires", where="--expires", mend=f"name {verdict} or a day before it"
        )
    return day


@dataclass(frozen=True)
class Today:
    """How the verdict of an audit in a store stands today."""

    code: ExitCode
    """What a command that holds it exits with."""
    clearance: Clearance
    """What people decided on it."""
    lapse: Lapse | None
    """Why it holds no longer; expiry apart."""


def verdict_today(record: AuditRecord, store: Path) -> Today:
    """How the verdict of `record` stands today, as the bundle and the log of its `store` say.

    Raises:
        EvidenceError: the bundle's signed verdict or the log of `store` is damaged.
    """
    from modelassay.errors import ExitCode
    from modelassay.evidence.clearance_files import clearance_at
    from modelassay.evidence.lapse import lapse_of
    from modelassay.gate import exit_code

    lapse = lapse_of(record.id, store / "log")
    clearance = clearance_at(store / "audits" / record.id, store, record.verdict)
    code = exit_code(record.verdict, datetime.now(UTC).date(), cleared=clearance.cleared)
    return Today(code if lapse is None else ExitCode.UNVERIFIED, clearance, lapse)


def _refuse_issuer(store: Path, verdict: UnsignedOff, public: PublicKey) -> None:
    from modelassay.evidence.events import VerdictIssued
    from modelassay.evidence.ledger import read_events

    for logged in read_events(store / "log", VerdictIssued):
        issued = logged.read(VerdictIssued)
        if issued.payload == verdict.payload and public.key_id in issued.signers:
            raise UsageError(
                "this key signed the verdict when it was issued; who decides signs with a key of their own",
                where="--key",
                mend='make one with `modelassay keys new NAME --use verdict --person "NAME"`',
            )


def _holder_of(store: Path, keyring: Keyring, public: PublicKey) -> tuple[str, str] | None:
    """Who holds a key, and whether that is a person: as the log says, else as its card does."""
    logged = _logged_key(store, public)
    if logged is not None:
        return logged.holder, logged.holder_kind
    card = keyring.card_of(public)
    return (card.holder, card.holder_kind) if card else None


def _logged_key(store: Path, public: PublicKey) -> KeyAdded | None:
    from modelassay.evidence.events import KeyAdded
    from modelassay.evidence.ledger import read_events

    for logged in read_events(store / "log", KeyAdded):
        if (added := logged.read(KeyAdded)).key == public.key_id:
            return added
    return None


def _added(public: PublicKey, holder: str) -> KeyAdded:
    from modelassay.evidence.events import KeyAdded

    return KeyAdded(
        name=public.name,
        key=public.key_id,
        spki=base64.b64encode(public.spki).decode(),
        use="verdict",
        holder=holder,
        holder_kind="person",
    )


def _one_name(name: str) -> str:
    return " ".join(name.split()).casefold()
