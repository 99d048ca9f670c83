"""t-tests over seeds, against tables, SciPy, closed forms and their laws under the null."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from fatheory.errors import FatheoryError
from fatheory.metrics import t_test

KINDS = {
    "paired": {"paired": True},
    "pooled": {"paired": False},
    "welch": {"paired": False, "equal_variance": False},
}
NUMBERS = ("difference", "t", "degrees_of_freedom", "p_value", "effect_size")


def seeds(values, *more):
    values = np.asarray(values, float)
    return xr.DataArray(
        values, {"seed": np.arange(len(values))}, ("seed", *more), "error", {"units": "percent"}
    )


def numbers(result):
    return [float(result[name]) for name in NUMBERS]


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def test_paired_by_hand():
    # Differences 1, 2, 3: mean 2, s = 1, t = 2 sqrt(3); of 2 degrees of freedom
    # P = 1 - t / sqrt(2 + t^2) in closed form.
    result = t_test(seeds([2, 4, 6]), seeds([1, 2, 3]), paired=True)
    t = 2 * np.sqrt(3)
    assert numbers(result) == pytest.approx([2, t, 2, 1 - t / np.sqrt(14), 2], rel=1e-13)
    half = 4.302653 / np.sqrt(3)
    np.testing.assert_allclose(result["difference_interval"], [2 - half, 2 + half], rtol=1e-6)


def test_pooled_by_hand():
    # Means 2 and 5, sums of squares 2 and 2, s_p^2 = 4 / 3: of 3 degrees of freedom.
    first, second = seeds([1, 2, 3]), seeds([4, 6])
    result = t_test(first, second, paired=False)
    t = -3 / np.sqrt(4 / 3 * (1 / 3 + 1 / 2))
    expected = [-3, t, 3, float(result["p_value"]), -3 / np.sqrt(4 / 3)]
    assert numbers(result) == pytest.approx(expected, rel=1e-13)
    half = 3.182446 * 3 / abs(t)  # t(0.975, 3) from tables
    np.testing.assert_allclose(result["difference_interval"], [-3 - half, -3 + half], rtol=1e-6)


def test_welch_by_hand():
    # Squared errors of the means 1 / 3 and 1: (4 / 3)^2 / (1 / 9 / 2 + 1 / 1) = 32 / 19.
    result = t_test(seeds([1, 2, 3]), seeds([4, 6]), paired=False, equal_variance=False)
    assert float(result["degrees_of_freedom"]) == pytest.approx(32 / 19, rel=1e-13)
    assert float(result["t"]) == pytest.approx(-3 / np.sqrt(4 / 3), rel=1e-13)
    assert float(result["effect_size"]) == pytest.approx(-3 / np.sqrt(4 / 3), rel=1e-13)


def test_agrees_with_scipy(kind):
    generator = np.random.default_rng(3)
    first = generator.normal(1, 1, size=(8, 5))
    second = generator.normal(0, 3, size=(8 if kind["paired"] else 6, 5))
    result = t_test(seeds(first, "step"), seeds(second, "step"), probability=0.9, **kind)
    expected = (
        stats.ttest_rel(first, second)
        if kind["paired"]
        else stats.ttest_ind(first, second, equal_var=kind.get("equal_variance", True))
    )
    np.testing.assert_allclose(result["t"], expected.statistic, rtol=1e-12)
    np.testing.assert_allclose(result["p_value"], expected.pvalue, rtol=1e-12)
    df = np.broadcast_to(expected.df, 5)
    np.testing.assert_allclose(result["degrees_of_freedom"], df, rtol=1e-12)
    interval = result["difference_interval"].transpose("ci_bound", "step")
    np.testing.assert_allclose(interval, expected.confidence_interval(0.9), rtol=1e-11)


def test_p_is_uniform_and_the_interval_covers_where_the_means_are_equal(kind):
    repeats = 20_000
    generator = np.random.default_rng(4)
    common = generator.normal(0, 5, size=(6, repeats)) if kind["paired"] else 0.0
    # Welch's law is an approximation; with equal variances and sizes it is a good one.
    first, second = (common + generator.normal(size=(6, repeats)) for _ in range(2))
    result = t_test(seeds(first, "repeat"), seeds(second, "repeat"), **kind)
    distance = stats.kstest(result["p_value"], "uniform").statistic
    exact = kind.get("equal_variance", True)
    assert distance < (0.0157 if exact else 0.03)  # exceeded once in 10,000 by an exact test
    low, high = result["difference_interval"].transpose("ci_bound", "repeat").values
    covered = int(((low < 0) & (high > 0)).sum())
    assert covered == int((result["p_value"] > 0.05).sum())
    if exact:
        assert stats.binomtest(covered, repeats, 0.95).pvalue > 1e-4


def test_pooling_fails_and_welch_holds_when_variances_and_sizes_differ():
    repeats = 20_000
    generator = np.random.default_rng(5)
    first = seeds(generator.normal(0, 1, size=(20, repeats)), "repeat")
    second = seeds(generator.normal(0, 5, size=(5, repeats)), "repeat")
    rejected = {
        name: float((t_test(first, second, **KINDS[name])["p_value"] < 0.05).mean())
        for name in ("pooled", "welch")
    }
    assert rejected["pooled"] > 0.2
    assert rejected["welch"] == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("offset", [20, 1e4, 1e8])
def test_the_smallest_p_keeps_its_digits(offset):
    # Of 2 degrees of freedom 1 - t / sqrt(2 + t^2) = 2 / (s (s + t)) with s = sqrt(2 + t^2).
    result = t_test(seeds(np.array([-1, 0, 1]) + offset), seeds([0, 0, 0]), paired=True)
    t, s = offset * np.sqrt(3), np.hypot(np.sqrt(2), offset * np.sqrt(3))
    assert float(result["p_value"]) == pytest.approx(2 / (s * (s + t)), rel=1e-10)


def test_p_of_many_seeds_does_not_stop_at_rounding():
    values = np.random.default_rng(6).normal(10, 0.5, size=40)
    result = t_test(seeds(values), seeds(np.zeros(40)), paired=True)
    assert 0 < float(result["p_value"]) < 1e-40


def test_swapping_the_samples_turns_the_sign(kind):
    first, second = seeds([1, 2, 4, 8]), seeds([3, 9, 4, 1])
    one, other = t_test(first, second, **kind), t_test(second, first, **kind)
    for name in ("difference", "t", "effect_size"):
        assert float(one[name]) == pytest.approx(-float(other[name]), rel=1e-13)
    for name in ("p_value", "degrees_of_freedom"):
        assert float(one[name]) == pytest.approx(float(other[name]), rel=1e-13)
    mirrored = -other["difference_interval"].values[::-1]
    np.testing.assert_allclose(one["difference_interval"], mirrored, rtol=1e-13)


@pytest.mark.parametrize(("shift", "scale"), [(5, 1), (0, 7), (-3, 0.5), (0, 1e-250), (0, 1e250)])
def test_shift_and_scale_of_both_samples_do_not_matter(kind, shift, scale):
    first, second = np.array([1.0, 2, 4, 8]), np.array([3.0, 9, 4, 1])
    plain = t_test(seeds(first), seeds(second), **kind)
    moved = t_test(seeds(shift + scale * first), seeds(shift + scale * second), **kind)
    assert numbers(moved)[1:] == pytest.approx(numbers(plain)[1:], rel=1e-12)
    expected = scale * plain["difference_interval"]
    np.testing.assert_allclose(moved["difference_interval"], expected, rtol=1e-12)


def test_pairs_are_matched_by_label_and_not_by_place():
    first, second = seeds([2, 4, 6, 9]), seeds([1, 2, 3, 5])
    shuffled = second.isel(seed=[2, 0, 3, 1])
    with xr.set_options(arithmetic_join="exact"):  # whatever else xarray was told to do
        result = t_test(first, shuffled, paired=True)
    xr.testing.assert_identical(result, t_test(first, second, paired=True))


def test_other_dimensions_are_broadcast():
    first = seeds(np.random.default_rng(7).normal(size=(4, 2)), "rule")
    second = seeds([1, 2, 3, 5])
    result = t_test(first.assign_coords(rule=["usf", "frsf"]), second, paired=True)
    assert result["t"].dims == ("rule",)
    assert result["difference_interval"].dims == ("rule", "ci_bound")
    for i, rule in enumerate(("usf", "frsf")):
        alone = t_test(first.isel(rule=i), second, paired=True)
        assert numbers(result.sel(rule=rule)) == pytest.approx(numbers(alone), rel=1e-13)


@pytest.mark.parametrize("value", [0.1, 0.0])
def test_samples_that_are_the_same_and_do_not_vary_have_no_t(kind, value):
    second = seeds([value] * (3 if kind["paired"] else 7))
    result = t_test(seeds([value] * 3), second, **kind)
    assert float(result["difference"]) == 0
    assert np.isnan(result["t"])
    assert np.isnan(result["p_value"])
    assert np.isnan(result["effect_size"])


def test_samples_that_differ_and_do_not_vary_have_infinite_t(kind):
    result = t_test(seeds([0.1] * 3), seeds([0.3] * 3), **kind)
    assert float(result["t"]) == -np.inf
    assert float(result["p_value"]) == 0
    np.testing.assert_array_equal(result["difference_interval"], [0.1 - 0.3] * 2)


def test_too_few_seeds_leave_the_variance_unknown(kind):
    result = t_test(seeds([1.0]), seeds([3.0]), **kind)
    assert float(result["difference"]) == -2
    for name in ("t", "p_value", "effect_size", "difference_interval"):
        assert np.isnan(result[name]).all()


def test_one_seed_against_many_uses_the_variance_of_the_many():
    result = t_test(seeds([5.0]), seeds([1, 2, 3]), paired=False)
    assert float(result["degrees_of_freedom"]) == 2
    assert float(result["t"]) == pytest.approx(3 / np.sqrt(4 / 3), rel=1e-13)
    welch = t_test(seeds([5.0]), seeds([1, 2, 3]), paired=False, equal_variance=False)
    assert np.isnan(welch["t"])
    assert np.isnan(welch["p_value"])


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_lost_seed_is_not_left_out_silently(kind, lost):
    first = seeds([[1, lost], [2, 2], [3, 3]], "step")
    result = t_test(first, seeds([4, 6, 9]), **kind)
    for name in ("difference", "t", "p_value", "effect_size"):
        assert np.isfinite(result[name][0])
        assert np.isnan(result[name][1])


def test_labels_say_what_was_tested(kind):
    result = t_test(seeds([1, 2, 4]), seeds([3, 9, 5]), **kind)
    expected = 3 if kind["paired"] else [3, 3]
    interval = result["difference_interval"]
    assert interval.attrs["units"] == result["difference"].attrs["units"] == "percent"
    assert interval.attrs["ci_prob"] == 0.95
    assert interval.attrs["n_seeds"] == result.attrs["n_seeds"] == expected
    assert list(interval["ci_bound"].values) == ["lower", "upper"]
    assert ("paired" in result.attrs["test"]) is kind["paired"]
    assert ("Welch" in result.attrs["test"]) is ("equal_variance" in kind)
    for name in ("t", "degrees_of_freedom", "p_value", "effect_size"):
        assert result[name].attrs["units"] == "1"
        assert result[name].attrs["long_name"]


SAMPLE = seeds([1, 2, 3])
REFUSED = [
    (SAMPLE.isel(seed=[0, 1]), {"paired": True}, r"only in the first: 2; only in the second: none"),
    (SAMPLE.assign_coords(seed=[0, 1, 7]), {"paired": True}, "only in the second: 7"),
    (SAMPLE.drop_vars("seed"), {"paired": True}, "has none or repeats some"),
    (SAMPLE.assign_coords(seed=[0, 1, 1]), {"paired": True}, "has none or repeats some"),
    (SAMPLE, {"paired": True, "equal_variance": False}, "no meaning for a paired test"),
    (SAMPLE, {"paired": False, "probability": 1.0}, "between 0 and 1"),
    (SAMPLE.rename(seed="step"), {"paired": False}, "no dimension 'seed'"),
    (SAMPLE.isel(seed=[]), {"paired": False}, "no entry along 'seed'"),
    (SAMPLE.assign_attrs(units="1"), {"paired": False}, "'percent' and the second in '1'"),
    (SAMPLE.drop_attrs(), {"paired": False}, "'percent' and the second in None"),
]


@pytest.mark.parametrize(("second", "options", "message"), REFUSED)
def test_refusals(second, options, message):
    with pytest.raises(FatheoryError, match=message):
        t_test(SAMPLE, second, **options)


def test_steps_that_differ_are_refused_and_not_dropped(kind):
    first = seeds([[1, 2], [3, 5], [4, 4]], "step").assign_coords(step=[0, 10])
    with pytest.raises(FatheoryError, match="another dimension than 'seed'"):
        t_test(first, first.assign_coords(step=[0, 20]) + 1, **kind)
