"""What is recorded, and when."""

from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator

from fatheory.experiment.description import Count, Description, Size

Quantity = Literal[
    "weights",
    "teaching_signals",
    "delta_angle",
    "delta_angle_flattened",
    "weight_angle",
    "sign_concordance",
    "pseudobackprop_angles",
    "pseudoinverse_alignment",
    "unit_angle",
    "weight_norm",
    "gradient_norm",
    "update_sign_agreement",
    "receptive_fields",
    "classification_error",
    "training_error",
    "firing_rate",
    "traces",
]

_OF_CLASSES = {"classification_error", "training_error"}
OF_MATRICES = {"pseudobackprop_angles", "pseudoinverse_alignment", "receptive_fields"}
"""Quantities that only exist where all weights are matrices."""


MAX_SNAPSHOTS = 1_000_000
"""More than any figure shows; their grid is computed whole."""


class Record(Description):
    """Which quantities are stored at which steps. The loss is always stored.

    Attributes
    ----------
    quantities : tuple of str
        ``weights``: all of them, from which every metric of a linear network follows;
        ``teaching_signals``: per probe sample, the rule's own and backprop's;
        ``receptive_fields``: weights from the input to the first `receptive_units` units;
        ``gradient_norm`` and ``update_sign_agreement``: of what the rule takes for the gradient of
        the probe's loss, its norm and the fraction of entries with the sign of backprop's;
        ``unit_angle``: degrees per unit of the last hidden layer; ``classification_error`` and
        ``training_error``: percent, the latter with the loss, on training images; of spiking
        networks, ``firing_rate`` and ``traces``: spikes per neuron and time step of every layer,
        and potentials, spikes and modulators of the first `receptive_units` neurons of every
        layer, while the probe's images are shown one after another; the others are
        numbers per layer (degrees, a fraction, a norm). All are computed while training.
    spacing : str
        ``linear`` or ``logarithmic`` in the step.
    snapshots : int
        How many steps at least, the first (0) and the last included; ends of phases are added
        and rounding to whole steps can merge early logarithmic ones.
    steps : tuple of int
        Explicit steps instead of `spacing` and `snapshots`; 0, the last, and ends of phases are
        added.
    probe_samples : int
        Number of examples on which losses and teaching signals are measured, apart from the
        training examples when these are drawn online. For images, teaching signals are measured
        on the first `probe_samples` of the evaluation images, losses and errors on all of them.
    receptive_units : int
        Number of hidden units whose receptive fields are stored.
    """

    quantities: tuple[Quantity, ...] = ("weights",)
    spacing: Literal["linear", "logarithmic"] = "linear"
    snapshots: Annotated[Size, Field(ge=2, le=MAX_SNAPSHOTS)] = 51
    steps: tuple[Count, ...] = ()
    probe_samples: Size = 100
    receptive_units: Size = 16

    @field_validator("quantities")
    @classmethod
    def _in_one_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Sort: the order of quantities means nothing, so it must not change the content hash."""
        return tuple(sorted(set(value)))

    @property
    def asks_for_classes(self) -> bool:
        """Whether a quantity only exists where targets are classes."""
        return bool(_OF_CLASSES & set(self.quantities))

    def grid(self, total: int, phase_ends: tuple[int, ...]) -> tuple[int, ...]:
        """Return the recorded steps for a run of `total` steps, increasing from 0 to `total`."""
        return _grid(self.steps, self.spacing, self.snapshots, total, phase_ends)


@lru_cache(maxsize=64)  # asked for again and again, and the same in all cells of most sweeps
def _grid(
    steps: tuple[int, ...], spacing: str, snapshots: int, total: int, phase_ends: tuple[int, ...]
) -> tuple[int, ...]:
    if steps:
        chosen = np.asarray(steps)
    elif spacing == "linear":
        chosen = np.linspace(0, total, snapshots).round().astype(int)
    else:
        chosen = np.geomspace(1, total, snapshots - 1).round().astype(int)
    return tuple(int(step) for step in np.union1d(chosen, (0, total, *phase_ends)))
