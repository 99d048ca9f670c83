"""Networks of growing width approach lazy learning at the rate width^-1/2, under every rule."""

from itertools import product

import numpy as np
import pytest

from fatheory import theory
from fatheory.theory.wide.unit_function import unit_function

RNG = np.random.default_rng(2)
X, Z, Y = RNG.normal(size=(5, 8)), RNG.normal(size=(3, 8)), RNG.normal(size=(5, 2))
ETA, STEPS = 0.1, 20
RULES = {
    "feedback_alignment": {"correlation": 0.0},
    "direct_feedback_alignment": {"correlation": 0.5},
    "concordant": {"rule": "usf", "concordance": 0.75},
    "discordant": {"rule": "usf", "concordance": 0.3},
}


def feedback(name, settings, W, rng):
    """What stands in for W_2 ... W_{L+1}, of their size; of direct feedback, by hidden layer."""
    if name == "feedback_alignment":
        return [rng.normal(size=w.shape) for w in W[1:]]
    if name == "direct_feedback_alignment":
        rho, top = settings["correlation"], W[-1]
        skipping = [rng.normal(size=(len(top), w.shape[1])) for w in W[1:-1]]
        return [*skipping, rho * top + np.sqrt(1 - rho**2) * rng.normal(size=top.shape)]
    p = settings["concordance"]
    return [np.sign(w) * np.where(rng.random(w.shape) < p, 1, -1) for w in W[1:]]


def outputs(W, scales, function, points):
    sums, activities = [], [points.T]
    for w, scale in zip(W, scales, strict=True):
        sums.append(scale * w @ activities[-1])
        activities.append(function.value(sums[-1]))
    return sums, activities


def network(name, activation, L, n, seed):
    """Train one network literally; return outputs at training and test points, first and last."""
    rng, f = np.random.default_rng((n, seed)), unit_function(activation)
    W = [rng.normal(size=(n, X.shape[1])), *(rng.normal(size=(n, n)) for _ in range(L - 1))]
    W.append(rng.normal(size=(2, n)))
    scales = [X.shape[1] ** -0.5, *[n**-0.5] * L]
    V = feedback(name, RULES[name], W, rng)
    ends = [outputs(W, scales, f, points)[0][-1].T for points in (X, Z)]
    for _ in range(STEPS):
        sums, activities = outputs(W, scales, f, X)
        e = Y.T - sums[-1]
        steps, delta = [scales[-1] * e @ activities[-2].T], e
        for layer in range(L - 1, -1, -1):
            source = e if name.startswith("direct") else delta
            delta = f.slope(sums[layer]) * (n**-0.5 * V[layer].T @ source)
            steps.insert(0, scales[layer] * delta @ activities[layer].T)
        for w, step in zip(W, steps, strict=True):
            w += ETA * step
    return ends, [outputs(W, scales, f, points)[0][-1].T for points in (X, Z)]


def distances(name, activation, L, widths, seeds, **wrong):
    """Return the rms distance of outputs from the theory's, from each network's own start."""
    settings = {"rule": name} | RULES[name] | wrong
    common = settings | {"activation": activation, "hidden_layers": L}
    K = theory.lazy_kernel(X, **common).values
    Ks = theory.lazy_kernel(Z, others=X, **common).values
    off = []
    for n in widths:
        squares = []
        for seed in range(seeds):
            (first, shown), ends = network(name, activation, L, n, seed)
            solved = theory.lazy_outputs(
                K, Y, times=[ETA * STEPS], start=first, test_kernel=Ks, test_start=shown,
                learning_rate=ETA, allow_growth=True,
            )  # fmt: skip
            for end, which in zip(ends, ("output", "test_output"), strict=True):
                squares.append(np.mean((end - solved[which].values[0]) ** 2))
        off.append(np.sqrt(np.mean(squares)))
    return np.array(off)


@pytest.mark.parametrize(
    ("name", "activation"), list(zip(RULES, ("tanh", "relu", "erf", "tanh"), strict=True))
)
def test_wider_networks_are_nearer(name, activation):
    off = distances(name, activation, 2, (32, 256), seeds=4)
    assert np.log(off[1] / off[0]) / np.log(8) == pytest.approx(-0.5, abs=0.25)
    assert off[1] < 0.25


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "activation", "L"), list(product(RULES, ("tanh", "relu", "erf"), (2, 3)))
)
def test_the_rate_is_that_of_the_square_root_of_the_width(name, activation, L):
    widths = (64, 256, 1024)
    off = distances(name, activation, L, widths, seeds=12)
    assert np.polyfit(np.log(widths), np.log(off), 1)[0] == pytest.approx(-0.5, abs=0.07)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("concordant", {"concordance": 1.0}), ("direct_feedback_alignment", {"correlation": 1.0})],
)
def test_a_wrong_coefficient_is_seen(name, wrong):
    right = distances(name, "tanh", 2, (256,), seeds=4)
    assert distances(name, "tanh", 2, (256,), seeds=4, **wrong) > 1.5 * right
