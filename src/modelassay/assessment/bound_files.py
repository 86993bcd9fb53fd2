"""Files of a run's folder that a commitment binds beside rollouts, and their digests."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from modelassay.canonical import Digest, digest_bytes, digest_of

EVENTS: Final = "events*.jsonl"
BOUND_FILES: Final = {
    "metrics": "metrics*.jsonl",
    "checkpoints": "checkpoints*.jsonl",
    "datasets": "datasets*.jsonl",
}
"""Files that a `CommittedRun` binds since it has a field for them, by that field."""
_PROCESS = re.compile(r"-([0-9]{5,})\.jsonl")


def digest_of_files(folder: Path, pattern: str, of: Collection[int] | None = None) -> Digest | None:
    """The digest of the files in `folder` that fit `pattern`, names and bytes; None without any.

    Args:
        of: numbers of processes; files that others wrote are left out. All files when None.
    """
    return digest_of_all_files(folder, pattern, of) if any(_files(folder, pattern, of)) else None


def digest_of_all_files(folder: Path, pattern: str, of: Collection[int] | None = None) -> Digest:
    """Likewise, but that there are none has a digest of its own."""
    return digest_of([[path.name, digest_bytes(path.read_bytes())] for path in _files(folder, pattern, of)])


def process_of(path: Path) -> int | None:
    """The number of the process that wrote a file of lines; None of a run that nobody recorded."""
    found = _PROCESS.search(path.name)
    return int(found[1]) if found else None


def _files(folder: Path, pattern: str, of: Collection[int] | None) -> Iterator[Path]:
    for path in sorted(folder.glob(pattern)):
        process = process_of(path)
        if of is None or process is None or process in of:
            yield path
