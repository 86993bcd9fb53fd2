"""Whose word a bundle is: the signatures on verdict and evaluators' results, and what they are on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import msgspec

from modelassay.canonical import digest_bytes
from modelassay.errors import EvidenceError
from modelassay.evidence.assessment import read_assessment, unanswered
from modelassay.evidence.bundle import ENVELOPE, SIGSTORE, Bundle
from modelassay.evidence.chain import ISSUED, Chain
from modelassay.evidence.checks import NotDoneError
from modelassay.evidence.contents import Contents, sha256_hex
from modelassay.evidence.recompute import differences
from modelassay.evidence.statements import (
    PAYLOAD_TYPE,
    VerdictStatement,
    evaluator_statements,
    read_verdict_statement,
    result_paths,
    verdict_statement,
)
from modelassay.evidence.waivers import Waiver, read_waiver
from modelassay.log.dsse import Opened, open_envelope, read_envelope
from modelassay.log.signing import PublicKey
from modelassay.log.sigstore import check_same


def open_signed(bundle: Bundle, keys: Sequence[PublicKey], threshold: int) -> Opened:
    """The signed verdict.

    Raises:
        EvidenceError: not signed by `threshold` of `keys`.
        NotDoneError: no key is given, or the verdict is not signed.
    """
    if ENVELOPE not in bundle:
        raise NotDoneError("the verdict is not signed")
    if not keys:
        raise NotDoneError("no public key was given, so whose verdict this is was not checked")
    return open_envelope(bundle.read(ENVELOPE), keys, threshold, payload_type=PAYLOAD_TYPE, where=ENVELOPE)


def signatures_hold(opened: Opened) -> str:
    """Who signed."""
    names = ", ".join(f"{key.name} ({key.key_id})" for key in opened.signed_by)
    others = f"; not checked, for want of their keys: {', '.join(opened.unknown)}" if opened.unknown else ""
    return f"signed by {names}{others}"


def sigstore_agrees(bundle: Bundle) -> str:
    """That the Sigstore bundle is the same verdict with one of the same signatures.

    Raises:
        EvidenceError: it is not.
        NotDoneError: there is none.
    """
    if SIGSTORE not in bundle:
        raise NotDoneError("the bundle has no Sigstore copy of the verdict", required=False)
    check_same(bundle.read(SIGSTORE), bundle.read(ENVELOPE), where=SIGSTORE)
    return "the Sigstore bundle holds the same verdict and signature"


def statement_agrees(contents: Contents, chain: Chain) -> str:
    """That what was signed, and what was logged as issued, is what the sealed files say, field by field.

    Raises:
        EvidenceError: names the field.
        NotDoneError: the verdict is not signed, or an event is missing.
    """
    bundle, record, plan = contents.bundle, contents.record, contents.plan
    if ENVELOPE not in bundle:
        raise NotDoneError("the verdict is not signed")
    envelope = read_envelope(bundle.read(ENVELOPE), where=ENVELOPE)
    said = _read_statement(bundle.read(ENVELOPE)).predicate
    closed = chain.closed
    expected = verdict_statement(
        record,
        closed.body,
        place=closed.place,
        tree=said.facts.tree,
        time=closed.event.time,
        target=plan.release.target,
        inputs={path: sha256_hex(bundle.read(path)) for path in result_paths(record.evaluators)},
        verifier=said.verifier.id,
    )
    _same_statement(envelope.payload, expected, ENVELOPE)
    if said.facts.tree.size <= closed.event.seq:
        raise EvidenceError("names a tree head from before the audit was closed", where=ENVELOPE)
    issued = {
        "audit": record.id,
        "closed": closed.place,
        "payload": digest_bytes(envelope.payload),
        "outcome": record.verdict.outcome,
        "expires": record.verdict.expires,
        "sums": closed.body.sums,
        # Signatures that were added later stand behind those at issue.
        "signers": tuple(s.key_id for s in envelope.signatures[: len(chain.issued.body.signers)]),
    }
    for field, value in issued.items():
        if getattr(chain.issued.body, field) != value:
            raise EvidenceError(f"verdict.issued does not say of {field!r} what was signed", where=ISSUED)
    return f"what was signed is {record.verdict.outcome!r} for exactly these models, files and counts"


def results_agree(contents: Contents, chain: Chain, keys: Sequence[PublicKey]) -> str:
    """That each evaluator's signed result is what the findings say, by a key that is trusted.

    Raises:
        EvidenceError: names the file and field.
        NotDoneError: the verdict is not signed; or, after all else was checked, no key is given.
    """
    bundle, record = contents.bundle, contents.record
    if ENVELOPE not in bundle:
        raise NotDoneError("the verdict is not signed")
    named = {
        each.uri: each.digest["sha256"]
        for each in _read_statement(bundle.read(ENVELOPE)).predicate.input_attestations
    }
    paths = []
    for path, payload in evaluator_statements(record, chain.closed.body, chain.closed.place):
        _same_statement(read_envelope(bundle.read(path), where=path).payload, payload, path)
        if keys:
            open_envelope(bundle.read(path), keys, payload_type=PAYLOAD_TYPE, where=path)
        if sha256_hex(bundle.read(path)) != named.get(path):
            raise EvidenceError("not the signed result that the verdict names", where=path)
        paths.append(path)
    more = sorted(set(bundle.test_results) - set(paths))
    if more:
        raise EvidenceError("the result of an evaluator that did not run", where=more[0])
    if not keys:
        raise NotDoneError("no public key was given for the evaluators' results")
    return f"{len(paths)} signed results of evaluators, as the findings have them"


def waivers_are_about_it(contents: Contents, keys: Sequence[PublicKey]) -> str:
    """That each waiver in the bundle is about this verdict, and its signature right as far as keys are known;
    that each written risk assessment is one that was signed off, and answers all that was flagged.

    Raises:
        EvidenceError: names the file.
        NotDoneError: there is none.
    """
    bundle = contents.bundle
    texts = {name: bundle.read(name) for name in bundle.assessments}
    if not bundle.waivers and not texts:
        raise NotDoneError("the bundle has no waiver", required=False)
    verdict = digest_bytes(read_envelope(bundle.read(ENVELOPE), where=ENVELOPE).payload)
    known = {key.key_id for key in keys}
    unknown, signed = 0, set[str]()
    for name in bundle.waivers:
        envelope = read_envelope(bundle.read(name), where=name)
        waiver = read_waiver(envelope.payload, where=name)
        if waiver.verdict != verdict:
            raise EvidenceError("about another verdict", where=name)
        if waiver.assessment:
            text = f"assessments/{waiver.assessment.removeprefix('sha256:')}.md"
            signed.add(text)
            if text not in texts and contents.redaction is None:
                raise EvidenceError("the risk assessment that it signs off is missing", where=name)
        if known.intersection(signature.key_id for signature in envelope.signatures):
            open_envelope(bundle.read(name), keys, payload_type=PAYLOAD_TYPE, where=name)
        else:
            unknown += 1
    for name, data in texts.items():
        _check_assessment(contents, name, data, signed)
    more = f"; {unknown} by keys that were not given, not checked" if unknown else ""
    return f"{len(bundle.waivers)} waivers of this verdict{more}"


def waivers_in(bundle: Bundle) -> tuple[Waiver, ...]:
    """What people signed about the verdict, signatures not checked.

    Raises:
        EvidenceError: names the file that holds something else.
    """
    return tuple(
        read_waiver(read_envelope(bundle.read(name), where=name).payload, where=name)
        for name in bundle.waivers
    )


def _check_assessment(contents: Contents, name: str, data: bytes, signed: set[str]) -> None:
    if name != f"assessments/{sha256_hex(data)}.md":
        raise EvidenceError("changed: its digest is not that of its name", where=name)
    if name not in signed:
        raise EvidenceError("a risk assessment that nobody signed off", where=name)
    if left := unanswered(read_assessment(data, where=name), contents.verdict):
        raise EvidenceError(f"does not answer {', '.join(map(repr, left))}", where=name)


def _read_statement(envelope: bytes) -> VerdictStatement:
    try:
        return read_verdict_statement(read_envelope(envelope).payload)
    except EvidenceError as error:
        raise EvidenceError(error.what, where=ENVELOPE) from error


def _same_statement(signed: bytes, expected: bytes, where: str) -> None:
    """Hold signed bytes against what the sealed files give.

    Raises:
        EvidenceError: names the first fields that differ.
    """
    if signed == expected:
        return
    try:
        said = msgspec.json.decode(signed)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise EvidenceError(f"what was signed cannot be read: {error}", where=where) from error
    sealed = msgspec.json.decode(expected)
    if isinstance(said, dict) and said.get("subject") != sealed["subject"]:
        raise EvidenceError("what was signed is about other weights than those audited", where=where)
    found = list(islice(differences(said, sealed), 3))
    raise EvidenceError("what was signed is not what was sealed: " + "; ".join(found), where=where)
