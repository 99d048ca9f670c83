"""Trained biases in `solve(..., "lazy")`, against literal kernels and simulations."""

from itertools import product

import numpy as np
import pytest
from default_run import slow_but

import fatheory as fa
from fatheory import theory
from fatheory.errors import ArrayError
from fatheory.theory.wide.network_kernel import network_kernel
from fatheory.theory.wide.unit_function import unit_function

X = np.random.default_rng(0).normal(size=(5, 4))
ACTIVATIONS = ("tanh", "relu", "erf", "sigmoid")


def drawn(n, seed, std, L=2):
    """Draw weights of gain 1 and biases, and feedback that is half the weights."""
    rng = np.random.default_rng((n, seed))
    sizes = (X.shape[1], *[n] * L, 1)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    W = [rng.normal(size=s) / np.sqrt(s[1]) for s in shapes]
    V = [0.5 * w + 0.5 * rng.normal(size=w.shape) * n**-0.5 for w in W[1:]]
    return W, V, [std * rng.normal(size=s[:1]) for s in shapes]


def literal_kernels(W, V, b, function):
    """Return what steps on weights, and on biases, move the output by: sums over parameters."""
    h, received, slopes = X, [], []
    for w, shift in zip(W, b, strict=True):
        received.append(h)
        a = h @ w.T + shift
        slopes.append(function.slope(a))
        h = function.value(a)
    # Of the one output: what it feels of a unit's preactivation, and what the rule sends there.
    felt = sent = np.ones((len(X), 1))
    of_weights, of_biases = [received[-1] @ received[-1].T], [np.ones((len(X), len(X)))]
    for layer in range(len(W) - 2, -1, -1):
        felt = (felt @ W[layer + 1]) * slopes[layer]
        sent = (sent @ V[layer]) * slopes[layer]
        of_weights.append((felt @ sent.T) * (received[layer] @ received[layer].T))
        of_biases.append(felt @ sent.T)
    return sum(of_weights), sum(of_biases)


def distances(activation, std, widths, seeds):
    """Return rms distances of the kernel of weights and of biases, relative, by width."""
    function, off = unit_function(activation), []
    for n in widths:
        squares = []
        for seed in range(seeds):
            W, V, b = drawn(n, seed, std)
            weights, biases = literal_kernels(W, V, b, function)
            whole = network_kernel(X, X, W, V, function, b)
            # Steps on the biases alone: what is left without those on the weights.
            nothing = [np.zeros_like(one) for one in b]
            learning = network_kernel(X, X, W, V, function, nothing)
            learning = learning - network_kernel(X, X, W, V, function)
            squares.append(
                [
                    np.mean((whole - weights - biases) ** 2) / np.mean(whole**2),
                    np.mean((learning - biases) ** 2) / np.mean(biases**2) if std == 0 else np.nan,
                ]
            )
        off.append(np.sqrt(np.mean(squares, axis=0)))
    return np.array(off)


@pytest.mark.parametrize(
    ("activation", "std"),
    slow_but(
        [("relu", 0.0), ("tanh", 0.0), ("erf", 1.0)],
        list(product(ACTIVATIONS, (0.0, 1.0))),
    ),
)
def test_kernels_are_those_of_literal_sums_over_weights_and_biases(activation, std):
    widths = (32, 512)
    off = distances(activation, std, widths, seeds=6)
    parts = off if std == 0 else off[:, :1]
    slopes = np.polyfit(np.log(widths), np.log(parts), 1)[0]
    assert slopes == pytest.approx(-0.5, abs=0.25)
    assert parts[-1].max() < 0.15


def test_the_start_of_the_biases_is_seen():
    """The variance of each layer's biases is its own."""
    n = 1024
    W, V, b = drawn(n, 0, 1.0)
    b = [0.3 * b[0], 2.0 * b[1], b[2]]
    function = unit_function("tanh")
    right = sum(literal_kernels(W, V, b, function))
    for wrong, low in (([b[1], b[0], b[2]], 0.1), ([0 * one for one in b], 0.1)):
        off = network_kernel(X, X, W, V, function, wrong) - right
        assert np.sqrt(np.mean(off**2) / np.mean(right**2)) > low
    off = network_kernel(X, X, W, V, function, b) - right
    assert np.sqrt(np.mean(off**2) / np.mean(right**2)) < 0.05


def experiment(width, std, activation="tanh", layers=2, seeds=12):
    size = width**-0.5
    # Kernels of ReLU units are larger: at 2 / width narrow networks stand at the edge of stability.
    rate = (0.5 if activation == "relu" else 2.0) / width
    return fa.Experiment(
        task=fa.TeacherTask(inputs=6, outputs=2, hidden=(6,), samples=10),
        network=fa.DenseNetwork(
            hidden=(width,) * layers,
            activation=activation,
            start=fa.Scaled(gain=1.0),
            biases=fa.Normal(std=std),
        ),
        rules={
            "backprop": rate,
            "rndf": {"learning_rate": rate, "std": size},
            "usf": {"learning_rate": rate, "scale": size},
            "direct_feedback_alignment": {"learning_rate": rate, "scale": size},
        },
        schedule=fa.Schedule(phases=(fa.Phase(steps=20),), batch_size=10),
        record=fa.Record(quantities=(), snapshots=5),
        seeds=seeds,
        precision="float64",
    )


def residuals(asked):
    """Return the rms distance of losses, relative to the first, by rule."""
    solved, simulated = fa.solve(asked, "lazy"), fa.simulate(asked, progress=False)
    first = simulated["loss"].isel(step=0)
    np.testing.assert_allclose(solved["loss"].isel(step=0), first, rtol=1e-10)
    return np.sqrt((((solved["loss"] - simulated["loss"]) / first) ** 2).mean(("seed", "step")))


def test_a_network_with_biases_learns_as_is_said():
    asked = experiment(256, 1.5, seeds=3)
    assert residuals(asked).max() < 0.02
    # Networks without biases learn otherwise.
    bare = asked.with_settings({"network.biases": None})
    both = [fa.solve(one, "lazy")["loss"] for one in (asked, bare)]
    curves = [loss / loss.isel(step=0) for loss in both]
    assert (np.abs(curves[0] - curves[1]).max(("step", "seed")) > 0.1).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("activation", "layers"), [("tanh", 1), ("relu", 1), ("tanh", 2), ("relu", 2), ("erf", 3)]
)
def test_networks_with_biases_approach_it_with_width(activation, layers):
    """Of 12 seeds a few decide the distance, for all rules alike, and the slope (-0.21 once)."""
    widths, off = np.array([64, 256, 1024]) if layers == 1 else np.array([32, 128, 512]), []
    for n in widths:
        # Twelve seeds at a time: all of them would take gigabytes at the largest width.
        parts = [tuple(range(first, first + 12)) for first in range(0, 96, 12)]
        asked = [experiment(n, 0.7, activation, layers, seeds=part) for part in parts]
        off.append(np.sqrt(np.mean([residuals(one).values ** 2 for one in asked], axis=0)))
    slopes = np.polyfit(np.log(widths), np.log(off), 1)[0]
    assert slopes == pytest.approx(-0.5, abs=0.15)


@pytest.mark.parametrize("rule", ["backprop", "usf"])
def test_a_rate_of_the_description_is_one_of_ntk_parametrisation(rule):
    """But for the first layer, as the description of the method says."""
    n, D, L = 4000, X.shape[1], 1
    W, _, _ = drawn(n, 1, 0.0, L)
    V = [W[1] if rule == "backprop" else n**-0.5 * np.sign(W[1])]
    function = unit_function("erf")
    common = {"activation": "erf", "hidden_layers": L}
    last = theory.lazy_kernel(X, **common, rule="shallow").values
    first = theory.lazy_kernel(X, **common, rule=rule).values - last
    expected = n * (last + D / n * first)
    assert network_kernel(X, X, W, V, function) == pytest.approx(expected, rel=0.1)
    of_first = network_kernel(X, X, W, V, function) - network_kernel(X, X, W, [None], function)
    assert of_first == pytest.approx(D * first, rel=0.1, abs=0.03 * np.abs(D * first).max())


def test_points_that_are_zero_need_biases_that_are_drawn():
    inputs = np.vstack([np.zeros(3), np.eye(3)])
    asked = fa.Experiment(
        task=fa.ArrayTask(inputs, inputs[:, :2] + 1.0),
        network=fa.DenseNetwork(hidden=(512,), activation="tanh", start=fa.Scaled(gain=1.0)),
        rules={"backprop": 0.002},
        schedule=fa.Schedule(phases=(fa.Phase(steps=10),), batch_size=4),
        record=fa.Record(quantities=(), snapshots=3),
        seeds=2,
        precision="float64",
    )
    normal = {"distribution": "normal", "std": 0.5}
    for biases, said in ((None, "without biases"), (normal | {"std": 0.0}, "start from 0")):
        with pytest.raises(ArrayError, match=said):
            fa.solve(asked.with_settings({"network.biases": biases}), "lazy")
    assert residuals(asked.with_settings({"network.biases": normal})).max() < 0.05
