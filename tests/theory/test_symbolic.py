import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

from fatheory.errors import ProofError
from fatheory.theory import symbolic
from fatheory.theory.symbolic import PROOFS, angles, invariant, node_perturbation, proofs
from fatheory.theory.symbolic.proof import Proof, proven, reduce_matrices


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(entry, marks=pytest.mark.catalogue(entry))
        for entry in (
            "symbolic.invariant.flow",
            "symbolic.invariant.discrete",
            "symbolic.invariant.backprop",
            "symbolic.invariant.units",
            "symbolic.laws.potential",
            "symbolic.laws.power",
            "symbolic.laws.sign_divergence",
            "symbolic.laws.kolen_pollack",
            "symbolic.laws.weight_mirror",
            "symbolic.deep_reduction.layer",
            "symbolic.reduction.step",
            "symbolic.reduction.closure",
            "symbolic.mode.constant",
            "symbolic.mode.equation",
            "symbolic.mode.solution",
            "symbolic.mode.deep_solution",
            "symbolic.mode.backprop_solution",
            "symbolic.mode.backprop_unbalanced",
            "symbolic.node_perturbation.mean",
            "symbolic.node_perturbation.covariance",
            "symbolic.node_perturbation.cosine",
            "symbolic.angles.frsf",
            "symbolic.angles.usf",
            "symbolic.angles.uniform",
            "symbolic.angles.concordance",
        )
    ],
)
def test_statement_is_proven(entry, all_proofs, residual):
    proof = all_proofs[entry.removeprefix("symbolic.")]
    assert isinstance(proof.statement, sp.Basic)
    assert proof.statement not in (sp.true, sp.false)
    assert proof.latex == sp.latex(proof.statement)
    residual(0.0, 0.0)  # a proof leaves nothing


@pytest.fixture(scope="module")
def all_proofs():
    done = {proof.id: proof for proof in proofs()}
    assert len(done) == len(PROOFS)
    return done


def numbers(rng, *shape):
    return sp.Matrix(rng.integers(-3, 4, shape))


def test_invariant_statement_holds_for_explicit_matrices(all_proofs):
    rng = np.random.default_rng(0)
    W0, B, P = numbers(rng, 3, 2), numbers(rng, 3, 2), numbers(rng, 2, 2)
    left = all_proofs["invariant.flow"].statement.lhs
    values = {
        "W_0": W0,
        "B": B,
        r"\dot{W}_0": B * P,
        r"\dot{W}": P * W0.T,
    }
    assert explicit(left, values, n_h=3, n_i=2, n_o=2) == sp.zeros(3, 3)


def test_closure_statement_holds_for_explicit_matrices(all_proofs):
    rng = np.random.default_rng(1)
    A0, Wi, B = numbers(rng, 4, 2), numbers(rng, 3, 4), numbers(rng, 4, 3)
    X, Y = numbers(rng, 3, 2), numbers(rng, 3, 3)
    values = {"A_0": A0, "W_i": Wi, "B": B, "X": X, "Y": Y}
    values |= {"W_0": A0 + B * X, "W": Wi + X * A0.T + Y * B.T}
    statement = all_proofs["reduction.closure"].statement
    sizes = {"n_h": 4, "n_i": 2, "n_o": 3}
    assert explicit(statement.lhs, values, **sizes) == explicit(statement.rhs, values, **sizes)


def test_covariance_statement_is_that_of_quadrature(all_proofs):
    rng = np.random.default_rng(2)
    W, e, sigma = rng.normal(size=(3, 3)), rng.normal(size=3), 0.8
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)  # exact up to degree 11
    z = np.stack(np.meshgrid(nodes, nodes, nodes), axis=-1).reshape(-1, 3)
    share = np.prod(
        np.stack(np.meshgrid(weights, weights, weights), axis=-1).reshape(-1, 3), axis=1
    )
    xi = sigma * z
    loss = 0.5 * np.sum((e - xi @ W.T) ** 2, axis=1) - 0.5 * e @ e
    delta = -loss[:, None] * xi / sigma**2
    measured = np.cov(delta.T, aweights=share, ddof=0)
    right = all_proofs["node_perturbation.covariance"].statement.rhs
    values = {"a": sp.Matrix(W.T @ e), "M": sp.Matrix(W.T @ W)}
    stated = explicit(right.subs(node_perturbation.sigma, sigma), values, n_h=3)
    np.testing.assert_allclose(measured, np.array(stated, dtype=float), rtol=1e-11)


def explicit(expression, values, **sizes):
    """Put explicit matrices in the place of matrix symbols and multiply out."""
    named = {symbol.name: symbol for symbol in expression.atoms(sp.MatrixSymbol)}
    chosen = {named[name]: value for name, value in values.items() if name in named}
    dims = {
        symbol: sizes[symbol.name] for symbol in expression.free_symbols if symbol.name in sizes
    }
    replaced = expression.xreplace({symbol: sp.ImmutableMatrix(v) for symbol, v in chosen.items()})
    return sp.Matrix(replaced.xreplace(dims).doit().as_explicit())


@pytest.mark.parametrize(
    ("name", "degrees"), [("angles.usf", 37.1), ("angles.frsf", 46.3), ("angles.concordance", None)]
)
def test_angles_are_the_stated_numbers(all_proofs, name, degrees):
    right = all_proofs[name].statement.rhs
    if degrees is None:
        assert right.subs(sp.Symbol("theta", positive=True), sp.pi / 3) == sp.Rational(2, 3)
    else:
        assert float(sp.deg(sp.acos(right.subs(angles.p, 1)))) == pytest.approx(degrees, abs=0.05)


def test_false_statements_are_not_proven(monkeypatch):
    x = sp.Symbol("x")
    with pytest.raises(ProofError, match=r"half is not proven: x/2 should be 0"):
        proven("half", sp.Eq(x, x / 2, evaluate=False), x - x / 2)
    with pytest.raises(ProofError, match="states nothing: True should be a relation"):
        proven("nothing", sp.true, sp.Integer(0))
    monkeypatch.setattr(angles, "MAGNITUDE", (sp.Integer(1) / 2, (angles.m, 0, 2)))
    assert symbolic.sign_feedback_cosine().id == "angles.frsf"  # the scale does not matter
    monkeypatch.setattr(angles, "MAGNITUDE", (2 * angles.m, (angles.m, 0, 1)))
    with pytest.raises(ProofError, match=r"angles\.frsf is not proven"):
        symbolic.sign_feedback_cosine()
    monkeypatch.setattr(invariant, "_feedback_form", lambda W0, W: 2 * invariant.B * W - W0 * W0.T)
    with pytest.raises(ProofError, match=r"invariant\.discrete is not proven"):
        symbolic.feedback_invariant_step()


def test_matrices_reduce():
    A, B = sp.MatrixSymbol("A", 2, 3), sp.MatrixSymbol("B", 3, 2)
    assert reduce_matrices((A * B).T - B.T * A.T).is_ZeroMatrix
    assert not getattr(reduce_matrices(A * B - (A * B).T), "is_ZeroMatrix", False)


def test_proofs_print_in_notebooks():
    proof = Proof("x", sp.Eq(sp.Symbol("x"), 1, evaluate=False), "x = 1")
    assert proof._repr_latex_() == r"$\displaystyle x = 1$"


def test_theory_does_not_import_sympy():
    code = "import sys, fatheory.theory, fatheory.theory.deep; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
