"""Small experiments for the tests of descriptions."""

from fatheory.experiment import (
    BatchNormalization,
    Block,
    ConvolutionalNetwork,
    DenseNetwork,
    Experiment,
    ImageTask,
    LinearTask,
    Normal,
    Phase,
    Pool,
    Record,
    Schedule,
    StepDecay,
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


def convolved(**changes):
    """An experiment with a convolutional network, every field away from its default."""
    parts = {
        "name": "convolved",
        "task": ImageTask(dataset="synthetic-digits", limit=50, evaluation_limit=40),
        "network": ConvolutionalNetwork(
            blocks=(
                Block(channels=2, kernel=3, pool=Pool(kind="average", size=2, stride=3)),
                Block(channels=3, kernel=1, pool=None),
            ),
            hidden=(4,),
            activation="tanh",
            output="linear",
            start=Normal(std=0.5),
            biases=Normal(std=0.25),
            normalization=BatchNormalization(learnable=True, epsilon=0.5, memory=0.25),
            dropout=0.125,
        ),
        "rules": {
            "usf, backprop": {
                "rule": "usf",
                "learning_rate": 0.5,
                "scale": 0.5,
                "layers": {"last": {"rule": "backprop"}, 3: {"rule": "frsf", "scale": 2.0}},
            },
            "rndf": {"learning_rate": 0.25, "initial_concordance": 0.75},
        },
        "schedule": Schedule(
            phases=(Phase(steps=6),),
            batch_size=5,
            decay=StepDecay(at=(2, 4), factor=0.5, warmup=1),
        ),
        "update": Update(manhattan=2),
        "record": Record(quantities=("gradient_norm", "update_sign_agreement"), snapshots=3),
    }
    return Experiment(**(parts | changes))
