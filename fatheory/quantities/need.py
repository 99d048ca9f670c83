"""What a quantity may need to see of a network."""

from collections.abc import Iterator
from enum import StrEnum

from fatheory.quantities.experiment_like import ExperimentParts


class Need(StrEnum):
    """One thing that a `fatheory.quantities.View` offers; the values are what lists show."""

    WEIGHTS = "weights"
    """W_1 ... W_L as matrices."""
    BACKWARD_WEIGHTS = "backward weights"
    """V_2 ... V_L, which stand in for the weights when errors travel back."""
    PARAMETERS = "parameters"
    """Everything that is learned, by the archive's names."""
    EXAMPLES = "examples"
    """Inputs and targets of the probe."""
    ACTIVITIES = "activities"
    """What every layer hands on, on the probe."""
    SIGNALS = "signals"
    """Teaching signals on the probe: the rule's, backprop's, and those through any V."""
    GRADIENTS = "gradients"
    """Gradients of the probe's loss: the rule's and backprop's."""
    SPIKES = "spikes"
    """What neurons do while the probe is shown."""
    HELD_OUT = "held-out examples"
    """Loss and classification error on the examples of evaluation."""
    TRAINING = "training examples"
    """Loss and classification error on training examples."""

    def undefined_for(self, experiment: ExperimentParts) -> Iterator[str]:
        """Say why an experiment cannot meet the need, if it cannot."""
        spiking = experiment.network.kind == "spiking"
        if self is Need.SPIKES and not spiking:
            yield "only for spiking networks"
        if self in (Need.SIGNALS, Need.GRADIENTS, Need.ACTIVITIES) and spiking:
            yield "not defined for spiking networks"
        if self is Need.TRAINING and not experiment.task.samples:
            yield OF_SAMPLES


OF_CLASSES = "only for tasks with classes (images)"
OF_SAMPLES = "only for finite training examples; here each is fresh"
OF_MATRICES = "not defined for convolution kernels"
