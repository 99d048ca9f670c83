"""The end of lazy learning by two solvers, against late outputs, with memory and refusals."""

import sys
import tracemalloc

import numpy as np
import pytest

from fatheory import theory
from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.theory.wide.conjugate_gradients import conjugate_gradients, nystrom_preconditioner

RNG = np.random.default_rng(4)
X, Z = RNG.normal(size=(40, 6)), RNG.normal(size=(7, 6))
Y, F0, G0 = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 3)), RNG.normal(size=(7, 3))
Y[:, 2] = F0[:, 2]  # has nothing to learn
SOLVERS = ("cholesky", "conjugate_gradients")
CASES = [
    ("relu", 2, {"rule": "usf", "concordance": 0.8}),
    ("tanh", 1, {"rule": "feedback_alignment", "correlation": 0.4, "bias_scale": 0.3}),
    ("erf", 3, {"rule": "direct_feedback_alignment", "correlation": 0.5}),
]


MODULE = sys.modules[theory.lazy_limit.__module__]  # the function has its name


@pytest.fixture
def small_blocks(monkeypatch):
    """Rows come in blocks of 16, the last of them smaller."""
    monkeypatch.setattr(MODULE, "_BLOCK", 16 * len(X))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("activation", "L", "rule"), CASES)
@pytest.mark.catalogue("wide.lazy.limit")
def test_it_is_where_outputs_end(activation, L, rule, solver, residual):
    common = {"activation": activation, "hidden_layers": L} | rule
    K = theory.lazy_kernel(X, **common).values
    Ks = theory.lazy_kernel(Z, others=X, **common).values
    late = theory.lazy_outputs(
        K, Y, times=[1e12], start=F0, test_kernel=Ks, test_start=G0
    )["test_output"].values[0]  # fmt: skip
    end = theory.lazy_limit(
        X, Y, Z, **common, start=F0, test_start=G0, solver=solver, tolerance=1e-9, landmarks=10
    )
    residual(np.abs(end["test_output"].values - late).max() / np.abs(late).max(), 1e-6)
    assert end.attrs["residual"] < 1e-9
    assert (end.attrs["iterations"] > 0) == (solver == "conjugate_gradients")


def test_landmarks_save_products():
    """Kernels fall off fast: of the directions that landmarks span nothing is left to find."""
    counts = [
        theory.lazy_limit(
            X, Y, Z, activation="relu", hidden_layers=2, rule="backprop", landmarks=n,
            solver="conjugate_gradients",
        ).attrs["iterations"]
        for n in (1, 20, 40)
    ]  # fmt: skip
    assert counts[0] > counts[1] > counts[2]
    assert counts[2] <= 3


def test_without_landmarks_it_is_the_textbook_method():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(12, 12))
    K, b = A @ A.T + np.eye(12), rng.normal(size=(12, 2))
    found = conjugate_gradients(
        lambda x: K @ x, b, precondition=lambda r: r, tolerance=1e-12, most=100
    )
    np.testing.assert_allclose(found.values, np.linalg.solve(K, b), rtol=1e-9, atol=1e-12)
    # As many steps as there are eigenvalues, but for rounding.
    assert found.iterations <= 20
    # With all points as landmarks the approximation is K itself, but for its shift.
    exact = nystrom_preconditioner(K, np.arange(12), np.diag(K))
    np.testing.assert_allclose(exact(K @ b), b, atol=1e-4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_it_takes_no_more_memory_than_it_says(solver, monkeypatch):
    monkeypatch.setattr(MODULE, "_BLOCK", 2**14)
    rng = np.random.default_rng(1)
    points, targets = rng.normal(size=(600, 10)), rng.normal(size=(600, 2))
    common = {"activation": "relu", "hidden_layers": 2, "rule": "backprop", "solver": solver}
    theory.lazy_limit(points[:50], targets[:50], Z @ np.ones((6, 10)) + 1, **common)  # imports
    tracemalloc.start()
    try:
        end = theory.lazy_limit(
            points, targets, points[:5] + 1, **common, landmarks=20, tolerance=0.01
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert end.attrs["memory"] / 8 < peak <= end.attrs["memory"]
    whole = 8 * 600**2
    assert (peak < whole) == (solver == "conjugate_gradients")


@pytest.mark.parametrize(
    ("solver", "landmarks", "said"),
    [
        ("cholesky", 1, r"smallest eigenvalue is -0\.\d+;"),
        ("conjugate_gradients", 2, r"smallest eigenvalue is -\S+ or below"),
        ("conjugate_gradients", 40, r"smallest eigenvalue is -\S+ or below"),
    ],
)
def test_a_kernel_that_is_not_positive_definite_is_told(solver, landmarks, said):
    common = {"activation": "relu", "hidden_layers": 1, "rule": "usf", "concordance": 0.05}
    smallest = np.linalg.eigvalsh(theory.lazy_kernel(X, **common).values)[0]
    assert smallest < 0
    with pytest.raises(RegimeError, match=said) as caught:
        theory.lazy_limit(X, Y, Z, **common, solver=solver, landmarks=landmarks)
    told = float(str(caught.value).split("smallest eigenvalue is ")[1].split()[0].rstrip(";"))
    assert smallest * (1 + 1e-5) <= told < 0
    if solver == "cholesky":
        assert told == pytest.approx(smallest, rel=1e-5)


def test_a_singular_kernel_is_refused_and_not_answered_by_rounding():
    """Eight points of five inputs: some of these kernels have a factor, by rounding."""
    for seed in range(12):
        X = np.random.default_rng(seed).normal(size=(8, 5))
        with pytest.raises(RegimeError, match=r"singular|smallest eigenvalue"):
            theory.lazy_limit(
                X, X[:, :1], X[:2], activation="linear", hidden_layers=1, rule="backprop"
            )


def test_the_residual_is_measured():
    X = np.random.default_rng(0).normal(size=(8, 5))
    common = {"activation": "relu", "hidden_layers": 2, "rule": "backprop"}
    end = theory.lazy_limit(X, X[:, :1], X, **common)
    off = np.linalg.norm(end.test_output.values - X[:, :1]) / np.linalg.norm(X[:, :1])
    assert 0 < end.attrs["residual"] < 1e-13
    assert off < 1e-13


def test_what_does_not_fit_is_refused(monkeypatch):
    common = {"activation": "relu", "hidden_layers": 1, "rule": "backprop"}
    with pytest.raises(UnknownNameError, match="solver"):
        theory.lazy_limit(X, Y, Z, **common, solver="gauss")
    with pytest.raises(ArrayError, match="point"):
        theory.lazy_limit(X, Y[:3], Z, **common)
    with pytest.raises(ArrayError, match=r"X\[0\] and X\[3\] are the same"):
        theory.lazy_limit(X[[0, 1, 2, 0]], Y[:4], Z, **common)
    with pytest.raises(RegimeError, match="tolerance must lie between 0 and 1"):
        theory.lazy_limit(X, Y, Z, **common, tolerance=0)
    with pytest.raises(RegimeError, match="bias_scale must be finite and not negative"):
        theory.lazy_limit(X, Y, Z, **common, bias_scale=-1)
    with pytest.raises(RegimeError, match=r"residual of \S+ in 2 products"):
        theory.lazy_limit(
            X, Y, Z, **common, solver="conjugate_gradients", iterations=2, landmarks=1,
            tolerance=1e-12,
        )  # fmt: skip
    monkeypatch.setattr("fatheory.theory.wide.points.free_memory", lambda: 10**4)
    with pytest.raises(RegimeError, match=r"40 points by cholesky needs about .* are free"):
        theory.lazy_limit(X, Y, Z, **common)
