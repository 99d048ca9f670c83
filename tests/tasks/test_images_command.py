"""What `fatheory data` says about sets of each layout."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from fatheory.cli import main


@pytest.fixture
def shown(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["fatheory", "data", *arguments])
        monkeypatch.setenv("COLUMNS", "150")
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        assert code == 0
        return capsys.readouterr().out

    return call


@pytest.mark.parametrize("tiny", ["tiny_cifar_100", "tiny_stl", "tiny_svhn"])
def test_sets_are_listed_and_verified(request, shown, tiny):
    tiny = request.getfixturevalue(tiny)

    def state() -> str:
        return next(row for row in shown("list").splitlines() if row.startswith(tiny.name)).split()[
            -1
        ]

    assert state() == "missing"
    tiny.write()
    assert state() == "complete"
    paths = [str(tiny.where / file.name) for file in tiny.entry.files]
    assert shown("verify", tiny.name).split() == [w for p in paths for w in (f"{p}:", "present")]
    assert [line.split()[-1] for line in shown("fetch", tiny.name).splitlines()] == paths


def test_a_folder_of_images_is_read_through(shown, data_root):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(buffer, "PNG")
    for name in "ab":
        (data_root / "own" / name).mkdir(parents=True)
        for k in range(13):
            (data_root / "own" / name / f"{k}.png").write_bytes(buffer.getvalue())
    assert (
        "22 training images (the last 2 for validation) and 4 test images of 2 classes, 2 x 3 x 3"
        in shown("verify", "folder/own")
    )
    assert "folder/PATH" in shown("list")
    assert shown("fetch", "folder/own") == ""
