"""What experiments with convolutions, layers of their own rule and falling rates refuse."""

import pytest

from fatheory.errors import InvalidExperimentError
from fatheory.experiment import Block, CosineDecay, Experiment, ExponentialDecay, StepDecay

VALID = {
    "task": {"kind": "images", "dataset": "synthetic-digits"},
    "network": {"kind": "convolutional"},
    "rules": {"backprop": 0.1},
    "schedule": {"phases": [{"steps": 10}], "batch_size": 8},
}
DRAWN = {"inputs": 4, "outputs": 2}
DENSE = {"hidden": [3]}


def problems(**changes):
    with pytest.raises(InvalidExperimentError) as caught:
        Experiment(**(VALID | changes))
    return dict(caught.value.problems)


def network(**own):
    return VALID["network"] | own


@pytest.mark.parametrize(
    ("own", "path", "message"),
    [
        ({"kind": "conv"}, "", "unknown kind of network 'conv' (known: convolutional, dense"),
        ({"kind": 3}, "", "unknown kind of network 3 (known: convolutional, dense"),
        ({"blocks": []}, ".blocks", "must not be empty"),
        ({"blocks": [{"channels": 0}]}, ".blocks.0.channels", "greater than 0; got 0"),
        (
            {"blocks": [{"channels": 3, "kernel": 4}]},
            ".blocks.0.kernel",
            "a kernel has an odd number of rows, so a centre; got 4",
        ),
        (
            {"blocks": [{"channels": 3, "pool": {"kind": "min"}}]},
            ".blocks.0.pool.kind",
            "'max' or 'average'; got 'min'",
        ),
        ({"hidden": [0]}, ".hidden.0", "greater than 0; got 0"),
        ({"activation": "softmax"}, ".activation", "'erf'; got 'softmax'"),
        ({"dropout": 1.0}, ".dropout", "less than 1; got 1.0"),
        ({"dropout": -0.1}, ".dropout", "greater than or equal to 0; got -0.1"),
        ({"normalization": {"epsilon": 0}}, ".normalization.epsilon", "greater than 0; got 0"),
        ({"normalization": {"memory": 1.0}}, ".normalization.memory", "less than 1; got 1.0"),
        (
            {"normalization": {"lernable": True}},
            ".normalization.lernable",
            "unknown key; did you mean 'learnable'?",
        ),
        ({"sparsity": {}}, ".sparsity", "unknown key"),
    ],
)
def test_parts_of_the_network(own, path, message):
    assert message in problems(network=network(**own))[f"network{path}"]


def test_kernels_are_odd():
    assert [Block(channels=1, kernel=k).kernel for k in (1, 3, 7)] == [1, 3, 7]


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"task": DRAWN}, "network.kind", "a convolutional network needs a task with images"),
        (
            {"task": DRAWN, "network": DENSE | {"output": "softmax"}},
            "network.output",
            "softmax outputs need a task with classes (images)",
        ),
        (
            {"network": network(normalization={}), "schedule": {"phases": [{"steps": 3}]}},
            "schedule.batch_size",
            "batch normalisation needs batches of 2 at least, for a batch of one has no variance; "
            "got 1",
        ),
        (
            {"network": DENSE | {"normalization": {}}, "schedule": {"phases": [{"steps": 3}]}},
            "schedule.batch_size",
            "batch normalisation needs batches of 2",
        ),
        (
            {"schedule": {"phases": [{"steps": 3, "frozen": [6]}]}},
            "schedule.phases.0.frozen",
            "layers are 1 to 5; got [6]",
        ),
        *(
            (
                {"record": {"quantities": [quantity]}},
                "record.quantities",
                f"not defined for convolution kernels: {quantity}",
            )
            for quantity in ("pseudobackprop_angles", "pseudoinverse_alignment", "receptive_fields")
        ),
        (
            {"network": network(normalization={}), "record": {"probe_samples": 1}},
            "record.probe_samples",
            "normalised teaching signals need 2 samples at least; got 1",
        ),
        (
            {
                "network": DENSE | {"normalization": {}},
                "rules": {"mine": {"rule": "weight_mirror", "learning_rate": 1}},
            },
            "rules.mine",
            "not defined where batches are normalised",
        ),
        ({"update": {"manhattan": 4}}, "update.manhattan", "less than or equal to 3; got 4"),
        ({"update": {"manhattan": True}}, "update.manhattan", "valid integer; got True"),
    ],
)
def test_parts_that_do_not_fit_together(changes, path, message):
    found = problems(**changes)
    assert set(found) == {path}
    assert message in found[path]


@pytest.mark.parametrize("rule", ["pseudobackprop", "orthogonal_feedback", "weight_mirror"])
def test_rules_for_matrices_do_not_serve_convolutions(rule):
    message = f"{rule} is defined for matrices, and layer 2 is a convolution; give that layer"
    assert message in problems(rules={rule: 0.1})[f"rules.{rule}"]
    # The first layer sends nothing back, so a single convolution needs no V.
    Experiment(**(VALID | {"network": network(blocks=[{"channels": 3}]), "rules": {rule: 0.1}}))


def test_rules_for_matrices_serve_the_other_layers():
    own = {"rule": "usf", "learning_rate": 1}
    top = {"layers": {"last": {"rule": "pseudobackprop"}}}
    Experiment(**(VALID | {"rules": {"mine": own | top}}))
    kernels = {"rule": "pseudobackprop", "learning_rate": 1}
    below = {"layers": {"2": {"rule": "usf"}, "3": {"rule": "usf"}}}
    Experiment(**(VALID | {"rules": {"mine": kernels | below}}))
    one = {"layers": {"2": {"rule": "usf"}}}
    assert "layer 3 is a convolution" in problems(rules={"mine": kernels | one})["rules.mine"]


@pytest.mark.parametrize(
    ("rule", "layers", "path", "message"),
    [
        ("usf", {"1": {"rule": "frsf"}}, "", "are 2, 3, ... and 'last'; got 1"),
        ("usf", {"top": {"rule": "frsf"}}, "", "are 2, 3, ... and 'last'; got 'top'"),
        ("usf", {"9": {"rule": "frsf"}}, ".layers", "layers are 2 to 5 and 'last'; got [9]"),
        (
            "usf",
            {"2": {"rule": "kolen_pollack"}},
            "",
            "rules that differ by layer must be layered, with feedback that does not learn; "
            "kolen_pollack is not",
        ),
        ("node_perturbation", {"2": {"rule": "usf"}}, "", "node_perturbation is not"),
        ("weight_mirror", {"last": {"rule": "usf"}}, "", "weight_mirror is not"),
        ("usf", {"2": {"rule": "fsrf"}}, ".layers.2", "unknown rule 'fsrf'; did you mean 'frsf'"),
        ("usf", {"2": {"rule": "usf", "scale": -1}}, ".layers.2", "finite scale; got -1.0"),
        (
            "usf",
            {"2": {"rule": "frsf", "learning_rate": 1}},
            ".layers.2",
            "unknown parameter of frsf 'learning_rate'",
        ),
        ("usf", {"2": {}}, ".layers.2.rule", "is required and has no default"),
        ("usf", {5.5: {"rule": "usf"}}, ".layers", "whole numbers or 'last'; got 5.5"),
        (
            "usf",
            {"2": {"rule": "usf"}, 2: {"rule": "frsf"}},
            "",
            "layers must differ from each other; got [2, 2]",
        ),
        (
            "usf",
            {"last": {"rule": "usf"}, "5": {"rule": "frsf"}},
            ".layers",
            "'last' is layer 5; give it one rule",
        ),
    ],
)
def test_layers_with_a_rule_of_their_own(rule, layers, path, message):
    found = problems(rules={"mine": {"rule": rule, "learning_rate": 1, "layers": layers}})
    assert message in found[f"rules.mine{path}"]


@pytest.mark.parametrize(
    ("choice", "path", "message"),
    [
        ({"rule": "rndf", "initial_concordance": 1.5}, ".initial_concordance", "equal to 1; got"),
        ({"rule": "rndf", "initial_concordance": -0.1}, ".initial_concordance", "equal to 0; got"),
        ({"rule": "rndf", "initial_concordance": "1"}, ".initial_concordance", "number; got '1'"),
        (
            {"rule": "usf", "initial_concordance": 0.5},
            "",
            "initial_concordance is for rules with fixed feedback, such as feedback_alignment and "
            "rndf; usf has none (frsf and brsf have a parameter concordance)",
        ),
        (
            {"rule": "usf", "layers": {"2": {"rule": "brsf", "initial_concordance": 0.5}}},
            ".layers.2",
            "rndf; brsf has none",
        ),
        ({"rule": "frsf", "concordance": 1.5}, "", "concordance between 0 and 1; got 1.5"),
    ],
)
def test_concordances(choice, path, message):
    found = problems(rules={"mine": {"learning_rate": 1} | choice})
    assert message in found[f"rules.mine{path}"]


@pytest.mark.parametrize(
    ("kind", "own", "path", "message"),
    [
        (StepDecay, {}, "at", "is required and has no default"),
        (StepDecay, {"at": []}, "at", "must not be empty"),
        (StepDecay, {"at": [0]}, "at.0", "greater than 0; got 0"),
        (StepDecay, {"at": [3], "factor": 1.5}, "factor", "less than or equal to 1; got 1.5"),
        (StepDecay, {"at": [3], "factor": 0}, "factor", "greater than 0; got 0"),
        (ExponentialDecay, {"factor": 0.5}, "every", "is required and has no default"),
        (CosineDecay, {"floor": 1.0}, "floor", "less than 1; got 1.0"),
        (CosineDecay, {"warmup": -1}, "warmup", "greater than or equal to 0; got -1"),
        (CosineDecay, {"flor": 0.1}, "flor", "unknown key; did you mean 'floor'?"),
    ],
)
def test_decays(kind, own, path, message):
    with pytest.raises(InvalidExperimentError) as caught:
        kind(**own)
    assert message in dict(caught.value.problems)[path]


@pytest.mark.parametrize(
    ("decay", "path", "message"),
    [
        ({"kind": "linear"}, "schedule.decay", "unknown kind of decay 'linear'"),
        ({}, "schedule.decay.at", "is required and has no default"),
        (3, "schedule.decay", "one of fatheory's decays; got 3"),
        ({"at": [1, 10**6]}, "schedule.decay.at", "steps; got [1, 1000000]"),
    ],
)
def test_what_is_no_decay_of_the_run_is_refused(decay, path, message):
    found = problems(schedule=VALID["schedule"] | {"decay": decay})
    assert message in found[path]
