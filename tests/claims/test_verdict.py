"""The rule by which verdicts are given."""

import math

import pytest

from fatheory.claims import Measured, Verdict
from fatheory.claims.bound import read_bounds
from fatheory.claims.verdict import judge

HISTORY = "[commits]\nabc = 2030-01-01T00:00:00Z\n"


def bound(by: str, reproduced: str, direction: str = "", paper: str = ""):
    text = f'[a]\nwhat = ""\nunit = ""\nwhy = ""\nfixed = "abc"\nby = "{by}"\n'
    text += f"reproduced = {reproduced}\n{direction}\n{paper}\n"
    return read_bounds(text, HISTORY)["a"]


NUMBER = bound("value", "[2.25, 2.55]", "direction = [0, 4.8]", "paper = 2.4")
LEAD = bound("value", "[-0.45, -0.15]", "direction = [-inf, 0]", "paper = -0.3")
AT_MOST = bound("interval", "[-inf, 1]", "direction = [-inf, 3]")
SIGN = bound("interval", "[-inf, 0]")


@pytest.mark.parametrize(
    ("wanted", "measured", "verdict"),
    [
        (NUMBER, Measured(2.36, 2.30, 2.42, 20), Verdict.REPRODUCED),
        # A number is not the paper's for lying below it.
        (NUMBER, Measured(1.65, 1.61, 1.69, 20), Verdict.OTHER_NUMBER),
        (NUMBER, Measured(5.0, 4.9, 5.1, 20), Verdict.NOT_REPRODUCED),
        (LEAD, Measured(-0.3, -0.35, -0.25, 20), Verdict.REPRODUCED),
        (LEAD, Measured(-0.6, -0.65, -0.55, 20), Verdict.OTHER_NUMBER),
        (LEAD, Measured(-0.05, -0.15, 0.05, 20), Verdict.NOT_REPRODUCED),
        (LEAD, Measured(0.3, 0.25, 0.35, 20), Verdict.NOT_REPRODUCED),
        (AT_MOST, Measured(0.5, 0.2, 0.8, 3), Verdict.REPRODUCED),
        (AT_MOST, Measured(0.5, -0.2, 1.2, 3), Verdict.OTHER_NUMBER),
        (AT_MOST, Measured(0.5, -9, 10, 3), Verdict.NOT_REPRODUCED),
        (AT_MOST, Measured(0.5), Verdict.REPRODUCED),  # one seed has no interval
        (AT_MOST, Measured(1.0, 1.0, 1.0, 3), Verdict.REPRODUCED),
        (SIGN, Measured(-0.1, -0.3, 0.1, 3), Verdict.NOT_REPRODUCED),
        (SIGN, Measured(math.nan), Verdict.NOT_REPRODUCED),
    ],
)
def test_verdicts_follow_from_number_interval_and_bound(wanted, measured, verdict):
    assert judge(wanted, measured)[0] is verdict


def test_an_interval_that_leaves_the_bound_is_named():
    why = judge(SIGN, Measured(-0.1, -0.3, 0.1, 3))[1]
    assert why == "the mean satisfies <= 0, but not all of its interval over seeds does"
    assert judge(SIGN, Measured(0.2, 0.1, 0.3, 3))[1] == ""
