"""What tasks, sparse networks and records of classes refuse, and in which words."""

import pytest

from fatheory.errors import InvalidExperimentError
from fatheory.experiment import Experiment, ImageTask

IMAGES = {"kind": "images", "dataset": "mnist"}
VALID = {
    "task": {"inputs": 4, "outputs": 2},
    "network": {"hidden": [3, 3]},
    "rules": {"backprop": 0.1},
    "schedule": {"phases": [{"steps": 10}]},
}


def problems(data):
    with pytest.raises(InvalidExperimentError) as caught:
        Experiment(**data)
    return dict(caught.value.problems)


@pytest.mark.parametrize(
    ("task", "path", "message"),
    [
        ({"dataset": "mnst"}, "task.dataset", "unknown image set 'mnst'; did you mean 'mnist'"),
        ({"dataset": 3}, "task.dataset", "valid string; got 3"),
        ({"limit": 50_001}, "task", "mnist has 50000 images in 'train'; got limit 50001"),
        (
            {"train": "train+validation", "evaluation": "test", "limit": 60_001},
            "task",
            "mnist has 60000 images in 'train+validation'; got limit 60001",
        ),
        (
            {"train": "train+validation"},
            "task",
            "the validation images are among the training images; train on 'train', or evaluate",
        ),
        ({"train": "test"}, "task.train", "'train' or 'train+validation'; got 'test'"),
        ({"evaluation": "train"}, "task.evaluation", "'validation' or 'test'; got 'train'"),
        ({"limit": -1}, "task.limit", "greater than or equal to 0; got -1"),
        ({"inputs": 784}, "task.inputs", "unknown key"),
        ({"noise": 0.1}, "task.noise", "unknown key"),
    ],
)
def test_image_tasks(task, path, message):
    found = problems(VALID | {"task": IMAGES | task})
    assert message in found[path]


@pytest.mark.parametrize(
    ("task", "path", "message"),
    [
        ({"kind": "quadratc"}, "task", "unknown kind of task 'quadratc'; did you mean 'quadratic'"),
        ({"kind": None}, "task", "unknown kind of task None"),
        ({"kind": "quadratic", "target": {}}, "task.target", "unknown key"),
        (
            {"kind": "quadratic", "input": {"distribution": "scaled"}},
            "task.input",
            "'uniform', 'normal'",
        ),
        ({"kind": "teacher"}, "task.hidden", "is required and has no default"),
        ({"kind": "teacher", "hidden": []}, "task.hidden", "must not be empty"),
        ({"kind": "teacher", "hidden": [0]}, "task.hidden.0", "greater than 0; got 0"),
        (
            {"kind": "teacher", "hidden": [2], "activation": "tan"},
            "task.activation",
            "'linear', 'tanh', 'sigmoid', 'relu' or 'erf'; got 'tan'",
        ),
        (
            {"target": {"distribution": "scaled", "fan": "out"}},
            "task.target.scaled.fan",
            "'in' or 'average'; got 'out'",
        ),
        (
            {"target": {"distribution": "scaled", "gain": -1}},
            "task.target.scaled.gain",
            "greater than or equal to 0; got -1",
        ),
    ],
)
def test_drawn_tasks(task, path, message):
    found = problems(VALID | {"task": VALID["task"] | task})
    assert message in found[path]


def test_a_task_is_a_mapping():
    assert (
        "a task is a mapping or one of fatheory's tasks; got 3"
        in problems(VALID | {"task": 3})["task"]
    )


@pytest.mark.parametrize("quantity", ["classification_error", "training_error"])
@pytest.mark.parametrize(
    "task", [{}, {"kind": "quadratic"}, {"kind": "teacher", "hidden": [2]}], ids=str
)
def test_errors_of_classes_need_classes(task, quantity):
    data = {"task": VALID["task"] | task, "record": {"quantities": [quantity]}}
    message = f"only for tasks with classes (images): {quantity}"
    assert problems(VALID | data) == {"record.quantities": message}


def test_images_have_classes_and_sizes_of_their_own():
    for dataset, sizes, samples in (
        ("mnist", (784, 3, 3, 10), 50_000),
        ("cifar-10", (3072, 3, 3, 10), 45_000),
        ("synthetic-digits", (64, 3, 3, 10), 2_000),
    ):
        asked = Experiment(
            **VALID
            | {
                "task": {"kind": "images", "dataset": dataset},
                "record": {"quantities": ["classification_error", "training_error"]},
            }
        )
        assert asked.sizes == sizes
        assert asked.task.samples == samples
    whole = ImageTask(dataset="mnist", train="train+validation", evaluation="test")
    assert whole.samples == 60_000
    assert ImageTask(dataset="mnist", limit=50_000).samples == 50_000


@pytest.mark.parametrize(
    ("sparsity", "path", "message"),
    [
        ({"layers": [2, 4]}, "network.sparsity.layers", "layers are 1 to 3; got [2, 4]"),
        ({"layers": [0]}, "network.sparsity.layers.0", "greater than 0; got 0"),
        ({"forward": 1.0}, "network.sparsity.forward", "less than 1; got 1.0"),
        ({"feedback": -0.5}, "network.sparsity.feedback", "greater than or equal to 0"),
        (
            {"forward": 0.5, "feedback": 0.25, "shared": True},
            "network.sparsity",
            "shared connections need forward = feedback; got 0.5 and 0.25",
        ),
        ({"shared": 2}, "network.sparsity.shared", "valid boolean"),
        ({"foward": 0.5}, "network.sparsity.foward", "unknown key; did you mean 'forward'"),
    ],
)
def test_sparse_networks(sparsity, path, message):
    found = problems(VALID | {"network": {"hidden": [3, 3], "sparsity": sparsity}})
    assert message in found[path]


def test_sparse_layers_by_default_are_those_that_send_something_back():
    network = Experiment(
        **VALID | {"network": {"hidden": [3, 3], "sparsity": {"forward": 0.5, "feedback": 0.25}}}
    ).network
    assert [network.sparsity.removed(layer) for layer in (1, 2, 3)] == [
        (0.0, 0.0),
        (0.5, 0.25),
        (0.5, 0.25),
    ]
