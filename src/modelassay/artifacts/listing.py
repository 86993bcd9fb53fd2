"""Which files a folder holds: every regular one, hidden ones too, and nothing that could deceive."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from modelassay.errors import UsageError

EXCLUDED: Final = (".git", ".cache/huggingface")
"""Folders left out unless asked for: history and notes of the download, written after the files and never
loaded. Whatever was left out is part of every result."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one folder."""

    files: tuple[str, ...]
    """Relative with ``/``, sorted by the bytes of the path."""
    linked: bool = False
    """Whether any is a link into the blobs of the folder's own hub cache."""
    excluded: tuple[str, ...] = ()
    """Those of the folders to leave out that are there."""


def list_folder(root: Path, *, exclude: Sequence[str] = EXCLUDED) -> Listing:
    """Every regular file under `root`.

    A link counts as the file only when it leads into the ``blobs`` beside the ``snapshots`` that hold
    `root`, as the Hugging Face hub's cache is made.

    Args:
        root: a folder.
        exclude: folders to leave out, relative with ``/``.

    Raises:
        UsageError: `root` is no folder or cannot be read; another link, a pipe, socket or device; or a
            name that ``SHA256SUMS`` or JSON cannot hold.
    """
    if not root.is_dir():
        raise UsageError("no such folder", where=str(root), mend="name the folder that holds the files")
    blobs = _blobs(root)
    found: list[str] = []
    left_out: list[str] = []
    linked = False
    for relative, mode in _walk(root, frozenset(exclude), left_out):
        check_name(relative, where=str(root))
        if stat.S_ISLNK(mode):
            _check_link(root, relative, blobs)
            linked = True
        elif not stat.S_ISREG(mode):
            raise UsageError(
                f"{relative} is a pipe, a socket or a device",
                where=str(root),
                mend="a model's folder holds files only: remove it",
            )
        found.append(relative)
    return Listing(
        files=tuple(sorted(found, key=os.fsencode)), linked=linked, excluded=tuple(sorted(left_out))
    )


def check_name(name: str, *, where: str) -> None:
    """Refuse a file name that cannot stand in ``SHA256SUMS`` as it is, or in JSON.

    Raises:
        UsageError: it holds a line break, a carriage return or a backslash (which coreutils escapes), or
            is no UTF-8.
    """
    if any(mark in name for mark in "\n\r\\"):
        raise UsageError(
            f"a file name with a line break or backslash cannot be listed: {name!r}",
            where=where,
            mend="rename the file",
        )
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"a file name that is not UTF-8: {os.fsencode(name)!r}", where=where, mend="rename the file"
        ) from error


def _walk(root: Path, exclude: frozenset[str], left_out: list[str]) -> Iterator[tuple[str, int]]:
    """Everything that is no folder, with its mode; links are not followed."""
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(root / prefix) as entries:
                for entry in entries:
                    relative = prefix + entry.name
                    if not entry.is_dir(follow_symlinks=False):
                        yield relative, entry.stat(follow_symlinks=False).st_mode
                    elif relative in exclude:
                        left_out.append(relative)
                    else:
                        waiting.append(relative + "/")
        except OSError as error:
            where = str(root / prefix).rstrip("/")
            raise UsageError(f"cannot be read: {error.strerror}", where=where) from error


def _blobs(root: Path) -> Path | None:
    """The blobs that links of this folder may lead to; None outside a hub cache."""
    snapshots = root.resolve().parent
    blobs = snapshots.parent / "blobs"
    return blobs if snapshots.name == "snapshots" and blobs.is_dir() and not blobs.is_symlink() else None


def _check_link(root: Path, relative: str, blobs: Path | None) -> None:
    link = root.resolve() / relative
    target = Path(os.path.normpath(link.parent / link.readlink()))
    if blobs is not None and target.parent == blobs and target.is_file() and not target.is_symlink():
        return
    raise UsageError(
        f"{relative} is a link to {os.readlink(link)}, which is not part of this folder",
        where=str(root),
        mend="put the file itself there: `cp -rL FOLDER COPY` makes a copy without links",
    )
