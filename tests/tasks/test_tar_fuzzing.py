"""Whatever lies in tar archives of images, it is read or refused by an error of ours."""

import gzip
import io
import tarfile
import tracemalloc
import warnings
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_fuzz import (
    CASES,
    SMALL_PICTURE,
    assert_both,
    damaged,
    fuzz,
    outcome,
)

from fatheory.errors import DataError, UnreadableImageWarning
from fatheory.tasks.images import DataFile, read_folder
from fatheory.tasks.images.folder import _read
from fatheory.tasks.images.tarball import read_archive

names = st.sampled_from(
    [
        *(
            "a/0.png",
            "a/1.png",
            "b/0.png",
            "b/1.png",
            "train/a/0.png",
            "test/a/0.png",
            "out/a/0.png",
        ),
        *(
            "a",
            "a/",
            ".",
            "./",
            "..",
            "",
            "/",
            "/a/0.png",
            "../a/0.png",
            "a/../../b.png",
            "a//0.png",
        ),
        *(".a/0.png", "é/0.png", "\udcff/0.png", "\n/0.png", "a/0.png/0.png", "x" * 300 + "/0.png"),
    ]
)


kinds = st.sampled_from([tarfile.REGTYPE] * 6 + [tarfile.DIRTYPE] * 2) | st.sampled_from(
    [*tarfile.SUPPORTED_TYPES, b"Q", b"\xff"]
)


@st.composite
def tars(draw, members=names):
    """Archives with members of any kind and name, and sizes and notes that claim anything."""
    buffer = io.BytesIO()
    form = draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    with tarfile.open(fileobj=buffer, mode="w", format=form):
        odd = draw(st.booleans())
        for name in draw(st.lists(members, max_size=5)):
            info, content = tarfile.TarInfo(name), draw(st.sampled_from([SMALL_PICTURE, b"", b"x"]))
            if odd:
                info.type = draw(kinds)
                info.linkname = draw(st.sampled_from(["", "a/0.png", "/etc/passwd"]))
            info.size = len(content)
            if odd and draw(st.integers(0, 4)) == 0:
                info.size = draw(st.sampled_from([-512, -1, 1, 513, 2**33, 2**62]))
            if odd and draw(st.integers(0, 4)) == 0:
                info.pax_headers = draw(pax_headers)
            buffer.write(info.tobuf(form, errors="surrogateescape"))
            buffer.write(content + bytes(-len(content) % 512))
        buffer.write(bytes(1024))
    return buffer.getvalue()


pax_headers = st.dictionaries(
    st.sampled_from(
        [
            "size",
            "path",
            "mtime",
            "GNU.sparse.size",
            "GNU.sparse.map",
            "GNU.sparse.major",
            "GNU.sparse.minor",
            "GNU.sparse.realsize",
            "GNU.sparse.name",
            "hdrcharset",
        ]
    ),
    st.sampled_from(["-512", "0", "1", "99999999999", "0,5,9,9", "a/9.png", "../x", "BINARY", "x"]),
    max_size=3,
)


@CASES
def test_archives_of_batches_are_read_or_refused(cases, tmp_path):
    path, seen = tmp_path / "x.tar.gz", Counter()
    batch = DataFile("a/0.png", sha256="", size=len(SMALL_PICTURE))
    few = st.sampled_from(["a/0.png", "b", "readme"]) | names

    @fuzz(cases)
    @given(content=tars(few), outer=st.integers(0, 3), data=st.data())
    def check(content, outer, data):
        packed = gzip.compress(content, 1, mtime=0)
        path.write_bytes(packed if outer else data.draw(damaged([packed])))
        found = outcome(lambda: read_archive(path, [batch]), seen)
        assert found is None or len(found["a/0.png"]) == batch.size

    check()
    assert_both(seen, cases)


@CASES
@pytest.mark.parametrize("packing", [".tar", ".tgz"])
def test_archives_of_folders_are_read_or_refused(cases, packing, tmp_path):
    path, seen = tmp_path / f"x{packing}", Counter()
    usual = st.sampled_from([f"{c}/{k}.png" for c in "ab" for k in range(9)])

    @fuzz(cases)
    @given(content=tars(usual) | tars() | tars().flatmap(lambda one: damaged([one])))
    def check(content):
        path.write_bytes(content if packing == ".tar" else gzip.compress(content, 1, mtime=0))
        _read.cache_clear()
        found = outcome(lambda: read_folder(path, (2, 2)), seen)
        assert found is None or found.pixels["train"].shape[1:3] == (2, 2)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreadableImageWarning)
        check()
    assert_both(seen, cases)


def tar_of(*headers):
    return b"".join(headers) + bytes(1024)


def header(name="a/0.png", size=0, kind=tarfile.REGTYPE, pax=None):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.pax_headers = size, kind, pax or {}
    return info.tobuf(tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT)


@pytest.mark.parametrize("packing", [".tar", ".tgz"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        # Tarfile would go back by that many bytes, and find the same member for ever.
        (tar_of(header(size=-512)), "a header names a size of -512 bytes"),
        (tar_of(header(pax={"size": "-512"})), "is sparse or no file"),
        # It would read on for ever beyond the end.
        (tar_of(header(size=2**62)), "claims 4,611,686,018,427,387,904 bytes"),
        (tar_of(header(pax={"size": str(2**62)})), "claims 4,611,686,018,427,387,904 bytes"),
        # Notes are read into memory whole.
        (tar_of(header(size=2**30, kind=tarfile.GNUTYPE_LONGNAME)), "size of 1,073,741,824 bytes"),
        (tar_of(header(size=2**30, kind=tarfile.XHDTYPE)), "size of 1,073,741,824 bytes"),
        # A few bytes of a sparse file become as many as it claims.
        (tar_of(header(kind=tarfile.GNUTYPE_SPARSE)), "a member is sparse"),
        (
            tar_of(header(pax={"GNU.sparse.map": "0,1", "GNU.sparse.size": "99999999999"})),
            "is sparse or no file",
        ),
    ],
)
def test_headers_that_would_lead_tarfile_astray_are_refused(tmp_path, packing, content, message):
    path = tmp_path / f"x{packing}"
    path.write_bytes(content if packing == ".tar" else gzip.compress(content))
    with pytest.raises(DataError, match=message):
        read_folder(path)
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=message):
        read_archive(path, [DataFile("a/0.png", sha256="", size=0)])


def test_a_long_note_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "x.tgz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(header(size=10**8, kind=tarfile.GNUTYPE_LONGNAME))
        for _ in range(100):
            stream.write(bytes(10**6))
    tracemalloc.start()
    with pytest.raises(DataError, match="size of 100,000,000 bytes"):
        read_folder(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_archives_of_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("fatheory.tasks.images.tarball._MAX_MEMBERS", 3)
    path = tmp_path / "x.tar"
    path.write_bytes(tar_of(*[header(f"a/{k}.txt") for k in range(4)]))
    with pytest.raises(DataError, match="it has more than 3 members"):
        read_folder(path)
