"""Read what an admission rests on from files: keys, evidence, and where withdrawals are known from."""

from __future__ import annotations

import re
from pathlib import Path

from modelassay.config import AdmissionPolicy
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.admission_case import Offer, ScannedLog, SignedList, Trust
from modelassay.evidence.assessment import LARGEST_ASSESSMENT
from modelassay.evidence.bundle import (
    ASSESSMENT,
    ENVELOPE,
    PROOFS,
    SUMS,
    WAIVER,
    Bundle,
    open_bundle,
)
from modelassay.evidence.events import decode
from modelassay.evidence.revocations import LARGEST_LIST, hexadecimal, scan
from modelassay.log.keys import load_public
from modelassay.log.note import Vkey
from modelassay.log.reader import LogReader
from modelassay.log.signing import PublicKey
from modelassay.log.trust import MOST_BYTES, TrustPolicy, read_trust, trust_in

ISSUED = "log/issued.json"
_LARGEST = {ENVELOPE: 16 << 20, ISSUED: 1 << 16, PROOFS[ISSUED]: 2 << 20}
_FOR_REVIEW = (SUMS, "verdict.json", "policy.json")
_LARGEST_SEALED = 64 << 20
_LARGEST_WAIVER = 1 << 20
_MOST_WAIVERS = 100


def load_trust_of(policy: AdmissionPolicy, folder: Path, target: str | None = None) -> Trust:
    """The keys that `policy` names, with paths relative to `folder`.

    Args:
        policy: as written.
        folder: that of its file.
        target: where this deployment goes, when the policy leaves it open.

    Raises:
        UsageError: a key or the trust policy is not there, or `target` contradicts the policy.
        EvidenceError: a file holds something else.
    """
    if target is not None and policy.target and target != policy.target:
        raise UsageError(
            f"the policy admits to {policy.target!r}, not to {target!r}",
            where="--target",
            mend="write `target: ''` for a policy of several targets",
        )
    keys = _public(policy.keys, folder, "keys")
    return Trust(
        policy=policy,
        target=policy.target or target or "",
        keys=keys,
        people=_public(policy.people, folder, "people"),
        revocation_keys=_public(policy.revocation_keys, folder, "revocation_keys") or keys,
        log=_log_trust(folder / policy.log),
    )


def read_offer(path: Path) -> Offer:
    """The evidence at `path`: a bundle, or a folder with the three files that admission needs, and those
    that show what people decided.

    Raises:
        EvidenceError: a file is missing, a link, too large, or none that evidence may hold.
    """
    if path.is_dir() and not (path / "audit.json").exists():
        return _smallest(path)
    bundle = open_bundle(path)
    return _offer(bundle)


def read_state(log: Path | None, revocations: Path | None) -> ScannedLog | SignedList:
    """Where withdrawals are known from: exactly one of a log's folder and a signed list.

    Raises:
        UsageError: neither or both are given.
        EvidenceError: the log is damaged or was never signed, or the list is too large.
    """
    if (log is None) == (revocations is None):
        raise UsageError(
            "evidence cannot show its own withdrawal",
            mend="give --log DIR to read the whole log, or --revocations FILE with a signed list",
        )
    if revocations is not None:
        return SignedList(envelope=_bounded(revocations, 2 * LARGEST_LIST))
    assert log is not None
    return scan_log(log)


def scan_log(folder: Path) -> ScannedLog:
    """Read the whole log in `folder`, each entry checked against its tree head.

    Entries that no tree head covers yet are read too: a withdrawal counts from when it is written.

    Raises:
        EvidenceError: damaged, not all events, or never signed.
    """
    reader = LogReader(folder)
    head = reader.head()
    assert reader.checkpoint is not None
    return ScannedLog(
        standing=scan(reader.entries()),
        newest=decode(reader.entry(head.size - 1)).time if head.size else "",
        checkpoint=reader.checkpoint,
        root_at_head=hexadecimal(reader.root_at(head.size)),
    )


def _log_trust(path: Path) -> TrustPolicy:
    """A trust policy, or the verifier key of a log alone, which asks for no witness."""
    try:
        data = _bounded(path, MOST_BYTES)
    except EvidenceError as error:
        raise UsageError(
            error.what, where=f"{path}: log", mend="name the log's key or trust policy"
        ) from error
    lines = [line.strip() for line in data.splitlines() if line.strip() and not line.strip().startswith(b"#")]
    if len(lines) == 1 and not lines[0].startswith((b"log ", b"log\t")):
        return trust_in([Vkey.parse(lines[0].decode("utf-8", "replace"))], unwitnessed=True)
    return read_trust(data, where=str(path))


def _public(paths: tuple[str, ...], folder: Path, key: str) -> tuple[PublicKey, ...]:
    found: dict[str, PublicKey] = {}
    for path in paths:
        public = load_public(folder / path)
        if public.key_id in found:
            raise UsageError(
                f"{path} is the same key as {found[public.key_id].name}", where=key, mend="name each key once"
            )
        found[public.key_id] = public
    return tuple(found.values())


def _offer(bundle: Bundle) -> Offer:
    return Offer(
        envelope=bundle.read(ENVELOPE),
        issued=bundle.read(ISSUED),
        proof=bundle.read(PROOFS[ISSUED]),
        waivers=tuple(bundle.read(name) for name in bundle.waivers),
        files={name: bundle.read(name) for name in (*_FOR_REVIEW, *bundle.assessments)},
    )


def _smallest(folder: Path) -> Offer:
    """The three files, and what people decided if they did."""
    names = list(_LARGEST)
    waivers = _matching(folder, "waivers/*.dsse.json", WAIVER)
    assessments = _matching(folder, "assessments/*.md", ASSESSMENT)
    sealed = [name for name in _FOR_REVIEW if (folder / name).exists()]
    envelope, issued, proof = (_bounded(folder / name, _LARGEST[name], of=folder) for name in names)
    return Offer(
        envelope=envelope,
        issued=issued,
        proof=proof,
        waivers=tuple(_bounded(folder / name, _LARGEST_WAIVER, of=folder) for name in waivers),
        files={name: _bounded(folder / name, _LARGEST_SEALED, of=folder) for name in sealed}
        | {name: _bounded(folder / name, LARGEST_ASSESSMENT, of=folder) for name in assessments},
    )


def _matching(folder: Path, pattern: str, name: re.Pattern[str]) -> list[str]:
    """Paths of the files below `folder` that are called as evidence calls them, the shortest first.

    Raises:
        EvidenceError: more than evidence may have.
    """
    found = (path.relative_to(folder).as_posix() for path in folder.glob(pattern))
    names = sorted((each for each in found if name.fullmatch(each)), key=lambda each: (len(each), each))
    if len(names) > _MOST_WAIVERS:
        raise EvidenceError(f"more than {_MOST_WAIVERS} files {pattern}", where=str(folder))
    return names


def _bounded(path: Path, most: int, of: Path | None = None) -> bytes:
    """The bytes of a plain file of at most `most` bytes; inside the folder `of` no link is followed."""
    try:
        if of is not None and any(
            (of / part).is_symlink() for part in (path.relative_to(of), *path.relative_to(of).parents)
        ):
            raise EvidenceError("a symbolic link; evidence holds files only", where=str(path))
        if path.exists() and not path.is_file():
            raise EvidenceError("not a plain file", where=str(path))
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise EvidenceError(f"cannot be read: {(error.strerror or '').lower()}", where=str(path)) from error
    if len(data) > most:
        raise EvidenceError(f"larger than {most:,} bytes", where=str(path))
    return data
