"""Names out of files: inside the folder, or refused."""

import os
import unicodedata
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest

from fatheory.inside import clashing, why_outside

OUTSIDE = [
    "", ".", "..", "/", "/etc/passwd", "//host/share", "../x", "a/../../x", "a/..", "./a", "a//b",
    "a/", "a/./b", "..\\x", "a\\..\\..\\x", "C:/x", "C:x", "\\\\host\\x", "a\0b", "a\nb", "a\x7f",
    "．．/x", "‥/x", "a／..／..／x", "..​/x"[:2] + "/x", ". ./x", "... /x", "a/.. ", "\ud800",
    "n" * 256, "a/" * 600 + "a", "é" * 200, None, 3, ("a",), b"a",
]  # fmt: skip
INSIDE = [
    "zarr.json", "loss/c.0.0.1", "weight_1/c/0/1", "rules.*.learning_rate/c.0", "∠δ ≤ 90°/c",
    "a..b", ".hidden/c", "r²/c.0", "x" * 255,
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE, ids=lambda name: repr(name)[:20])
def test_what_leads_out_is_refused_with_a_reason(name: object) -> None:
    assert why_outside(name)


@pytest.mark.parametrize("name", INSIDE, ids=lambda name: name[:20])
def test_what_is_inside_is_allowed(name: str) -> None:
    assert why_outside(name) == ""


def stays_inside(name: str) -> bool:
    """Whether the name is that of a file below a folder, by the systems' own rules of joining."""
    root = "/folder"
    joined = os.path.normpath(os.path.join(root, name))
    windows = PureWindowsPath(name)
    return (
        joined.startswith(root + "/")
        and "\0" not in name
        and not windows.drive
        and not windows.is_absolute()
        and ".." not in windows.parts
    )


def names_made_of_pieces(count: int, seed: int) -> list[str]:
    pieces = [
        *"/\\.:abcC \0",
        "..",
        "../",
        "．",
        "／",
        "‥",
        "é",
        "n" * 200,
        "zarr.json",
        "c.0",
        "²",
    ]
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(pieces, rng.integers(1, 7))) for _ in range(count)]


def compared(count: int) -> int:
    allowed = 0
    for name in names_made_of_pieces(count, seed=7):
        if why_outside(name) == "":
            allowed += 1
            for form in (name, *(unicodedata.normalize(n, name) for n in ("NFC", "NFD", "NFKC"))):
                assert stays_inside(form), name
    return allowed


def test_names_made_of_pieces_never_lead_out() -> None:
    assert compared(3000) > 300


@pytest.mark.slow
def test_many_names_made_of_pieces_never_lead_out() -> None:
    assert compared(100_000) > 10_000


def test_names_that_are_one_on_some_file_systems() -> None:
    assert clashing(["W/c.0", "w/c.0", "x/c.0"]) == ["W/c.0", "w/c.0"]
    assert clashing(["é", "e\u0301", "E\u0301"]) == ["é", "e\u0301", "E\u0301"]
    assert clashing([Path(name).name for name in ("a", "b")]) == []
