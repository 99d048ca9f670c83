"""What a figure says over seeds: a mean or median with its band, of how many, and who was lost."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import UnknownNameError
from fatheory.metrics.mean_interval import mean_interval
from fatheory.metrics.spread import spread

Summary = Literal["mean", "median"]
PROBABILITY = 0.95


@dataclass(frozen=True)
class OverSeeds:
    """Values over seeds.

    Attributes
    ----------
    middle : DataArray
        Mean or median of the seeds that have a value, without ``seed``.
    low, high : DataArray
        Ends of the band; NaN where fewer than two seeds have a value.
    n : DataArray
        How many seeds have a value, without ``seed``.
    total : int
        How many seeds there are; 0 where values have no seeds.
    band : str
        What the band is, in words; empty for none.
    """

    middle: xr.DataArray
    low: xr.DataArray
    high: xr.DataArray
    n: xr.DataArray
    total: int
    band: str

    @property
    def last_n(self) -> int:
        """Of how many seeds the line is at its end."""
        return int(np.ravel(self.n.values)[-1])

    @classmethod
    def of(cls, values: xr.DataArray, summary: Summary) -> "OverSeeds":
        """Summarise values along steps; without seeds they are their own middle.

        The mean comes with its confidence interval of 95 % (`fatheory.metrics.mean_interval`), the
        median with the central 95 % of the seeds (`fatheory.metrics.spread`). Seeds that are lost
        on the way are left out from the start, so that a line is of the same seeds throughout.

        Raises
        ------
        UnknownNameError
            If `summary` is neither ``"mean"`` nor ``"median"``.
        """
        if summary not in ("mean", "median"):
            raise UnknownNameError("summary", summary, ("mean", "median"))
        if labels.SEED not in values.dims:
            none = xr.full_like(values, np.nan, dtype=np.float64)
            return cls(values, none, none, values.notnull(), 0, "")
        total = values.sizes[labels.SEED]
        if labels.STEP in values.dims:
            # From the start: if seeds fell out on the way, the line would jump where the worst of
            # them ends.
            values = values.where(~lost_seeds(values))
        values = values.rename("values")
        summarise = mean_interval if summary == "mean" else spread
        found = summarise(values, PROBABILITY, skipna=True)
        low, high = (found["values_interval"].sel(ci_bound=b) for b in ("lower", "upper"))
        # A band of one seed would have no width, and pass for certainty.
        enough = found["values_n"] > 1
        share = f"{100 * PROBABILITY:g} %"
        band = f"mean ± {share}" if summary == "mean" else f"median, central {share}"
        return cls(
            found["values"],
            low.where(enough),
            high.where(enough),
            found["values_n"],
            total,
            band if total > 1 else "",
        )


def n_text(n: int, total: int) -> str:
    """Say of how many seeds something is: ``"n = 20"``, ``"n = 17 of 20"``."""
    return f"n = {n}" if n == total else f"n = {n} of {total}"


def lost_seeds(values: xr.DataArray) -> xr.DataArray:
    """Tell which series, along ``step``, had values and have none at the end: diverged runs."""
    there = values.notnull()
    return there.any(labels.STEP) & ~there.isel({labels.STEP: -1}, drop=True)
