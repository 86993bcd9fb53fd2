"""Other sealed audits for a reference population: those of a store, or bundles in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from modelassay.audit.seal import audit_ids, read_record
from modelassay.errors import ModelassayError, UsageError
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.integrity import files_are_sealed
from modelassay.evidence.ledger import read_histories
from modelassay.records import AuditRecord

Tell = Callable[[str, str], None]
"""Is told which audit does not count, and why."""


def audits_of(store: Path, tell: Tell) -> Iterator[AuditRecord]:
    """Every audit of `store` that can be read and whose verdict was not withdrawn."""
    histories = read_histories(store / "log")
    for audit in audit_ids(store):
        if audit in histories and histories[audit].withdrawn:
            tell(audit, "its verdict was withdrawn")
            continue
        try:
            yield read_record(store / "audits" / audit)
        except ModelassayError as error:
            tell(audit, error.what)


def bundles_in(folder: Path, tell: Tell) -> Iterator[AuditRecord]:
    """Every bundle (folder, zip or tar) in `folder` whose files are those that it sealed.

    Whose word they are is not checked: `modelassay verify` does that.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError("no such folder", where=str(folder), mend="name a folder that holds bundles")
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        try:
            contents = Contents(open_bundle(path))
            files_are_sealed(contents)
            yield contents.record
        except ModelassayError as error:
            tell(path.name, error.what)
