"""Parameters of which the default run takes some; ``-m slow`` takes the others."""

from collections.abc import Iterable, Sequence

import pytest


def slow_but(by_default: Sequence, values: Iterable) -> list:
    """Return values as parameters, all but those named marked as slow.

    Parameters
    ----------
    by_default : sequence
        What stands for all in the default run; each must be one of the values.
    values : iterable
        All of them; a tuple holds the values of several parameters.
    """
    listed = list(values)
    lost = [value for value in by_default if value not in listed]
    assert not lost, f"{lost} are none of {listed}"
    return [value if value in by_default else _slow(value) for value in listed]


def _slow(value: object) -> object:
    several = value if isinstance(value, tuple) else (value,)
    return pytest.param(*several, marks=pytest.mark.slow)
