import numpy as np
import pytest
from scipy.integrate import solve_ivp

from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.chain import ChainSolution, zero_start_time
from fatheory.theory.modes import ModeSolution

TIMES = np.linspace(0, 4, 9)


def integrate_chain(s, feedback, start, times, variance):
    """The flow of the chain, product by product."""
    depth, b = len(start), np.asarray(feedback)

    def field(_, w):
        error = s - np.prod(w)
        return [variance * error * np.prod(b[k:]) * np.prod(w[:k]) for k in range(depth)]

    return solve_ivp(field, (0, times[-1]), start, "DOP853", times, rtol=1e-12, atol=1e-14).y.T


@pytest.mark.catalogue("chain.solution")
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("zero", [True, False])
def test_chain_is_its_flow(depth, zero, residual):
    rng = np.random.default_rng(depth)
    for _ in range(3):
        s, b = 2 * rng.normal(), rng.normal(size=depth - 1)
        start = np.zeros(depth) if zero else 0.5 * rng.normal(size=depth)
        chain = ChainSolution(s, tuple(b), tuple(start), 1.3)
        w = integrate_chain(s, b, start, TIMES, 1.3)
        residual(np.abs(chain.strengths(TIMES) - w).max() / np.abs(w).max(), 1e-9)
        residual(np.abs(chain.residual(TIMES) - (s - w.prod(1))).max() / abs(s), 1e-9)
        assert chain.residual(np.inf) == 0.0
        np.testing.assert_array_equal(chain.strengths(0.0), start)
        assert np.prod(chain.strengths(np.inf)) == pytest.approx(s, rel=1e-10)


def test_two_layers_are_a_mode():
    chain, mode = ChainSolution(2.3, (np.sqrt(0.7),)), ModeSolution(2.3, 0.7)
    t = np.linspace(0, 30, 40)
    np.testing.assert_allclose(chain.residual(t), mode.residual(t), rtol=1e-11)
    np.testing.assert_allclose(chain.strengths(t)[:, 1], np.sqrt(0.7) * mode.y(t), rtol=1e-12)
    start = ChainSolution(1.0, (np.sqrt(0.7),), (np.sqrt(0.7) * 0.4, np.sqrt(0.7) * -0.9))
    np.testing.assert_allclose(
        start.residual(t), ModeSolution(1.0, 0.7, 0.4, -0.9).residual(t), rtol=1e-10
    )


def test_one_layer_is_an_exponential():
    chain = ChainSolution(2.0, (), (0.5,), 3.0)
    np.testing.assert_allclose(chain.residual(TIMES), 1.5 * np.exp(-3 * TIMES), rtol=1e-12)


@pytest.mark.catalogue("chain.zero_start")
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_zero_start_time_is_hypergeometric(depth, residual):
    chain = ChainSolution(1.7, (0.6,) * (depth - 1), variance=0.8)
    u = np.array([1e-6, 0.1, 0.5, 0.9, 0.99])
    scale = chain.limit / (0.8 * 1.7)
    residual(np.abs(chain.time_of(u) / (scale * zero_start_time(u, depth)) - 1).max(), 1e-11)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_learning_time_falls_as_a_power_of_the_target(depth):
    s = np.array([0.01, 0.1, 1.0, 10.0])
    t = [float(ChainSolution(v, (0.8,) * (depth - 1)).time_of(0.7)) for v in s]
    slope = np.polyfit(np.log(s), np.log(t), 1)[0]
    assert slope == pytest.approx(-1 + 1 / (2**depth - 1), abs=1e-9)


def test_restart_is_the_solution_shifted():
    first = ChainSolution(1.2, (0.8, -0.5), (0.1, 0.4, -0.3))
    again = ChainSolution(1.2, (0.8, -0.5), tuple(first.strengths(0.7)))
    np.testing.assert_allclose(again.strengths(TIMES), first.strengths(TIMES + 0.7), atol=1e-11)


def test_time_of_inverts_clock():
    chain = ChainSolution(1.2, (0.8, -0.5), (0.1, 0.4, -0.3))
    u = np.array([[1e-9, 0.2], [0.9, 1 - 1e-9]])
    np.testing.assert_allclose(chain.clock(chain.time_of(u)), u * chain.limit, rtol=1e-12)
    assert chain.time_of(1.0) == np.inf
    assert chain.time_of(0.0) == 0.0


def test_refuses():
    with pytest.raises(ArrayError, match="2 feedback weights has 3 forward weights; start has 2"):
        ChainSolution(1.0, (1.0, 1.0), (0.1, 0.2))
    with pytest.raises(RegimeError, match=r"feedback without zeros.*\[0.0\]"):
        ChainSolution(1.0, (0.0,))
    with pytest.raises(RegimeError, match="stands still"):
        ChainSolution(0.06, (1.0,), (0.2, 0.3)).clock(1.0)
    # w2 = c + w1^2 / 2 with c = -3/2 and s = 1: the error has a double zero at w1 = -1.
    with pytest.raises(RegimeError, match="double zero"):
        ChainSolution(1.0, (1.0,), (-2.0, 0.5)).clock(1.0)
    with pytest.raises(ArrayError, match=r"0 <= u < 1"):
        zero_start_time(1.0, 2)
