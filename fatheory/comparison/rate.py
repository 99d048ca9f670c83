"""How fast simulation approaches theory as learning rates fall."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.comparison.pair import VARIABLE, compare_pair, origins
from fatheory.errors import ArchiveError

RUN = "run"


def compare_series(theory: Sequence[xr.Dataset], simulation: Sequence[xr.Dataset]) -> xr.Dataset:
    """Compare pairs and fit the rate of convergence; see `compare`."""
    pairs = [compare_pair(*pair) for pair in zip(theory, simulation, strict=True)]
    error = xr.concat([pair["relative_error"] for pair in pairs], RUN, join="inner")
    if 0 in error.shape:
        raise ArchiveError("the runs share no rule, seed or variable; a rate follows one of each")
    rates = [archive[labels.LEARNING_RATE] for archive in simulation]
    error = error.drop_vars([labels.LEARNING_RATE], errors="ignore")
    rate = xr.concat(rates, RUN, join="inner", coords="minimal", compat="override")
    rate = rate.sel({labels.RULE: error[labels.RULE]})
    if not (rate.max(RUN) > rate.min(RUN)).all():
        raise ArchiveError(
            f"a rate needs different learning rates; the archives of simulation have "
            f"{rate.transpose(labels.RULE, RUN).values.tolist()} for the rules "
            f"{error[labels.RULE].values.tolist()}"
        )
    slope, stderr = xr.apply_ufunc(
        _slope,
        np.log(rate.drop_vars(labels.LEARNING_RATE, errors="ignore")),
        # A seed that was lost is not left out: the others would be another question's answer.
        error.mean(labels.SEED, skipna=False),
        input_core_dims=[[RUN], [RUN]],
        output_core_dims=[[], []],
        vectorize=True,
    )
    slope.attrs = {"units": "1", "long_name": "slope of log error against log learning rate"}
    stderr.attrs = {"units": "1", "long_name": "standard error of the rate"}
    return xr.Dataset(
        {
            "relative_error": error,
            "rate": slope.transpose(VARIABLE, labels.RULE),
            "rate_stderr": stderr.transpose(VARIABLE, labels.RULE),
        },
        coords={
            labels.LEARNING_RATE: ((RUN, labels.RULE), rate.transpose(RUN, labels.RULE).values)
        },
        attrs=origins(theory[0], simulation[0]),
    )


def _slope(log_rate: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Regress log error on log learning rate; the slope and its standard error."""
    usable = np.isfinite(error) & (error > 0)
    if usable.sum() < 2:
        return np.nan, np.nan
    x, y = log_rate[usable], np.log(error[usable])
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    free = usable.sum() - 2
    return slope, float(np.sqrt(rest @ rest / free / (x @ x))) if free else np.nan
