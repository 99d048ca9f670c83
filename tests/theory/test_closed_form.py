import numpy as np
import pytest

from fatheory.errors import ArrayError, RegimeError
from fatheory.geometry import angle
from fatheory.theory.closed_form import closed_form, closed_form_solution
from fatheory.theory.flow import flow

TIMES = np.array([0.0, 0.1, 0.4, 1.0, 2.0, 5.0])


def rectangular(n_o, n_i, diagonal):
    S = np.zeros((n_o, n_i))
    np.fill_diagonal(S, diagonal)
    return S


def problem(seed, start="zero"):
    """Draw a problem; `start` is zero, spectral, or orthogonal (with parts outside B's range)."""
    rng = np.random.default_rng(seed)
    n_o, n_i = (int(n) for n in rng.integers(1, 6, 2))
    n_h, r = n_o + n_i + 3, min(n_o, n_i)
    U, V, R = (np.linalg.qr(rng.normal(size=(n, n)))[0] for n in (n_o, n_i, n_h))
    T = U @ rectangular(n_o, n_i, rng.uniform(0.2, 3, r)) @ V.T
    B = np.sqrt(rng.uniform(0.3, 2)) * R[:, :n_o]
    W0, W = np.zeros((n_h, n_i)), np.zeros((n_o, n_h))
    if start != "zero":
        W0 = B @ U @ rectangular(n_o, n_i, 0.7 * rng.normal(size=r)) @ V.T
        W = U @ np.diag(0.7 * rng.normal(size=n_o)) @ U.T @ B.T
    if start == "orthogonal":
        N, rest = R[:, n_o : n_o + n_i], R[:, n_o + n_i :]
        W0 = W0 + N @ np.diag(rng.normal(size=n_i)) @ V.T
        W = W + U @ rectangular(n_o, n_i, rng.normal(size=r)) @ N.T
        W = W + rng.normal(size=(n_o, 3)) @ rest.T
    return W0, W, B, T, rng.uniform(0.5, 2) * np.eye(n_i)


def relative(ours, theirs):
    return max(
        float(np.abs(ours[name] - theirs[name]).max() / np.abs(theirs[name]).max())
        for name in ("weight_1", "weight_2", "loss")
    )


@pytest.mark.catalogue("closed_form.weights")
@pytest.mark.parametrize("start", ["zero", "spectral", "orthogonal"])
@pytest.mark.parametrize("seed", range(8))
def test_closed_form_is_the_flow(seed, start, residual):
    arrays = problem(seed, start)
    ours = closed_form(*arrays, times=TIMES)
    theirs = flow(*arrays, times=TIMES, rtol=1e-12, atol=1e-14)
    residual(relative(ours, theirs), 1e-9)
    assert list(ours.variables) == list(theirs.variables)
    for name in ours.variables:
        assert ours[name].dims == theirs[name].dims
        assert ours[name].attrs == theirs[name].attrs
    assert ours.attrs == theirs.attrs | {"source": "theory/closed_form"}


@pytest.mark.catalogue("closed_form.angles")
@pytest.mark.parametrize("start", ["zero", "orthogonal"])
@pytest.mark.parametrize("seed", range(4))
def test_angles_are_those_of_the_weights(seed, start, residual):
    W0, W, B, T, Sigma = problem(seed + 20, start)
    solution = closed_form_solution(W0, W, B, T, Sigma)
    _, later = solution.weights(TIMES[1:])
    residual(
        np.abs(solution.weight_angle(TIMES[1:]) - angle(later, B.T, axis=(-2, -1))).max(), 1e-6
    )
    errors = np.random.default_rng(seed).normal(size=(2, 3, len(T)))
    signals = solution.delta_angle(errors, TIMES[1:])
    assert signals.shape == (5, 2, 3)
    expected = angle(errors @ later[:, None], errors @ B.T)
    residual(np.abs(signals - expected).max(), 1e-6)
    y = solution.y(TIMES[1:])
    if start == "zero":
        cosine = y.sum(-1) / np.sqrt(len(T) * (y**2).sum(-1))
        np.testing.assert_allclose(np.cos(np.deg2rad(solution.weight_angle(TIMES[1:]))), cosine)
        assert np.isnan(solution.weight_angle(0.0))


def train(W0, W, B, T, Sigma, eta, steps):
    """Batch gradient steps, entry by entry of the update rule."""
    W0, W = W0.copy(), W.copy()
    for _ in range(steps):
        E = T - W @ W0
        dW0, dW = eta * B @ E @ Sigma, eta * E @ Sigma @ W0.T
        W0, W = W0 + dW0, W + dW
    return W0, W


@pytest.mark.catalogue("closed_form.training")
@pytest.mark.parametrize("start", ["zero", "spectral"])
def test_training_approaches_it_at_first_order(start, residual):
    arrays = problem(3, start)
    W0, W = closed_form_solution(*arrays).weights(1.0)
    etas = 2.0 ** -np.arange(6, 11)
    errors = []
    for eta in etas:
        V0, V = train(*arrays, eta, round(1 / eta))
        errors.append(np.hypot(np.linalg.norm(V0 - W0), np.linalg.norm(V - W)))
    slope = np.polyfit(np.log(etas), np.log(errors), 1)[0]
    residual(abs(slope - 1), 0.1)


def test_input_variance_only_sets_the_pace():
    W0, W, B, T, _ = problem(4, "spectral")
    slow, fast = (
        closed_form_solution(W0, W, B, T),
        closed_form_solution(W0, W, B, T, 4 * np.eye(T.shape[1])),
    )
    np.testing.assert_allclose(fast.weights(0.5)[1], slow.weights(2.0)[1], rtol=1e-12, atol=1e-13)
    assert fast.loss(0.5) == pytest.approx(4 * slow.loss(2.0), rel=1e-12)


def test_limit_learns_the_target_and_keeps_the_start():
    for start in ("zero", "spectral", "orthogonal"):
        W0, W, B, T, Sigma = problem(5, start)
        solution = closed_form_solution(W0, W, B, T, Sigma)
        V0, V = solution.weights(np.inf)
        np.testing.assert_allclose(V @ V0, T, atol=1e-12)
        np.testing.assert_allclose(solution.weights(0.0)[0], W0, atol=1e-13)
        np.testing.assert_allclose(solution.weights(0.0)[1], W, atol=1e-13)
        assert solution.loss(np.inf) == 0.0


@pytest.mark.parametrize("T", [np.eye(3) * 1.5, np.zeros((3, 3)), np.diag([2.0, 1.0, 0.0])])
def test_equal_and_zero_singular_values_share_a_basis_with_the_start(T):
    rng = np.random.default_rng(6)
    A = rng.normal(size=(3, 3))
    Y = A + A.T if not np.allclose(T, np.diag([2.0, 1.0, 0.0])) else np.diag([0.3, -0.2, 0.9])
    B = np.linalg.qr(rng.normal(size=(7, 3)))[0]
    arrays = np.zeros((7, 3)), Y @ B.T, B, T
    ours = closed_form(*arrays, times=TIMES)
    theirs = flow(*arrays, times=TIMES, rtol=1e-12, atol=1e-14)
    for name in ("weight_1", "weight_2", "loss"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-9)


def test_start_without_input_weights_may_hold_anything_outside_the_range_of_B():
    W0, W, B, T, _ = problem(7)
    W = W + np.random.default_rng(1).normal(size=W.shape) @ (np.eye(len(B)) - B @ np.linalg.pinv(B))
    ours = closed_form(W0, W, B, T, times=TIMES)
    assert relative(ours, flow(W0, W, B, T, times=TIMES, rtol=1e-12, atol=1e-14)) < 1e-9


def test_refuses_by_naming_the_assumption_and_the_violation():
    W0, W, B, T, _ = problem(2)
    n_o, n_i = T.shape
    rng = np.random.default_rng(0)
    with pytest.raises(RegimeError, match=r"Sigma proportional to the identity.*up to 0\.[0-9]+"):
        closed_form_solution(W0, W, B, T, np.diag(np.linspace(1, 2, n_i)))
    skew = B.copy()
    skew[:, 0] *= 1.01
    with pytest.raises(
        RegimeError, match=r"B\^T B proportional to the identity.*relative, allowed"
    ):
        closed_form_solution(W0, W, skew, T)
    with pytest.raises(RegimeError, match=r"B\^T B = a positive multiple"):
        closed_form_solution(W0, W, 0 * B, T)
    with pytest.raises(RegimeError, match=r"spectral start: U\^T X0 V must be diagonal"):
        closed_form_solution(rng.normal(size=W0.shape), W, B, T)
    with pytest.raises(RegimeError, match=r"spectral start: U\^T Y0 U must be diagonal"):
        closed_form_solution(W0, rng.normal(size=W.shape), B, T)
    N = np.linalg.svd(B)[0][:, n_o : n_o + n_i]
    with pytest.raises(RegimeError, match=r"spectral start: V\^T P\^T P V must be diagonal"):
        closed_form_solution(N @ rng.normal(size=(n_i, n_i)), W, B, T)
    with pytest.raises(ArrayError, match="n_h is"):
        closed_form_solution(W0[1:], W, B, T)
    with pytest.raises(ArrayError, match=f"n_o is {n_o + 1} in error"):
        closed_form_solution(W0, W, B, T).delta_angle(np.ones(n_o + 1), 1.0)
    with pytest.raises(ArrayError, match="one time is -1"):
        closed_form_solution(W0, W, B, T).weights([-1.0])


def test_a_small_coupling_is_refused_and_rounding_is_not():
    W0, W, B, T, _ = problem(2, "spectral")
    noise = np.random.default_rng(0).normal(size=W0.shape)
    closed_form_solution(W0 + 1e-15 * noise, W, B, T)
    with pytest.raises(RegimeError, match="spectral start"):
        closed_form_solution(W0 + 1e-7 * noise, W, B, T)
