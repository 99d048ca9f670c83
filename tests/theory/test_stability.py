import numpy as np
import pytest

from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.stability import largest_stable_learning_rate, largest_stable_lms_rate


def solution(seed=0, n_i=3, n_h=4, n_o=2):
    rng = np.random.default_rng(seed)
    W0, W = rng.normal(size=(n_h, n_i)), rng.normal(size=(n_o, n_h))
    A = rng.normal(size=(n_i, n_i))
    return W0, W, 0.6 * W.T + 0.2 * rng.normal(size=(n_h, n_o)), A @ A.T / n_i


def mean_square_growth(eta, K, G, Sigma):
    """Return the growth per step of the second moment of vec E, from Gaussian fourth moments."""
    n_o, n_i = len(K), len(G)
    size = n_o * n_i
    pairings = ("ij,kl->ijkl", "ik,jl->ijkl", "il,jk->ijkl")
    fourth = sum(np.einsum(pairing, Sigma, Sigma) for pairing in pairings)
    M = np.kron(K, np.eye(n_i)) + np.kron(np.eye(n_o), G)
    MS, eye = M @ np.kron(np.eye(n_o), Sigma), np.eye(size)
    # <(I (x) x x^T) (x) (I (x) x x^T)>: (o, i), (p, k) on the left, (o, j), (p, l) on the right.
    same = np.eye(n_o)
    pair = np.einsum("oa,pb,ijkl->oipkajbl", same, same, fourth).reshape(size**2, size**2)
    step = np.eye(size**2) - eta * (np.kron(MS, eye) + np.kron(eye, MS))
    step += eta**2 * np.kron(M, M) @ pair
    return np.abs(np.linalg.eigvals(step)).max()


@pytest.mark.catalogue("stability.two_layers")
@pytest.mark.parametrize("rule", ["feedback_alignment", "backprop"])
def test_growth_crosses_one_at_the_rate(residual, rule):
    W0, W, B, Sigma = solution()
    feedback = B if rule == "feedback_alignment" else None
    rate = largest_stable_learning_rate(W0, W, feedback, Sigma, rule=rule)
    K = W @ (B if rule == "feedback_alignment" else W.T)
    G = W0.T @ W0
    residual(abs(mean_square_growth(rate, K, G, Sigma) - 1), 1e-9)
    assert mean_square_growth(0.98 * rate, K, G, Sigma) < 1 - 1e-5
    assert mean_square_growth(1.02 * rate, K, G, Sigma) > 1 + 1e-5


@pytest.mark.catalogue("stability.two_layers")
def test_feedback_that_turns_the_error_is_covered(residual):
    W0, W, _, Sigma = solution(7)
    K = np.array([[1.0, -3.0], [3.0, 1.0]])  # eigenvalues 1 +- 3i
    B = np.linalg.pinv(W) @ K
    rate = largest_stable_learning_rate(W0, W, B, Sigma)
    residual(abs(mean_square_growth(rate, K, W0.T @ W0, Sigma) - 1), 1e-9)


@pytest.mark.catalogue("stability.lms")
@pytest.mark.parametrize("n", [1, 4, 50])
def test_equal_variances_give_the_textbook_bound(residual, n):
    residual(abs(largest_stable_lms_rate(3.0 * np.eye(n)) * 3 * (n + 2) / 2 - 1), 1e-12)


@pytest.mark.catalogue("stability.lms")
def test_lms_bound_is_that_of_one_learning_layer(residual):
    _, _, _, Sigma = solution(1)
    # With W = 0 only the output layer's part of the error's change is left.
    K, G = np.zeros((1, 1)), np.eye(3)
    rate = largest_stable_lms_rate(Sigma)
    residual(abs(mean_square_growth(rate, K, G, Sigma) - 1), 1e-9)
    same = largest_stable_learning_rate(np.eye(3), np.zeros((1, 3)), None, Sigma, rule="backprop")
    residual(abs(same / rate - 1), 1e-9)


def test_shallow_rule_sees_the_hidden_covariance():
    W0, W, _, Sigma = solution(2, n_i=4, n_h=2)
    rate = largest_stable_learning_rate(W0, W, None, Sigma, rule="shallow")
    assert rate == largest_stable_lms_rate(W0 @ Sigma @ W0.T)


def test_directions_without_input_play_no_part():
    W0, W, B, Sigma = solution(3)
    wide = np.zeros((5, 5))
    wide[:3, :3] = Sigma
    W0_wide = np.hstack([W0, np.ones((4, 2))])
    narrow = largest_stable_learning_rate(W0, W, B, Sigma)
    assert largest_stable_learning_rate(W0_wide, W, B, wide) == pytest.approx(narrow, rel=1e-10)


def simulated_error(rate, steps=60, runs=2000):
    """Return the mean squared error after online steps of the whole network near a solution."""
    W0, W, B, _ = solution(4)
    T = W @ W0
    rng = np.random.default_rng(0)
    A = np.repeat(W0[None], runs, axis=0)
    C = np.repeat(W[None], runs, axis=0) + 1e-6 * rng.normal(size=(runs, *W.shape))
    first = np.mean((T - C @ A) ** 2)
    for _ in range(steps):
        x = rng.normal(size=(runs, 3))
        h = np.einsum("shi,si->sh", A, x)
        e = x @ T.T - np.einsum("soh,sh->so", C, h)
        A = A + rate * (e @ B.T)[:, :, None] * x[:, None, :]
        C = C + rate * e[:, :, None] * h[:, None, :]
    return np.mean((T - C @ A) ** 2) / first


def test_the_whole_network_decays_below_and_blows_up_far_above():
    W0, W, B, _ = solution(4)
    rate = largest_stable_learning_rate(W0, W, B)
    assert simulated_error(0.7 * rate) < 0.1
    with np.errstate(over="ignore", invalid="ignore"):
        assert not simulated_error(2.0 * rate) < 1e3


def test_other_regimes_are_refused():
    W0, W, B, _ = solution()
    with pytest.raises(RegimeError, match="does not attract the error to 0 at these weights"):
        largest_stable_learning_rate(0.1 * W0, W, -B)
    with pytest.raises(RegimeError, match="covariance is zero"):
        largest_stable_lms_rate(np.zeros((2, 2)))
    with pytest.raises(RegimeError, match="Sigma is zero"):
        largest_stable_learning_rate(W0, W, B, np.zeros((3, 3)))
    with pytest.raises(ArrayError, match="covariance must have 2 dimensions"):
        largest_stable_lms_rate([1.0, 2.0])
    with pytest.raises(ArrayError, match=r"B of shape \(4, 1\) does not fit W of shape \(2, 4\)"):
        largest_stable_learning_rate(W0, W, B[:, :1])
