"""The quadratic task against explicit loops."""

import numpy as np
import pytest

from fatheory import DenseNetwork, Experiment, Normal, Phase, QuadraticTask, Schedule, Uniform
from fatheory.initial import QuadraticProblem, draw_initial_state, examples
from fatheory.tasks import quadratic_targets


@pytest.mark.parametrize(("n_o", "n_i", "count"), [(3, 4, 5), (1, 1, 1), (2, 7, 1)])
def test_targets_are_sums_over_pairs_of_inputs(n_o, n_i, count):
    rng = np.random.default_rng(n_i)
    Q, x = rng.normal(size=(n_o, n_i, n_i)), rng.normal(size=(count, n_i))
    found = quadratic_targets(Q, x)
    assert found.shape == (count, n_o)
    for s, k in np.ndindex(count, n_o):
        expected = 0.0
        for i in range(n_i):
            for j in range(n_i):
                expected += x[s, i] * Q[k, i, j] * x[s, j]
        assert found[s, k] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_only_the_symmetric_part_of_a_form_matters():
    rng = np.random.default_rng(1)
    Q, x = rng.normal(size=(2, 5, 5)), rng.normal(size=(6, 5))
    symmetric = (Q + np.swapaxes(Q, -1, -2)) / 2
    np.testing.assert_allclose(quadratic_targets(Q, x), quadratic_targets(symmetric, x), rtol=1e-11)


def asked(**task):
    return Experiment(
        task=QuadraticTask(**{"inputs": 6, "outputs": 40} | task),
        network=DenseNetwork(hidden=(3,)),
        rules={"backprop": 0.1},
        schedule=Schedule(phases=(Phase(steps=5),)),
    )


def test_laws_of_forms_and_inputs():
    experiment = asked(coefficients=Normal(std=0.3), input=Uniform(bound=2.0))
    start = draw_initial_state(experiment, 0)
    assert isinstance(start.problem, QuadraticProblem)
    Q = start.problem.Q
    assert Q.shape == (40, 6, 6)
    assert abs(Q.std() - 0.3) < 4 * 0.3 / np.sqrt(2 * Q.size)
    drawn = examples(experiment, 0, start, 0, 2000)
    x = drawn.inputs.reshape(-1, 6)
    assert -2 <= x.min() < -1.99
    assert 1.99 < x.max() < 2
    assert abs(x.std() - 2 / np.sqrt(3)) < 0.02
    np.testing.assert_array_equal(drawn.targets[:, 0], quadratic_targets(Q, x))
    assert start.probe.inputs.shape == (100, 6)
    np.testing.assert_array_equal(start.probe.targets, quadratic_targets(Q, start.probe.inputs))
    assert not np.isin(start.probe.inputs, x).any()


def test_seeds_have_forms_of_their_own_and_rules_do_not_change_them():
    one, two = draw_initial_state(asked(), 0), draw_initial_state(asked(), 1)
    assert not np.isin(one.problem.Q, two.problem.Q).any()
    other = asked().with_settings({"rules": {"usf": 0.1, "rndf": 0.2}, "network.hidden": [9, 9]})
    np.testing.assert_array_equal(draw_initial_state(other, 0).problem.Q, one.problem.Q)


def test_noise_is_on_training_targets_only():
    clean, noisy = asked(samples=400), asked(samples=400, noise=0.5)
    start, other = draw_initial_state(clean, 0), draw_initial_state(noisy, 0)
    np.testing.assert_array_equal(start.samples.inputs, other.samples.inputs)
    np.testing.assert_array_equal(start.probe.targets, other.probe.targets)
    rest = other.samples.targets - start.samples.targets
    assert abs(rest.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * rest.size)
