"""OpenSSF Model Signing v1.0: a signature on a model's files that its reference tools check.

The signature is a Sigstore bundle v0.3 around a DSSE envelope around an in-toto statement with the predicate
``https://model_signing/signature/v1.0``, which lists every file with its SHA-256. The key is ECDSA on P-256.
Source: https://github.com/ossf/model-signing-spec (v1.0).

Two of its rules matter to readers. The digest of its subject is the SHA-256 of the files' digests one after
another and does not bind their names: it never serves as the identity of a model here. And ``.git``,
``.github``, ``.gitattributes`` and ``.gitignore`` at the top are never covered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from modelassay.artifacts.fingerprint import FolderFingerprint, fingerprint_folder
from modelassay.artifacts.reading import Advance
from modelassay.errors import EvidenceError, UsageError
from modelassay.log.dsse import envelope_value, open_envelope, read_envelope, sign_envelope
from modelassay.log.keys import public_pem
from modelassay.log.signing import PublicKey, Signer
from modelassay.log.strict_json import read_json, write_canonical

PREDICATE: Final = "https://model_signing/signature/v1.0"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
NEVER_COVERED: Final = (".git", ".gitattributes", ".github", ".gitignore")
"""What the reference tools leave out unless told otherwise."""

_MAX_BYTES: Final = 16 * 2**20
_HEX: Final = re.compile(r"[0-9a-f]{64}")


class SignedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified signature says."""

    name: str
    """What the signer called the model; anyone may call a model anything."""
    signed_by: PublicKey
    covered: tuple[str, ...]
    """Files whose bytes are those that were signed."""
    not_covered: tuple[str, ...]
    """Files and folders (with ``/``) that the signer left out, which may hold anything."""


def sign_model(model: FolderFingerprint, signer: Signer, *, name: str = "") -> bytes:
    """A signature bundle on every file of `model` but those that the format never covers.

    Args:
        model: the folder's fingerprint.
        signer: holds a P-256 key.
        name: what to call the model; the folder's name by default.

    Raises:
        UsageError: not a P-256 key, or nothing to sign.
        EvidenceError: the signer cannot sign.
    """
    if signer.public.algorithm != "ecdsa-p256":
        raise UsageError(
            "model signatures need a P-256 key",
            where=signer.public.name,
            mend="make one: modelassay keys new",
        )
    ignored = sorted({*NEVER_COVERED, *model.excluded})
    files = {name: digest for name, digest in model.files.items() if not _is_ignored(name, ignored)}
    if not files:
        raise UsageError("holds no file to sign", where=str(model.root))
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name or model.root.name, "digest": {"sha256": _root_of(files)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": model.linked,
                "ignore_paths": ignored,
            },
            "resources": [
                {"name": file, "algorithm": "sha256", "digest": files[file]} for file in sorted(files)
            ],
        },
    }
    envelope = read_envelope(sign_envelope(write_canonical(statement), PAYLOAD_TYPE, [signer]))
    hint = hashlib.sha256(public_pem(signer.public)).hexdigest()
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": envelope_value(envelope),
    }
    return write_canonical(bundle) + b"\n"


def verify_model(
    bundle: bytes, root: Path, keys: Sequence[PublicKey], *, advance: Advance | None = None
) -> SignedModel:
    """Check a signature bundle, ours or another tool's, against a folder.

    Args:
        bundle: the bytes of ``model.sig``.
        root: the folder as it stands now; it is hashed unless that was done before in this process.
        keys: whose signatures count.
        advance: told of the bytes just hashed.

    Raises:
        EvidenceError: malformed, of a method that is not checked here, not signed by one of `keys`, or the
            files are not those that were signed; names up to five of them.
        UsageError: the folder cannot be hashed; see `fingerprint_folder`.
    """
    where = "the model signature"
    read = read_json(bundle, where=where, max_bytes=_MAX_BYTES)
    if not isinstance(read, dict) or read.get("mediaType") != MEDIA_TYPE:
        raise EvidenceError(f"no Sigstore bundle of the type {MEDIA_TYPE}", where=where)
    envelope = write_canonical(read.get("dsseEnvelope"))
    opened = open_envelope(envelope, keys, payload_type=PAYLOAD_TYPE, foreign=True, where=where)
    statement = read_json(opened.payload, where=where, max_bytes=_MAX_BYTES)
    try:
        name, ignored, files = _taken_apart(statement)
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"no statement of {PREDICATE}: {error}", where=where) from error
    model = fingerprint_folder(root, exclude=ignored, advance=advance)
    here = {file: digest for file, digest in model.files.items() if not _is_ignored(file, ignored)}
    _compare(files, here, where=str(root))
    left_out = {*(model.readings.keys() - here.keys()), *(f"{folder}/" for folder in model.excluded)}
    return SignedModel(
        name=name,
        signed_by=opened.signed_by[0],
        covered=tuple(sorted(here)),
        not_covered=tuple(sorted(left_out)),
    )


def _taken_apart(statement: Any) -> tuple[str, list[str], dict[str, str]]:
    """Name, ignored paths and digests of a statement; `ValueError` says what is wrong with it."""
    if (statement["_type"], statement["predicateType"]) != (STATEMENT, PREDICATE):
        raise ValueError("another type")
    (subject,) = statement["subject"]
    predicate = statement["predicate"]
    form = predicate["serialization"]
    if (form["method"], form["hash_type"]) != ("files", "sha256"):
        raise ValueError("only the method files with sha256 is checked here")
    ignored = [str(path).rstrip("/") for path in form.get("ignore_paths", ())]
    files: dict[str, str] = {}
    for resource in predicate["resources"]:
        name, digest = resource["name"], resource["digest"]
        if resource["algorithm"] != "sha256" or not _HEX.fullmatch(digest) or name in files:
            raise ValueError(f"the entry of {name!r}"[:200])
        files[name] = digest
    if subject["digest"] != {"sha256": _root_of(files, ordered=False)}:
        raise ValueError("its subject is not the digest of its files")
    return str(subject["name"]), ignored, files


def _compare(signed: Mapping[str, str], here: Mapping[str, str], *, where: str) -> None:
    wrong = [f"{name} was added" for name in sorted(here.keys() - signed.keys())]
    wrong += [f"{name} is missing" for name in sorted(signed.keys() - here.keys())]
    wrong += [
        f"{name} was changed" for name in sorted(here.keys() & signed.keys()) if here[name] != signed[name]
    ]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise EvidenceError(f"not the files that were signed: {', '.join(wrong[:5])}{more}", where=where)


def _root_of(files: Mapping[str, str], *, ordered: bool = True) -> str:
    """The digest of the subject: over the files' digests, by name or as they stand."""
    names = sorted(files) if ordered else list(files)
    return hashlib.sha256(b"".join(bytes.fromhex(files[name]) for name in names)).hexdigest()


def _is_ignored(name: str, ignored: Sequence[str]) -> bool:
    return any(name == path or name.startswith(path + "/") for path in ignored)
