"""A small experiment for the tests of descriptions."""

from fatheory.experiment import (
    DenseNetwork,
    Experiment,
    LinearTask,
    Normal,
    Phase,
    Record,
    Schedule,
    Uniform,
    Update,
)


def small(**changes):
    """An experiment with every field away from its default, where it has one."""
    parts = {
        "name": "small",
        "task": LinearTask(
            inputs=6,
            outputs=3,
            target=Normal(std=0.7),
            spectrum_decay=0.4,
            noise=0.125,
            samples=20,
        ),
        "network": DenseNetwork(hidden=(5, 4), activation="tanh", start=Uniform(bound=0.3)),
        "rules": {"backprop": 0.02, "frsf 0.75": {"rule": "frsf", "learning_rate": 0.015625}},
        "schedule": Schedule(phases=(Phase(steps=30), Phase(steps=31, frozen=(2,))), batch_size=7),
        "update": Update(momentum=0.5, weight_decay=0.0625),
        "record": Record(quantities=("weights", "delta_angle"), steps=(9, 17)),
        "seeds": (8, 13),
        "root_seed": 23,
        "precision": "float64",
    }
    return Experiment(**(parts | changes))
