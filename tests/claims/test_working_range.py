"""How far a scale may be from the best: neighbours alone count."""

import numpy as np
import pytest
import xarray as xr

from fatheory.claims import working_range

SCALES = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("errors", "wanted"),
    [
        ([9, 2.2, 2.0, 2.3, 9, 2.1], 4),  # the last is near, but no neighbour of the best
        ([2.0, 2.1, 2.2, 2.3, 2.2, 2.1], 32),
        ([9, 9, 9, 9, 9, 2.0], 1),
        ([9, np.nan, 2.0, 2.3, np.nan, 2.0], 2),
    ],
)
def test_the_range_ends_at_the_first_neighbour_that_is_not_near(errors, wanted):
    along = xr.DataArray(np.array(errors, float), {"scale": SCALES}, "scale")
    assert working_range(along, 0.31) == wanted
