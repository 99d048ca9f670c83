"""A part that is given a setting without its name says what to write."""

import pytest

import fatheory as fa
from fatheory.errors import WrongKindError


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        (
            fa.Record,
            "weights",
            r"^Record takes .* 'weights' .*write Record\(quantities=\.\.\.\); it",
        ),
        (fa.Phase, 100, r"^Phase takes .*100.*write Phase\(steps=\.\.\.\); it has steps, frozen"),
        (fa.Normal, 0.5, r"^Normal takes .*0\.5.*write Normal\(std=\.\.\.\); it has std"),
        (fa.DenseNetwork, 20, r"write DenseNetwork\(hidden=\.\.\.\)"),
    ],
)
def test_it_says_what_to_write(part, value, words):
    with pytest.raises(WrongKindError, match=words):
        part(value)
