"""The moments of node perturbation's teaching signal."""

from itertools import product

import sympy as sp

from fatheory.theory.symbolic.proof import Proof, proven

SIZE = 4
"""Hidden units in the explicit proofs. M may be taken diagonal (rotate the isotropic xi), and then
each coefficient of a_k a_l or m_k m_l in an entry (i, j) of a moment depends only on which of the
four indices coincide. Four units show every pattern, so the formulas hold for any number."""

sigma = sp.Symbol("sigma", positive=True)


def node_perturbation_mean() -> Proof:
    r"""Prove that the mean teaching signal of node perturbation is backprop's, exactly.

    :math:`\delta = -(L(\xi) - L(0))\,\xi / \sigma^2` with :math:`\xi = \sigma z`, z standard
    normal, and :math:`L(\xi) - L(0) = -a^\top \xi + \frac12 \xi^\top M \xi` for linear output
    weights, a = W^T e, M = W^T W.

    Raises
    ------
    ProofError
        If the mean is another.
    """
    a, m, z = _symbols()
    delta = _signal(a, m, z)
    differences = [gaussian_mean(d, z) - a[i] for i, d in enumerate(delta)]
    mean = sp.Function(r"\mathbb{E}")(sp.Symbol("delta"))
    statement = sp.Eq(mean, sp.MatrixSymbol("a", sp.Symbol("n_h"), 1), evaluate=False)
    return proven("node_perturbation.mean", statement, differences, sp.expand)


def node_perturbation_covariance() -> Proof:
    r"""Prove the covariance of node perturbation's teaching signal.

    .. math:: |a|^2 I + a a^\top
              + \tfrac{\sigma^2}{4} [((\mathrm{tr} M)^2 + 2\,\mathrm{tr} M^2) I
              + 4\,\mathrm{tr}(M) M + 8 M^2]

    Raises
    ------
    ProofError
        If an entry is another.
    """
    a, m, z = _symbols()
    # M diagonal without loss of generality: the law of z is the same in every orthonormal basis.
    delta, M = _signal(a, m, z), sp.diag(*m)
    noise = (M.trace() ** 2 + 2 * (M**2).trace()) * sp.eye(SIZE) + 4 * M.trace() * M + 8 * M**2
    expected = a.dot(a) * sp.eye(SIZE) + a * a.T + sigma**2 / 4 * noise
    differences = [
        gaussian_mean(delta[i] * delta[j], z) - a[i] * a[j] - expected[i, j]
        for i, j in product(range(SIZE), repeat=2)
        if i <= j
    ]
    covariance = sp.Function(r"\mathrm{Cov}")(sp.Symbol("delta"))
    statement = sp.Eq(covariance, _covariance_formula(), evaluate=False)
    return proven("node_perturbation.covariance", statement, differences, sp.expand)


def node_perturbation_cosine() -> Proof:
    r"""Prove the mean cosine between one draw and backprop's signal, as sigma vanishes.

    The direction of a normal vector is independent of its length, so
    :math:`\mathbb{E}|\cos| = \mathbb{E}|z_1| / \mathbb{E}|z|`, both integrals over densities.

    Raises
    ------
    ProofError
        If the ratio is another.
    """
    n, r = sp.Symbol("n_h", positive=True), sp.Symbol("r", positive=True)
    weight = sp.exp(-(r**2) / 2)
    one_entry = 2 * sp.integrate(r * weight, (r, 0, sp.oo)) / sp.sqrt(2 * sp.pi)
    length = sp.integrate(r**n * weight, (r, 0, sp.oo)) / sp.integrate(
        r ** (n - 1) * weight, (r, 0, sp.oo)
    )
    mean = sp.gamma(n / 2) / (sp.sqrt(sp.pi) * sp.gamma((n + 1) / 2))
    cosine = sp.Function(r"\mathbb{E}")(sp.Abs(sp.cos(sp.Symbol("theta"))))
    statement = sp.Eq(cosine, mean, evaluate=False)
    return proven("node_perturbation.cosine", statement, one_entry / length - mean, sp.gammasimp)


def gaussian_mean(expression: sp.Expr, z: sp.Matrix) -> sp.Expr:
    """Compute the mean of a polynomial in independent standard normal z, monomial by monomial."""
    mean = sp.Integer(0)
    for powers, coefficient in sp.Poly(expression, *z).terms():
        if not any(power % 2 for power in powers):
            # E z^p = (p - 1)!! for even p.
            mean += coefficient * sp.prod(sp.factorial2(power - 1) for power in powers)
    return mean


def _symbols() -> tuple[sp.Matrix, sp.Matrix, sp.Matrix]:
    return tuple(sp.Matrix(sp.symbols(f"{name}_1:{SIZE + 1}", real=True)) for name in "amz")


def _signal(a: sp.Matrix, m: sp.Matrix, z: sp.Matrix) -> sp.Matrix:
    xi = sigma * z
    change = -a.dot(xi) + (xi.T * sp.diag(*m) * xi)[0] / 2
    return (-change * xi / sigma**2).applyfunc(sp.expand)


def _covariance_formula() -> sp.MatrixExpr:
    n = sp.Symbol("n_h", integer=True, positive=True)
    a, M, one = sp.MatrixSymbol("a", n, 1), sp.MatrixSymbol("M", n, n), sp.Identity(n)
    noise = (sp.Trace(M) ** 2 + 2 * sp.Trace(M * M)) * one + 4 * sp.Trace(M) * M + 8 * M * M
    return sp.Trace(a * a.T) * one + a * a.T + sigma**2 / 4 * noise
