"""Whom to believe about a log: its own keys, witnesses, and how many of them must have cosigned.

A trust policy is a small text file that a verifier keeps, in the form of C2SP tlog-policy:

    log acme/log-1+5f3b…+AZ…
    witness assessor assessor.example/w1+90…+BK…   https://witness.example
    witness ci ci.example/w2+77…+BP…
    group both all assessor ci
    quorum both

``quorum none`` asks for no witness. Stricter than https://c2sp.org/tlog-policy in one thing: a witness
whose key is also a log's is refused, since a log that witnesses itself witnesses nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelassay.errors import EvidenceError, UsageError
from modelassay.log.cosignature import CosignatureVerifier, cosigned_at
from modelassay.log.note import Ed25519Verifier, NoteVerifier, OpenedNote, TreeHead, Vkey, open_note

NONE = "none"
MOST_BYTES = 2**20
CLOCK_SKEW_S = 600
"""A cosignature further in the future than this is not believed."""

LOST_WITHOUT_WITNESS = (
    "no witness is asked for: whoever holds the log's key could show you one history and others another, "
    "or have rewritten it before you first looked"
)
"""What a verifier must be told under ``quorum none``."""

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


class TooFewWitnessesError(EvidenceError):
    """A tree head that the log signed, and that fewer witnesses cosigned than the quorum asks for."""


@dataclass(frozen=True, kw_only=True)
class Party:
    """A log or a witness that is believed."""

    name: str
    """As the policy calls it; for logs their origin."""
    vkey: Vkey
    url: str = ""
    """Where it can be reached; for witnesses the prefix of ``/add-checkpoint``."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Witnesses and groups of which `threshold` make one voice."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """A tree head that a policy holds to be true."""

    head: TreeHead
    note: OpenedNote
    witnesses: Mapping[str, int] = field(default_factory=dict)
    """By the policy's name of each witness that cosigned: when, in POSIX seconds."""
    lost: str = ""
    """What cannot be told without a witness; empty when a quorum of witnesses cosigned."""


@dataclass(frozen=True, kw_only=True)
class TrustPolicy:
    """Logs, witnesses and the quorum."""

    logs: tuple[Party, ...]
    witnesses: tuple[Party, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str
    """Name of a witness or group, or ``none``."""

    @property
    def verifiers(self) -> tuple[NoteVerifier, ...]:
        """For `note.open_note` and `proof.TlogProof.verify`: the keys of all logs and witnesses."""
        return (
            *(Ed25519Verifier(log.vkey) for log in self.logs),
            *(CosignatureVerifier(witness.vkey) for witness in self.witnesses),
        )

    def open_head(self, checkpoint: bytes, *, now: float | None = None, where: str = "") -> Trusted:
        """The tree head of the signed note `checkpoint`, if it is to be believed.

        Args:
            checkpoint: the note.
            now: POSIX seconds; the machine's clock when None.
            where: what the bytes are, for errors.

        Raises:
            EvidenceError: malformed, not signed by a log of this policy under its own origin, a wrong
                signature of anyone known, a cosignature from the future, or too few witnesses.
        """
        try:
            return self.judge(open_note(checkpoint, self.verifiers), now=now)
        except EvidenceError as error:
            raise EvidenceError(error.what, where=error.where or where, mend=error.mend) from error

    def judge(self, opened: OpenedNote, *, now: float | None = None) -> Trusted:
        """Like `open_head`, for a note that was opened with `verifiers`.

        Raises:
            TooFewWitnessesError: all is well with it but the quorum.
            EvidenceError: see `open_head`.
        """
        head = TreeHead.parse(opened.text)
        logs = [Ed25519Verifier(log.vkey) for log in self.logs if log.vkey.name == head.origin]
        if not any(line.is_of(log) for line in opened.verified for log in logs):
            raise EvidenceError(
                "the tree head is not signed by its log's key",
                where=head.origin,
                mend="give the log's verifier key" if not logs else "",
            )
        latest = (time.time() if now is None else now) + CLOCK_SKEW_S
        cosigned: dict[str, int] = {}
        for witness in self.witnesses:
            key = CosignatureVerifier(witness.vkey)
            for line in opened.verified:
                if line.is_of(key):
                    cosigned[witness.name] = cosigned_at(line.signature)
                    if cosigned[witness.name] > latest:
                        raise EvidenceError("a cosignature from the future", where=witness.name)
        if self.quorum != NONE and not self._speaks(self.quorum, cosigned):
            seen = ", ".join(cosigned) or "none"
            raise TooFewWitnessesError(
                f"too few witnesses: the quorum {self.quorum!r} is not met (cosigned by {seen})",
                where=head.origin,
                mend="have the log cosigned (`modelassay log heartbeat --witness …`), or ask for no witness "
                "in so many words (`quorum none`): then " + LOST_WITHOUT_WITNESS.partition(": ")[2],
            )
        lost = LOST_WITHOUT_WITNESS if self.quorum == NONE else ""
        return Trusted(head=head, note=opened, witnesses=cosigned, lost=lost)

    @property
    def unwitnessed(self) -> TrustPolicy:
        """The same logs and witnesses, with no quorum asked for."""
        return replace(self, quorum=NONE)

    def _speaks(self, name: str, cosigned: Mapping[str, int]) -> bool:
        """Whether the witness or group `name` saw the tree head."""
        group = next((group for group in self.groups if group.name == name), None)
        if group is None:
            return name in cosigned
        return sum(self._speaks(member, cosigned) for member in group.members) >= group.threshold


def trust_in(
    logs: Iterable[Vkey], witnesses: Iterable[Vkey] = (), *, unwitnessed: bool = False
) -> TrustPolicy:
    """The policy of a verifier who names keys and nothing else: any one of `witnesses` must have cosigned.

    Args:
        logs: keys of logs.
        witnesses: keys of witnesses.
        unwitnessed: ask for no witness; only by the verifier's own word.

    Raises:
        EvidenceError: no witness is named, and `unwitnessed` is not said; or keys that stand twice.
    """
    lines = [f"log {vkey}" for vkey in logs]
    names = []
    for number, vkey in enumerate(witnesses, start=1):
        names.append(f"witness-{number}")
        lines.append(f"witness {names[-1]} {vkey}")
    if not names and not unwitnessed:
        raise EvidenceError(
            "no witness is named, and without one much is lost",
            mend="give a witness's verifier key, or ask for none in so many words (`quorum none`): then "
            + LOST_WITHOUT_WITNESS.partition(": ")[2],
        )
    lines += [f"group any-witness any {' '.join(names)}"] if names else []
    lines.append("quorum none" if unwitnessed else "quorum any-witness")
    return read_trust(("\n".join(lines) + "\n").encode(), where="the keys given")


def load_trust(path: Path) -> TrustPolicy:
    """The policy in the file `path`.

    Raises:
        UsageError: the file cannot be read.
        EvidenceError: it is not a policy; the line is named.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"the trust policy cannot be read: {(error.strerror or str(error)).lower()}", where=str(path)
        ) from error
    return read_trust(data, where=str(path))


def read_trust(data: bytes, *, where: str = "") -> TrustPolicy:
    """The policy that the bytes `data` say.

    Raises:
        EvidenceError: malformed; the line is named.
    """
    if len(data) > MOST_BYTES or _FORBIDDEN.search(data) or not data.endswith(b"\n"):
        raise EvidenceError(
            "not a trust policy: too large, holds control characters, or its last line is cut off",
            where=where,
        )
    reading = _Reading()
    for number, line in enumerate(data.split(b"\n"), start=1):
        # Names are opaque octets, which this keeps one to one.
        items = [item.decode("utf-8", "surrogateescape") for item in re.split(rb"[ \t]+", line.strip(b" \t"))]
        if items == [""] or items[0].startswith("#"):
            continue
        try:
            reading.take(items[0], items[1:])
        except (EvidenceError, UnicodeEncodeError) as error:
            what = error.what if isinstance(error, EvidenceError) else "a key's name that is not UTF-8"
            raise EvidenceError(what, where=f"{where}:{number}") from error
    if reading.quorum is None:
        raise EvidenceError("the trust policy says no quorum", where=where, mend="end it with `quorum NAME`")
    return TrustPolicy(
        logs=tuple(reading.logs),
        witnesses=tuple(reading.witnesses),
        groups=tuple(reading.groups),
        quorum=reading.quorum,
    )


class _Reading:
    """A policy while its lines are read."""

    def __init__(self) -> None:
        self.logs: list[Party] = []
        self.witnesses: list[Party] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self._keys: set[bytes] = set()
        self._members: set[str] = set()

    def take(self, word: str, items: Sequence[str]) -> None:
        """One line that is neither empty nor a comment."""
        if word == "log" and len(items) in (1, 2):
            vkey = self._key(items[0], Ed25519Verifier)
            self.logs.append(Party(name=vkey.name, vkey=vkey, url="".join(items[1:])))
        elif word == "witness" and len(items) in (2, 3):
            self._define(items[0])
            vkey = self._key(items[1], CosignatureVerifier)
            self.witnesses.append(Party(name=items[0], vkey=vkey, url="".join(items[2:])))
        elif word == "group" and len(items) >= 3:
            self._group(items[0], items[1], items[2:])
        elif word == "quorum" and len(items) == 1:
            if self.quorum is not None:
                raise EvidenceError("a second quorum")
            if items[0] != NONE and items[0] not in self._names:
                raise EvidenceError(f"{items[0]!a} is not defined above")
            self.quorum = items[0]
        else:
            raise EvidenceError(f"not a line of a trust policy: {word[:40]!a} with {len(items)} items")

    def _group(self, name: str, count: str, members: Sequence[str]) -> None:
        for member in members:
            if member not in self._names:
                raise EvidenceError(f"{member!a} is not defined above")
            if member in self._members:
                raise EvidenceError(f"{member!a} is in a group already")
            self._members.add(member)
        self._define(name)
        if count in ("all", "any"):
            threshold = len(members) if count == "all" else 1
        elif _THRESHOLD.fullmatch(count) and int(count) <= len(members):
            threshold = int(count)
        else:
            raise EvidenceError(f"{count[:40]!a} is not a number from 1 to {len(members)}, `all` or `any`")
        self.groups.append(Group(name=name, threshold=threshold, members=tuple(members)))

    @property
    def _names(self) -> set[str]:
        return {party.name for party in self.witnesses} | {group.name for group in self.groups}

    def _define(self, name: str) -> None:
        if name == NONE or name in self._names:
            raise EvidenceError(f"{name!a} is taken")

    def _key(self, text: str, kind: type[Ed25519Verifier] | type[CosignatureVerifier]) -> Vkey:
        vkey = kind(Vkey.parse(text)).vkey
        if vkey.key in self._keys:
            raise EvidenceError("this key stands twice", where=vkey.name)
        self._keys.add(vkey.key)
        return vkey
