import io
import os
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fatheory.errors import DataError, UnreadableImageWarning
from fatheory.tasks.images import folder_set, image_set, load, read_folder, scan_folder, verify
from fatheory.tasks.images.folder import _read

PACKINGS = ("folder", ".tar", ".tar.gz", ".tgz")


def picture(value: int, shape: tuple[int, ...] = (2, 3, 3), kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full(shape, value, np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def unparted(**counts: int) -> dict[str, bytes]:
    """Return files of classes; each picture's value tells class (tens) and place (units)."""
    return {
        f"{name}/{k:03}.png": picture(20 * c + k)
        for c, (name, count) in enumerate(sorted(counts.items()))
        for k in range(count)
    }


@pytest.fixture
def pack(data_root: Path) -> Callable[..., str]:
    """Write files below a folder or into an archive; return its name as an image set."""

    def write(files: dict[str, bytes], packing: str = "folder", name: str = "own/set") -> str:
        path = data_root / (name if packing == "folder" else name + packing)
        path.parent.mkdir(parents=True, exist_ok=True)
        if packing == "folder":
            for inside, content in files.items():
                (path / inside).parent.mkdir(parents=True, exist_ok=True)
                (path / inside).write_bytes(content)
        else:
            with tarfile.open(path, "w" if packing == ".tar" else "w:gz") as archive:
                # The order of members is no order of names.
                for inside, content in reversed(files.items()):
                    info = tarfile.TarInfo(inside)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        return f"folder/{path.relative_to(data_root)}"

    return write


def values(name: str, split: str) -> list[int]:
    return (
        np.rint(255 * load(name, split).images[:, 0, 0].reshape(-1, 3)[:, 0]).astype(int).tolist()
    )


def refusal(name: str) -> str:
    with pytest.raises(DataError) as caught:
        image_set(name)
    return str(caught.value)


@pytest.mark.parametrize("packing", PACKINGS)
def test_every_fifth_image_is_for_tests_and_every_tenth_of_the_rest_for_validation(pack, packing):
    name = pack(unparted(cat=13, ant=7, dog=2), packing)
    entry = image_set(name)
    # Sorted: ant 0-6, cat 20-32, dog 40-41; the fifth is 4, 24 and 29; the tenth of the rest 31.
    assert (entry.train, entry.test, entry.validation) == (19, 3, 1)
    assert entry.class_names == ("ant", "cat", "dog")
    assert entry.shape == (2, 3, 3)
    assert (entry.name, entry.layout, entry.files) == (name, "folder", ())
    assert values(name, "test") == [4, 24, 29]
    kept = [0, 20, 40, 1, 21, 41, 2, 22, 3, 23, 5, 25, 6, 26, 27, 28, 30, 32]
    assert values(name, "train") == kept
    assert values(name, "validation") == [31]
    assert values(name, "train+validation") == [*kept, 31]
    assert load(name).labels.tolist() == [value // 20 for value in kept]
    assert load(name).images.dtype == np.float32
    assert load(name).name == name


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("outer", ["", "outer/", "./"])
def test_parts_are_kept_where_the_folder_has_them(pack, packing, outer):
    files = {f"{outer}train/{path}": one for path, one in unparted(ant=12, bee=11).items()}
    files |= {f"{outer}test/{path}": one for path, one in unparted(ant=2, bee=3).items()}
    name = pack(files, packing)
    assert values(name, "test") == [0, 20, 1, 21, 22]
    assert values(name, "validation") == [9, 29]
    assert values(name, "train") == [c + k for k in (*range(9), 10) for c in (0, 20)] + [11]
    assert scan_folder(name).validation == 2


def test_a_folder_around_all_classes_is_no_class(pack):
    files = {f"101/{path}": one for path, one in unparted(ant=5, bee=5).items()}
    assert image_set(pack(files)).class_names == ("ant", "bee")
    assert image_set(pack(unparted(ant=5), name="one")).class_names == ("ant",)


def test_grey_images_stay_grey_unless_one_has_colours(pack):
    grey = {f"a/{k}.png": picture(k, (2, 3)) for k in range(5)}
    assert image_set(pack(grey)).shape == (2, 3)
    mixed = grey | {"b/0.png": picture(90)}
    name = pack(mixed, name="mixed")
    assert image_set(name).shape == (2, 3, 3)
    assert values(name, "train") == [0, 90, 1, 2, 3]
    found = load(name).images[2]
    np.testing.assert_array_equal(found, np.full((2, 3, 3), np.float32(1 / 255)))


@pytest.mark.parametrize(("kind", "ending"), [("JPEG", "JPG"), ("PPM", "ppm"), ("BMP", "bmp")])
def test_other_formats_are_read_by_their_endings(pack, kind, ending):
    name = pack({f"a/{k}.{ending}": picture(10 * k, kind=kind) for k in range(5)})
    np.testing.assert_allclose(values(name, "train"), [0, 10, 20, 30], atol=1)


def test_hidden_and_other_files_are_passed_over(pack):
    extra = {"README.txt": b"hello", "a/notes.md": b"x", "a/._000.png": b"x", ".git/a.png": b"x"}
    name = pack(unparted(a=5) | extra | {"__MACOSX/a/000.png": b"x"})
    assert image_set(name).train == 4


def test_unequal_sizes_need_a_size(pack):
    files = unparted(a=5, b=5) | {"b/004.png": picture(7, (8, 4, 3))}
    name = pack(files)
    message = refusal(name)
    assert "a/000.png is 2 x 3, b/004.png is 8 x 4 (height x width)" in message
    assert "folder/PATH@HEIGHTxWIDTH" in message
    sized = load(name, "test", size=(4, 2))
    assert sized.images.shape == (2, 4, 2, 3)
    assert sized.name == f"{name}@4x2"
    np.testing.assert_array_equal(load(f"{name}@4x2", "test").images, sized.images)
    assert load(f"{name}@4x2", "test", size=(4, 2)).name == f"{name}@4x2"
    assert image_set(f"{name}@4x2").shape == (4, 2, 3)
    with pytest.raises(DataError, match=r"names another size than \(2, 2\)"):
        load(f"{name}@4x2", size=(2, 2))


def test_classes_without_images_are_named(pack, data_root):
    name = pack(unparted(a=5, c=5) | {"d/readme.txt": b"x"})
    (data_root / "own/set/b").mkdir()
    assert "classes without images: b, d;" in refusal(name)
    parted = {f"train/{path}": one for path, one in unparted(a=2, b=2).items()}
    parted |= {f"test/{path}": one for path, one in unparted(a=2, c=1).items()}
    assert "classes without images: train/c, test/b;" in refusal(pack(parted, name="parted"))
    only = {f"train/{path}": one for path, one in unparted(a=2).items()}
    assert "classes without images: test/a;" in refusal(pack(only, ".tar", name="only"))


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["a/0.png", "1.png"], ["a/0.png", "1.png", " and "]),
        (["a/0.png", "b/c/1.png"], ["a/0.png", "b/c/1.png", " and "]),
        (["train/0.png", "test/0.png"], ["found t", "/0.png"]),
        (["train/a/0.png", "extra/a/0.png"], ["extra/a/0.png", "train/a/0.png", " and "]),
        (["x/y/z/a/0.png"], ["found y/z/a/0.png"]),
        ([], ["found no images"]),
    ],
)
@pytest.mark.parametrize("packing", ["folder", ".tar"])
def test_other_layouts_are_refused(pack, packing, files, found):
    message = refusal(pack(dict.fromkeys(files, picture(1)) | {"readme.txt": b"x"}, packing))
    assert "expected train/<class>/<image> and test/<class>/<image>, or <class>/<image>" in message
    assert all(one in message.partition("expected")[2] for one in found)


@pytest.mark.parametrize("packing", PACKINGS)
def test_unreadable_files_are_left_out_with_one_warning(pack, packing, data_root):
    files = unparted(a=12, b=6) | {f"b/{k:03}.png": b"no image" for k in range(6, 13)}
    name = pack(files, packing)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        entry = image_set(name)
        assert len(load(name)) + entry.validation + entry.test == 18
    assert [one.category for one in caught] == [UnreadableImageWarning]
    message = str(caught[0].message)
    assert "holds 7 files that cannot be decoded" in message
    assert message.count("no PNG, JPEG, PPM, BMP image") == 5
    assert message.endswith("and 2 more")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = data_root / name.removeprefix("folder/")
        assert len(read_folder(path).unreadable) == 7
        with pytest.raises(DataError, match="holds 7 files that cannot be decoded"):
            read_folder(path, strict=True)


def test_a_folder_of_unreadable_files_alone_is_an_error(pack):
    assert "holds 1 file that cannot be decoded" in refusal(pack({"a/0.png": b"x"}))


def test_a_split_without_images_is_an_error(pack):
    name = pack(unparted(a=4, b=4))
    assert (image_set(name).test, image_set(name).validation) == (0, 0)
    for split in ("test", "validation"):
        with pytest.raises(DataError, match=f"has no images for '{split}'"):
            load(name, split)


@pytest.mark.parametrize(
    "name",
    [
        *("folder/", "folder//etc", "folder/..", "folder/../x", "folder/a/../../x", "folder/."),
        *("folder/a\nb", "folder/@2x2"),
    ],
)
def test_names_that_are_none_or_leave_the_folder_of_data_sets_are_refused(data_root, name):
    data_root.mkdir()
    with pytest.raises(DataError) as caught:
        image_set(name)
    assert "names no folder of images" in str(caught.value) or "is not there" in str(caught.value)
    assert ("is not there" in str(caught.value)) == (name == "folder/@2x2")


@pytest.mark.parametrize("size", ["0x3", "3x0", "5000x5000"])
def test_sizes_that_no_image_has_are_refused(data_root, size):
    with pytest.raises(DataError, match=r"images cannot have size .* 1 to 16,777,216 pixels"):
        image_set(f"folder/a@{size}")
    with pytest.raises(DataError, match="images cannot have size"):
        load("folder/a", size=tuple(map(int, size.split("x"))))


def test_links_out_of_the_folder_of_data_sets_are_refused(pack, data_root, tmp_path):
    pack(unparted(a=5))
    os.rename(data_root / "own", tmp_path / "elsewhere")
    (data_root / "own").symlink_to(tmp_path / "elsewhere")
    assert "leaves the folder of data sets" in refusal("folder/own/set")


def test_what_is_not_there_is_named(data_root):
    message = refusal("folder/own/set")
    assert f"{data_root / 'own/set'} is not there" in message
    assert "FATHEORY_DATA_DIR" in message
    with pytest.raises(DataError, match="is not there"):
        verify("folder/own/set")


def test_links_inside_are_refused(pack, data_root):
    name = pack(unparted(a=5, b=5))
    (data_root / "own/set/a/link.png").symlink_to(data_root / "own/set/a/000.png")
    assert "link.png is a link or a device" in refusal(name)
    (data_root / "own/set/a/link.png").unlink()
    (data_root / "own/set/c").symlink_to(data_root / "own/set/a")
    assert "set/c is a link or a device" in refusal(name)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("packing", [".tar", ".tgz"])
def test_links_and_devices_in_archives_are_refused(pack, data_root, packing, kind):
    name = pack(unparted(a=5), packing)
    path = data_root / f"own/set{packing}"
    with tarfile.open(path, "w" if packing == ".tar" else "w:gz") as archive:
        info = tarfile.TarInfo("a/000.png")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    assert "its member 'a/000.png' is a link or a device" in refusal(name)


@pytest.mark.parametrize("member", ["/etc/a/0.png", "../a/0.png"])
def test_members_that_leave_the_folder_are_refused(pack, member):
    name = pack(unparted(a=5) | {member: picture(1)}, ".tar.gz")
    assert f"its member {member!r} leaves the folder" in refusal(name)


def test_double_members_are_refused(pack, data_root):
    name = pack({"a/0.png": picture(1), "./a/0.png": picture(2)}, ".tar")
    assert "a/0.png is there twice" in refusal(name)


def test_large_files_are_refused_before_they_are_read(pack, data_root):
    name = pack(unparted(a=5))
    with (data_root / "own/set/a/005.png").open("wb") as file:
        file.truncate(2**26 + 1)
    assert "a/005.png is refused: it has 67,108,865 bytes" in refusal(name)


def test_names_that_cannot_be_printed_are_refused(pack):
    assert "cannot be printed" in refusal(pack({"a\x1b[2J/0.png": picture(1)}, ".tar"))


def test_what_is_no_archive_is_refused(pack, data_root):
    name = pack(unparted(a=5), ".tar")
    os.rename(data_root / "own/set.tar", data_root / "own/set.zip")
    assert "is neither a folder nor an archive (.tar, .tar.gz, .tgz)" in refusal(
        name.replace(".tar", ".zip")
    )


@pytest.mark.parametrize("packing", [".tar", ".tar.gz"])
def test_every_truncation_is_refused(pack, data_root, packing):
    name = pack(unparted(a=5), packing)
    path = data_root / f"own/set{packing}"
    content = path.read_bytes()
    end = len(content) if packing == ".tar.gz" else 5 * 1024  # then comes padding
    for kept in range(0, end, 97):
        path.write_bytes(content[:kept])
        assert "is no complete tar archive" in refusal(name)


@pytest.mark.parametrize("packing", [".tar", ".tar.gz"])
def test_flipped_bytes_are_refused_or_harmless(pack, data_root, packing):
    name = pack(unparted(a=6), packing)
    path = data_root / f"own/set{packing}"
    content = path.read_bytes()
    before = values(name, "train+validation")
    refused = 0
    places = range(0, min(len(content), 6 * 1024), 11)
    for k in places:
        path.write_bytes(content[:k] + bytes([content[k] ^ 0x5A]) + content[k + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                found = values(name, "train+validation")
            except (DataError, UnreadableImageWarning):
                refused += 1
                continue
        # A changed name in a tar header has a wrong sum; what is left is padding and time stamps.
        assert found == before
    assert refused > len(places) * (0.4 if packing == ".tar" else 0.9)


def test_a_folder_is_read_once_until_it_changes(pack, data_root, monkeypatch):
    name = pack(unparted(a=10, b=10))
    _read.cache_clear()
    image_set(name)
    for split in ("train", "test"):
        load(name, split)
        image_set(name)
    assert _read.cache_info().misses == 1
    path = data_root / "own/set/a/000.png"
    path.write_bytes(picture(77))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert values(name, "train")[0] == 77
    (data_root / "own/set/a/010.png").write_bytes(picture(78))
    assert image_set(name).train == 17
    assert _read.cache_info().misses == 3


def test_what_is_read_is_not_changed_by_who_reads_it(pack, data_root):
    pack(unparted(a=10))
    found = read_folder(data_root / "own/set")
    assert not found.pixels["train"].flags.writeable
    assert not found.labels["test"].flags.writeable


def test_an_entry_from_stored_facts_is_the_scanned_one(pack, data_root):
    name = pack(unparted(a=11, b=12))
    entry = scan_folder(f"{name}@2x3")
    stored = folder_set(
        entry.name, entry.train, entry.test, entry.validation, [2, 3, 3], ["a", "b"], entry.digest
    )
    assert stored == entry
    assert stored.classes == 2
    with pytest.raises(DataError, match="names no folder of images"):
        folder_set("mnist", 1, 1, 1, (2, 3), ("a", "b"))


def test_a_folder_may_be_given(pack, data_root, monkeypatch):
    name = pack(unparted(a=12))
    monkeypatch.delenv("FATHEORY_DATA_DIR")
    assert image_set(name, data_root).train == 10
    assert len(load(name, folder=data_root)) == 9
    assert verify(name, data_root) == []
