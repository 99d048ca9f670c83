"""A number measured over seeds, with the interval of its mean."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from fatheory.metrics import mean_interval, t_test


@dataclass(frozen=True)
class Measured:
    """A number that decides a claim.

    Attributes
    ----------
    value : float
        The number, in the bound's unit.
    lower, upper : float
        Its 95 % confidence interval over seeds; NaN where none is stored.
    seeds : int
        How many it is of.
    note : str
        What must be said with it, such as when in learning it was measured.
    """

    value: float
    lower: float = math.nan
    upper: float = math.nan
    seeds: int = 1
    note: str = ""

    @property
    def has_interval(self) -> bool:
        """Whether an interval is known."""
        return math.isfinite(self.lower) and math.isfinite(self.upper)


def mean_over_seeds(values: xr.DataArray) -> Measured:
    """Measure the mean over seeds."""
    name = str(values.name or "value")
    summary = mean_interval(values.rename(name))
    return _measured(summary[name], summary[f"{name}_interval"], values.sizes["seed"])


def difference(first: xr.DataArray, second: xr.DataArray, *, paired: bool = True) -> Measured:
    """Measure first - second: the mean of the pairs of a seed, or Welch's of independent runs."""
    test = t_test(
        first.reset_coords(drop=True),
        second.reset_coords(drop=True),
        paired=paired,
        # Welch's where runs are independent, for nothing says that both vary alike.
        equal_variance=paired,
    )
    return _measured(test["difference"], test["difference_interval"], first.sizes["seed"])


def ratio(first: xr.DataArray, second: xr.DataArray) -> Measured:
    """Measure first / second: the geometric mean of the pairs of a seed."""
    # In logarithms 2 and 1/2 lie equally far from 1, and the interval ends stay positive.
    logs = difference(_log(first), _log(second))
    return transformed(logs, math.exp)


def largest(several: Iterable[Measured]) -> Measured:
    """Return the largest; one that is NaN, if any is: it could be the largest."""
    # NaN compares as neither more nor less, so without its own rank the order would decide.
    return max(several, key=lambda one: (math.isnan(one.value), one.value))


def smallest(several: Iterable[Measured]) -> Measured:
    """Return the smallest; one that is NaN, if any is: it could be the smallest."""
    return min(several, key=lambda one: (not math.isnan(one.value), one.value))


def working_range(errors: xr.DataArray, within: float) -> float:
    """Return largest over smallest of the neighbouring scales whose errors are near the best.

    Parameters
    ----------
    errors : DataArray
        Along one dimension, whose coordinate holds the scales in ascending order; NaN, of a run
        that diverged, is not near.
    within : float
        How much more than the least error is near.
    """
    values, scales = errors.values, errors[errors.dims[0]].values
    near = values <= np.nanmin(values) + within
    low = high = int(np.nanargmin(values))
    # Neighbours only: a lucky scale beyond a gap would widen the range without working in between.
    while low > 0 and near[low - 1]:
        low -= 1
    while high < near.size - 1 and near[high + 1]:
        high += 1
    return float(scales[high] / scales[low])


def transformed(one: Measured, rising: Callable[[float], float]) -> Measured:
    """Return a rising function of a number and of the ends of its interval."""
    return Measured(rising(one.value), rising(one.lower), rising(one.upper), one.seeds, one.note)


def _log(values: xr.DataArray) -> xr.DataArray:
    return xr.apply_ufunc(np.log, values).assign_attrs(units="1")


def _measured(value: xr.DataArray, interval: xr.DataArray, seeds: int) -> Measured:
    lower, upper = (float(interval.sel(ci_bound=end)) for end in ("lower", "upper"))
    return Measured(float(value), lower, upper, seeds)
