"""Every rule trained by the package against a loop that spells the rule out."""

import numpy as np
import pytest
from literal_cases import answered_by, literal_cases
from literal_loop import literal_run

from fatheory import (
    DenseNetwork,
    Experiment,
    LinearTask,
    Normal,
    Phase,
    QuadraticTask,
    Record,
    Schedule,
    Sparsity,
    TeacherTask,
    Uniform,
    Update,
)
from fatheory.geometry import angle, sign_concordance

LAYERED = {
    "backprop": 0.03,
    "feedback_alignment": 0.03,
    "shallow": 0.03,
    "usf": {"learning_rate": 0.02, "scale": 0.8},
    "frsf": {"learning_rate": 0.02, "scale": 0.9},
    "frsf 75 %": {"rule": "frsf", "learning_rate": 0.02, "concordance": 0.75},
    "rndf": {"learning_rate": 0.03, "std": 0.3},
    "pseudobackprop": 0.002,
}
ADAPTIVE = {
    "direct_feedback_alignment": {"learning_rate": 0.03, "scale": 0.6},
    "kolen_pollack": {"learning_rate": 0.03, "scale": 0.4},
    "weight_mirror": {"learning_rate": 0.02, "scale": 0.4, "noise": 0.8, "mirror_rate": 0.7},
}
RANDOM = {
    "node_perturbation": {"learning_rate": 0.003, "perturbation": 0.02},
    "brsf": {"learning_rate": 0.02, "scale": 1.2, "concordance": 0.9},
}
MEASURED = (
    "teaching_signals",
    "delta_angle",
    "delta_angle_flattened",
    "weight_angle",
    "sign_concordance",
)
SEEDS = (0, 3)


def experiment(task, hidden, activation="linear", batch=1, phases=((120, ()),), **others):
    return Experiment(
        task=LinearTask(**{"inputs": 6, "outputs": 3} | task) if isinstance(task, dict) else task,
        network=DenseNetwork(
            hidden=hidden,
            activation=activation,
            start=Normal(std=0.4),
            **others.get("network", {}),
        ),
        rules=others.get("rules", LAYERED),
        schedule=Schedule(
            phases=tuple(Phase(steps=n, frozen=frozen) for n, frozen in phases), batch_size=batch
        ),
        update=Update(
            momentum=others.get("momentum", 0), weight_decay=others.get("weight_decay", 0)
        ),
        record=Record(
            quantities=("weights", *others.get("quantities", ())), snapshots=3, probe_samples=5
        ),
        seeds=SEEDS,
        root_seed=11,
        precision="float64",
    )


LOCAL = {
    f"{label}, local": (
        {"rule": label} | choice
        if isinstance(choice, dict)
        else {"rule": label, "learning_rate": choice}
    )
    | {"slopes": "local"}
    for label, choice in (LAYERED | ADAPTIVE | {"brsf": RANDOM["brsf"]}).items()
}
FEW_LOCAL = {
    label: LOCAL[label]
    for label in (
        "feedback_alignment, local",
        "direct_feedback_alignment, local",
        "frsf 75 %, local",
        "brsf, local",
        "kolen_pollack, local",
    )
}
ROUGH = {
    f"{rule}, {slopes}, {derivative}": {
        "rule": rule,
        "learning_rate": 0.02,
        "slopes": slopes,
        "derivative": derivative,
    }
    for rule, slopes, derivative in (
        ("feedback_alignment", "local", "one"),
        ("feedback_alignment", "local", "step"),
        ("feedback_alignment", "transmitted", "triangle"),
        ("direct_feedback_alignment", "transmitted", "step"),
        ("backprop", "transmitted", "triangle"),
    )
}
FEW = {label: LAYERED[label] for label in ("backprop", "feedback_alignment", "frsf 75 %")}
# Between them: depths 2 and 3, every activation, online and finite samples, one example to the
# full batch, every part of the update, a run across two blocks of examples, and frozen layers
# with a memory that starts anew. Every program costs seconds to compile, those with random
# numbers most, so each rule meets each feature of its own, not every combination.
EXPERIMENTS = {
    "online, one by one, depth 3": experiment(
        {"noise": 0.1}, (5, 4), rules=LAYERED | RANDOM, quantities=("teaching_signals",)
    ),
    "online, tanh, momentum and decay": experiment(
        {"spectrum_decay": 0.7},
        (5,),
        "tanh",
        3,
        rules=LAYERED | RANDOM,
        momentum=0.6,
        weight_decay=0.05,
    ),
    "full batch, relu, depth 3, decay": experiment(
        {"samples": 8, "spectrum_decay": 1.0},
        (6, 5),
        "relu",
        8,
        quantities=MEASURED,
        weight_decay=0.2,
    ),
    "mini-batches with a remainder, sigmoid, momentum": experiment(
        {"samples": 13, "noise": 0.3}, (5,), "sigmoid", 4, rules=FEW, momentum=0.8
    ),
    "frozen layers, erf, depth 3, momentum": experiment(
        {"target": Uniform(bound=0.5)},
        (4, 5),
        "erf",
        2,
        ((40, (1,)), (40, (2, 3)), (40, ())),
        rules=FEW,
        momentum=0.5,
    ),
    "every kind of rule, biases, output units, sparse, momentum, decay": experiment(
        TeacherTask(inputs=6, outputs=3, hidden=(4, 5), noise=0.1, biases=Uniform(bound=0.3)),
        (7, 6),
        "tanh",
        2,
        ((30, ()), (30, (2,))),
        rules=LAYERED | RANDOM | ADAPTIVE,
        quantities=("teaching_signals",),
        momentum=0.4,
        weight_decay=0.1,
        network={
            "output": "sigmoid",
            "biases": Normal(std=0.3),
            "sparsity": Sparsity(forward=0.3, feedback=0.4, layers=(1, 2, 3)),
        },
    ),
    "in blocks: every kind of rule, biases, output units, decay, sparse above": experiment(
        {"inputs": 150, "noise": 0.1},
        (7, 6),
        "sigmoid",
        phases=((75, ()), (20, (1,)), (10, (2,))),
        rules=LAYERED | RANDOM | ADAPTIVE,
        quantities=("teaching_signals",),
        weight_decay=0.3,
        network={
            "output": "tanh",
            "biases": Normal(std=0.3),
            "sparsity": Sparsity(forward=0.3, feedback=0.3, shared=True),
        },
    ),
    "local slopes, every rule that sends errors, batches, sparse, momentum": experiment(
        TeacherTask(inputs=6, outputs=3, hidden=(4, 5), noise=0.1),
        (7, 6),
        "tanh",
        2,
        ((30, ()), (20, (2,)), (20, (1, 3))),
        rules=LOCAL,
        quantities=MEASURED,
        momentum=0.4,
        weight_decay=0.1,
        network={
            "output": "sigmoid",
            "biases": Normal(std=0.3),
            "sparsity": Sparsity(forward=0.3, feedback=0.4, layers=(1, 2, 3)),
        },
    ),
    "local slopes in blocks, rough derivatives, frozen layers": experiment(
        {"inputs": 150, "noise": 0.1},
        (7, 6),
        "sigmoid",
        phases=((75, ()), (20, (1,)), (10, (2,))),
        rules=FEW_LOCAL | ROUGH,
        quantities=MEASURED,
        weight_decay=0.3,
        network={"output": "tanh", "biases": Normal(std=0.3)},
    ),
    "rough derivatives, single steps": experiment(
        {"noise": 0.1},
        (5, 4),
        "tanh",
        3,
        rules=ROUGH,
        quantities=("teaching_signals",),
        network={"output": "sigmoid"},
    ),
    "in blocks, quadratic, without biases": experiment(
        QuadraticTask(inputs=130, outputs=3, coefficients=Uniform(bound=0.01)),
        (5,),
        "relu",
        phases=((70, ()),),
        rules={"backprop": 0.002, "feedback_alignment": 0.002},
    ),
    "online, across blocks of examples": experiment(
        {"noise": 0.2}, (5,), batch=64, phases=((75, ()),), rules={"backprop": 0.03}
    ),
}
# Every rule is met by default in steps, in an experiment that is not named here; of these, whose
# programs differ by rule, the default run takes the rules that differ most.
BY_DEFAULT = {
    "online, one by one, depth 3": ("feedback_alignment", "rndf", "node_perturbation"),
    "online, tanh, momentum and decay": ("backprop", "frsf 75 %", "brsf"),
    "full batch, relu, depth 3, decay": ("feedback_alignment", "rndf", "usf", "shallow"),
    "local slopes, every rule that sends errors, batches, sparse, momentum": (
        "usf, local",
        "direct_feedback_alignment, local",
        "kolen_pollack, local",
    ),
    "in blocks: every kind of rule, biases, output units, decay, sparse above": (
        "backprop",
        "feedback_alignment",
        "pseudobackprop",
        "direct_feedback_alignment",
        "weight_mirror",
        "node_perturbation",
    ),
    "local slopes in blocks, rough derivatives, frozen layers": ("brsf, local",),
    "rough derivatives, single steps": (
        "feedback_alignment, local, step",
        "direct_feedback_alignment, transmitted, step",
    ),
}


@pytest.fixture(scope="module")
def case():
    return answered_by(EXPERIMENTS, literal_run)


def deviation(ours, theirs):
    """Largest deviation relative to the largest entry; a number as well as an array."""
    return np.abs(np.asarray(ours) - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize(("name", "labels", "label"), literal_cases(EXPERIMENTS, BY_DEFAULT))
def test_weights_are_those_of_the_loop(case, name, labels, label):
    run = case(name, labels)
    for seed in SEEDS:
        ours = run.archive.sel(rule=label, seed=seed)
        literal = run.literal(seed, label)
        for step in run.experiment.snapshot_steps:
            for layer, W in enumerate(literal.weights[step], start=1):
                assert deviation(ours[f"weight_{layer}"].sel(step=step), W) < 1e-12
            if "bias_1" in ours:
                for layer, b in enumerate(literal.biases[step], start=1):
                    assert deviation(ours[f"bias_{layer}"].sel(step=step), b) < 1e-12
            assert deviation(ours.loss.sel(step=step), literal.loss[step]) < 1e-12
        assert literal.loss[0] != literal.loss[step]


@pytest.mark.parametrize(
    ("name", "labels", "label"), literal_cases(EXPERIMENTS, BY_DEFAULT, "teaching_signals")
)
def test_teaching_signals_of_every_layer_are_those_of_the_loop(case, name, labels, label):
    run = case(name, labels)
    for seed in SEEDS:
        ours = run.archive.sel(rule=label, seed=seed)
        literal = run.literal(seed, label)
        for step in run.experiment.snapshot_steps:
            now = ours.sel(step=step)
            # Node perturbation divides a small difference of losses by the perturbation.
            tolerance = 1e-11 if label == "node_perturbation" else 1e-12
            scale = np.abs(literal.signals[step][-1]).max()
            for layer, delta in enumerate(literal.signals[step], start=1):
                error = np.abs(now[f"teaching_signal_{layer}"] - delta).max()
                assert error < tolerance * max(scale, np.abs(delta).max())
            for layer, delta in enumerate(literal.backprop_signals[step], start=1):
                assert deviation(now[f"backprop_signal_{layer}"], delta) < 1e-12


@pytest.mark.parametrize(
    ("name", "labels", "label"), literal_cases(EXPERIMENTS, BY_DEFAULT, "delta_angle")
)
def test_angles_measured_while_training_are_those_of_the_recorded_arrays(case, name, labels, label):
    run = case(name, labels).archive.sel(rule=label)
    L = run.sizes["layer"]
    for layer in range(1, L + 1):
        now = run.sel(layer=layer)
        ours, reference = (
            run[f"{kind}_{layer}"].values for kind in ("teaching_signal", "backprop_signal")
        )
        angles = angle(ours, reference)  # NaN of samples without a direction
        directed = np.sum(~np.isnan(angles), axis=-1)
        expected = np.nansum(angles, axis=-1) / np.where(directed > 0, directed, np.nan)
        np.testing.assert_allclose(now.delta_angle, expected, atol=1e-9)
        expected = angle(ours, reference, axis=(-2, -1))
        np.testing.assert_allclose(now.delta_angle_flattened, expected, atol=1e-9)
    assert np.isnan(run.weight_angle.sel(layer=1)).all()
    if label in ("feedback_alignment", "rndf"):
        W = run[f"weight_{L}"].values
        V = np.swapaxes(run[f"feedback_{L}"].values, -1, -2)[:, None]
        top = run.sel(layer=L)
        np.testing.assert_allclose(top.weight_angle, angle(W, V, axis=(-2, -1)), atol=1e-9)
        np.testing.assert_array_equal(top.sign_concordance, sign_concordance(W, V, axis=(-2, -1)))
    elif label in ("usf", "frsf"):
        assert (run.sign_concordance.sel(layer=slice(2, None)) == 1).all()
    elif label == "shallow":
        assert np.isnan(run.weight_angle).all()
