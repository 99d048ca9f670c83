"""A deep network that integrates its activity and spikes: Fig. 4 of Lillicrap et al. 2016."""

from fatheory.experiment.experiment import Experiment
from fatheory.experiment.image_task import ImageTask
from fatheory.experiment.record import Record
from fatheory.experiment.schedule import Phase, Schedule, Update
from fatheory.experiment.spiking import SpikingNetwork

_IMAGES = 60_000
_EPOCHS = 10
_EARLY = (2000, 5000, 10_000, 20_000, 40_000)
_ETA = 1e-3
_DECAY = 1e-8
"""gamma: the share of a weight that is lost in a time step."""


def lillicrap2016_fig4() -> Experiment:
    """MNIST by spikes, learned at every time step (Lillicrap et al. 2016, Fig. 4 and Methods).

    A 784-1500-1500-1500-1000 network, 100 output neurons a class, sees the training images one
    after another, each for 5 time steps, without a pause; an update of the schedule is an image.
    From the paper: tau = 0.9, ceiling 0.95, W ~ U[-0.05, 0.05], B ~ U[-0.1, 0.1], eta = 1e-3 in
    every time step, decay gamma = 1e-8. Assumptions: the leaky form of integration; phi =
    2 sigma - 1, of error neurons too; biases start at zero; gamma is the share of a weight that is
    lost in a time step, so that the weight decay per unit of time is gamma / eta = 1e-5; 10 epochs,
    which the paper does not state. The controls have the same eta: backprop sends errors through
    the transposed weights, shallow through none, so that hidden layers keep their weights but for
    the decay.
    """
    steps = _EPOCHS * _IMAGES
    return Experiment(
        name="lillicrap2016/fig4",
        task=ImageTask(dataset="mnist", train="train+validation", evaluation="test"),
        network=SpikingNetwork(),
        rules={
            "backprop": _ETA,
            "feedback_alignment": {"learning_rate": _ETA, "scale": 0.1},
            "shallow": _ETA,
        },
        schedule=Schedule(phases=(Phase(steps=steps),)),
        update=Update(weight_decay=_DECAY / _ETA),
        record=Record(
            quantities=(
                "classification_error",
                "firing_rate",
                "sign_concordance",
                "traces",
                "weight_angle",
                "weight_norm",
            ),
            steps=(*_EARLY, *range(_IMAGES, steps, _IMAGES)),
            probe_samples=20,
        ),
    )
