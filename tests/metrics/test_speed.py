"""Steps to a fraction of the initial loss, against curves that are known."""

import numpy as np
import pytest
import xarray as xr

from fatheory.errors import FatheoryError
from fatheory.metrics import steps_to


def archive(*curves, steps):
    return xr.Dataset(
        {"loss": (("rule", "seed", "step"), np.array([curves]))},
        coords={"rule": ["backprop"], "seed": range(len(curves)), "step": steps},
    )


def test_an_exponential_is_met_exactly_between_recorded_steps():
    steps = np.arange(0, 200, 7)
    rates = np.array([0.03, 0.05, 0.11])
    found = steps_to(archive(*(3 * np.exp(-rate * steps) for rate in rates), steps=steps), 0.01)
    np.testing.assert_allclose(found.values[0], np.log(100) / rates, rtol=1e-12)


def test_what_never_falls_so_far_takes_infinitely_long():
    found = steps_to(archive([1.0, 0.5, 0.2], [1.0, np.nan, np.nan], steps=[0, 1, 2]), 0.1)
    assert np.isinf(found.values).all()


def test_a_loss_of_zero_counts_as_reached():
    found = steps_to(archive([1.0, 0.5, 0.0], steps=[0, 1, 2]), 0.1)
    assert 1 < float(found[0, 0]) <= 2


@pytest.mark.parametrize("fraction", [0, 1, 2, float("nan")])
def test_an_impossible_fraction_is_refused(fraction):
    with pytest.raises(FatheoryError, match="between 0 and 1"):
        steps_to(archive([1.0, 0.5], steps=[0, 1]), fraction)
