"""Nonlinear function approximation: Figs. 3d and 5 of Lillicrap et al. 2016."""

from fatheory.experiment.distribution import Uniform
from fatheory.experiment.experiment import Experiment
from fatheory.experiment.network import DenseNetwork
from fatheory.experiment.record import Record
from fatheory.experiment.schedule import Phase, Schedule
from fatheory.experiment.task import QuadraticTask, TeacherTask

RATE = 0.0025
"""Learning rate of every rule of Fig. 3d."""
_LEARNS_BELOW, _LEARNS_ABOVE = (2,), (1,)
"""Frozen layers of a two-layer network whose W0, or whose W, learns."""


def lillicrap2016_fig3d() -> Experiment:
    """Fit a deep network's output with four layers (Lillicrap et al. 2016, Fig. 3d and Methods).

    A 30-20-10-10 network of tanh units with a linear output learns online what another one of the
    same shape computes; 20 seeds, each with a target network of its own. From the text: the
    target's weights ~ U[-0.5, 0.5]; random start weights, biases and feedback, all uniform;
    delta_2 = B_2 e and delta_1 = B_1 delta_2, without slopes; the same number of iterations for
    both rules and both depths.

    Assumptions:

    - One learning rate, 0.0025, for both rules and both depths ("fixed learning rates", and "the
      same learning parameters" in the paper's other nonlinear figure).
    - Inputs ~ N(0, I), as in Fig. 2; no biases in the target network.
    - Start weights and biases ~ U[-0.1, 0.1]; B_1 and B_2 ~ U[-1, 1].
    - B_1 and B_2 are new in every run. The text says so ("a new set of random forward weights and
      biases and feedback weights"), and also that they are "fixed across simulations": for that
      reading set ``rules.feedback_alignment.feedback_seed`` to 0.
    - 400,000 steps; feedback alignment leads or matches backprop in the first part of them, and
      backprop, which can represent its target exactly, overtakes it later.

    ``analyses/tune_fig3d.py`` is of an older protocol: a learning rate for every rule and depth,
    slopes transmitted, biases of zero.
    """
    return Experiment(
        name="lillicrap2016/fig3d/4-layer",
        task=TeacherTask(inputs=30, outputs=10, hidden=(20, 10), weights=Uniform(bound=0.5)),
        network=DenseNetwork(
            hidden=(20, 10),
            activation="tanh",
            start=Uniform(bound=0.1),
            biases=Uniform(bound=0.1),
        ),
        rules={
            "backprop": RATE,
            "feedback_alignment": {"learning_rate": RATE, "slopes": "local", "scale": 1.0},
        },
        schedule=Schedule(phases=(Phase(steps=400_000),)),
        record=Record(quantities=("delta_angle", "weight_angle"), snapshots=81, probe_samples=1000),
        seeds=20,
    )


def lillicrap2016_fig3d_three_layers() -> Experiment:
    """Fit a deep network's output with three layers (Lillicrap et al. 2016, Fig. 3d).

    As ``lillicrap2016/fig3d/4-layer`` with the learner 30-20-10 and nothing else changed. A seed
    has the same target, examples and probe at both depths, so the depths are compared in pairs.
    """
    deep = lillicrap2016_fig3d()
    return deep.replaced(
        name="lillicrap2016/fig3d/3-layer", network=deep.network.replaced(hidden=(20,))
    )


def lillicrap2016_fig5a() -> Experiment:
    """Forward weights align with feedback, unit by unit (Lillicrap et al. 2016, Fig. 5a).

    A 20-1000-20 network of tanh units with a linear output learns y_k = x^T Q_k x online by
    feedback alignment. From the paper: Q_k ~ U[-0.5, 0.5], x ~ U[-2, 2], uniform laws of start
    weights, biases and B. The output is linear and there is one hidden layer, so delta_FA = B e
    whether slopes are transmitted or not. Assumptions, where the paper says "manually selected":
    start weights and biases ~ U[-0.1, 0.1], B ~ U[-1, 1], learning rate 1e-4, 100,000 steps, 20
    seeds.
    ``analyses/vary_fig5.py`` varies them: the median angle ends between 36 and 45 degrees in all
    cases, but with a larger learning rate, smaller start weights or a smaller B it first rises, to
    99 degrees at most. That is noise of single examples; in batches of 16 it only falls.
    """
    return Experiment(
        name="lillicrap2016/fig5a",
        task=QuadraticTask(
            inputs=20, outputs=20, coefficients=Uniform(bound=0.5), input=Uniform(bound=2.0)
        ),
        network=DenseNetwork(
            hidden=(1000,),
            activation="tanh",
            start=Uniform(bound=0.1),
            biases=Uniform(bound=0.1),
        ),
        rules={"feedback_alignment": {"learning_rate": 1e-4, "scale": 1.0}},
        schedule=Schedule(phases=(Phase(steps=100_000),)),
        record=Record(
            quantities=("delta_angle", "unit_angle", "weight_angle"),
            snapshots=51,
            probe_samples=1000,
        ),
        seeds=20,
    )


def lillicrap2016_fig5c() -> Experiment:
    """Learning in phases: B shapes W0, W0 shapes W, then B serves W0 (Lillicrap et al. 2016).

    Fig. 5c: as ``lillicrap2016/fig5a``, but (1) W0 learns while W is frozen, (2) W learns while
    W0 is frozen, (3) W0 learns again while W is frozen; a layer's biases learn with its weights.
    Assumptions: phases of 20,000, 40,000 and 20,000 steps. W starts small, as everything does, so
    that what W0 does in phase 1 hardly reaches the output. In all cases of
    ``analyses/vary_fig5.py`` phase 1 does not lower the error, phase 2 brings W to 70 degrees from
    B^T or closer, and phase 3 takes a seventh of the error or more.
    """
    whole = lillicrap2016_fig5a()
    return whole.replaced(
        name="lillicrap2016/fig5c",
        schedule=Schedule(
            phases=(
                Phase(steps=20_000, frozen=_LEARNS_BELOW),
                Phase(steps=40_000, frozen=_LEARNS_ABOVE),
                Phase(steps=20_000, frozen=_LEARNS_BELOW),
            )
        ),
        # More than in Fig. 5a, as three phases share them.
        record=whole.record.replaced(snapshots=81),
    )
