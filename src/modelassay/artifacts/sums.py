"""``SHA256SUMS`` files from others: read strictly, and held against a folder."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from modelassay.artifacts.fingerprint import FileDigests, FolderFingerprint
from modelassay.artifacts.listing import check_name
from modelassay.errors import EvidenceError, UsageError

_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_MAX_BYTES: Final = 64 * 2**20


class FolderDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How a folder differs from its listing, each sorted."""

    added: tuple[str, ...]
    missing: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.missing or self.changed)


def read_sums(data: bytes, *, where: str) -> FileDigests:
    """The digests that a ``SHA256SUMS`` lists.

    Raises:
        EvidenceError: a line of another form, a file listed twice, or a path that leads out of the folder.
    """
    if len(data) > _MAX_BYTES:
        raise EvidenceError(f"longer than {_MAX_BYTES} bytes", where=where)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise EvidenceError("is not UTF-8", where=where) from error
    found = FileDigests()
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), 1):
        place = f"{where}:{number}"
        match = _LINE.fullmatch(line)
        if match is None:
            raise EvidenceError("no line of the form DIGEST  PATH", where=place)
        name = match[2].removeprefix("./")
        try:
            check_name(name, where=place)
        except UsageError as error:
            raise EvidenceError(error.what, where=place) from error
        if name in found or any(part in ("", ".", "..") for part in name.split("/")):
            raise EvidenceError(f"listed twice, or leads out of the folder: {name[:200]!r}", where=place)
        found[name] = match[1]
    return found


def compare_with_sums(folder: FolderFingerprint, sums: FileDigests) -> FolderDifference:
    """How `folder` differs from `sums`; files that are there and not listed count as well."""
    here = folder.files
    return FolderDifference(
        added=tuple(sorted(here.keys() - sums.keys())),
        missing=tuple(sorted(sums.keys() - here.keys())),
        changed=tuple(sorted(name for name in here.keys() & sums.keys() if here[name] != sums[name])),
    )
