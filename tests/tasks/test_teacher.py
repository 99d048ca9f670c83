"""The task of a teacher against explicit loops, unit by unit."""

import itertools
import math

import numpy as np
import pytest

from fatheory import (
    DenseNetwork,
    Experiment,
    Normal,
    Phase,
    Scaled,
    Schedule,
    TeacherTask,
    Uniform,
)
from fatheory.initial import TeacherProblem, draw_initial_state, examples
from fatheory.tasks import teacher_targets

FUNCTIONS = {
    "linear": lambda a: a,
    "tanh": math.tanh,
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
    "relu": lambda a: a if a > 0 else 0.0,
    "erf": lambda a: math.erf(a / math.sqrt(2)),
}


def literal(weights, biases, function, x):
    """The output for one input, one unit at a time; the top units are linear."""
    h = list(x)
    for layer, W in enumerate(weights):
        sums = []
        for i in range(len(W)):
            a = biases[layer][i] if biases else 0.0
            for j in range(len(h)):
                a += W[i, j] * h[j]
            sums.append(a)
        h = sums if layer == len(weights) - 1 else [function(a) for a in sums]
    return h


@pytest.mark.parametrize("with_biases", [False, True])
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_targets_are_the_output_of_the_network(activation, with_biases):
    rng = np.random.default_rng(2)
    sizes = (4, 6, 5, 3)
    weights = [rng.normal(size=(n, m)) for m, n in itertools.pairwise(sizes)]
    biases = [rng.normal(size=n) for n in sizes[1:]] if with_biases else []
    x = rng.normal(size=(7, 4))
    found = teacher_targets(weights, biases, activation, x)
    assert found.shape == (7, 3)
    for s in range(7):
        expected = literal(weights, biases, FUNCTIONS[activation], x[s])
        np.testing.assert_allclose(found[s], expected, rtol=1e-12)


def asked(**task):
    return Experiment(
        task=TeacherTask(**{"inputs": 30, "outputs": 10, "hidden": (20, 15)} | task),
        network=DenseNetwork(hidden=(3,)),
        rules={"backprop": 0.1},
        schedule=Schedule(phases=(Phase(steps=5),)),
    )


def test_every_activation_of_a_network_can_be_a_teachers():
    for name in FUNCTIONS:
        assert np.isfinite(draw_initial_state(asked(activation=name), 0).probe.targets).all()


def test_laws_of_weights_biases_and_inputs():
    experiment = asked(weights=Scaled(gain=2.0), biases=Uniform(bound=0.25), input=Normal(std=3.0))
    start = draw_initial_state(experiment, 0)
    assert isinstance(start.problem, TeacherProblem)
    assert [W.shape for W in start.problem.weights] == [(20, 30), (15, 20), (10, 15)]
    for W in start.problem.weights:
        std = 2 / np.sqrt(W.shape[1])
        assert abs(W.std() - std) < 4 * std / np.sqrt(2 * W.size)
    assert [b.shape for b in start.problem.biases] == [(20,), (15,), (10,)]
    assert 0.2 < np.abs(np.concatenate(start.problem.biases)).max() <= 0.25
    drawn = examples(experiment, 0, start, 0, 500)
    x = drawn.inputs[:, 0]
    assert abs(x.std() - 3) < 4 * 3 / np.sqrt(2 * x.size)
    problem = start.problem
    expected = literal(problem.weights, problem.biases, math.tanh, x[0])
    np.testing.assert_allclose(drawn.targets[0, 0], expected, rtol=1e-12)


def test_a_teacher_without_biases_has_none():
    start = draw_initial_state(asked(), 0)
    assert start.problem.biases == ()
    # An odd function of the input, without them.
    x = start.probe.inputs
    np.testing.assert_allclose(start.problem.targets(-x), -start.probe.targets, rtol=1e-10)


def test_the_teacher_is_not_the_student():
    """Weights of the teacher come from a stream of their own."""
    experiment = asked(hidden=(20,), weights=Uniform(bound=1.0)).with_settings(
        {"network.hidden": [20], "network.start.bound": 1.0}
    )
    start = draw_initial_state(experiment, 0)
    for taught, own in zip(start.problem.weights, start.weights, strict=True):
        assert taught.shape == own.shape
        assert not np.isin(taught, own).any()
