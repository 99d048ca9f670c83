"""The integrals behind the angles between forward weights and sign-concordant feedback."""

import sympy as sp

from fatheory.theory.symbolic.proof import Proof, proven

w, m = sp.symbols("w m", real=True)
p = sp.Symbol("p", positive=True)

NORMAL = sp.exp(-(w**2) / 2) / sp.sqrt(2 * sp.pi), (w, -sp.oo, sp.oo)
UNIFORM = sp.Rational(1, 2), (w, -1, 1)
MAGNITUDE = sp.Integer(1), (m, 0, 1)


def sign_feedback_cosine() -> Proof:
    """Prove cos = (2 p - 1) E|M| E|W| / sqrt(E M^2 E W^2) and its value for normal W, M ~ U[0, 1].

    V = M o S o sign W with signs S that agree with probability p, so per entry V W = M S |W| and
    V^2 = M^2; S is +1 with probability p and -1 otherwise. (2 p - 1) sqrt(3 / (2 pi)): 46.3
    degrees at p = 1.

    Raises
    ------
    ProofError
        If the cosine is another.
    """
    value = (2 * p - 1) * sp.sqrt(sp.Rational(3, 2) / sp.pi)
    return _cosine("angles.frsf", "FRSF", value, p - (1 - p), MAGNITUDE, NORMAL)


def uniform_sign_feedback_cosine() -> Proof:
    """Prove cos = sqrt(2 / pi), 37.1 degrees, for V = sign W and normal W.

    Raises
    ------
    ProofError
        If the cosine is another.
    """
    return _cosine("angles.usf", "USF", sp.sqrt(2 / sp.pi), sp.Integer(1), None, NORMAL)


def uniform_weights_cosines() -> Proof:
    """Prove the cosines for uniform W: sqrt(3) / 2 (30 degrees, USF) and 3 / 4 (41.4, FRSF).

    Raises
    ------
    ProofError
        If one of them is another.
    """
    usf = _cosine("angles.uniform", "USF", sp.sqrt(3) / 2, sp.Integer(1), None, UNIFORM)
    frsf = _cosine("angles.uniform", "FRSF", sp.Rational(3, 4), sp.Integer(1), MAGNITUDE, UNIFORM)
    # Two proofs under one name, as both are of the same law of weights.
    statement = sp.And(usf.statement, frsf.statement, evaluate=False)
    return Proof("angles.uniform", statement, sp.latex(statement))


def gaussian_concordance() -> Proof:
    r"""Prove that normal entries at angle theta agree in sign with probability 1 - theta / pi.

    In polar coordinates of two independent normal variables, X = r cos(phi) and
    cos(theta) X + sin(theta) Z = r cos(phi - theta), of correlation cos(theta); both are positive
    for phi between theta - pi/2 and pi/2, and by symmetry both negative equally often.

    Raises
    ------
    ProofError
        If the probability is another.
    """
    theta, phi, r = sp.symbols("theta phi r", positive=True)
    density = r * sp.exp(-(r**2) / 2) / (2 * sp.pi)
    both = sp.integrate(density, (r, 0, sp.oo), (phi, theta - sp.pi / 2, sp.pi / 2))
    second = sp.cos(theta) * sp.cos(phi) + sp.sin(theta) * sp.sin(phi) - sp.cos(phi - theta)
    limits = [sp.cos(sp.pi / 2), sp.cos((theta - sp.pi / 2) - theta)]  # where a sign changes
    agreement = 1 - theta / sp.pi
    statement = sp.Eq(sp.Symbol("p"), agreement, evaluate=False)
    return proven("angles.concordance", statement, [2 * both - agreement, second, *limits])


Law = tuple[sp.Expr, tuple]


def _cosine(
    name: str, rule: str, value: sp.Expr, sign: sp.Expr, magnitudes: Law | None, weights: Law
) -> Proof:
    """Prove E[V W] / sqrt(E V^2 E W^2) = value from the laws' integrals."""
    first, second = (sp.Integer(1), sp.Integer(1)) if magnitudes is None else _moments(magnitudes)
    modulus, square = _moments(weights)
    integral = sign * first * modulus / sp.sqrt(second * square)
    statement = sp.Eq(sp.cos(sp.Symbol(f"theta_{rule}")), value, evaluate=False)
    return proven(name, statement, integral - value)


def _moments(law: Law) -> tuple[sp.Expr, sp.Expr]:
    """Integrate the absolute value and the square over a density."""
    density, limits = law
    return (
        sp.integrate(sp.Abs(limits[0]) * density, limits),
        sp.integrate(limits[0] ** 2 * density, limits),
    )
