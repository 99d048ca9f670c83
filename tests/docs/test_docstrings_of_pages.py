"""Formulas in docstrings are shown as they are written."""

import sys

import pytest
from notebook_runs import ROOT


@pytest.fixture(scope="module")
def escaped():
    sys.path.insert(0, str(ROOT / "docs" / "pages"))
    try:
        import docstrings
    finally:
        del sys.path[0]

    def call(text):
        lines = text.split("\n")
        docstrings.keep_formulas(None, "", "", None, None, lines)
        return "\n".join(lines)

    return call


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("largest |W_l| of all", r"largest \|W_l\| of all"),
        ("of shape (*runs, layer)", r"of shape (\*runs, layer)"),
        ("``|W|`` and `*a`", "``|W|`` and `*a`"),
        ("e = y* - y", "e = y* - y"),
        ("only *numbers* count", "only *numbers* count"),
        ("*args : int", "*args : int"),
        (".. math::\n\n   |x|\n\n|x|", ".. math::\n\n   |x|\n\n\\|x\\|"),
        (".. math:: |x|\n|y|", ".. math:: |x|\n\\|y\\|"),
        (">>> f(*x)\n|x|\n\n|y|", ">>> f(*x)\n|x|\n\n\\|y\\|"),
    ],
)
def test_formulas_are_kept(escaped, written, shown):
    assert escaped(written) == shown
