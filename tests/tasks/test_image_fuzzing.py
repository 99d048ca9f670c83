"""Whatever lies in files and folders of images, it is read or refused by an error of ours."""

import gzip
import io
import os
import struct
import warnings
import zlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_fuzz import (
    CASES,
    PICTURES,
    SMALL_PICTURE,
    assert_both,
    damaged,
    fuzz,
    outcome,
)
from scipy.io import savemat

from fatheory.errors import DataError, UnreadableImageWarning
from fatheory.tasks.images import data_folder, load, read_folder, scan_folder
from fatheory.tasks.images.folder_name import folder_path, split_name, with_size
from fatheory.tasks.images.idx import read_idx
from fatheory.tasks.images.mat import read_mat
from fatheory.tasks.images.picture import decode_picture

IDX = bytes((0, 0, 8, 3)) + struct.pack(">3I", 3, 2, 2) + bytes(range(12))


MAT_SHAPES = {"X": (3, 2, 3, 4), "y": (4, 1)}


def mat_bytes(compressed):
    buffer = io.BytesIO()
    arrays = {
        name: np.arange(np.prod(s), dtype=np.uint8).reshape(s) for name, s in MAT_SHAPES.items()
    }
    savemat(buffer, arrays, do_compression=compressed)
    return buffer.getvalue()


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
