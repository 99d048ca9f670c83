"""How fast simulation approaches theory as learning rates fall."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import with_axes
from fatheory.comparison.pair import VARIABLE, compare_pair, origins
from fatheory.errors import ArchiveError

RUN = "run"


def compare_series(theory: Sequence[xr.Dataset], simulation: Sequence[xr.Dataset]) -> xr.Dataset:
    """Compare pairs and fit the rate of convergence; see `compare`."""
    pairs = [compare_pair(*pair) for pair in zip(theory, simulation, strict=True)]
    # Selections of one rule or seed have lost that axis, along which runs are joined.
    errors = [with_axes(pair["relative_error"], (labels.RULE, labels.SEED)) for pair in pairs]
    error = xr.concat(errors, RUN, join="inner")
    if 0 in error.shape:
        raise ArchiveError("the runs share no rule, seed or variable; a rate follows one of each")
    error = error.drop_vars([labels.LEARNING_RATE], errors="ignore")
    rate = _learning_rates(simulation, error[labels.RULE])
    _require_same_order(_learning_rates(theory, error[labels.RULE]), rate)
    if not (rate.max(RUN) > rate.min(RUN)).all():
        raise ArchiveError(
            f"a rate needs different learning rates; the archives of simulation have "
            f"{rate.transpose(labels.RULE, RUN).values.tolist()} for the rules "
            f"{error[labels.RULE].values.tolist()}"
        )
    # The mean over seeds first: the logarithm of a noisy error is biased downwards.
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
    found = xr.Dataset(
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
    gone = [
        dim
        for dim in (labels.RULE, labels.SEED)
        if all(dim not in archive.dims for archive in simulation)
    ]
    return found.squeeze(gone)


def _learning_rates(archives: Sequence[xr.Dataset], rules: xr.DataArray) -> xr.DataArray:
    """Return learning rates by run and rule."""
    rates = [with_axes(archive[labels.LEARNING_RATE], (labels.RULE,)) for archive in archives]
    rate = xr.concat(
        [one.drop_vars(labels.SEED, errors="ignore") for one in rates],
        RUN, join="inner", coords="minimal", compat="override",
    )  # fmt: skip
    return rate.sel({labels.RULE: rules}).transpose(RUN, labels.RULE)


def _require_same_order(ours: xr.DataArray, theirs: xr.DataArray) -> None:
    """Refuse sequences of the same learning rates in different orders, which pair up wrongly."""
    for rule in theirs[labels.RULE].values:
        left, right = (side.sel({labels.RULE: rule}).values for side in (ours, theirs))
        if np.allclose(np.sort(left), np.sort(right), rtol=1e-12, atol=0) and not np.allclose(
            left, right, rtol=1e-12, atol=0
        ):
            raise ArchiveError(
                f"theory and simulation must be in one order of learning rates; those of {rule} "
                f"are {left.tolist()} in theory and {right.tolist()} in simulation"
            )


def _slope(log_rate: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Regress log error on log learning rate; the slope and its standard error."""
    # Agreement to the last digit has no logarithm, and is below what a power law speaks of.
    usable = np.isfinite(error) & (error > 0)
    if usable.sum() < 2:
        return np.nan, np.nan
    x, y = log_rate[usable], np.log(error[usable])
    x = x - x.mean()  # so that slope and offset do not share their errors
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    # Slope and offset are fitted, so two runs say nothing of the error.
    free = usable.sum() - 2
    return slope, float(np.sqrt(rest @ rest / free / (x @ x))) if free else np.nan
