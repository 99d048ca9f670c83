"""Linear function approximation: Fig. 2 of Lillicrap et al. 2016."""

from fatheory.experiment.distribution import Uniform
from fatheory.experiment.experiment import Experiment
from fatheory.experiment.network import DenseNetwork
from fatheory.experiment.record import Record
from fatheory.experiment.schedule import Phase, Schedule
from fatheory.experiment.task import LinearTask


def lillicrap2016_fig2() -> Experiment:
    """Linear function approximation (Lillicrap et al. 2016, Fig. 2a, b and Methods).

    A 30-20-10 linear network learns y = T x online from white Gaussian input. From the paper:
    T ~ U[-1, 1], start weights ~ U[-0.01, 0.01], B ~ U[-0.5, 0.5]. Assumptions, where the paper
    says "manual search": the learning rates and the perturbation scale, found for speed by
    ``analyses/tune_fig2.py`` on seeds of their own. Shallow learning has feedback alignment's
    learning rate, so that it is the same without the hidden layer's learning. The network is
    linear, so delta_FA = B e whether slopes are transmitted or not. 20 seeds, 2,000
    steps, double precision, so that angles between tiny errors are not those of rounding.
    """
    return Experiment(
        name="lillicrap2016/fig2",
        task=LinearTask(inputs=30, outputs=10, target=Uniform(bound=1.0)),
        network=DenseNetwork(hidden=(20,), start=Uniform(bound=0.01)),
        rules={
            "shallow": 0.01,
            "node_perturbation": {"learning_rate": 0.0025, "perturbation": 0.001},
            "backprop": 0.013,
            "feedback_alignment": 0.01,
        },
        schedule=Schedule(phases=(Phase(steps=2000),)),
        record=Record(quantities=("weights", "delta_angle"), snapshots=101, probe_samples=100),
        seeds=20,
        precision="float64",
    )
