import logging
import os

import pytest

from fatheory.errors import DataError, UnknownNameError
from fatheory.tasks.images import fetch, verify


def all_present(name: str) -> bool:
    return all(report.state == "present" for report in verify(name))


def test_only_what_is_missing_is_downloaded(tiny_idx, mirror):
    tiny_idx.write("train-images.gz", "train-labels.gz")
    paths = fetch("tiny-idx")
    assert paths == [tiny_idx.where / file.name for file in tiny_idx.entry.files]
    assert [path.read_bytes() for path in paths] == list(tiny_idx.contents.values())
    assert all_present("tiny-idx")
    # The first mirror has nothing: each file is asked of both.
    assert mirror.requests == [
        f"/{place}/{name}"
        for name in ("test-images.gz", "test-labels.gz")
        for place in ("first", "second")
    ]
    fetch("tiny-idx")
    assert len(mirror.requests) == 4


def test_a_downloaded_file_may_be_read_by_others(tiny_idx):
    assert fetch("tiny-idx")[0].stat().st_mode & 0o777 == 0o644


def test_a_damaged_file_is_moved_aside_and_replaced(tiny_idx):
    tiny_idx.write()
    path = tiny_idx.replace("test-images.gz", b"damaged")
    tiny_idx.replace("test-images.gz.damaged", b"an older one")
    fetch("tiny-idx")
    assert all_present("tiny-idx")
    assert path.with_name("test-images.gz.damaged").read_bytes() == b"damaged"


def test_a_mirror_with_another_file_is_passed_over(tiny_idx, mirror):
    (mirror.folder / "first").mkdir()
    for name in tiny_idx.contents:
        (mirror.folder / "first" / name).write_bytes(b"something else")
    fetch("tiny-idx")
    assert all_present("tiny-idx")


def test_when_every_mirror_fails_the_message_says_how_and_nothing_is_left(tiny_idx, mirror):
    (mirror.folder / "second" / "train-images.gz").write_bytes(b"something else")
    with pytest.raises(DataError) as caught:
        fetch("tiny-idx")
    message = str(caught.value)
    assert f"{tiny_idx.where / 'train-images.gz'} could not be downloaded" in message
    assert f"{mirror.url}/first/train-images.gz: 404" in message
    assert f"{mirror.url}/second/train-images.gz: SHA256 hash" in message
    assert tiny_idx.entry.files[0].sha256 in message
    assert list(tiny_idx.where.iterdir()) == []


def test_no_server_is_a_data_error(tiny_idx, mirror, monkeypatch):
    import requests

    def refuse(*args: object, **kwargs: object) -> None:
        raise requests.ConnectionError("no route to host")

    monkeypatch.setattr(requests, "get", refuse)
    with pytest.raises(DataError, match="no route to host"):
        fetch("tiny-idx")


def test_a_folder_that_cannot_be_created_is_named(tiny_idx):
    tiny_idx.root.write_bytes(b"a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot be written: .*; set FATHEORY_DATA_DIR"):
        fetch("tiny-idx")


def test_progress_goes_to_standard_error_and_only_when_asked(tiny_idx, capsys):
    tiny_idx.write("train-labels.gz", "test-images.gz", "test-labels.gz")
    fetch("tiny-idx", progress=True)
    captured = capsys.readouterr()
    assert "train-images.gz: 0.0 of 0.0 MB\n" in captured.err
    assert captured.out == ""
    os.remove(tiny_idx.where / "train-images.gz")
    fetch("tiny-idx")
    assert capsys.readouterr().err == ""


def test_the_loggers_level_is_put_back(tiny_idx):
    import pooch

    before = pooch.get_logger().level
    assert before != logging.WARNING
    fetch("tiny-idx")
    assert pooch.get_logger().level == before


def test_an_official_unpacked_archive_needs_no_download(tiny_cifar, mirror):
    unpacked = [file.name for file in tiny_cifar.entry.unpacked]
    tiny_cifar.write(*unpacked)
    assert fetch("tiny-cifar") == [tiny_cifar.where / name for name in unpacked]
    assert mirror.requests == []


def test_another_unpacked_archive_is_left_alone(tiny_cifar):
    unpacked = [file.name for file in tiny_cifar.entry.unpacked]
    tiny_cifar.write(*unpacked)
    path = tiny_cifar.replace(unpacked[0], b"my own")
    assert fetch("tiny-cifar") == [tiny_cifar.where / "tiny.tar.gz"]
    assert path.read_bytes() == b"my own"
    assert all_present("tiny-cifar")


def test_a_generated_set_has_nothing_to_download(data_root):
    assert fetch("synthetic-digits") == []
    assert not data_root.exists()


def test_an_unknown_set_is_refused(data_root):
    with pytest.raises(UnknownNameError, match="known: cifar-10, cifar-100, fashion-mnist, mnist"):
        fetch("imagenet")
