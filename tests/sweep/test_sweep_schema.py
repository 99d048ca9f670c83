"""What an archive will hold is known before the run: names, dimensions, sizes, kinds."""

import pytest
from default_run import slow_but
from sweep_examples import small

from fatheory import simulate
from fatheory.experiment import (
    BatchNormalization,
    Block,
    ConvolutionalNetwork,
    DenseNetwork,
    ImageTask,
    LinearTask,
    Normal,
    Phase,
    Record,
    Schedule,
    SpikingNetwork,
    TeacherTask,
    Uniform,
)
from fatheory.quantities import reserved
from fatheory.sweep import labels as sweep_labels
from fatheory.sweep.schema import dtype, sizes, variable_dims

OF_LAYERS = ("delta_angle", "delta_angle_flattened", "weight_angle", "sign_concordance")
ALL = (
    *("weights", "teaching_signals", *OF_LAYERS, "pseudobackprop_angles", "unit_angle"),
    *("pseudoinverse_alignment", "weight_norm", "gradient_norm", "update_sign_agreement"),
    "receptive_fields",
)
IMAGES = ImageTask(dataset="synthetic-digits", limit=30, evaluation_limit=20)
SHORT = Schedule(phases=(Phase(steps=2),), batch_size=2)

CASES = {
    "everything of a dense network": small(
        record=Record(quantities=ALL, snapshots=2, probe_samples=7, receptive_units=2),
        rules={
            "backprop": 0.1,
            "kolen_pollack": 0.1,
            "node_perturbation": 0.001,
            "usf": 0.1,
        },
    ),
    "direct feedback alone": small(rules={"direct_feedback_alignment": 0.1}),
    "no feedback at all": small(rules={"backprop": 0.1}, record=Record(snapshots=2)),
    "another rule in one layer": small(
        network=DenseNetwork(hidden=(3, 4)),
        rules={
            "usf": {"learning_rate": 0.1, "layers": {"last": {"rule": "feedback_alignment"}}},
        },
    ),
    "feedback of one's own": small(
        rules={
            "own": {
                "rule": "fixed_feedback",
                "distribution": "array",
                "array": [[1.0, 2.0]] * 3,
                "learning_rate": 0.1,
            }
        },
    ),
    "finite samples": small(task=LinearTask(inputs=4, outputs=2, samples=9)),
    "a teacher, biases": small(
        task=TeacherTask(inputs=3, outputs=2, hidden=(4,)),
        network=DenseNetwork(hidden=(3, 5), biases=Normal(std=0.1)),
        precision="float32",
    ),
    "images, normalised": small(
        task=IMAGES,
        network=DenseNetwork(
            hidden=(5, 4),
            biases=Normal(std=0.1),
            normalization=BatchNormalization(learnable=True),
            output="softmax",
        ),
        schedule=SHORT,
        record=Record(
            quantities=("weights", "classification_error", "training_error", "teaching_signals"),
            snapshots=2,
            probe_samples=50,
        ),
    ),
    "convolutions": small(
        task=IMAGES,
        network=ConvolutionalNetwork(
            blocks=(Block(channels=2, kernel=3), Block(channels=3, kernel=1, pool=None)),
            hidden=(4,),
            biases=Normal(std=0.1),
        ),
        rules={"frsf": 0.1, "feedback_alignment": 0.1},
        schedule=SHORT,
        record=Record(quantities=("weights", "gradient_norm"), snapshots=2, probe_samples=3),
    ),
    "spikes": small(
        task=IMAGES,
        network=SpikingNetwork(hidden=(6, 5), group=2, start=Uniform(bound=0.4)),
        rules={"feedback_alignment": 0.1},
        schedule=SHORT,
        record=Record(
            quantities=("weights", "traces", "firing_rate"),
            snapshots=2,
            probe_samples=3,
            receptive_units=4,
        ),
    ),
}


@pytest.mark.parametrize(
    "case", slow_but([case for case in CASES if case not in ("spikes", "convolutions")], CASES)
)
def test_variables_and_sizes_are_those_of_the_run(case):
    experiment = CASES[case]
    run = simulate(experiment)
    assert variable_dims(experiment) == {name: run[name].dims for name in sorted(run.data_vars)}
    expected = sizes(experiment)
    assert dict(run.sizes) == {dim: expected[dim] for dim in run.sizes}
    assert {name: dtype(name, experiment.precision) for name in run.data_vars} == {
        name: run[name].dtype for name in run.data_vars
    }


def test_no_quantity_of_ones_own_is_called_as_what_sweeps_say_of_cells():
    assert set(reserved.OF_CELLS) == set(sweep_labels.OF_CELLS)
