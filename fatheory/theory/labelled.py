"""Solutions along time as labelled Datasets, the same for every method."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from jaxtyping import Float

from fatheory import labels
from fatheory.arrays import Covariance


def labelled_solution(
    times: Float[np.ndarray, " time"],
    weights: Sequence[np.ndarray],
    loss: Float[np.ndarray, " time"],
    *,
    method: str,
    rule: str,
    diverged_at: int = -1,
) -> xr.Dataset:
    """Label weights and loss along time.

    Parameters
    ----------
    times : array
        t = eta * step.
    weights : sequence of arrays of shape (time, n_l, n_{l-1})
        W_1 ... W_L.
    loss : array of shape (time,)
        Population loss.
    method, rule : str
        What solved it, and for which rule.
    diverged_at : int
        Index of the first time that is not reached; -1 for none.

    Returns
    -------
    xarray.Dataset
        ``weight_l (time, unit_l, unit_{l-1})``, ``loss (time)``, and the attributes ``source``,
        ``rule``, ``diverged_at``.
    """
    data: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        labels.weight(layer): ((labels.TIME, labels.unit(layer), labels.unit(layer - 1)), W)
        for layer, W in enumerate(weights, start=1)
    }
    data[labels.LOSS] = ((labels.TIME,), loss)
    return xr.Dataset(
        {name: (*pair, labels.variable(name).attrs) for name, pair in data.items()},
        coords={labels.TIME: ((labels.TIME,), times, labels.variable(labels.TIME).attrs)},
        attrs={
            labels.ATTR_SOURCE: f"theory/{method}",
            labels.RULE: rule,
            labels.DIVERGED_AT: diverged_at,
        },
    )


def error_loss(
    E: Float[np.ndarray, "*times n_o n_i"], Sigma: Covariance
) -> Float[np.ndarray, "*times"]:
    """Compute 1/2 tr(E Sigma E^T), which keeps the relative accuracy of E = T - W_L ... W_1."""
    return 0.5 * np.sum((E @ Sigma) * E, axis=(-2, -1))
