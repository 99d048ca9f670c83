"""Files in tar archives, read without unpacking them, and their unpacked counterparts."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from fatheory.errors import DataError
from fatheory.tasks.images.entry import DataFile

_CHUNK_BYTES = 1 << 20

DAMAGES = (tarfile.TarError, OSError, EOFError, ValueError, zlib.error)
"""What reading a damaged archive raises."""

# Far more than any image set has; a small file can name members without end.
_MAX_MEMBERS = 1 << 22
_NOTES = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
_NOTE_BYTES = 1 << 20
_INFLATION = 1032
"""How many bytes gzip can make of one, at most."""


class Header(tarfile.TarInfo):
    """The header of a member, refused before tarfile acts on it.

    Tarfile reads a note on the next member, such as its long name, into memory whole, and
    follows the map of a sparse file, whatever sizes they claim.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "Header":
        """Read a header.

        Raises
        ------
        ValueError
            If it announces a sparse file, a note of more than 1 MiB, or a negative size.
        """
        member = super().frombuf(buf, encoding, errors)
        if member.type == tarfile.GNUTYPE_SPARSE:
            raise ValueError("a member is sparse")
        if member.size < 0 or (member.type in _NOTES and member.size > _NOTE_BYTES):
            raise ValueError(f"a header names a size of {member.size:,} bytes")
        return member


def read_archive(path: Path, batches: Sequence[DataFile]) -> dict[str, bytes]:
    """Read members of a tar.gz archive by their exact names, without unpacking it.

    The names and sizes are those of `batches`. The whole archive is refused where a member is a
    link or a device, or leaves the folder by an absolute path or ``..``.

    Raises
    ------
    DataError
        If the archive is damaged or refused, or a batch is absent, double or of another size.
    """
    sizes = {batch.name: batch.size for batch in batches}
    contents: dict[str, bytes] = {}
    try:
        # A stream: one pass of decompression, each member read where it is met.
        with (
            gzip.open(path) as stream,
            tarfile.open(fileobj=stream, mode="r|", tarinfo=Header) as archive,
        ):
            for member in checked_members(path, archive):
                if member.name in sizes:
                    if member.name in contents:
                        raise DataError(f"{path} holds two members {member.name}; expected one")
                    contents[member.name] = _read_member(path, archive, member, sizes[member.name])
            while stream.read(_CHUNK_BYTES):  # gzip checks its sum at the end of the file
                pass
    except DAMAGES as error:
        raise DataError(f"{path} is no complete tar.gz archive: {error}") from error
    absent = [name for name in sizes if name not in contents]
    if absent:
        raise DataError(f"{path} lacks {', '.join(absent)}")
    return contents


def read_batch(path: Path, batch: DataFile) -> bytes:
    """Read an unpacked batch, and at most one byte more than it should have.

    Raises
    ------
    DataError
        If the file cannot be read or has another size.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(batch.size + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) != batch.size:
        found = f"{len(content):,}" if len(content) < batch.size else "more"
        raise DataError(f"{path} holds {found} bytes; expected {batch.size:,}")
    return content


def checked_members(path: Path, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive, and refuse what one of plain files has no use for."""
    # Also of plain archives, which are never inflated: a generous bound for them.
    most = _INFLATION * path.stat().st_size
    for number, member in enumerate(archive, 1):
        if number > _MAX_MEMBERS:
            raise DataError(f"{path} is refused: it has more than {_MAX_MEMBERS:,} members")
        _check_member(path, member, most)
        yield member


def _check_member(path: Path, member: tarfile.TarInfo, most: int) -> None:
    inside = PurePosixPath(member.name)
    if inside.is_absolute() or ".." in inside.parts:
        raise DataError(f"{path} is refused: its member {member.name!r} leaves the folder")
    if not (member.isfile() or member.isdir()):
        raise DataError(f"{path} is refused: its member {member.name!r} is a link or a device")
    if member.issparse() or member.size < 0:  # as notes before the header may say
        raise DataError(f"{path} is refused: its member {member.name!r} is sparse or no file")
    # Tarfile would skip that many bytes block by block, also beyond the end of the file.
    if member.size > most:
        raise DataError(
            f"{path} is refused: its member {member.name!r} claims {member.size:,} bytes, more "
            f"than the file can hold"
        )


def _read_member(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, size: int) -> bytes:
    stream = archive.extractfile(member)
    if stream is None or member.size != size:
        raise DataError(
            f"{path}: its member {member.name} has {member.size:,} bytes; expected {size:,}"
        )
    return stream.read()
