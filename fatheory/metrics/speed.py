"""How fast a run learns."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import FatheoryError
from fatheory.metrics.reading import labelled


def steps_to(archive: xr.Dataset, fraction: float = 0.01) -> xr.DataArray:
    """Find the step at which the loss first falls to a fraction of its start.

    Between recorded steps the logarithm of the loss is interpolated linearly.

    Parameters
    ----------
    archive : Dataset
        A run archive.
    fraction : float
        In (0, 1).

    Returns
    -------
    DataArray
        ``(rule, seed)``, in steps; infinite where the loss never falls so far.

    Raises
    ------
    FatheoryError
        If the fraction is not in (0, 1).
    """
    if not 0 < fraction < 1:
        raise FatheoryError(f"fraction must lie between 0 and 1; got {fraction}")
    loss = archive[labels.LOSS].transpose(labels.RULE, labels.SEED, labels.STEP).values
    steps = archive[labels.STEP].values.astype(float)
    ratio = loss / (fraction * loss[..., :1])
    answer = np.full(loss.shape[:2], np.inf)
    for run in np.ndindex(*answer.shape):
        below = ratio[run] <= 1
        if below.any():
            i = int(np.argmax(below))
            # A loss of exactly zero has no logarithm; it counts as reached at its own step.
            above, under = np.log(ratio[run][i - 1]), np.log(max(ratio[run][i], 1e-300))
            answer[run] = np.interp(0.0, [-above, -under], steps[i - 1 : i + 1])
    return labelled(
        archive,
        "steps_to_fraction",
        answer,
        (labels.RULE, labels.SEED),
        units="step",
        long_name=f"steps to {100 * fraction:g} % of the initial loss",
    )
