"""The signed files of a bundle, as they are: nothing here is signed anew or changed by a byte."""

from __future__ import annotations

from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import ENVELOPE, SIGSTORE
from modelassay.exports.sealed import SealedAudit

_MEND = "sign its verdict: `modelassay keys new` makes a key, `modelassay verdict sign` uses it"


def verdict_envelope(audit: SealedAudit) -> bytes:
    """The SLSA Verification Summary in its DSSE envelope, byte for byte.

    Raises:
        EvidenceError: the audit is not signed.
    """
    return _signed(audit, ENVELOPE)


def sigstore_bundle(audit: SealedAudit) -> bytes:
    """The same verdict as a Sigstore bundle, byte for byte.

    Raises:
        EvidenceError: the audit is not signed.
    """
    return _signed(audit, SIGSTORE)


def test_result_envelopes(audit: SealedAudit) -> bytes:
    """The evaluators' test results as an in-toto attestation bundle: JSON Lines, an envelope a line.

    Envelopes are written on one line, so each stands there byte for byte. Source: in-toto attestation
    framework, spec/v1/bundle.md.

    Raises:
        EvidenceError: no result is signed, or an envelope has more than one line.
    """
    names = audit.bundle.test_results
    if not names:
        raise EvidenceError("no test result is signed", where=audit.bundle.place, mend=_MEND)
    lines = [audit.bundle.read(name).rstrip(b"\n") for name in names]
    for name, line in zip(names, lines, strict=True):
        if b"\n" in line:
            raise EvidenceError("an envelope of more than one line", where=name)
    return b"".join(line + b"\n" for line in lines)


def _signed(audit: SealedAudit, name: str) -> bytes:
    if name in audit.bundle:
        return audit.bundle.read(name)
    if ENVELOPE in audit.bundle:
        mend = "its DSSE envelope is there: export it as vsa"
        raise EvidenceError("the verdict is signed, but not in this form", where=name, mend=mend)
    raise EvidenceError("this audit is not signed", where=f"{audit.bundle.place}: {name}", mend=_MEND)
