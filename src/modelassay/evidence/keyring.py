"""Which key signs: the user's keys, found in one order everywhere.

An option comes first, then an environment variable, then a folder with one key for the purpose. A key that
is named and cannot be used is an error before anything else happens; no key at all is None.

The folder (``MODELASSAY_KEYS``, by default ``~/.config/modelassay/keys``) holds for each key

    NAME.USE.pem       the private key, encrypted, mode 0600
    NAME.USE.pub.pem   the public key to hand out (verdict)
    NAME.USE.vkey      the public key to hand out (log, witness): a note's verifier key, with its origin
    NAME.USE.json      who holds it, and whether it still counts: a `KeyCard`
"""

from __future__ import annotations

import base64
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from modelassay.errors import UnknownNameError, UsageError
from modelassay.evidence.keycards import (
    ALGORITHMS,
    KEY_NAME,
    USES,
    HolderKind,
    KeyCard,
    Use,
    card_bytes,
    read_card,
)
from modelassay.log.durable import write_atomic
from modelassay.log.keys import (
    Passphrase,
    PemSigner,
    load_public,
    load_signer,
    new_key,
    open_to_others,
    public_pem,
    write_new,
)
from modelassay.log.note import is_key_name
from modelassay.log.signing import PublicKey, Signer

VARIABLES: dict[Use, str] = {
    "verdict": "MODELASSAY_VERDICT_KEY",
    "log": "MODELASSAY_LOG_KEY",
    "witness": "MODELASSAY_WITNESS_KEY",
}
ORIGINS: dict[Use, str] = {"log": "MODELASSAY_LOG_ORIGIN", "witness": "MODELASSAY_WITNESS_NAME"}
"""Names of log and witness when their key does not come with a verifier key that says it."""


class Keyring:
    """Keys by purpose.

    Args:
        folder: where keys are kept; by default ``MODELASSAY_KEYS`` or the user's configuration folder.
        environment: variables that name keys.
        passphrase: asked when an encrypted key is to be used; see `passphrase_from`.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
        passphrase: Passphrase | None = None,
    ) -> None:
        self.folder = folder or default_folder(environment)
        self.warnings: list[str] = []
        """What the user should mend, found while keys were loaded."""
        self._environment = environment
        self._passphrase = passphrase or passphrase_from(environment)

    def signer(self, use: Use, reference: str = "", *, held_by: HolderKind = "pipeline") -> Signer | None:
        """The key to sign with for `use`; None when none is configured.

        Args:
            use: what is to be signed.
            reference: the option's value; see `log.keys.load_signer` for its forms, or a NAME of the folder.
            held_by: whose key is meant when none is named and the folder has several: persons decide on
                verdicts, and do not issue them.

        Raises:
            UsageError: a key is named and cannot be used, or several fit and none is named.
        """
        reference = reference or self._environment.get(VARIABLES[use], "")
        if reference and self._pem(reference, use).is_file():
            reference = str(self._pem(reference, use))
        if not reference:
            card = self._only(use, held_by)
            if card is None:
                return None
            reference = str(self._pem(card.name, use))
        elif KEY_NAME.fullmatch(reference) and not Path(reference).exists():
            known = (card.name for card in self.cards() if card.use == use)
            raise UnknownNameError(f"{use} key", reference, known, where=str(self.folder))
        return self._load(use, reference)

    def cards(self) -> list[KeyCard]:
        """Every key of the folder, by name and use.

        Raises:
            UsageError: a card that cannot be read.
        """
        if not self.folder.is_dir():
            return []
        cards = [card for path in sorted(self.folder.glob("*.json")) if (card := read_card(path))]
        return sorted(cards, key=lambda card: (card.name, USES.index(card.use)))

    def card_of(self, public: PublicKey) -> KeyCard | None:
        """What is known of `public`; None when it is not in the folder."""
        return next((card for card in self.cards() if card.key == public.key_id), None)

    def replaced_by(self, public: PublicKey) -> tuple[PublicKey, ...]:
        """The keys in whose place this key for logs was put: those of its origin that count no more."""
        card = self.card_of(public)
        if card is None or not card.origin:
            return ()
        return tuple(
            each.public
            for each in self.cards()
            if each.use == "log" and each.ended and each.origin == card.origin and each.key != card.key
        )

    def card(self, key: str) -> KeyCard:
        """The card of the key with id `key`.

        Raises:
            UnknownNameError: no such key in the folder.
        """
        cards = {card.key: card for card in self.cards()}
        if key not in cards:
            raise UnknownNameError("key id", key, cards, where=str(self.folder))
        return cards[key]

    def make(
        self,
        name: str,
        use: Use,
        *,
        passphrase: bytes | None,
        holder: str,
        holder_kind: HolderKind,
        created: str,
        origin: str = "",
    ) -> KeyCard:
        """Make a key and write its files.

        Args:
            name: of its files; letters, digits, ``_`` and ``-``.
            use: what it will sign.
            passphrase: to encrypt it with; None writes it in the clear, which the caller must have been
                told to do.
            holder: who answers for what it signs.
            holder_kind: whether that is a person or a pipeline.
            created: the time, UTC.
            origin: name of the log or witness; by default made of `name` and the key.

        Raises:
            UsageError: a name that is taken or cannot be used.
        """
        self.refuse_taken(name, use)
        if origin and not is_key_name(origin):
            raise UsageError(f"{origin!r} cannot be an origin", mend="write it without spaces and plus signs")
        signer = new_key(ALGORITHMS[use], name=name)
        if use != "verdict":
            origin = origin or f"{name}/{use}-{signer.public.raw[:4].hex()}"
        card = KeyCard(
            name=name,
            use=use,
            key=signer.public.key_id,
            spki=base64.b64encode(signer.public.spki).decode(),
            origin=origin if use != "verdict" else "",
            holder=holder,
            holder_kind=holder_kind,
            created=created,
        )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write(card, signer, passphrase)
        return card

    def refuse_taken(self, name: str, use: Use) -> None:
        """Refuse a name that no new key can have.

        Raises:
            UsageError: it is taken for this `use`, or cannot be a name.
        """
        if not KEY_NAME.fullmatch(name):
            raise UsageError(f"{name!r} cannot name a key", mend="use letters, digits, _ and -")
        if any(self.folder.glob(f"{name}.{use}.*")):
            raise UsageError(
                f"there is a key called {name} for this already, and keys are never overwritten",
                where=f"{self.folder} ({use})",
                mend=f"take another name, or `modelassay keys rotate {name}`",
            )

    def end(self, card: KeyCard, *, at: str, reason: str) -> KeyCard:
        """Mark a key as one that no longer counts; its files stay, so that old signatures can be checked.

        Raises:
            UsageError: it ended before.
        """
        if card.ended:
            raise UsageError(
                f"the key ended on {card.ended}: {card.reason}", where=f"{card.name} ({card.use})"
            )
        ended = msgspec.structs.replace(card, ended=at, reason=reason)
        write_atomic(self.folder / card.file("json"), card_bytes(ended))
        return ended

    def free_name(self, name: str) -> str:
        """`name` if no key has it, else the first of ``name-2``, ``name-3``, … that is free.

        A number that `name` ends in already is counted on.
        """
        taken = (
            {path.name.split(".")[0] for path in self.folder.glob("*.*")} if self.folder.is_dir() else set()
        )
        return next(tried for tried in _numbered(name) if tried not in taken)

    def _only(self, use: Use, held_by: HolderKind) -> KeyCard | None:
        fitting = [
            card
            for card in self.cards()
            if card.use == use and not card.ended and self._pem(card.name, use).is_file()
        ]
        fitting = [card for card in fitting if card.holder_kind == held_by] or fitting
        if len(fitting) > 1:
            names = ", ".join(card.name for card in fitting)
            raise UsageError(
                f"{len(fitting)} keys could sign as {use}: {names}",
                where=str(self.folder),
                mend=f"name one: set {VARIABLES[use]} to a name or a file",
            )
        return fitting[0] if fitting else None

    def _load(self, use: Use, reference: str) -> Signer:
        path = Path(reference)
        is_file = path.is_file()
        name = "" if use == "verdict" else self._origin(use, path if is_file else None)
        signer = load_signer(reference, name=name, passphrase=self._passphrase, environment=self._environment)
        where = f"{reference} (to sign as {use})"
        if signer.public.algorithm != ALGORITHMS[use]:
            needed = "ECDSA P-256" if use == "verdict" else "Ed25519"
            raise UsageError(
                f"a key that is not {needed}", where=where, mend="`modelassay keys new` makes one"
            )
        if use != "verdict" and not name and not reference.startswith("command:"):
            raise UsageError(
                f"the key comes without the name of its {use}", where=where, mend=f"set {ORIGINS[use]} to it"
            )
        ours = is_file and path.name.endswith(f".{use}.pem")
        card = read_card(path.with_suffix(".json")) if ours else self.card_of(signer.public)
        if card is not None and card.key != signer.public.key_id:
            raise UsageError("the key is another than its card says", where=where)
        if card is not None and card.ended:
            raise UsageError(f"the key ended on {card.ended}: {card.reason}", where=where)
        if is_file and open_to_others(path):
            self.warnings.append(f"{path}: other users may read this private key; chmod 600 mends it")
        return signer

    def _origin(self, use: Use, path: Path | None) -> str:
        """The name of log or witness: from the verifier key beside the file, else from the environment."""
        beside = path.with_suffix(".vkey") if path else None
        if beside is not None and beside.is_file():
            return load_public(beside).name
        return self._environment.get(ORIGINS[use], "")

    def _write(self, card: KeyCard, signer: PemSigner, passphrase: bytes | None) -> None:
        write_new(self.folder / card.file("pem"), signer.pem(passphrase), mode=0o600)
        if card.vkey:
            write_new(self.folder / card.file("vkey"), f"{card.vkey}\n".encode(), mode=0o644)
        else:
            write_new(self.folder / card.file("pub.pem"), public_pem(signer.public), mode=0o644)
        write_new(self.folder / card.file("json"), card_bytes(card), mode=0o644)

    def _pem(self, name: str, use: Use) -> Path:
        """Where the private key called `name` would be; nowhere when that is no name."""
        return self.folder / (f"{name}.{use}.pem" if KEY_NAME.fullmatch(name) else ".none")


def default_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """``MODELASSAY_KEYS``, else ``modelassay/keys`` in the user's configuration folder."""
    given = environment.get("MODELASSAY_KEYS")
    if given:
        return Path(given)
    configuration = environment.get("XDG_CONFIG_HOME")
    return (Path(configuration) if configuration else Path.home() / ".config") / "modelassay" / "keys"


def passphrase_from(
    environment: Mapping[str, str] = os.environ,
    *,
    file: Path | None = None,
    ask: Callable[[str], str] | None = None,
) -> Passphrase:
    """Where passphrases come from: a file's first line, ``MODELASSAY_KEY_PASSPHRASE``, or the person asked.

    Raises (when it is called):
        UsageError: the file cannot be read or is empty.
    """

    def passphrase(where: str) -> bytes | None:
        if file is not None:
            return _first_line(file)
        if secret := environment.get("MODELASSAY_KEY_PASSPHRASE"):
            return secret.encode()
        return ask(where).encode() if ask is not None else None

    return passphrase


def _first_line(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            line = file.readline(4096).rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(
            f"the passphrase cannot be read: {(error.strerror or str(error)).lower()}", where=str(path)
        ) from error
    if not line:
        raise UsageError("holds no passphrase", where=str(path))
    return line


def _numbered(name: str) -> Iterator[str]:
    yield name
    stem, _, last = name.rpartition("-")
    counted = bool(stem) and last.isascii() and last.isdigit()
    for number in itertools.count(int(last) + 1 if counted else 2):
        yield f"{stem if counted else name}-{number}"
