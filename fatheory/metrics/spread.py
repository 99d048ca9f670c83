"""Medians and intervals over seeds: the seed is the unit of replication."""

import xarray as xr

from fatheory import labels
from fatheory.metrics.replication import (
    CI_BOUND,
    count,
    interval_attrs,
    require_each_once,
    require_name,
    require_probability,
    require_replicates,
    require_switch,
)


def spread(
    values: xr.DataArray,
    probability: float = 0.9,
    over: str = labels.SEED,
    *,
    skipna: bool = False,
) -> xr.Dataset:
    """Summarise values over seeds by their median and a central interval.

    The interval holds the middle of the seeds themselves, from quantile (1 - probability) / 2 to
    (1 + probability) / 2: it shows how much runs differ, and is not a confidence interval of the
    median. For the mean and its confidence interval see `mean_interval`.

    Parameters
    ----------
    values : DataArray
        Named, with the dimension `over`.
    probability : float
        Share of the seeds inside the interval.
    over : str
        The dimension of replication.
    skipna : bool
        Whether to leave seeds out whose value is NaN, as after they diverged. What is said is then
        of the others alone, which is another question; ``<name>_n`` says how many.

    Returns
    -------
    Dataset
        ``<name>`` (the median) and ``<name>_interval`` with the dimension ``ci_bound`` =
        lower, upper; attributes ``ci_kind``, ``ci_prob`` and ``n_seeds``. NaN where a seed's value
        is NaN, unless those are left out, and where none is left. ``<name>_n`` counts the seeds
        that have a value.

    Raises
    ------
    FatheoryError
        If the probability is not in (0, 1) or the values lack the dimension or any entry along it.
    """
    require_probability(probability)
    require_switch(skipna=skipna)
    require_replicates(values, over)
    require_each_once(values, over)
    name = require_name(values)
    # Quantiles of the seeds themselves, no multiple of a deviation: losses are skew over seeds.
    low, high = (1 - probability) / 2, (1 + probability) / 2
    n = count(values, over)
    # Quantiles of nothing are a warning; they are NaN again in the end.
    known = values.where(n > 0, 0.0) if skipna else values
    bounds = known.quantile([low, high], over, skipna=skipna, keep_attrs=True).where(n > 0)
    interval = bounds.rename(quantile=CI_BOUND).assign_coords({CI_BOUND: ["lower", "upper"]})
    interval.attrs |= interval_attrs(
        "central quantiles over seeds", probability, values.sizes[over]
    )
    median = known.median(over, skipna=skipna, keep_attrs=True).where(n > 0)
    return xr.Dataset({name: median, f"{name}_interval": interval, f"{name}_n": n})
