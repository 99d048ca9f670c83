"""What all summaries over seeds share: their checks, their moments, their labels."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import special

from fatheory import labels
from fatheory.checks import one_number, require_kind
from fatheory.errors import FatheoryError

CI_BOUND = "ci_bound"


class Moments(NamedTuple):
    """Number, mean and squared deviations of replicates.

    Attributes
    ----------
    n : DataArray
        How many the mean is of, as floating-point numbers.
    mean : DataArray
        Their mean.
    deviation : DataArray
        Root of the summed squares of their differences from the mean. The standard deviation is
        this divided by the root of n - 1.
    """

    n: xr.DataArray
    mean: xr.DataArray
    deviation: xr.DataArray


def require_replicates(values: xr.DataArray, over: str) -> None:
    """Check that values have a dimension of replication with at least one entry.

    Raises
    ------
    FatheoryError
        If they do not.
    """
    require_kind("values", values, xr.DataArray, "take a variable of the Dataset by its name")
    # Shares made of them are floats, and have means.
    if values.dtype.kind not in "fc" and values.name in (labels.DIVERGED, labels.DIVERGED_AT):
        # -1 stands for a step that there is not; a mean would take it for one.
        raise FatheoryError(
            f"{values.name!r} has no mean: it is -1 or false of runs that did not diverge; count "
            f"them by (archive.{labels.DIVERGED_AT} >= 0).sum({over!r})"
        )
    if values.dtype.kind not in "biuf":
        raise FatheoryError(
            f"{values.name!r} must hold real numbers, of which there are means; it holds "
            f"{values.dtype}"
        )
    if over not in values.dims:
        raise FatheoryError(
            f"{values.name!r} has no dimension {over!r}; it has {values.dims}; name the dimension "
            f"of replication with over=..."
        )
    if values.sizes[over] == 0:
        raise FatheoryError(f"{values.name!r} has no entry along {over!r}; at least 1 is needed")


def require_name(values: xr.DataArray) -> str:
    """Return the name by which statistics of values are called.

    Raises
    ------
    FatheoryError
        If they have none.
    """
    if values.name is None:
        raise FatheoryError(
            "values have no name, after which their statistics would be called: give them one, as "
            "values.rename('ratio') does"
        )
    return str(values.name)


def require_each_once(values: xr.DataArray, over: str) -> None:
    """Refuse replicates that repeat a label.

    Raises
    ------
    FatheoryError
        If they do; it says which.
    """
    index = values.indexes.get(over)
    if index is not None and not index.is_unique:
        # Counted twice, a run would make an interval narrower than what is known.
        repeated = ", ".join(map(str, index[index.duplicated()].unique()[:5]))
        raise FatheoryError(
            f"{values.name!r} repeats labels along {over!r}: {repeated}; a run counts once, so "
            f"keep one of each, as values.drop_duplicates({over!r}) does"
        )


def require_switch(**switches: object) -> None:
    """Refuse what is neither true nor false, such as the text "no", which counts as true.

    Raises
    ------
    WrongKindError
        If one of these, by name, is no boolean.
    """
    for name, value in switches.items():
        require_kind(name, value, (bool, np.bool_))


def require_probability(probability: float) -> None:
    """Check that a probability lies strictly between 0 and 1.

    Raises
    ------
    FatheoryError
        If it does not, or is no number.
    """
    if not 0 < one_number("probability", probability) < 1:
        raise FatheoryError(f"probability must lie between 0 and 1; got {probability}")


def count(values: xr.DataArray, over: str) -> xr.DataArray:
    """Count the replicates that have a value, labelled."""
    n = values.notnull().sum(over)
    return n.assign_attrs({"units": labels.DIMENSIONLESS, "long_name": f"{over}s with a value"})


def moments(values: xr.DataArray, over: str, *, skipna: bool = False) -> Moments:
    """Compute the moments of replicates, in double precision.

    Differences from the first replicate are taken, so that equal replicates have a deviation of
    exactly zero, and are divided by the largest, so that no square overflows or vanishes.

    Parameters
    ----------
    values : DataArray
        With the dimension `over`.
    over : str
        The dimension of replication.
    skipna : bool
        Whether to leave replicates out that are NaN or infinite, as after they diverged.

    Returns
    -------
    Moments
        Without `over`. NaN where a replicate is NaN or infinite, unless those are left out, and
        where none is left.
    """
    values = values.astype(np.float64)
    # One infinite loss would make a mean infinite and its interval NaN; as NaN it is lost, and
    # counted.
    values = values.where(np.isfinite(values))
    n = values.notnull().sum(over).astype(np.float64)
    if skipna:
        # Any value that is there will do; the first one may be missing.
        first = values.max(over, skipna=True)
    else:
        n = xr.full_like(n, values.sizes[over])
        first = values.isel({over: 0}, drop=True)
    apart = values - first
    largest = abs(apart).max(over, skipna=skipna)
    # Equal replicates: nothing to scale by, and their deviation is exactly zero.
    largest = largest.where(largest != 0, 1.0)
    scaled = apart / largest
    centre = scaled.mean(over, skipna=skipna)
    squares = ((scaled - centre) ** 2).sum(over, skipna=skipna, min_count=1)
    return Moments(n, first + largest * centre, largest * np.sqrt(squares))


def student_interval(
    centre: xr.DataArray,
    standard_error: xr.DataArray,
    degrees_of_freedom: float | xr.DataArray,
    probability: float,
) -> xr.DataArray:
    """Return Student's t confidence interval of a mean, with the dimension ``ci_bound`` last."""
    # Student's, for s is estimated from the same few seeds: 1.96 would be too narrow.
    quantile = special.stdtrit(degrees_of_freedom, (1 + probability) / 2)
    bounds = [centre - quantile * standard_error, centre + quantile * standard_error]
    interval = xr.concat(bounds, CI_BOUND, coords="minimal", compat="override", join="exact")
    # By name: by number somebody would take the wrong end.
    interval = interval.assign_coords({CI_BOUND: ["lower", "upper"]})
    return interval.transpose(..., CI_BOUND)


def interval_attrs(kind: str, probability: float, n_seeds: int | list[int]) -> dict[str, object]:
    """Return the attributes by which an interval explains itself."""
    return {"ci_kind": kind, "ci_prob": probability, "n_seeds": n_seeds}
