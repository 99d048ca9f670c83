"""What is measured before the first update, without compiling the training."""

import jax

from fatheory.initial import draw_initial_state
from fatheory.train.group import Group
from fatheory.train.recorder import Recorder


def observed(experiment):
    """Return the experiment's measurements of untrained networks, by rule and quantity."""
    with (
        jax.enable_x64(experiment.precision == "float64"),
        jax.default_matmul_precision("float32"),
    ):
        starts = [draw_initial_state(experiment, seed) for seed in experiment.seeds]
        measured = Recorder(experiment, starts).take(0, Group.all_of(experiment, starts))
    return {
        label: {name: values[i] for name, values in measured.items()}
        for i, label in enumerate(experiment.rule_labels)
    }
