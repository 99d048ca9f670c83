"""Medians and intervals over seeds, against laws that are known."""

import numpy as np
import pytest
import xarray as xr

from fatheory.errors import FatheoryError
from fatheory.metrics import spread


def seeds(values, **more):
    return xr.DataArray(np.asarray(values, float), dims=("seed", *more), name="loss")


def test_the_interval_holds_its_share_of_a_known_law():
    draws = np.random.default_rng(0).uniform(size=200_000)
    summary = spread(seeds(draws), probability=0.8)
    # The quantiles of 200,000 uniform draws have a standard deviation below 0.0011.
    np.testing.assert_allclose(summary["loss_interval"], [0.1, 0.9], atol=0.005)
    assert float(summary["loss"]) == pytest.approx(0.5, abs=0.005)


def test_labels_say_what_the_interval_is():
    summary = spread(seeds([1, 2, 3]))
    interval = summary["loss_interval"]
    assert list(interval["ci_bound"].values) == ["lower", "upper"]
    assert interval.attrs["ci_prob"] == 0.9
    assert interval.attrs["n_seeds"] == 3
    assert "quantiles over seeds" in interval.attrs["ci_kind"]


def test_a_lost_seed_is_not_left_out_silently():
    summary = spread(seeds([1, np.nan, 3]))
    assert np.isnan(summary["loss"])
    assert np.isnan(summary["loss_interval"]).all()


@pytest.mark.parametrize("probability", [0, 1, -0.5, float("nan")])
def test_an_impossible_share_is_refused(probability):
    with pytest.raises(FatheoryError, match="between 0 and 1"):
        spread(seeds([1, 2]), probability)


def test_values_without_seeds_are_refused():
    with pytest.raises(FatheoryError, match="no dimension 'seed'"):
        spread(xr.DataArray([1.0], dims="step", name="loss"))
