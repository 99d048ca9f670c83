"""What is measured before the first update, without compiling the training."""

import jax
import numpy as np

from fatheory.initial import draw_start
from fatheory.train.group import Group
from fatheory.train.loader import on_device


def observed(experiment):
    """Return the experiment's measurements of untrained networks, by rule and quantity."""
    with (
        jax.enable_x64(experiment.precision == "float64"),
        jax.default_matmul_precision("float32"),
    ):
        starts = [draw_start(experiment, seed) for seed in experiment.seeds]
        probe = on_device([start.probe for start in starts], np.dtype(experiment.precision))
        found = {}
        for group in Group.all_of(experiment, starts):
            measured = jax.tree.map(np.asarray, group.observe(probe, 0))
            for place, member in enumerate(group.members):
                label = experiment.rule_labels[member]
                found[label] = jax.tree.map(lambda a, i=place: a[i], measured)
        return found
