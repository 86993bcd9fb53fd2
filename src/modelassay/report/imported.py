"""What a reader must know of answers that another tool had: its word, and a weaker tier of assurance."""

from __future__ import annotations

import json
from collections.abc import Iterable

from modelassay.records import AuditRecord

TIER = "T1"
"""Assurance of imported results: what somebody else's files say."""


def imported_mark(audit: AuditRecord) -> str:
    """A few words to set beside the verdict; empty when the models were asked here."""
    if not audit.imported:
        return ""
    tools = " and ".join(dict.fromkeys(run.tool for run in audit.imported))
    return f"imported from {tools}, assurance {TIER}"


def in_brackets(audit: AuditRecord) -> str:
    """The mark as it follows other words: `` [imported from …]``; empty when the models were asked here."""
    return f" [{imported_mark(audit)}]" if audit.imported else ""


def source_rows(audit: AuditRecord) -> Iterable[tuple[str, str, str, str]]:
    """Each imported file: side, tool with version, name with size and time, digest."""
    for run in audit.imported:
        tool = f"{run.tool} {run.tool_version}".strip()
        made = f", of {run.made}" if run.made else ""
        yield run.side, tool, f"{run.file} ({run.size:,} bytes{made})", run.digest


def decoding_in_words(audit: AuditRecord) -> str:
    """How answers were generated, as far as it is known."""
    decoding = audit.decoding
    said = [
        f"temperature {decoding.temperature}" if decoding.temperature else "",
        f"top-p {decoding.top_p}" if decoding.top_p else "",
        f"at most {decoding.max_tokens} tokens" if decoding.max_tokens else "",
    ]
    if decoding.stop:
        said.append("ended at " + " or ".join(json.dumps(each, ensure_ascii=False) for each in decoding.stop))
    known = ", ".join(filter(None, said)) or "not known"
    return f"{known}; {'as the files say' if audit.imported else 'the same for both models'}"
