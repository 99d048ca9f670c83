"""Laws of feedback that is a gradient, and of feedback that learns, proven."""

import sympy as sp

from fatheory.theory.symbolic.invariant import n_b, n_h, n_i, n_o
from fatheory.theory.symbolic.proof import Proof, proven, reduce_matrices

eta = sp.Symbol("eta", positive=True)


def potential_law_step() -> Proof:
    r"""Prove :math:`\Delta \|w\|^2 = 2 \langle v, \Delta w^{out}\rangle + \|\Delta w\|^2`.

    Of one positively homogeneous unit, for any feedback v: inputs A (a column per sample, a bias
    as a constant row), z = A^T w, :math:`\phi(z) = G z` with G the diagonal of :math:`\phi'(z)`,
    errors D (a column per sample), dw = eta A G D^T v and dw_out = eta D G z. Where v is the
    gradient of psi, 2 <v, dw_out> is the change of 2 psi but for the Bregman divergence of psi, by
    its definition.

    Raises
    ------
    ProofError
        If the two sides differ.
    """
    A, D = sp.MatrixSymbol("A", n_i, n_b), sp.MatrixSymbol("D", n_o, n_b)
    G = sp.MatrixSymbol("G", n_b, n_b)
    w, v = sp.MatrixSymbol("w", n_i, 1), sp.MatrixSymbol("v", n_o, 1)
    dw, out = eta * A * G * D.T * v, eta * D * G * A.T * w
    change = (w + dw).T * (w + dw) - w.T * w
    difference = reduce_matrices(change - v.T * out - out.T * v - dw.T * dw)
    difference = difference.xreplace({G.T: G})  # G is diagonal
    step, sent = sp.MatrixSymbol(r"\Delta{w}", n_i, 1), sp.MatrixSymbol(r"\Delta{w}_{out}", n_o, 1)
    after = sp.MatrixSymbol("w_{k+1}", n_i, 1)
    statement = sp.Eq(
        after.T * after - w.T * w, v.T * sent + sent.T * v + step.T * step, evaluate=False
    )
    return proven("laws.potential", statement, difference, reduce_matrices)


def power_potential() -> Proof:
    r"""Prove that :math:`V = \mathrm{sign}(w) |w|^{q-1}` is the gradient of :math:`|w|^q / q`.

    Entry by entry, on both sides of 0: usf is q = 1, backprop q = 2.

    Raises
    ------
    ProofError
        If the derivative is another.
    """
    q, size, w = sp.Symbol("q", positive=True), sp.Symbol("a", positive=True), sp.Symbol("w")
    differences = []
    for sign in (1, -1):
        # Each side of 0 by itself: SymPy does not take |x|^(q-1) and |x^(q-1)| for the same.
        psi = (sign * w) ** q / q  # |w|^q / q on this side
        slope = sp.diff(psi, w).subs(w, sign * size)
        differences.append(slope - sign * size ** (q - 1))
    x = sp.Symbol("w", real=True)
    statement = sp.Eq(
        sp.Derivative(sp.Abs(x) ** q / q, x), sp.sign(x) * sp.Abs(x) ** (q - 1), evaluate=False
    )
    return proven("laws.power", statement, differences, sp.powsimp)


def sign_divergence() -> Proof:
    r"""Prove that the Bregman divergence of |w| is 0, or 2 |w'| where the sign has changed.

    D(w', w) = |w'| - |w| - sign(w) (w' - w).

    Raises
    ------
    ProofError
        If it is not in one of the four cases of signs.
    """
    a, b = sp.symbols("a b", positive=True)
    differences = []
    for before in (1, -1):
        for after in (1, -1):
            w, moved = before * a, after * b
            D = sp.Abs(moved) - sp.Abs(w) - sp.sign(w) * (moved - w)
            differences.append(D - (0 if before == after else 2 * sp.Abs(moved)))
    x, y = sp.symbols("w w'", real=True)
    divergence = sp.Abs(y) - sp.Abs(x) - sp.sign(x) * (y - x)
    cases = sp.Piecewise((0, sp.Eq(sp.sign(x), sp.sign(y))), (2 * sp.Abs(y), True))
    return proven("laws.sign_divergence", sp.Eq(divergence, cases, evaluate=False), differences)


def kolen_pollack_step() -> Proof:
    r"""Prove :math:`C_{k+1} = (1 - \eta\lambda)^2 C_k + g_0 g_0^\top - g_1^\top g_1`.

    With C = W0 W0^T - B B^T, g_0 = eta B P, g_1 = eta P W0^T, and the same step and decay in B^T as
    in W.

    Raises
    ------
    ProofError
        If the two sides differ.
    """
    kept = sp.Symbol("kappa", real=True)
    W0, B = sp.MatrixSymbol("W_0", n_h, n_i), sp.MatrixSymbol("B", n_h, n_o)
    P = sp.MatrixSymbol("P", n_o, n_i)
    g0, g1 = eta * B * P, eta * P * W0.T
    low, back = kept * W0 + g0, kept * B + g1.T
    change = low * low.T - back * back.T - kept**2 * (W0 * W0.T - B * B.T)
    difference = change - g0 * g0.T + g1.T * g1
    C, after = sp.MatrixSymbol("C_k", n_h, n_h), sp.MatrixSymbol("C_{k+1}", n_h, n_h)
    s0, s1 = sp.MatrixSymbol("g_0", n_h, n_i), sp.MatrixSymbol("g_1", n_o, n_h)
    statement = sp.Eq(after, kept**2 * C + s0 * s0.T - s1.T * s1, evaluate=False)
    return proven("laws.kolen_pollack", statement, difference, reduce_matrices)


def weight_mirror_variance() -> Proof:
    r"""Prove the weight mirror's stationary variance for a row of W with two other entries.

    One step is V' = (1 - m) V + m (W xi xi^T)_j. With independent xi ~ N(0, I),
    :math:`\mathrm{Var} (W \xi\xi^\top)_j = \|W\|^2 + W_j^2` by Isserlis' theorem, carried out on
    the moments of xi, and the variance v at rest solves v = (1 - m)^2 v + m^2 (|W|^2 + W_j^2).

    Raises
    ------
    ProofError
        If the moments or the solution are others.
    """
    m, v = sp.symbols("m v", positive=True)
    W, xi = sp.symbols("W_1:4", real=True), sp.symbols("xi_1:4", real=True)
    driven = sum(a * b for a, b in zip(W, xi, strict=True)) * xi[0]
    variance = _mean(driven**2, xi) - _mean(driven, xi) ** 2
    square = sum(w**2 for w in W) + W[0] ** 2
    (rest,) = sp.solve(sp.Eq(v, (1 - m) ** 2 * v + m**2 * square), v)
    claim = m / (2 - m) * square
    statement = sp.Eq(v, claim, evaluate=False)
    return proven("laws.weight_mirror", statement, [variance - square, rest - claim])


def _mean(expression: sp.Expr, noise: tuple[sp.Symbol, ...]) -> sp.Expr:
    """Average a polynomial over independent standard normal variables."""
    total = sp.Integer(0)
    for powers, factor in sp.Poly(sp.expand(expression), *noise).terms():
        moments = [0 if p % 2 else sp.factorial2(p - 1) for p in powers]
        total += factor * sp.prod(moments)
    return total
