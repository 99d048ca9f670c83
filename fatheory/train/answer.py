"""What simulation answers to an experiment: from what was drawn and recorded to an archive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jax
import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import assemble, provenance
from fatheory.experiment import Experiment
from fatheory.initial import InitialState, coordinates, drawn_variables

SOURCE = "simulation"


@dataclass(frozen=True)
class Answer:
    """What an experiment started from, and what it recorded.

    Attributes
    ----------
    experiment : Experiment
        What was run.
    starts : sequence of InitialState
        One per seed.
    rate_factors : array of shape (step,) or None
        What the learning rates are multiplied by at every step; None for 1.
    recorded : mapping of str to array
        What was recorded, (rule, seed, step, ...), and ``diverged`` and ``diverged_at``. Empty
        before the first update.
    wall_time : float
        Seconds that it took.
    """

    experiment: Experiment
    starts: Sequence[InitialState]
    rate_factors: np.ndarray | None
    recorded: Mapping[str, np.ndarray] = field(default_factory=dict)
    wall_time: float = 0.0

    @property
    def variables(self) -> dict[str, np.ndarray]:
        """The data variables of the archive, without labels."""
        drawn = drawn_variables(self.experiment, self.starts)
        # Draws are made in double precision; what a float32 run trained on is what was rounded.
        # The digest of one's own arrays is that of the numbers as they were given.
        stored = {
            name: values if labels.is_own_array(name) else _in_precision(values, self.experiment)
            for name, values in drawn.items()
        }
        return stored | dict(self.recorded)

    def archive(self) -> xr.Dataset:
        """Label it as a run's archive."""
        archive = assemble(
            self.variables,
            coordinates(self.experiment, self.rate_factors),
            provenance(
                source=SOURCE,
                experiment_json=self.experiment.to_json(),
                experiment_hash=self.experiment.content_hash,
                precision=self.experiment.precision,
                device=device_name(),
                wall_time_s=self.wall_time,
            ),
            n_layers=self.experiment.layers,
        )
        for name, equation in equations(self.experiment).items():
            if name in archive:
                archive[name].attrs["equation"] = equation
        return archive


def device_name() -> str:
    """Name what this process computes on."""
    device = jax.devices()[0]
    return f"{device.platform}: {device.device_kind}"


def equations(experiment: Experiment) -> dict[str, str]:
    """Return the equations of recorded quantities that are not the usual ones."""
    if experiment.network.output != "softmax":
        return {}
    return dict.fromkeys((labels.LOSS, "training_loss"), "L = -<sum y* log y>")


def _in_precision(values: np.ndarray, experiment: Experiment) -> np.ndarray:
    """Store floating-point variables in the precision of the run."""
    return values.astype(experiment.precision) if values.dtype.kind == "f" else values
