import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from fatheory.errors import DataError
from fatheory.tasks.images import DataFile
from fatheory.tasks.images.tarball import read_archive, read_batch

BATCH = DataFile("batches/data.bin", sha256="", size=26)
CONTENT = bytes(range(26))


def archive(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    path = folder / "batches.tar.gz"
    with tarfile.open(path, "w:gz") as target:
        for info, content in members:
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return path


def member(name: str, content: bytes = CONTENT, kind: bytes = tarfile.REGTYPE, link: str = ""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, content


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_archive(path, [BATCH])
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_members_are_found_by_exact_name(tmp_path):
    path = archive(
        tmp_path,
        member("batches", b"", tarfile.DIRTYPE),
        member("other/batches/data.bin", b"no"),
        member("data.bin", b"no"),
        member("batches/data.bin"),
    )
    assert read_archive(path, [BATCH]) == {"batches/data.bin": CONTENT}


@pytest.mark.parametrize("name", ["/etc/passwd", "../data.bin", "batches/../../data.bin"])
def test_a_member_that_leaves_the_folder_is_refused(tmp_path, name):
    path = archive(tmp_path, member("batches/data.bin"), member(name, b"x"))
    assert f"its member {name!r} leaves the folder" in refusal(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("name", ["batches/data.bin", "batches/other"])
def test_links_and_devices_are_refused(tmp_path, kind, name):
    path = archive(tmp_path, member(name, b"", kind, "/etc/passwd"))
    assert f"its member {name!r} is a link or a device" in refusal(path)


def test_a_missing_member_is_refused(tmp_path):
    assert "lacks batches/data.bin" in refusal(archive(tmp_path, member("batches/Data.bin")))


def test_a_double_member_is_refused(tmp_path):
    path = archive(tmp_path, member("batches/data.bin"), member("batches/data.bin"))
    assert "holds two members batches/data.bin" in refusal(path)


@pytest.mark.parametrize("size", [25, 27])
def test_a_member_of_another_size_is_refused(tmp_path, size):
    path = archive(tmp_path, member("batches/data.bin", bytes(size)))
    assert f"its member batches/data.bin has {size} bytes; expected 26" in refusal(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_archive_is_refused(tmp_path, share):
    path = archive(tmp_path, member("batches/data.bin", np.random.default_rng(0).bytes(26)))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "is no complete tar.gz archive" in refusal(path)


def test_every_single_flipped_byte_is_refused_or_harmless(tmp_path):
    path = archive(tmp_path, member("batches/data.bin"))
    content = path.read_bytes()
    refused = 0
    for k in range(len(content)):
        path.write_bytes(content[:k] + bytes([content[k] ^ 0x5A]) + content[k + 1 :])
        try:
            assert read_archive(path, [BATCH]) == {"batches/data.bin": CONTENT}
        except DataError as error:
            refused += str(path) in str(error)
    # What may change is the time stamp, the file's name and such in gzip's own header.
    assert refused >= len(content) - 10 - len("batches.tar") - 1


def test_a_header_that_makes_no_sense_is_refused(tmp_path):
    info, content = member("batches/data.bin")
    info.pax_headers = {"GNU.sparse.map": "a,b"}
    assert "is no complete tar.gz archive" in refusal(archive(tmp_path, (info, content)))


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "batches.tar.gz"
    path.write_bytes(b"<html>not found</html>")
    assert "is no complete tar.gz archive" in refusal(path)


@pytest.mark.parametrize(("size", "found"), [(25, "holds 25 bytes"), (27, "holds more bytes")])
def test_an_unpacked_batch_of_another_size_is_refused(tmp_path, size, found):
    path = tmp_path / "data.bin"
    path.write_bytes(bytes(size))
    with pytest.raises(DataError, match=f"{path} {found}; expected 26"):
        read_batch(path, BATCH)


def test_an_unpacked_batch_is_read(tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(CONTENT)
    assert read_batch(path, BATCH) == CONTENT


def test_an_unpacked_batch_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "data.bin"
    with pytest.raises(DataError, match=f"{path} cannot be read: No such file"):
        read_batch(path, BATCH)
