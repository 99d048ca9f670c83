import os
from pathlib import Path

import pooch
import pytest

from fatheory.errors import DataError, UnknownNameError
from fatheory.tasks.images import IMAGE_SETS, data_folder, image_set, set_folder, status, verify


def states(name: str) -> list[str]:
    return [report.state for report in verify(name)]


def row(name: str):
    return next(row for row in status() if row.entry.name == name)


def snapshot(root: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in root.rglob("*"))


def test_the_folder_is_the_environments_or_the_users_cache(monkeypatch):
    monkeypatch.setenv("FATHEORY_DATA_DIR", "~/sets")
    assert data_folder() == Path.home() / "sets"
    assert set_folder("mnist") == Path.home() / "sets" / "mnist"
    for unset in (lambda: monkeypatch.setenv("FATHEORY_DATA_DIR", ""), monkeypatch.undo):
        unset()
        monkeypatch.delenv("FATHEORY_DATA_DIR", raising=False)
        assert data_folder() == Path(pooch.os_cache("fatheory"))


def test_the_registry_is_complete():
    for name, entry in IMAGE_SETS.items():
        assert entry.name == name
        assert entry.title
        assert entry.licence
        assert entry.citation
        assert 0 < entry.validation < entry.train
        assert len(set(entry.class_names)) == entry.classes == (100 if name == "cifar-100" else 10)
        assert (entry.files == ()) == (entry.layout == "generated")
        assert (entry.unpacked != ()) == (entry.layout in ("cifar", "cifar-100", "stl-10"))
        for file in entry.files + entry.unpacked:
            algorithm, digits = file.checksum.split(":")
            assert len(digits) == {"sha256": 64, "md5": 32}[algorithm]
            assert set(digits) <= set("0123456789abcdef")
            assert file.size > 0
        for file in entry.files:
            assert all(url.endswith("/" + file.name) for url in file.urls)
            assert file.urls


@pytest.mark.parametrize(
    ("name", "image_bytes"), [("cifar-10", 3073), ("cifar-100", 3074), ("stl-10", 3 * 96 * 96 + 1)]
)
def test_members_hold_whole_images_of_the_stated_number(name, image_bytes):
    entry = image_set(name)
    for part in ("train", "test"):
        size = sum(batch.size for batch in entry.unpacked if batch.part == part)
        assert size == image_bytes * entry.images_in(part)


def test_md5_takes_the_place_of_an_unknown_sha256(tiny_stl):
    names = [file.name for file in tiny_stl.entry.unpacked]
    tiny_stl.write(*names)
    assert states("tiny-stl") == ["present"] * 4
    tiny_stl.replace(names[1], b"damaged")
    report = verify("tiny-stl")[1]
    assert report.state == "damaged"
    # md5 of b"damaged", computed by md5sum
    assert report.checksum == "md5:46cc0df55d22d6eb6c37cabbc09f5193"
    assert f"expected 12 bytes with md5:{tiny_stl.entry.unpacked[1].md5}" in str(report)


def test_an_unknown_set_is_named_with_its_neighbour():
    with pytest.raises(UnknownNameError, match="unknown image set 'mnits'; did you mean 'mnist'"):
        verify("mnits")


def test_files_are_missing_then_present(tiny_idx):
    assert states("tiny-idx") == ["missing"] * 4
    assert row("tiny-idx").state == "missing"
    tiny_idx.write("train-images.gz")
    assert row("tiny-idx").state == "incomplete"
    tiny_idx.write()
    assert states("tiny-idx") == ["present"] * 4
    assert row("tiny-idx").state == "complete"
    assert row("tiny-idx").size == sum(map(len, tiny_idx.contents.values()))
    assert row("tiny-idx").folder == tiny_idx.where


def test_a_damaged_file_is_reported_with_both_checksums_and_left_where_it_is(tiny_idx):
    tiny_idx.write()
    path = tiny_idx.replace("test-images.gz", b"damaged")
    before = snapshot(tiny_idx.root)
    report = verify("tiny-idx")[2]
    assert report.state == "damaged"
    assert report.path == path
    assert report.size == 7
    # sha256 of b"damaged", computed by sha256sum
    digits = "41f0c27c00e8018f7715b5f50f67b5b54c229c1b843a014152785d9005f58fde"
    assert report.checksum == f"sha256:{digits}"
    assert digits in str(report)
    assert report.expected.sha256 in str(report)
    assert row("tiny-idx").state == "damaged"
    assert snapshot(tiny_idx.root) == before


def test_nothing_is_written_for_a_folder_that_is_not_there(tiny_idx):
    verify("tiny-idx")
    status()
    assert not tiny_idx.root.exists()


def test_what_is_no_regular_file_is_damaged(tiny_idx):
    tiny_idx.write()
    (tiny_idx.where / "train-images.gz").unlink()
    (tiny_idx.where / "train-images.gz").mkdir()
    (tiny_idx.where / "train-labels.gz").unlink()
    (tiny_idx.where / "train-labels.gz").symlink_to("nowhere")
    assert states("tiny-idx") == ["damaged", "damaged", "present", "present"]
    assert "found no regular file" in str(verify("tiny-idx")[0])


def test_a_file_that_cannot_be_read_is_named(tiny_idx, monkeypatch):
    tiny_idx.write()

    def deny(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(DataError, match=r"train-images.gz cannot be read: Permission denied"):
        verify("tiny-idx")


def test_checksums_are_computed_once_until_the_file_changes(tiny_idx, monkeypatch):
    tiny_idx.write()
    opened = []
    plain_open = Path.open

    def counted_open(path: Path, mode: str = "r"):
        opened.append((path, mode))
        return plain_open(path, mode)

    monkeypatch.setattr(Path, "open", counted_open)
    verify("tiny-idx")
    verify("tiny-idx")
    assert len(opened) == 4
    path = tiny_idx.replace("test-images.gz", tiny_idx.contents["test-images.gz"])
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert states("tiny-idx") == ["present"] * 4
    assert opened[4:] == [(path, "wb"), (path, "rb")]


def test_an_archive_or_its_unpacked_members_serve(tiny_cifar):
    unpacked = [file.name for file in tiny_cifar.entry.unpacked]
    assert states("tiny-cifar") == ["missing"]
    tiny_cifar.write(unpacked[0])
    assert states("tiny-cifar") == ["present", "missing", "missing"]
    tiny_cifar.write(*unpacked)
    assert states("tiny-cifar") == ["present"] * 3
    tiny_cifar.write()
    assert [report.expected.name for report in verify("tiny-cifar")] == ["tiny.tar.gz"]


def test_a_generated_set_needs_no_files(data_root):
    assert verify("synthetic-digits") == []
    assert row("synthetic-digits").state == "generated"


def test_a_folder_may_be_given(tiny_idx, tmp_path):
    tiny_idx.write()
    assert [report.state for report in verify("tiny-idx", tmp_path)] == ["missing"] * 4
    assert status(tmp_path)[0].folder == tmp_path / "mnist"
