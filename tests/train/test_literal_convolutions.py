"""Networks trained on images, most of them convolutional, against a loop that spells all out."""

import numpy as np
import pytest
from default_run import slow_but
from literal_cases import answered_by, literal_cases
from literal_convolutional_loop import literal_run

from fatheory import Experiment
from fatheory.archive import validate
from fatheory.geometry import angle

LAYERED = {
    "backprop": 0.05,
    "feedback_alignment": 0.05,
    "rndf 70 %": {"rule": "rndf", "learning_rate": 0.05, "std": 0.3, "initial_concordance": 0.7},
    "shallow": 0.05,
    "usf": {"learning_rate": 0.02, "scale": 0.4},
    "frsf": {"learning_rate": 0.02, "scale": 0.9},
    "frsf 75 %": {"rule": "frsf", "learning_rate": 0.02, "concordance": 0.75},
    "brsf": {"learning_rate": 0.02, "scale": 0.8, "concordance": 0.9},
    "usf, backprop at the top": {
        "rule": "usf",
        "learning_rate": 0.02,
        "layers": {"last": {"rule": "backprop"}},
    },
    "a rule for every layer": {
        "rule": "brsf",
        "learning_rate": 0.02,
        "layers": {"2": {"rule": "frsf", "scale": 0.7}, "4": {"rule": "feedback_alignment"}},
    },
}
OTHERS = {
    "kolen_pollack": {"learning_rate": 0.1, "scale": 0.4},
    "direct_feedback_alignment": {"learning_rate": 0.05, "scale": 0.3},
    "node_perturbation": {"learning_rate": 0.003, "perturbation": 0.02},
}
LOCAL = {
    label: {"rule": label, "learning_rate": 0.05, "slopes": "local"} | own
    for label, own in {
        "feedback_alignment": {},
        "direct": {"rule": "direct_feedback_alignment", "scale": 0.3},
        "usf": {"scale": 0.4, "learning_rate": 0.02},
        "frsf": {"concordance": 0.8, "learning_rate": 0.02},
        "brsf": {"concordance": 0.9, "learning_rate": 0.02},
        "kolen_pollack": {"scale": 0.4},
        "backprop": {},
        "mixed": {"rule": "usf", "learning_rate": 0.02, "layers": {"last": {"rule": "rndf"}}},
    }.items()
}
FEW = {label: LAYERED[label] for label in ("backprop", "shallow", "usf", "brsf")}
MANHATTAN = {label: {"rule": label, "learning_rate": 0.003} for label in ("backprop", "usf")}
MEASURED = ("teaching_signals", "delta_angle", "gradient_norm", "update_sign_agreement")
FIRST = {"channels": 2, "kernel": 3}
SECOND = {"channels": 3, "kernel": 3, "pool": {"kind": "average", "size": 2}}
SEEDS = (0, 3)


def experiment(phases, rules, network, update=None, decay=None, quantities=()):
    return Experiment(
        task={
            "kind": "images",
            "dataset": "synthetic-digits",
            "limit": 100,
            "evaluation_limit": 64,
        },
        network=network
        if network.get("kind") == "dense"
        else {"kind": "convolutional", "blocks": [FIRST, SECOND], "hidden": []} | network,
        rules=rules,
        schedule={
            "phases": [{"steps": n, "frozen": frozen} for n, frozen in phases],
            "batch_size": 8,
            "decay": decay,
        },
        update=update or {},
        record={
            "quantities": ("weights", "classification_error", *quantities),
            "steps": (3,),
            "probe_samples": 6,
        },
        seeds=SEEDS,
        root_seed=11,
        precision="float64",
    )


# Between them: every rule that serves convolutions, every part of the network and of the update,
# frozen layers with a memory that starts anew, and two epochs. Every program costs seconds to
# compile, so each rule meets each feature of its own, not every combination.
EXPERIMENTS = {
    "every layered rule, softmax, momentum, decay, falling rates, frozen layers": experiment(
        ((8, ()), (4, (4,)), (4, (1, 2, 3))),
        LAYERED,
        {"hidden": [5], "biases": {"distribution": "normal", "std": 0.2}},
        {"momentum": 0.6, "weight_decay": 0.05},
        {"kind": "steps", "at": (6, 10, 10), "factor": 0.5, "warmup": 3},
        quantities=MEASURED,
    ),
    "every other rule, normalised, tanh, squared error of sigmoid units, dropout": experiment(
        ((14, ()),),
        OTHERS,
        {
            "activation": "tanh",
            "output": "sigmoid",
            "biases": None,
            "normalization": {"epsilon": 0.01},
            "dropout": 0.2,
        },
        {"momentum": 0.4, "weight_decay": 0.2},
        quantities=("teaching_signals",),
    ),
    "normalised, scale and shift learn, dropout, momentum, frozen layers": experiment(
        ((8, ()), (4, (1, 3))),
        FEW,
        {
            "blocks": [FIRST],
            "hidden": [5],
            "normalization": {"learnable": True, "memory": 0.7},
            "dropout": 0.3,
        },
        {"momentum": 0.5, "weight_decay": 0.1},
    ),
    "fully connected, normalised, scale and shift learn, dropout, falling rates": experiment(
        ((8, ()), (4, (1, 3))),
        {label: LAYERED[label] for label in ("brsf", "usf, backprop at the top")},
        {
            "kind": "dense",
            "hidden": [6, 5],
            "activation": "relu",
            "output": "softmax",
            "biases": {"distribution": "normal", "std": 0.2},
            "start": {"distribution": "scaled"},
            "normalization": {"learnable": True},
            "dropout": 0.3,
        },
        {"momentum": 0.5, "weight_decay": 0.1},
        {"kind": "steps", "at": (4,), "factor": 0.5},
        quantities=("teaching_signals",),
    ),
    "local slopes through pools, softmax, dropout, frozen layers": experiment(
        ((8, ()), (4, (1, 3))),
        LOCAL,
        {"hidden": [5], "dropout": 0.2, "biases": {"distribution": "normal", "std": 0.2}},
        {"momentum": 0.5, "weight_decay": 0.1},
        quantities=("teaching_signals",),
    ),
    "local slopes past normalisation and pools, rough, squared error": experiment(
        ((10, ()),),
        {label: LOCAL[label] for label in ("feedback_alignment", "kolen_pollack")}
        | {"rough": LOCAL["feedback_alignment"] | {"derivative": "triangle"}}
        | {"rough, direct": LOCAL["direct"] | {"derivative": "step"}},
        {
            "activation": "tanh",
            "output": "sigmoid",
            "biases": None,
            "normalization": {"epsilon": 0.01, "learnable": True},
        },
        {"momentum": 0.4, "weight_decay": 0.2},
        quantities=MEASURED,
    ),
    "Batch Manhattan 1, normalised": experiment(
        ((10, ()),),
        MANHATTAN,
        {"normalization": {"learnable": False}},
        {"manhattan": 1, "momentum": 0.6, "weight_decay": 0.05},
    ),
    "Batch Manhattan 2": experiment(
        ((10, ()),),
        MANHATTAN,
        {"blocks": [SECOND]},
        {"manhattan": 2, "momentum": 0.9, "weight_decay": 1.0},
    ),
    "Batch Manhattan 3": experiment(
        ((10, ()),),
        MANHATTAN,
        {"blocks": [SECOND | {"pool": None}]},
        {"manhattan": 3, "momentum": 0.9, "weight_decay": 1.0},
    ),
}
# Of experiments whose programs differ by rule the default run takes the rules that differ most.
BY_DEFAULT = {
    "every layered rule, softmax, momentum, decay, falling rates, frozen layers": (
        "rndf 70 %",
        "shallow",
        "frsf 75 %",
        "a rule for every layer",
    ),
    "normalised, scale and shift learn, dropout, momentum, frozen layers": ("backprop", "brsf"),
    "every other rule, normalised, tanh, squared error of sigmoid units, dropout": (
        "direct_feedback_alignment",
        "node_perturbation",
    ),
    "fully connected, normalised, scale and shift learn, dropout, falling rates": (),
    "local slopes through pools, softmax, dropout, frozen layers": (
        "feedback_alignment",
        "direct",
        "mixed",
    ),
    "local slopes past normalisation and pools, rough, squared error": (),
    "Batch Manhattan 1, normalised": (),
}

LATER = [name for name, labels in BY_DEFAULT.items() if not labels]


@pytest.fixture(scope="module")
def case():
    return answered_by(EXPERIMENTS, literal_run)


def assert_close(ours, theirs, tolerance=1e-12):
    """Compare relative to the largest entry of the array, or to 1."""
    error = np.abs(np.asarray(ours) - theirs).max()
    assert error <= tolerance * max(1, np.abs(theirs).max())


def looks(run, label):
    """Yield the archive and the literal run of every seed at every recorded step."""
    for seed in SEEDS:
        literal = run.literal(seed, label)
        for step in run.experiment.snapshot_steps:
            yield run.archive.sel(rule=label, seed=seed, step=step), literal, step


@pytest.mark.parametrize(("name", "labels", "label"), literal_cases(EXPERIMENTS, BY_DEFAULT))
def test_what_learns_is_that_of_the_loop(case, name, labels, label):
    run = case(name, labels)
    for ours, literal, step in looks(run, label):
        for variable, theirs in literal.variables[step].items():
            assert_close(ours[variable], theirs)
        assert_close(ours.loss, literal.loss[step])
        assert_close(ours.classification_error, literal.error[step])
    first, last = (literal.variables[step] for step in (0, step))
    for variable in first:
        # Under the shallow rule nothing but decay moves what lies below the output.
        if label != "shallow" or variable.startswith(("kernel", "weight", "running")):
            assert np.abs(last[variable] - first[variable]).max() > 1e-5


@pytest.mark.parametrize(
    ("name", "labels", "label"), literal_cases(EXPERIMENTS, BY_DEFAULT, "teaching_signals")
)
def test_teaching_signals_are_those_of_the_loop(case, name, labels, label):
    for ours, literal, step in looks(case(name, labels), label):
        # Node perturbation divides a small difference of losses by the perturbation.
        tolerance = 1e-10 if label == "node_perturbation" else 1e-12
        pairs = zip(literal.signals[step], literal.backprop_signals[step], strict=True)
        for layer, (signal, reference) in enumerate(pairs, start=1):
            assert_close(ours[f"teaching_signal_{layer}"], signal, tolerance)
            assert_close(ours[f"backprop_signal_{layer}"], reference)
            taught = label != "shallow" or layer == len(literal.signals[step])
            assert (np.abs(signal).max() > 1e-4) == taught


@pytest.mark.parametrize(
    ("name", "labels", "label"), literal_cases(EXPERIMENTS, BY_DEFAULT, "delta_angle")
)
def test_angles_and_gradients_are_those_of_the_loop(case, name, labels, label):
    agreements = []
    for ours, literal, step in looks(case(name, labels), label):
        for layer, signal in enumerate(literal.signals[step]):
            angles = angle(signal, literal.backprop_signals[step][layer])
            directed = angles[~np.isnan(angles)]
            expected = np.mean(directed) if directed.size else np.nan
            found = ours.delta_angle.values[layer]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
            g, true = (of[step]["W", layer] for of in (literal.gradients, literal.true_gradients))
            assert_close(ours.gradient_norm.values[layer], np.sqrt(np.sum(g * g)))
            signs = np.sign(g * true)
            expected = np.sum(signs > 0) / np.sum(signs != 0) if signs.any() else np.nan
            found = ours.update_sign_agreement.values[layer]
            np.testing.assert_allclose(found, expected, rtol=1e-12)
            agreements.append(expected)
    assert (0 < np.nanmean(agreements) < 1) == (label not in ("backprop", "shallow"))


@pytest.mark.parametrize("name", slow_but([n for n in EXPERIMENTS if n not in LATER], EXPERIMENTS))
def test_archives_are_valid_and_complete(case, name):
    run = case(name, BY_DEFAULT.get(name) or EXPERIMENTS[name].rule_labels)
    validate(run.archive)
    literal = run.literal(0, run.experiment.rule_labels[0])
    assert set(literal.variables[0]) <= set(run.archive.data_vars)
