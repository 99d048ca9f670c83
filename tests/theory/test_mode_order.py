import numpy as np
import pytest

from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.closed_form import closed_form_solution
from fatheory.theory.flow import flow
from fatheory.theory.mode_order import (
    anti_regularising_start,
    learning_constant,
    learning_order,
    learning_times,
    start_for_learning_times,
)
from fatheory.theory.modes import ModeSolution

S, G = np.array([3.0, 1.0, 0.3, 0.1, 0.03]), 0.8


@pytest.mark.catalogue("mode_order.zero_start")
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_zero_start_learns_strong_modes_first(fraction, residual):
    times = learning_times(ModeSolution(S, G), fraction)
    expected = learning_constant(fraction) * np.cbrt(2 / G) * S ** (-2 / 3)
    residual(np.max(np.abs(times / expected - 1)), 1e-12)
    residual(np.abs(np.polyfit(np.log(S), np.log(times), 1)[0] + 2 / 3), 1e-10)
    np.testing.assert_array_equal(learning_order(ModeSolution(S, G), fraction), np.arange(5))


def test_learning_time_is_the_last_crossing():
    # c < 0 lets the error grow before it falls.
    x0, y0 = np.array([0.0, 0.1, 0.0, 0.3]), np.array([-3.0, -2.0, -0.5, 1.0])
    modes = ModeSolution(np.ones(4), 1.0, x0, y0)
    times = learning_times(modes)
    errors = np.abs(modes.residual(times).diagonal())
    np.testing.assert_allclose(errors, 0.5, rtol=1e-9)
    for k, t in enumerate(times):
        before = np.abs(modes.residual(np.linspace(0, t, 50)[:-1])[:, k])
        after = np.abs(modes.residual(np.linspace(t, t + 20, 500))[:, k])
        assert (before > 0.5).all()
        assert (after <= 0.5 + 1e-9).all()


def test_learned_and_hopeless_modes():
    modes = ModeSolution([1.0, 0.0, 0.0], 1.0, [1.0, 0.0, 0.5], [0.9, 0.0, 0.2])
    np.testing.assert_array_equal(learning_times(modes), [0.0, 0.0, np.inf])


@pytest.mark.catalogue("mode_order.prescribed")
def test_start_gives_the_times_asked_for(residual):
    wanted = np.array([1.0, 0.2, 0.7, 0.05, 2.0])
    wanted[0] = float(learning_times(ModeSolution(S[0], G)))
    y0 = start_for_learning_times(S, G, wanted)
    assert y0[0] == 0.0
    assert (y0[1:] > 0).all()
    residual(np.max(np.abs(learning_times(ModeSolution(S, G, 0.0, y0)) / wanted - 1)), 1e-10)


@pytest.mark.catalogue("mode_order.anti_regularising")
def test_negligible_modes_first_in_a_network(residual):
    y0 = anti_regularising_start(S, G)
    times = learning_times(ModeSolution(S, G, 0.0, y0))
    residual(abs(np.polyfit(np.log(S), np.log(times), 1)[0] - 2 / 3), 1e-9)
    np.testing.assert_array_equal(learning_order(ModeSolution(S, G, 0.0, y0)), np.arange(5)[::-1])
    # The flow of a network says the same: at its time each mode of W W0 is half learned.
    rng = np.random.default_rng(0)
    U, V, R = (np.linalg.qr(rng.normal(size=(n, n)))[0] for n in (5, 5, 8))
    B, T = np.sqrt(G) * R[:, :5], U @ np.diag(S) @ V.T
    W0, W = np.zeros((8, 5)), U @ np.diag(y0) @ U.T @ B.T
    order = np.argsort(times)
    solved = flow(W0, W, B, T, times=times[order], rtol=1e-12, atol=1e-14)
    learned = U.T @ (solved["weight_2"].values @ solved["weight_1"].values) @ V
    assert np.abs(W @ W0).max() == 0.0
    for row, k in enumerate(order):
        residual(abs(learned[row, k, k] / S[k] - 0.5), 1e-9)
    again = closed_form_solution(W0, W, B, T).weights(times[order])[1]
    np.testing.assert_allclose(again, solved["weight_2"], atol=1e-9)


def test_refuses():
    with pytest.raises(ArrayError, match=r"fraction must lie between 0 and 1; got 1\.0"):
        learning_times(ModeSolution(S, G), 1.0)
    with pytest.raises(RegimeError, match=r"mode 1 cannot be learned at t = 99"):
        start_for_learning_times(S, G, np.array([0.1, 99.0, 0.1, 0.1, 0.1]))
    with pytest.raises(ArrayError, match="one non-zero strength and one time per mode"):
        start_for_learning_times(S, G, np.array([0.1]))
