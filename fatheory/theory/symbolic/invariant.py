"""What learning conserves, proven for matrices of any size.

Nothing is assumed about the error: P stands for the correlation of any error signal with the
input below, E Sigma in the flow and the sum of e x^T over any batch in a discrete step. The
proofs for W_0 and W hold for any two neighbouring linear layers of a deep network.
"""

import sympy as sp

from fatheory.theory.symbolic.proof import Proof, proven, reduce_matrices

n_i, n_h, n_o, n_b = sp.symbols("n_i n_h n_o n_b", integer=True, positive=True)
eta = sp.Symbol("eta", positive=True)
W0, W = sp.MatrixSymbol("W_0", n_h, n_i), sp.MatrixSymbol("W", n_o, n_h)
B, P = sp.MatrixSymbol("B", n_h, n_o), sp.MatrixSymbol("P", n_o, n_i)


def feedback_invariant_flow() -> Proof:
    r"""Prove that C = B W + (B W)^T - W0 W0^T is constant under feedback alignment's flow.

    With dW0/dt = B P and dW/dt = P W0^T.

    Raises
    ------
    ProofError
        If dC/dt does not vanish.
    """
    dW0, dW = B * P, P * W0.T
    rate = B * dW + (B * dW).T - dW0 * W0.T - W0 * dW0.T
    dots = sp.MatrixSymbol(r"\dot{W}_0", n_h, n_i), sp.MatrixSymbol(r"\dot{W}", n_o, n_h)
    claim = B * dots[1] + (B * dots[1]).T - dots[0] * W0.T - W0 * dots[0].T
    statement = sp.Eq(claim, sp.ZeroMatrix(n_h, n_h), evaluate=False)
    return proven("invariant.flow", statement, rate, reduce_matrices)


def feedback_invariant_step() -> Proof:
    """Prove that one discrete step changes C by exactly -dW0 dW0^T.

    With dW0 = eta B P and dW = eta P W0^T, any eta.

    Raises
    ------
    ProofError
        If the two sides differ.
    """
    dW0, dW = eta * B * P, eta * P * W0.T
    change = _feedback_form(W0 + dW0, W + dW) - _feedback_form(W0, W)
    step = sp.MatrixSymbol(r"\Delta{W}_0", n_h, n_i)
    moved = sp.MatrixSymbol("C_{k+1}", n_h, n_h), sp.MatrixSymbol("C_k", n_h, n_h)
    statement = sp.Eq(moved[0] - moved[1], -step * step.T, evaluate=False)
    return proven("invariant.discrete", statement, change + dW0 * dW0.T, reduce_matrices)


def backprop_invariant_step() -> Proof:
    """Prove that one step of backprop changes D = W^T W - W0 W0^T by dW^T dW - dW0 dW0^T.

    With dW0 = eta W^T P and dW = eta P W0^T; both terms are of order eta^2, so the flow conserves
    D.

    Raises
    ------
    ProofError
        If the two sides differ.
    """
    dW0, dW = eta * W.T * P, eta * P * W0.T
    change = (W + dW).T * (W + dW) - (W0 + dW0) * (W0 + dW0).T - W.T * W + W0 * W0.T
    low, high = sp.MatrixSymbol(r"\Delta{W}_0", n_h, n_i), sp.MatrixSymbol(r"\Delta{W}", n_o, n_h)
    moved = sp.MatrixSymbol("D_{k+1}", n_h, n_h), sp.MatrixSymbol("D_k", n_h, n_h)
    statement = sp.Eq(moved[0] - moved[1], high.T * high - low * low.T, evaluate=False)
    difference = change - dW.T * dW + dW0 * dW0.T
    return proven("invariant.backprop", statement, difference, reduce_matrices)


def unit_invariant_step() -> Proof:
    r"""Prove the law of one positively homogeneous unit, for any batch and any loss.

    The unit has inputs A (a column per sample, a bias as a constant row), weights w,
    z = A^T w, and :math:`\phi(z) = G z` with G the diagonal of :math:`\phi'(z)`; errors D (a
    column per sample) reach it through b and its outgoing weights v learn from them:
    dw = eta A G D^T b and dv = eta D G z. Then c = 2 b^T v - w^T w changes by exactly -dw^T dw.

    Raises
    ------
    ProofError
        If the two sides differ.
    """
    A, D = sp.MatrixSymbol("A", n_i, n_b), sp.MatrixSymbol("D", n_o, n_b)
    G = sp.MatrixSymbol("G", n_b, n_b)
    w, v, b = (sp.MatrixSymbol(name, n, 1) for name, n in (("w", n_i), ("v", n_o), ("b", n_o)))
    dw, dv = eta * A * G * D.T * b, eta * D * G * A.T * w

    def form(w: sp.MatrixExpr, v: sp.MatrixExpr) -> sp.MatrixExpr:
        return b.T * v + v.T * b - w.T * w

    difference = reduce_matrices(form(w + dw, v + dv) - form(w, v) + dw.T * dw)
    difference = difference.xreplace({G.T: G})  # G is diagonal
    step = sp.MatrixSymbol(r"\Delta{w}", n_i, 1)
    moved = sp.MatrixSymbol("c_{k+1}", 1, 1), sp.MatrixSymbol("c_k", 1, 1)
    statement = sp.Eq(moved[0] - moved[1], -step.T * step, evaluate=False)
    return proven("invariant.units", statement, difference, reduce_matrices)


def _feedback_form(W0: sp.MatrixExpr, W: sp.MatrixExpr) -> sp.MatrixExpr:
    return B * W + (B * W).T - W0 * W0.T
