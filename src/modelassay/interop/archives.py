"""Members of a zip archive, read in memory within bounds; nothing is ever written to a disk.

Inspect packs its logs with Zstandard (zip method 93, APPNOTE 6.3.8), which Python's zipfile reads from 3.14
on; before that the members are read here, and unpacked with the package ``zstandard`` where it is installed.
Names choose which members are read and lead nowhere: a path like ``../x`` is a name that nothing asks for.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from modelassay.errors import DatasetError

STORED, DEFLATED, ZSTANDARD = 0, 8, 93
MOST_MEMBERS = 2_000_000
MOST_UNPACKED = 256 << 20
"""Of one member: a sample with all its messages."""
MOST_TOGETHER = 8 << 30
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
"""APPNOTE 4.3.7; the name's and the extra field's length are its last two numbers."""


class Archive:
    """A zip archive in memory.

    Args:
        data: its bytes.
        name: of the file, for messages.

    Raises:
        DatasetError: no zip archive, a name that occurs twice, an encrypted member, too many.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self._left = MOST_TOGETHER
        try:
            entries = zipfile.ZipFile(io.BytesIO(data)).infolist()
        except (zipfile.BadZipFile, ValueError, struct.error, OSError, NotImplementedError) as error:
            raise DatasetError(f"not a zip archive: {error}", where=name) from error
        if len(entries) > MOST_MEMBERS:
            raise DatasetError(f"more than {MOST_MEMBERS:,} members", where=name)
        self._entries = {entry.filename: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise DatasetError("two members have one name", where=name, mend="write the log again")

    def __contains__(self, member: str) -> bool:
        return member in self._entries

    def names(self, folder: str, suffix: str) -> Iterator[str]:
        """Names of the members right in `folder` that end with `suffix`, in the archive's order."""
        for name in self._entries:
            rest = name.removeprefix(folder)
            if name.startswith(folder) and name.endswith(suffix) and "/" not in rest and "\\" not in rest:
                yield name

    def read(self, member: str) -> bytes:
        """The bytes of one member, its checksum proved.

        Raises:
            DatasetError: missing, damaged, encrypted, too large, or packed in a way that cannot be read.
        """
        where = f"{self._name}: {ascii(member)[1:-1]}"
        entry = self._entries.get(member)
        if entry is None:
            raise DatasetError("a member is missing", where=where)
        if entry.flag_bits & 1:
            raise DatasetError("an encrypted member", where=where)
        packed = self._packed(entry, where)
        data = _unpack(packed, entry.compress_type, where)
        if len(data) != entry.file_size or zlib.crc32(data) != entry.CRC:
            raise DatasetError("a damaged member: its checksum is wrong", where=where)
        self._left -= len(data)
        if self._left < 0:
            raise DatasetError(f"unpacks to more than {MOST_TOGETHER:,} bytes", where=self._name)
        return data

    def _packed(self, entry: zipfile.ZipInfo, where: str) -> bytes:
        start = entry.header_offset
        header = self._data[start : start + _LOCAL_HEADER.size]
        if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
            raise DatasetError("a damaged member: no local header", where=where)
        *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        begin = start + _LOCAL_HEADER.size + name_length + extra_length
        packed = self._data[begin : begin + entry.compress_size]
        if len(packed) != entry.compress_size:
            raise DatasetError("a damaged member: it is cut off", where=where)
        return packed


def _unpack(packed: bytes, method: int, where: str) -> bytes:
    """What `packed` holds, never more than `MOST_UNPACKED` bytes of it in memory."""
    if method == STORED:
        data = packed
    elif method == DEFLATED:
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, MOST_UNPACKED + 1)
        except zlib.error as error:
            raise DatasetError(f"a damaged member: {error}", where=where) from error
    elif method == ZSTANDARD:
        data = _unpack_zstandard(packed, where)
    else:
        raise DatasetError(f"packed with method {method}, which is not read here", where=where)
    if len(data) > MOST_UNPACKED:
        raise DatasetError(f"unpacks to more than {MOST_UNPACKED:,} bytes", where=where)
    return data


def _unpack_zstandard(packed: bytes, where: str) -> bytes:
    zstandard = _zstandard(where)
    parts, left = [], MOST_UNPACKED + 1
    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(packed) as reader:
            while left > 0 and (part := reader.read(min(left, 1 << 20))):
                parts.append(part)
                left -= len(part)
    except zstandard.ZstdError as error:
        raise DatasetError(f"a damaged member: {error}", where=where) from error
    return b"".join(parts)


def _zstandard(where: str) -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise DatasetError(
            "packed with Zstandard, and the package that unpacks it is not installed",
            where=where,
            mend="pip install 'modelassay[zstd]', or `inspect log convert --to json`",
        ) from error
    return zstandard
