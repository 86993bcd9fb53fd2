"""What `modelassay verify` says beside the checks of a bundle: whether its report is the one that the sealed
record makes, and what its verdict rests on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from modelassay.errors import EvidenceError

if TYPE_CHECKING:
    from modelassay.evidence.bundle import Bundle
    from modelassay.evidence.verification import Verification
    from modelassay.records import AuditRecord

CHECK = "report"


def with_report(found: Verification, bundle: Bundle) -> Verification:
    """`found` with one more check: a sealed report that does not say what was decided is not verified.

    One that differs otherwise may be another build's of the same version, which is told.
    """
    from msgspec.structs import replace

    from modelassay.evidence.checks import perform

    check = perform(CHECK, lambda: _follows(bundle))
    state = "not verified" if check.state == "failed" else found.state
    return replace(found, checks=(*found.checks, check), state=state)


def said_of(bundle: Bundle) -> dict[str, object]:
    """What the verdict in `bundle` was decided by; empty where the record cannot be read."""
    from modelassay.evidence.contents import Contents
    from modelassay.gate.changes import loosened, otherwise

    try:
        record = Contents(bundle).record
    except EvidenceError:
        return {}  # the checks of the record tell why
    return {
        "candidate": record.candidate.reference,
        "baseline": record.baseline.reference,
        "policy": record.policy.name,
        "looser": list(loosened(record.policy)),
        "otherwise": list(otherwise(record.policy)),
        "decoding": " · ".join(_decoding(record)),
    }


def _follows(bundle: Bundle) -> str:
    from msgspec.structs import replace

    from modelassay.evidence.bundle import REPORT
    from modelassay.evidence.checks import NotDoneError
    from modelassay.evidence.contents import Contents
    from modelassay.report import renderer_for
    from modelassay.version import __version__

    contents = Contents(bundle)
    record = contents.record
    if REPORT not in bundle:
        raise NotDoneError("the bundle has no report", required=False)
    if record.tool_version != __version__:
        raise NotDoneError(
            f"made by version {record.tool_version}, and this is {__version__}: what {REPORT} says, and the "
            "notes and limits, are the signer's word",
            required=False,
        )
    if contents.examples is not None:
        record = replace(record, examples=contents.examples)
    elif contents.redaction is not None:
        raise NotDoneError("records that the report shows are withheld", required=False)
    sealed = bundle.read(REPORT)
    if renderer_for(REPORT).render(record) == sealed:
        return "is what the sealed record makes; its notes and limits are the signer's word"
    if _headline(record) not in sealed:
        raise EvidenceError(
            "it does not say what was decided: somebody else's words",
            where=REPORT,
            mend="write it anew from the bundle, and ask who made this one",
        )
    raise NotDoneError(
        f"{REPORT} is not what this build of version {__version__} makes of the sealed record: beside what "
        "was decided its words are the signer's (`modelassay report` writes it anew)",
        required=False,
    )


def _headline(record: AuditRecord) -> bytes:
    """What was decided, as it stands on the page."""
    from markupsafe import escape

    from modelassay.report.html import headline_sentence

    return f'<p class="headline">{escape(headline_sentence(record.verdict.headline))}</p>'.encode()


def _decoding(record: AuditRecord) -> Iterator[str]:
    decoding = record.decoding
    if decoding.temperature:
        yield f"temperature {decoding.temperature}"
    if decoding.stop:
        yield "answers end at " + ", ".join(map(repr, decoding.stop))
    for side, text in record.system_prompts.items():
        yield f"the {side} has a system prompt of {len(text):,} characters"
