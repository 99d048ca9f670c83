"""Measures on the tables of Liao, Leibo & Poggio 2016."""

from collections.abc import Iterable

import numpy as np
import xarray as xr

from fatheory.claims.measured import (
    Measured,
    difference,
    largest,
    mean_over_seeds,
    ratio,
    smallest,
)
from fatheory.claims.results import NotMeasuredError, Results

A, B = "liao2016/table_a", "liao2016/table_b"
C1, C2, BM = "liao2016/table_c1", "liao2016/table_c2", "liao2016/table_bm"
SMALL = "liao2016/table_small"
STRICT = ("usf", "brsf", "frsf")
SETS = {"mnist": "MNIST", "cifar": "CIFAR-10"}
"""Image sets by the part of an id; results call them by titles that begin so."""


def errors(results: Results, table: str, image_set: str) -> xr.DataArray:
    """Return the last test errors of a table, (setting, rule, seed), on an image set."""
    return _on(results[table], image_set)["error"]


def _on(data: xr.Dataset, image_set: str) -> xr.Dataset:
    """Choose an image set by the beginning of its title, such as "CIFAR-10 (JPEG)"."""
    titles = [str(title) for title in data["image_set"].values]
    found = [title for title in titles if title.startswith(SETS[image_set])]
    if not found:
        raise NotMeasuredError(f"the stored result is of {', '.join(titles)} alone")
    return data.sel(image_set=found[0], drop=True)


def _worst(error: xr.DataArray, rules: tuple[str, ...] = STRICT) -> xr.DataArray:
    """Return the errors of the rule of the largest mean."""
    # The rule is chosen by the seeds that it is then judged on. Here and below every measure
    # chooses the one that leans against its claim.
    means = _means(error.sel(rule=rule) for rule in rules)
    return error.sel(rule=rules[int(np.argmax(means))], drop=True)


def _best(error: xr.DataArray, rules: tuple[str, ...] = STRICT) -> xr.DataArray:
    """Return the errors of the rule of the smallest mean."""
    means = _means(error.sel(rule=rule) for rule in rules)
    return error.sel(rule=rules[int(np.argmin(means))], drop=True)


def _better(error: xr.DataArray, settings: tuple[str, ...]) -> xr.DataArray:
    """Return the errors in the setting of the smallest mean."""
    means = _means(_cell(error, setting) for setting in settings)
    return _cell(error, settings[int(np.argmin(means))])


def _means(errors: Iterable[xr.DataArray]) -> np.ndarray:
    """Return mean errors; infinite, the worst of all, where a seed was lost."""
    means = np.array([float(error.mean("seed", skipna=False)) for error in errors])
    return np.where(np.isnan(means), np.inf, means)


def _cell(error: xr.DataArray, setting: str) -> xr.DataArray:
    return error.sel(setting=setting, drop=True)


def strict_minus_backprop(results: Results, image_set: str, setting: str, of: str) -> Measured:
    """Return the worst strict rule in one setting minus backprop in another."""
    error = errors(results, A, image_set)
    return difference(
        _worst(_cell(error, setting)), _cell(error, of).sel(rule="backprop", drop=True)
    )


def needed(results: Results, image_set: str) -> Measured:
    """Return the best strict rule minus backprop, with neither BN nor BM."""
    error = _cell(errors(results, A, image_set), "SGD")
    return difference(_best(error), error.sel(rule="backprop", drop=True))


def backprop_by(results: Results, image_set: str, first: str, second: str) -> Measured:
    """Return backprop's error in one setting minus that in another."""
    error = errors(results, A, image_set).sel(rule="backprop", drop=True)
    return difference(_cell(error, first), _cell(error, second))


def gradients(results: Results, image_set: str) -> Measured:
    """Return how gradients grow towards the input before learning, relative to backprop."""
    data = _on(results[A], image_set)
    norms = data["gradient_norm"].isel(step=0).sel(setting="SGD")
    # Of first over last layer, not sizes: the loss scales all layers alike and cancels.
    growth = norms.isel(layer=0, drop=True) / norms.isel(layer=-1, drop=True)
    relative = growth.sel(rule=list(STRICT)) / growth.sel(rule="backprop", drop=True)
    return Measured(float(relative.min(skipna=False)), seeds=data.sizes["seed"])


def complementary(results: Results, image_set: str) -> Measured:
    """Return BN+BM minus the better of both alone, of the strict rule that gains least."""
    error = errors(results, A, image_set)
    gains = []
    for rule in STRICT:
        one = error.sel(rule=rule, drop=True)
        # Against the better of both: to beat the worse one alone would not need both.
        gains.append(difference(_cell(one, "BN+BM"), _better(one, ("BN", "BM"))))
    return largest(gains)


def least_rise(results: Results, image_set: str, rule: str) -> Measured:
    """Return the least rise of the error from one concordance to the next lower one."""
    error = errors(results, B, image_set).sel(rule=rule, drop=True)
    settings = [str(setting) for setting in error["setting"].values]
    pairs = zip(settings[1:], settings[:-1], strict=True)
    return smallest(
        difference(_cell(error, lower), _cell(error, higher)) for lower, higher in pairs
    )


def cells_ratio(
    results: Results, of: str, image_set: str, first: tuple[str, str], second: tuple[str, str]
) -> Measured:
    """Return the ratio of two cells, each of a setting and a rule."""
    error = errors(results, of, image_set)
    return ratio(*(error.sel(setting=s, rule=r, drop=True) for s, r in (first, second)))


def over_chance(results: Results, image_set: str) -> Measured:
    """Return the error of RndF+BN over chance."""
    error = errors(results, C1, image_set)
    chance = float(results[C1]["error"].attrs["chance"])
    one = error.sel(setting="BN", rule="rndf", drop=True) / chance
    return mean_over_seeds(one.rename("error"))


def random_minus_signs(results: Results, image_set: str) -> Measured:
    """Return the better of RndF+BN and RndF+BN+BM minus USF+BN+BM."""
    error = errors(results, C1, image_set)
    # The better of two settings leans against the claim that random feedback is the worse.
    better = _better(error.sel(rule="rndf", drop=True), ("BN", "BN+BM"))
    return difference(better, error.sel(rule="usf", setting="BN+BM", drop=True))


def top_alike(results: Results, image_set: str) -> Measured:
    """Return the spread of the rules' mean errors where the last layer alone learns."""
    means = _cell(errors(results, C2, image_set), "top").mean("seed", skipna=False)
    spread = means.max(skipna=False) - means.min(skipna=False)
    return Measured(float(spread), seeds=results[C2].sizes["seed"])


def random_fails(results: Results, image_set: str) -> Measured:
    """Return RndF's error over that of the worse of USF and FRSF, last layer frozen."""
    error = _cell(errors(results, C2, image_set), "bottom")
    return ratio(error.sel(rule="rndf", drop=True), _worst(error, ("usf", "frsf")))


def signs_learn(results: Results, image_set: str) -> Measured:
    """Return the worse of USF and FRSF with a frozen last layer, minus that layer alone."""
    error = errors(results, C2, image_set)
    # Into the last layer alone no feedback goes, so all rules do the same there: their mean has
    # less noise.
    top = _cell(error, "top").mean("rule", skipna=False)
    return difference(_worst(_cell(error, "bottom"), ("usf", "frsf")), top)


def settings_alike(results: Results, image_set: str, rules: tuple[str, ...]) -> Measured:
    """Return the spread of mean errors of settings 1 to 3, of the rule where it is largest."""
    means = errors(results, BM, image_set).mean("seed", skipna=False)
    # Setting 0 is SGD, which another claim compares.
    means = means.sel(setting=["1", "2", "3"], rule=list(rules))
    spread = means.max("setting", skipna=False) - means.min("setting", skipna=False)
    return Measured(float(spread.max(skipna=False)), seeds=results[BM].sizes["seed"])


def from_sgd(results: Results, image_set: str) -> Measured:
    """Return the largest difference of settings 1 to 3 from SGD, either way."""
    means = errors(results, BM, image_set).mean("seed", skipna=False)
    apart = abs(means.sel(setting=["1", "2", "3"]) - means.sel(setting="0", drop=True))
    return Measured(float(apart.max(skipna=False)), seeds=results[BM].sizes["seed"])


def worst_strict(results: Results) -> Measured:
    """Return the error of the worst strict rule with BN and BM, on MNIST."""
    return mean_over_seeds(_worst(_cell(errors(results, A, "mnist"), "BN+BM")))


def small_sets(results: Results) -> Measured:
    """Return what BM gains over SGD on 1 % of MNIST beyond its gain on all, least of both rules."""
    return smallest(
        difference(gain["1 %"], gain["100 %"]) for gain in _gains_of_bm(results, "1 %", "100 %")
    )


def tiny_batches(results: Results) -> Measured:
    """Return what BM loses to SGD in batches of 10 beyond batches of 100, least of both rules."""
    pairs = _gains_of_bm(results, "100 %", "batch 10")
    return smallest(difference(gain["100 %"], gain["batch 10"]) for gain in pairs)


def _gains_of_bm(results: Results, *where: str) -> Iterable[dict[str, xr.DataArray]]:
    """Yield, by rule, the error of SGD minus that of BM in some settings."""
    error = errors(results, SMALL, "mnist")
    for rule in error["rule"].values:
        one = error.sel(rule=rule, drop=True)
        yield {place: _cell(one, f"{place}, SGD") - _cell(one, f"{place}, BM") for place in where}
