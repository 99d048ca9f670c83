"""A small experiment, and ways through its archives."""

import xarray as xr

from fatheory import labels
from fatheory.experiment import (
    DenseNetwork,
    Experiment,
    ImageTask,
    LinearTask,
    Normal,
    Phase,
    Record,
    RuleChoice,
    Schedule,
    Uniform,
)

QUANTITIES = (
    "delta_angle",
    "delta_angle_flattened",
    "weight_angle",
    "sign_concordance",
    "pseudobackprop_angles",
    "pseudoinverse_alignment",
    "unit_angle",
    "weight_norm",
    "receptive_fields",
)
"""What is measured online of what follows from weights and signals."""
ONLINE = (
    "delta_angle",
    "delta_angle_flattened",
    "weight_angle",
    "sign_concordance",
    "pseudobackprop_angle",
    "backprop_to_pseudobackprop_angle",
    "pseudoinverse_alignment",
    "unit_angle",
    "weight_norm",
    "receptive_field",
)
"""Its names in archives."""
DETERMINISTIC = ("backprop", "feedback_alignment", "shallow", "usf", "frsf")


def experiment(rules=DETERMINISTIC, steps=40, rate=0.02, snapshots=3, **changes):
    """Describe a small linear network of three layers; all quantities are recorded."""
    described = {
        "task": LinearTask(inputs=4, outputs=2),
        "network": DenseNetwork(hidden=(5, 3), start=Uniform(bound=0.5)),
        "rules": {rule: RuleChoice(rule=rule, learning_rate=rate) for rule in rules},
        "schedule": Schedule(phases=(Phase(steps=steps),)),
        "record": Record(
            quantities=("weights", "teaching_signals", *QUANTITIES),
            snapshots=snapshots,
            probe_samples=6,
            receptive_units=2,
        ),
        "seeds": (3, 8),
        "precision": "float64",
    }
    return Experiment(**(described | changes))


def image_experiment():
    """Describe a small network of nonlinear units with biases on generated images."""
    return experiment(
        ("feedback_alignment", "kolen_pollack", "direct_feedback_alignment"),
        steps=30,
        rate=0.1,
        task=ImageTask(dataset="synthetic-digits", limit=700),
        network=DenseNetwork(
            hidden=(7, 6),
            activation="tanh",
            output="sigmoid",
            start=Normal(std=0.3),
            biases=Normal(std=0.2),
        ),
        schedule=Schedule(phases=(Phase(steps=30),), batch_size=10),
        record=Record(
            quantities=(
                "weights",
                "teaching_signals",
                "classification_error",
                "training_error",
                *QUANTITIES,
            ),
            snapshots=3,
            probe_samples=20,
            receptive_units=3,
        ),
    )


def without(archive: xr.Dataset, *kinds: str) -> xr.Dataset:
    """Drop what was recorded online, or the weights or signals of all layers."""
    return archive.drop_vars(
        [name for name in archive.data_vars if str(name).rstrip("_0123456789") in kinds]
    )


def runs(archive):
    """Iterate over the archive's (rule, seed, step) places."""
    for i, rule in enumerate(archive[labels.RULE].values):
        for j in range(archive.sizes[labels.SEED]):
            for k in range(archive.sizes[labels.STEP]):
                yield str(rule), (i, j, k)
