"""Medians and intervals over seeds: the seed is the unit of replication."""

import xarray as xr

from fatheory import labels
from fatheory.metrics.replication import (
    CI_BOUND,
    interval_attrs,
    require_probability,
    require_replicates,
)


def spread(values: xr.DataArray, probability: float = 0.9, over: str = labels.SEED) -> xr.Dataset:
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

    Returns
    -------
    Dataset
        ``<name>`` (the median) and ``<name>_interval`` with the dimension ``ci_bound`` =
        lower, upper; attributes ``ci_kind``, ``ci_prob`` and ``n_seeds``. NaN where a seed's value
        is NaN, as after it diverged.

    Raises
    ------
    FatheoryError
        If the probability is not in (0, 1) or the values lack the dimension or any entry along it.
    """
    require_probability(probability)
    require_replicates(values, over)
    low, high = (1 - probability) / 2, (1 + probability) / 2
    bounds = values.quantile([low, high], over, skipna=False, keep_attrs=True)
    interval = bounds.rename(quantile=CI_BOUND).assign_coords({CI_BOUND: ["lower", "upper"]})
    interval.attrs |= interval_attrs(
        "central quantiles over seeds", probability, values.sizes[over]
    )
    median = values.median(over, skipna=False, keep_attrs=True)
    return xr.Dataset({str(values.name): median, f"{values.name}_interval": interval})
