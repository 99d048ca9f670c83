"""Learning rates of Batch Manhattan that cannot work, told before the run."""

import warnings
from collections.abc import Sequence

import numpy as np

from fatheory.errors import LearningRateWarning
from fatheory.experiment import Experiment
from fatheory.initial import InitialState


def warn_of_step_size(experiment: Experiment, starts: Sequence[InitialState]) -> None:
    """Warn where every update of Batch Manhattan moves weights by more than their size.

    Updates follow signs, so a weight moves by about the learning rate at every step however small
    its gradient is. Where that exceeds the root mean square of a layer's start weights, nothing
    that was learned outlasts the next step. Layers that start at zero, and frozen ones, are left
    out.

    Warns
    -----
    LearningRateWarning
        Naming the rules, the layer and its size.
    """
    if not experiment.update.manhattan:
        return
    phases = experiment.schedule.phases
    # Only a layer that is frozen in every phase never moves.
    frozen = set.intersection(*(set(phase.frozen) for phase in phases))
    sizes = {
        layer: float(np.sqrt(np.mean(np.square(W))))
        # One seed stands for all, which differ little in size; one warning is enough.
        for layer, W in enumerate(starts[0].weights, start=1)
        if layer not in frozen and np.any(W)
    }
    if not sizes:
        return
    layer = min(sizes, key=lambda one: sizes[one])
    too_large = [
        f"{label} ({choice.learning_rate:g})"
        for label, choice in experiment.rules
        if choice.learning_rate > sizes[layer]
    ]
    if too_large:
        warnings.warn(
            f"Batch Manhattan moves every weight by the learning rate at each update, and that of "
            f"{', '.join(too_large)} exceeds the size of the start weights of layer {layer} (root "
            f"mean square {sizes[layer]:.3g}): learning can only diverge or jump about; choose "
            f"rates well below {sizes[layer]:.1g}",
            LearningRateWarning,
            stacklevel=3,
        )
