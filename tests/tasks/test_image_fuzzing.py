"""Whatever lies in files and archives of images, it is read or refused by an error of ours."""

import gzip
import io
import os
import struct
import tarfile
import tracemalloc
import warnings
import zlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from fatheory.errors import DataError, FatheoryError, UnreadableImageWarning
from fatheory.tasks.images import DataFile, data_folder, load, read_folder, scan_folder
from fatheory.tasks.images.folder import _read
from fatheory.tasks.images.folder_name import folder_path, split_name, with_size
from fatheory.tasks.images.idx import read_idx
from fatheory.tasks.images.mat import read_mat
from fatheory.tasks.images.picture import decode_picture
from fatheory.tasks.images.tarball import read_archive

CASES = pytest.mark.parametrize("cases", [100, pytest.param(1000, marks=pytest.mark.slow)])

PIXELS = np.random.default_rng(3).integers(0, 256, (6, 5, 3), dtype=np.uint8)
IDX = bytes((0, 0, 8, 3)) + struct.pack(">3I", 3, 2, 2) + bytes(range(12))
MAT_SHAPES = {"X": (3, 2, 3, 4), "y": (4, 1)}


def fuzz(cases):
    """Run so many cases, the same ones at every run."""
    return settings(
        max_examples=cases,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def encoded(kind, pixels=PIXELS):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def mat_bytes(compressed):
    buffer = io.BytesIO()
    arrays = {
        name: np.arange(np.prod(s), dtype=np.uint8).reshape(s) for name, s in MAT_SHAPES.items()
    }
    savemat(buffer, arrays, do_compression=compressed)
    return buffer.getvalue()


PICTURES = [encoded(kind) for kind in ("PNG", "JPEG", "PPM", "BMP")]
PICTURES += [encoded("PNG", PIXELS[..., 0]), b"P3 2 1 255 1 2 3 4 5 6", b"P4 3 2\n\xa0\x40"]
SMALL_PICTURE = encoded("PNG", PIXELS[:2, :2])

extremes = st.sampled_from(
    [b"", b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\1\0"]
) | st.binary(max_size=6)


@st.composite
def damaged(draw, contents):
    """One of the contents, cut, with bytes replaced, flipped, left out or doubled."""
    content = draw(st.sampled_from(contents))
    for _ in range(draw(st.integers(0, 4))):
        # Headers come first, and are where damage tells.
        start = draw(st.integers(0, len(content)) | st.integers(0, min(len(content), 40)))
        how = draw(st.sampled_from(["cut", "replace", "flip", "insert", "leave out"]))
        piece = draw(extremes)
        if how == "cut":
            content = content[:start]
        elif how == "replace":
            content = content[:start] + piece + content[start + len(piece) :]
        elif how == "flip" and start < len(content):
            flipped = content[start] ^ (1 << draw(st.integers(0, 7)))
            content = content[:start] + bytes([flipped]) + content[start + 1 :]
        elif how == "insert":
            content = content[:start] + piece + content[start:]
        else:
            content = content[:start] + content[start + draw(st.integers(0, 20)) :]
    return content


def outcome(read, seen):
    """Read, and count what came of it; return what was read."""
    try:
        found = read()
    except FatheoryError:
        seen["refused"] += 1
        return None
    seen["read"] += 1
    return found


def assert_both(seen, cases):
    """A test in which nothing is refused, or nothing is read, would test little."""
    assert sum(seen.values()) >= cases
    assert min(seen["read"], seen["refused"]) >= cases / 50


@CASES
def test_idx_files_are_read_or_refused(cases, tmp_path):
    path, seen = tmp_path / "x.gz", Counter()

    @fuzz(cases)
    @given(inner=damaged([IDX]), outer=st.booleans(), data=st.data())
    def check(inner, outer, data):
        packed = gzip.compress(inner, mtime=0)
        path.write_bytes(data.draw(damaged([packed])) if outer else packed)
        found = outcome(lambda: read_idx(path, (3, 2, 2)), seen)
        assert found is None or found.shape == (3, 2, 2)

    check()
    assert_both(seen, cases)


def packed_element(content):
    """A MATLAB file of one compressed element, after the header of a whole file."""
    stored = zlib.compress(content)
    return mat_bytes(True)[:128] + struct.pack("<II", 15, len(stored)) + stored


@CASES
def test_matlab_files_are_read_or_refused(cases, tmp_path):
    path, seen = tmp_path / "x.mat", Counter()
    plain = mat_bytes(False)

    @fuzz(cases)
    @given(
        content=damaged([plain, mat_bytes(True)])
        | damaged([plain[128:]]).map(packed_element)
        | damaged([plain[128:]]).map(lambda rest: plain[:128] + rest)
    )
    def check(content):
        path.write_bytes(content)
        found = outcome(lambda: read_mat(path, MAT_SHAPES), seen)
        assert found is None or {name: one.shape for name, one in found.items()} == MAT_SHAPES

    check()
    assert_both(seen, cases)


def png(chunks):
    """A PNG file of these chunks, with right checksums."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@st.composite
def pngs(draw):
    """PNG files whose damage no checksum gives away, with sizes of any kind."""
    sizes = st.sampled_from([0, 1, 2, 6, 4096, 65535, 2**24, 2**31 - 1, 2**32 - 1])
    shape = struct.pack(">2I", draw(sizes), draw(sizes)) + bytes(draw(st.tuples(*[small] * 5)))
    texts = [(b"zTXt", b"k\0\0" + zlib.compress(bytes(2_000_000))), (b"iCCP", b"k\0\0" + b"x" * 9)]
    more = draw(st.lists(st.sampled_from([*texts, (b"PLTE", bytes(9)), (b"acTL", bytes(8))])))
    image = (b"IDAT", draw(damaged([zlib.compress(bytes(99)), zlib.compress(bytes(10**6))])))
    return png([(b"IHDR", shape), *more, image, (b"IEND", b"")])


small = st.sampled_from([0, 1, 2, 3, 4, 6, 8, 16, 255])


@CASES
def test_pictures_are_decoded_or_refused(cases):
    seen = Counter()

    @fuzz(2 * cases)
    @given(content=damaged(PICTURES) | pngs(), size=st.sampled_from([None, (1, 1), (3, 4), (9, 1)]))
    def check(content, size):
        found = outcome(lambda: decode_picture(content, "x", size), seen)
        assert found is None or (
            found.dtype == np.uint8 and found.shape[:2] == (size or found.shape[:2])
        )

    check()
    assert_both(seen, cases)


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
        for name in draw(st.lists(members, max_size=5)):
            info, content = tarfile.TarInfo(name), draw(st.sampled_from([SMALL_PICTURE, b"", b"x"]))
            info.type, info.linkname = (
                draw(kinds),
                draw(st.sampled_from(["", "a/0.png", "/etc/passwd"])),
            )
            info.size = len(content)
            if draw(st.integers(0, 4)) == 0:
                info.size = draw(st.sampled_from([-512, -1, 1, 513, 2**33, 2**62]))
            if draw(st.integers(0, 4)) == 0:
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


@CASES
def test_folders_are_read_or_refused(cases, tmp_path):
    seen = Counter()
    made = iter(range(10**9))
    files = st.dictionaries(
        st.sampled_from(
            [
                "a/0.png",
                "a/1.png",
                "b/0.png",
                "b/0.txt",
                "train/a/0.png",
                "test/a/0.png",
                ".h/0.png",
                "c.png",
            ]
        ),
        damaged([SMALL_PICTURE]) | st.just(SMALL_PICTURE),
        max_size=4,
    )

    @fuzz(cases // 3)
    @given(files=files, link=st.sampled_from([None, None, None, "a/l.png", "l", "loop"]))
    def check(files, link):
        root = tmp_path / str(next(made))
        root.mkdir()
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        if link:
            (root / link).parent.mkdir(exist_ok=True)
            (root / link).symlink_to(root if link == "loop" else "/etc/passwd")
        found = outcome(lambda: read_folder(root, (2, 2)), seen)
        assert not (link and found)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreadableImageWarning)
        check()
    assert_both(seen, cases // 3)


@CASES
def test_names_of_folders_are_taken_or_refused(cases, data_root):
    seen = Counter()
    (data_root / "set").mkdir(parents=True)
    (data_root / "loop").symlink_to("loop")
    (data_root / "out").symlink_to("/")
    parts = st.sampled_from(
        ["folder/", "set", "/", "..", ".", "@2x3", "@0x1", f"@{'9' * 5000}x1", "@", "\0", "\udcff"]
    ) | st.sampled_from(["loop", "out", "a" * 300, "é", "\n", "٣"])
    text = st.lists(parts, max_size=4).map("".join) | st.text(max_size=5)

    @fuzz(cases)
    @given(name=st.one_of(text, text.map("folder/{}".format), text.map("folder/set{}".format)))
    def check(name):
        outcome(lambda: split_name(name), seen)
        outcome(lambda: with_size(name, (2, 3)), seen)
        found = outcome(lambda: folder_path(name), seen)
        assert found is None or found.is_relative_to(data_root.resolve())
        outcome(lambda: scan_folder(name) if found is None else None, seen)

    check()
    assert_both(seen, cases)


@CASES
@pytest.mark.parametrize(
    "layout", ["tiny_idx", "tiny_cifar", "tiny_cifar_100", "tiny_stl", "tiny_svhn"]
)
def test_files_of_every_layout_are_read_or_refused(cases, layout, request):
    tiny, seen = request.getfixturevalue(layout), Counter()
    tiny.write()
    usual = [file.name for file in tiny.entry.files]

    @fuzz(cases // 3)
    @given(data=st.data(), name=st.sampled_from(usual), split=st.sampled_from(["train", "test"]))
    def check(data, name, split):
        content = tiny.contents[name]
        tiny.replace(name, data.draw(damaged([content])))
        found = outcome(lambda: load(tiny.name, split, verify=False), seen)
        assert found is None or len(found) == {"train": 8, "test": 5}[split]
        tiny.replace(name, content)

    check()
    assert_both(seen, cases // 3)


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


def mat_file(folder, old, new):
    content = mat_bytes(False)
    assert old in content
    path = folder / "x.mat"
    path.write_bytes(content.replace(old, new, 1))
    return path


def test_arrays_without_flags_or_of_too_many_dimensions_are_refused(tmp_path):
    flags = struct.pack("<4I", 6, 8, 9, 0)
    path = mat_file(tmp_path, flags, struct.pack("<4I", 6, 0, 1, 0))
    with pytest.raises(DataError, match="damaged"):
        read_mat(path, MAT_SHAPES)
    # An empty element of flags takes eight bytes less in the array, whose size follows its tag.
    content = mat_bytes(False).replace(flags, struct.pack("<2I", 6, 0), 1)
    (size,) = struct.unpack_from("<I", content, 132)
    path.write_bytes(content[:132] + struct.pack("<I", size - 8) + content[136:])
    with pytest.raises(DataError, match="class None"):
        read_mat(path, MAT_SHAPES)
    lengths = struct.pack("<6I", 5, 16, 3, 2, 3, 4)
    many = struct.pack("<2I", 5, 4 * 40) + struct.pack("<I", 2**31 - 1) * 40
    content = mat_bytes(False).replace(lengths, many, 1)
    (size,) = struct.unpack_from("<I", content, 132)
    path.write_bytes(content[:132] + struct.pack("<I", size + 144) + content[136:])
    with pytest.raises(DataError, match="more than 32 dimensions"):
        read_mat(path, MAT_SHAPES)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"folder/a@{'9' * 5000}x2", "a size of more than 9 digits"),
        (f"folder/{'a' * 3000}", "is no name of a folder"),
        ("folder/a\0b", "is no name of a folder"),
        ("folder/\udcff\ud800", "is no name of a folder"),
        ("folder/loop", "is no name of a folder"),
    ],
)
def test_names_that_no_file_system_takes_are_refused(data_root, name, message):
    data_root.mkdir()
    (data_root / "loop").symlink_to("loop")
    with pytest.raises(DataError, match=message) as caught:
        load(name)
    assert len(str(caught.value)) < 300


def test_a_data_folder_in_no_home_is_refused(monkeypatch):
    monkeypatch.setenv("FATHEORY_DATA_DIR", f"~{'nobody' * 3}{os.getpid()}/data")
    with pytest.raises(DataError, match="FATHEORY_DATA_DIR is '~nobody"):
        data_folder()
