"""How fast a run learns."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import warn_of_divergence, with_own_axes
from fatheory.checks import one_number
from fatheory.errors import ArchiveError, FatheoryError
from fatheory.metrics.metric import require_archive


def steps_to(archive: xr.Dataset, fraction: float = 0.01) -> xr.DataArray:
    """Find the step at which the loss first falls to a fraction of its start.

    Between recorded steps the logarithm of the loss is interpolated linearly.

    Parameters
    ----------
    archive : Dataset
        A run archive, or a selection that holds step 0.
    fraction : float
        In (0, 1).

    Returns
    -------
    DataArray
        ``(rule, seed)``, in steps; infinite where the loss never falls so far, NaN where it
        starts at zero.

    Raises
    ------
    FatheoryError
        If the fraction is not in (0, 1).
    ArchiveError
        If the loss was taken away, or its start.
    """
    if not 0 < one_number("fraction", fraction) < 1:
        raise FatheoryError(f"fraction must lie between 0 and 1; got {fraction}")
    require_archive(archive)
    warn_of_divergence(archive)
    loss = _losses_in_order(archive)
    steps = loss[labels.STEP].values.astype(float)
    start = loss.isel({labels.STEP: 0}, drop=True)
    ratio = (loss / (fraction * start.where(start > 0))).values
    # Infinite and not NaN where the fraction is never reached: medians over seeds stay meaningful.
    answer = np.where(start > 0, np.inf, np.nan)
    for run in np.ndindex(*answer.shape):
        below = ratio[run] <= 1
        if below.any():
            # At least 1: at the start the ratio is 1 / fraction.
            i = int(np.argmax(below))
            # A loss of exactly zero has no logarithm; it counts as reached at its own step.
            # Linear in the logarithm, as a loss that decays exponentially is.
            above, under = np.log(ratio[run][i - 1]), np.log(max(ratio[run][i], 1e-300))
            answer[run] = np.interp(0.0, [-above, -under], steps[i - 1 : i + 1])
    return xr.DataArray(
        answer,
        start.coords,
        start.dims,
        "steps_to_fraction",
        {"units": "step", "long_name": f"steps to {100 * fraction:g} % of the initial loss"},
    )


def _losses_in_order(archive: xr.Dataset) -> xr.DataArray:
    """Return the losses from the start on, with the axis of steps last."""
    loss = with_own_axes(archive, labels.LOSS) if labels.LOSS in archive else None
    if loss is None or labels.STEP not in loss.dims or labels.STEP not in loss.coords:
        raise ArchiveError(
            f"steps to a fraction of the loss are counted along {labels.STEP!r}; the archive has "
            f"no {labels.LOSS!r} along labelled steps (its variables: "
            f"{', '.join(sorted(map(str, archive.variables)))})"
        )
    first = int(loss[labels.STEP].min()) if loss.sizes[labels.STEP] else None
    if first != 0:
        raise ArchiveError(
            f"a fraction of the loss at the start is asked for, and step 0 is not among the "
            f"archive's steps, which begin at {first}; compute it first and select then"
        )
    in_order = loss.sortby(labels.STEP)
    return in_order.transpose(labels.RULE, labels.SEED, ..., labels.STEP, missing_dims="ignore")
