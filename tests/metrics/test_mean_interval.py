"""Means over seeds and their confidence intervals, against the law they are made for."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from fatheory.errors import FatheoryError
from fatheory.metrics import mean_interval, spread


def seeds(values, *more):
    return xr.DataArray(np.asarray(values, float), dims=("seed", *more), name="loss")


def bounds(values, probability=0.95):
    return mean_interval(seeds(values), probability)["loss_interval"].values


def test_by_hand():
    # Mean 2, squared deviations 1 + 0 + 1, so s = 1; t(0.975, 2) = 4.302653 from tables.
    summary = mean_interval(seeds([1, 2, 3]))
    assert float(summary["loss"]) == pytest.approx(2, rel=1e-15)
    half = 4.302653 / np.sqrt(3)
    np.testing.assert_allclose(summary["loss_interval"], [2 - half, 2 + half], rtol=1e-6)


def test_agrees_with_scipy_along_the_seeds_only():
    values = np.random.default_rng(1).normal(3, 2, size=(7, 4))
    summary = mean_interval(seeds(values, "step"), probability=0.9)
    interval = summary["loss_interval"].transpose("ci_bound", "step")
    expected = stats.t.interval(0.9, 6, values.mean(0), stats.sem(values, axis=0))
    np.testing.assert_allclose(summary["loss"], values.mean(0), rtol=1e-14)
    np.testing.assert_allclose(interval, expected, rtol=1e-13)


@pytest.mark.parametrize(("n", "probability"), [(2, 0.95), (3, 0.5), (5, 0.9), (20, 0.95)])
def test_it_covers_the_expectation_as_often_as_it_says(n, probability):
    repeats = 20_000
    draws = np.random.default_rng(n).normal(-1.5, 3.0, size=(n, repeats))
    interval = mean_interval(seeds(draws, "repeat"), probability)["loss_interval"]
    low, high = interval.transpose("ci_bound", "repeat").values
    covered = int(((low < -1.5) & (high > -1.5)).sum())
    # An honest interval fails this once in 10,000 choices of the generator's seed.
    assert stats.binomtest(covered, repeats, probability).pvalue > 1e-4


def test_it_moves_and_stretches_with_the_values():
    values = np.random.default_rng(2).normal(size=6)
    np.testing.assert_allclose(bounds(10 + 3 * values), 10 + 3 * bounds(values), rtol=1e-13)
    np.testing.assert_allclose(bounds(-values), -bounds(values)[::-1], rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-250, 1e250])
def test_squares_neither_vanish_nor_overflow(scale):
    np.testing.assert_allclose(bounds(np.array([1, 2, 4]) * scale), bounds([1, 2, 4]) * scale)


def test_equal_seeds_leave_no_doubt():
    np.testing.assert_array_equal(bounds([0.1] * 3), [0.1, 0.1])


def test_one_seed_alone_has_a_mean_and_no_interval():
    summary = mean_interval(seeds([4.0]))
    assert float(summary["loss"]) == 4
    assert np.isnan(summary["loss_interval"]).all()


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 1])
def test_a_lost_seed_is_not_left_out_silently(lost, where):
    values = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    values[where, 0] = lost
    summary = mean_interval(seeds(values, "step"))
    assert np.isnan(summary["loss"][0])
    assert np.isnan(summary["loss_interval"][0]).all()
    assert float(summary["loss"][1]) == pytest.approx(2)
    assert np.isfinite(summary["loss_interval"][1]).all()


def test_single_precision_is_summed_in_double():
    values = seeds([1.0, 1.0 + 2**-20]).astype(np.float32)
    assert float(mean_interval(values)["loss"]) == 1 + 2**-21
    assert mean_interval(values)["loss_interval"].dtype == np.float64


def test_labels_say_what_the_interval_is():
    values = seeds([[1, 2], [3, 4], [5, 6]], "step").assign_coords(step=[0, 10])
    values.attrs = {"units": "degree", "long_name": "angle"}
    summary = mean_interval(values)
    interval = summary["loss_interval"]
    assert interval.dims == ("step", "ci_bound")
    assert list(interval["ci_bound"].values) == ["lower", "upper"]
    assert list(interval["step"].values) == [0, 10]
    assert interval.attrs["ci_prob"] == 0.95
    assert interval.attrs["n_seeds"] == 3
    assert "confidence of the mean" in interval.attrs["ci_kind"]
    assert summary["loss"].attrs == values.attrs
    assert values.attrs.items() <= interval.attrs.items()


@pytest.mark.parametrize("summarise", [mean_interval, spread])
class TestRefusals:
    @pytest.mark.parametrize("probability", [0, 1, -0.5, float("nan")])
    def test_an_impossible_probability(self, summarise, probability):
        with pytest.raises(FatheoryError, match="between 0 and 1"):
            summarise(seeds([1, 2]), probability)

    def test_values_without_seeds(self, summarise):
        with pytest.raises(FatheoryError, match=r"no dimension 'seed'.*'step'"):
            summarise(xr.DataArray([1.0], dims="step", name="loss"))

    def test_no_seed_at_all(self, summarise):
        with pytest.raises(FatheoryError, match="no entry along 'seed'"):
            summarise(seeds([]))


def test_a_run_counts_once():
    """Counted twice, as after a concatenation of what overlaps, it made the interval narrower."""
    values = seeds([1, 2, 4]).assign_coords(seed=[0, 1, 2])
    twice = xr.concat([values, values.isel(seed=[1])], "seed")
    for summary in (mean_interval, spread):
        with pytest.raises(FatheoryError, match=r"repeats labels along 'seed': 1"):
            summary(twice)
        xr.testing.assert_identical(summary(twice.drop_duplicates("seed")), summary(values))
