"""Statistics over seeds are of real numbers, with settings of the kind that they say."""

import numpy as np
import pytest
import xarray as xr

from fatheory import metrics
from fatheory.errors import FatheoryError

SEEDS = {"seed": [0, 1, 2]}
VALUES = xr.DataArray([1.0, 2.0, 4.0], dims="seed", coords=SEEDS, name="v")
STATISTICS = {
    "mean_interval": metrics.mean_interval,
    "spread": metrics.spread,
    "t_test": lambda values, *, paired=True, **more: metrics.t_test(
        values, VALUES, paired=paired, **more
    ),
}
every = pytest.mark.parametrize("name", STATISTICS)


@every
@pytest.mark.parametrize("kind", ["complex128", "datetime64[s]", "timedelta64[s]", "U5", "object"])
def test_what_has_no_mean_is_refused(name, kind):
    """Imaginary parts were dropped, and dates taken for counts of seconds."""
    with pytest.raises(FatheoryError, match="'v' must hold real numbers, of which there are means"):
        STATISTICS[name](VALUES.astype(kind))


@every
def test_small_integers_do_not_wrap_around(name):
    small = xr.DataArray(np.array([100, 120, 127], np.int8), dims="seed", coords=SEEDS, name="v")
    assert STATISTICS[name](small).equals(STATISTICS[name](small.astype(float)))
