"""Content fingerprints of files on disk: one SHA-256 per file, one for them all together.

The digest of a set of files is the SHA-256 of its ``SHA256SUMS``: one line ``HEX  PATH`` per file
(the format of GNU coreutils' ``sha256sum``), paths relative with ``/``, lines sorted by the bytes of
the path. Anyone can recompute it with coreutils alone; it is also Go's ``dirhash.Hash1``
(golang.org/x/mod/sumdb/dirhash) and in-toto's ``dirHash``.
"""

from __future__ import annotations

import base64
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from modelassay.artifacts.listing import EXCLUDED, list_folder
from modelassay.artifacts.reading import Advance, Reading, changed_while_read, read_file, read_once, stamp_of
from modelassay.artifacts.shards import weight_files
from modelassay.artifacts.tensors import TensorTable
from modelassay.canonical import Digest, digest_bytes
from modelassay.errors import UsageError


class FileDigests(dict[str, str]):
    """SHA-256 in lower-case hexadecimal by relative path."""

    def sums(self) -> bytes:
        """The ``SHA256SUMS`` text, sorted by path bytes."""
        lines = sorted((os.fsencode(path), digest) for path, digest in self.items())
        return b"".join(digest.encode() + b"  " + path + b"\n" for path, digest in lines)

    @property
    def digest(self) -> Digest:
        """The SHA-256 of `sums`: one digest for all the files and their names."""
        return digest_bytes(self.sums())


class FolderFingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """A folder by its content, as it stood at one moment."""

    root: Path
    readings: dict[str, Reading]
    """By path relative to `root`, in the order of ``SHA256SUMS``."""
    excluded: tuple[str, ...] = ()
    """Folders that are there and were left out."""
    linked: bool = False
    """Whether some of the files are links into the folder's own hub cache."""

    @property
    def files(self) -> FileDigests:
        """SHA-256 of every file."""
        return FileDigests({name: reading.sha256 for name, reading in self.readings.items()})

    @property
    def digest(self) -> Digest:
        """The SHA-256 of the folder's ``SHA256SUMS``."""
        return self.files.digest

    @property
    def h1(self) -> str:
        """The same digest as Go's ``dirhash`` writes it."""
        return "h1:" + base64.b64encode(bytes.fromhex(self.digest.removeprefix("sha256:"))).decode()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(reading.size for reading in self.readings.values())

    @property
    def tensors(self) -> TensorTable:
        """The tensors of the files that were read for them.

        Raises:
            UsageError: two files hold a tensor of the same name.
        """
        read = self.readings.items()
        return TensorTable.of({name: each.tensors for name, each in read if each.tensors is not None})

    def part(self, names: Sequence[str]) -> FileDigests:
        """The digests of some of the files.

        Raises:
            KeyError: one is not there.
        """
        return FileDigests({name: self.readings[name].sha256 for name in sorted(names, key=os.fsencode)})

    def read(self, name: str) -> bytes:
        """The bytes of one of the (small) files, those that were hashed.

        Raises:
            UsageError: it cannot be read, or changed since.
        """
        path = self.root / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
        if digest_bytes(data) != "sha256:" + self.readings[name].sha256:
            raise changed_while_read(path)
        return data


def fingerprint_folder(
    root: Path,
    *,
    blake3: bool = False,
    tensors: bool = False,
    exclude: Sequence[str] = EXCLUDED,
    advance: Advance | None = None,
) -> FolderFingerprint:
    """Hash every regular file under `root`, each in one pass.

    A file read before in this process is not read again while its stamp stays the same.

    Args:
        root: a folder; it may itself be reached by a link.
        blake3: also by BLAKE3.
        tensors: also each tensor of the weights.
        exclude: folders to leave out, relative with ``/``.
        advance: told of the bytes just read.

    Raises:
        UsageError: see `list_folder`, `read_file` and `weight_files`; or the folder changed meanwhile.
    """
    root = root.resolve()
    listing = list_folder(root, exclude=exclude)
    weights = frozenset(weight_files(root, listing.files) if tensors else ())
    readings = {
        name: read_once(root / name, blake3=blake3, tensors=name in weights, advance=advance)
        for name in listing.files
    }
    if list_folder(root, exclude=exclude) != listing or not _unchanged(root, readings):
        raise changed_while_read(root)
    return FolderFingerprint(root=root, readings=readings, excluded=listing.excluded, linked=listing.linked)


def shell_line(folder: FolderFingerprint, root: Path) -> str:
    """The command that recomputes the digest of `folder` with a shell and coreutils alone.

    Args:
        folder: its fingerprint.
        root: the path to name in the command.
    """
    follow = "-L " if folder.linked else ""
    left_out = "".join(f" ! -path {shlex.quote(f'./{name}/*')}" for name in folder.excluded)
    return (
        f"cd {shlex.quote(str(root))} && find {follow}. -type f{left_out} | cut -c3- | LC_ALL=C sort"
        " | tr '\\n' '\\0' | xargs -0 sha256sum -- | sha256sum"
    )


def digest_file(path: Path) -> str:
    """SHA-256 of the file's bytes in lower-case hexadecimal, read as a stream.

    Raises:
        UsageError: the file cannot be read, or it changed while it was being read.
    """
    return read_file(path).sha256


def _unchanged(root: Path, readings: Mapping[str, Reading]) -> bool:
    """Whether every file still stands as it was read."""
    try:
        return all(stamp_of(os.stat(root / name)) == reading.stamp for name, reading in readings.items())
    except OSError:  # a file went away meanwhile: that is a change
        return False
