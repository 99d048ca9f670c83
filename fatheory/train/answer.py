"""From what was drawn and recorded to a run's archive."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import assemble, provenance
from fatheory.experiment import Experiment
from fatheory.initial import Start, coordinates, drawn_variables

SOURCE = "simulation"


def labelled(
    experiment: Experiment,
    starts: Sequence[Start],
    rate_factors: np.ndarray | None,
    recorded: Mapping[str, np.ndarray] | None = None,
    wall_time: float = 0.0,
) -> xr.Dataset:
    """Return a run's archive, or without a record what is known of it before its first update.

    Parameters
    ----------
    experiment : Experiment
        What is run.
    starts : sequence of Start
        One per seed.
    rate_factors : array of shape (step,) or None
        What the learning rates are multiplied by at every step; None for 1.
    recorded : mapping of str to array, optional
        What was recorded, (rule, seed, step, ...), and ``diverged`` and ``diverged_at``.
    wall_time : float
        Seconds that it took.
    """
    device = jax.devices()[0]
    drawn = drawn_variables(experiment, starts)
    archive = assemble(
        {name: _in_precision(values, experiment) for name, values in drawn.items()}
        | dict(recorded or {}),
        coordinates(experiment, rate_factors),
        provenance(
            source=SOURCE,
            experiment_json=experiment.to_json(),
            experiment_hash=experiment.content_hash,
            precision=experiment.precision,
            device=f"{device.platform}: {device.device_kind}",
            wall_time_s=wall_time,
        ),
        n_layers=experiment.layers,
    )
    for name, equation in equations(experiment).items():
        if name in archive:
            archive[name].attrs["equation"] = equation
    return archive


def equations(experiment: Experiment) -> dict[str, str]:
    """Return the equations of recorded quantities that are not the usual ones."""
    if experiment.network.output != "softmax":
        return {}
    return dict.fromkeys((labels.LOSS, labels.TRAINING_LOSS), "L = -<sum y* log y>")


def _in_precision(values: np.ndarray, experiment: Experiment) -> np.ndarray:
    """Store floating-point variables in the precision of the run."""
    return values.astype(experiment.precision) if values.dtype.kind == "f" else values
