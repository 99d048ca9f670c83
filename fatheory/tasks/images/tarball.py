"""Files in tar archives, read without unpacking them, and their unpacked counterparts."""

import gzip
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from fatheory.errors import DataError
from fatheory.tasks.images.entry import DataFile

_CHUNK_BYTES = 1 << 20

DAMAGES = (tarfile.TarError, OSError, EOFError, ValueError, zlib.error)
"""What reading a damaged archive raises."""


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
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                check_member(path, member)
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


def check_member(path: Path, member: tarfile.TarInfo) -> None:
    """Refuse what an archive of plain files in one folder has no use for."""
    inside = PurePosixPath(member.name)
    if inside.is_absolute() or ".." in inside.parts:
        raise DataError(f"{path} is refused: its member {member.name!r} leaves the folder")
    if not (member.isfile() or member.isdir()):
        raise DataError(f"{path} is refused: its member {member.name!r} is a link or a device")


def _read_member(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, size: int) -> bytes:
    stream = archive.extractfile(member)
    if stream is None or member.size != size:
        raise DataError(
            f"{path}: its member {member.name} has {member.size:,} bytes; expected {size:,}"
        )
    return stream.read()
