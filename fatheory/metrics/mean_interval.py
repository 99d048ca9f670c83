"""Means over seeds and their confidence intervals: the seed is the unit of replication."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.metrics.replication import (
    count,
    interval_attrs,
    moments,
    require_each_once,
    require_name,
    require_probability,
    require_replicates,
    require_switch,
    student_interval,
)


def mean_interval(
    values: xr.DataArray,
    probability: float = 0.95,
    over: str = labels.SEED,
    *,
    skipna: bool = False,
) -> xr.Dataset:
    """Summarise values over seeds by their mean and Student's t confidence interval of it.

    The interval is mean -+ t s / sqrt(n), with s the standard deviation over the n seeds (its
    square divided by n - 1) and t the quantile (1 + probability) / 2 of Student's distribution of
    n - 1 degrees of freedom [1]_. It covers the expectation with the stated probability if the
    values of the seeds are independent and normal, and nearly so for many seeds of any law of
    finite variance. It says where the mean lies; how much runs differ is said by `spread`.

    Parameters
    ----------
    values : DataArray
        Named, with the dimension `over`.
    probability : float
        That of covering the expectation.
    over : str
        The dimension of replication.
    skipna : bool
        Whether to leave seeds out whose value is NaN or infinite, as after they diverged. What is
        said is then of the others alone, which is another question; ``<name>_n`` says how many.

    Returns
    -------
    Dataset
        In double precision, ``<name>`` (the mean) and ``<name>_interval`` with the dimension
        ``ci_bound`` = lower, upper; attributes ``ci_kind``, ``ci_prob`` and ``n_seeds``, and those
        of `values`. NaN where a seed's value is NaN or infinite, unless those are left out. The
        interval of one seed alone is NaN. ``<name>_n`` counts the seeds that have a finite value.

    Raises
    ------
    FatheoryError
        If the probability is not in (0, 1) or the values lack the dimension or any entry along it.

    References
    ----------
    .. [1] Student, "The probable error of a mean", Biometrika 6 (1908) 1-25.
    """
    require_probability(probability)
    require_switch(skipna=skipna)
    require_replicates(values, over)
    require_each_once(values, over)
    name = require_name(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        n, mean, deviation = moments(values, over, skipna=skipna)
        # One seed has a deviation of zero and no standard error: 0 / 0.
        standard_error = deviation / np.sqrt(n * (n - 1))
        interval = student_interval(mean, standard_error, n - 1, probability)
    kind = "Student's t, confidence of the mean over seeds"
    mean.attrs = dict(values.attrs)
    interval.attrs = values.attrs | interval_attrs(kind, probability, values.sizes[over])
    # Infinite values took no part, so they are not counted either.
    finite = count(values.where(np.isfinite(values)), over)
    return xr.Dataset({name: mean, f"{name}_interval": interval, f"{name}_n": finite})
