"""One mode of feedback alignment: its equation, and the solution from zero."""

import sympy as sp

from fatheory.theory.symbolic.proof import Proof, proven

s, g, t = sp.symbols("s g t", positive=True)


def mode_constant() -> Proof:
    r"""Prove that y = x^2 / 2 + c along a mode.

    A mode of X, Y moves by :math:`\dot x = \varepsilon,\ \dot y = \varepsilon x` with the same
    :math:`\varepsilon(t)`, whatever it is, so :math:`c = y - x^2/2` is constant.

    Raises
    ------
    ProofError
        If the rate of c does not vanish.
    """
    x, epsilon = sp.Function("x")(t), sp.Function("varepsilon")(t)
    y = sp.Function("y")(t)
    rate = sp.diff(y - x**2 / 2, t)
    statement = sp.Eq(rate, 0, evaluate=False)
    moved = rate.subs({sp.diff(x, t): epsilon, sp.diff(y, t): epsilon * x})
    return proven("mode.constant", statement, moved)


def mode_equation() -> Proof:
    """Prove that the modes of the reduction obey dx/dt = s - g c x - (g/2) x^3.

    From zero weights and white input, W W0 = Y B^T B X; with X = U x V^T, Y = U y U^T,
    T = U S V^T and B^T B = g I, U^T E V is S - g y x, for any U and V with orthonormal columns
    (as symbols that do not commute, so of any size). It is diagonal if x and y are, and
    y = x^2 / 2 + c by `mode_constant`.

    Raises
    ------
    ProofError
        If the equation is another.
    """
    U, Ut, V, Vt, S, X, Y = sp.symbols("U U^T V V^T S x y", commutative=False)
    E = U * S * Vt - (U * Y * Ut) * g * (U * X * Vt)
    # Put in by hand: symbols that do not commute know of no orthonormal columns.
    modes = sp.expand(Ut * E * V).subs(Ut * U, 1).subs(Vt * V, 1)
    x, c = sp.symbols("x c", real=True)
    cubic = s - g * c * x - g * x**3 / 2
    differences = [modes - (S - g * Y * X), s - g * (x**2 / 2 + c) * x - cubic]
    path = sp.Function("x")(t)
    statement = sp.Eq(sp.Derivative(path, t), cubic.subs(x, path), evaluate=False)
    return proven("mode.equation", statement, differences, sp.expand)


def mode_solution() -> Proof:
    r"""Prove the time at which a mode that starts at zero reaches x = u x*.

    With x* = (2 s / g)^{1/3}: t(0) = 0, and :math:`\frac{dt}{dx} (s - \frac g2 x^3) = 1`.

    Raises
    ------
    ProofError
        If it does not solve the mode equation.
    """
    u = sp.Symbol("u", positive=True)
    end = (2 * s / g) ** sp.Rational(1, 3)
    logarithms = -sp.log(1 - u) / 3 + sp.log(1 + u + u**2) / 6
    arc = (sp.atan((2 * u + 1) / sp.sqrt(3)) - sp.pi / 6) / sp.sqrt(3)
    time = end / s * (logarithms + arc)
    speed = s - g * (u * end) ** 3 / 2
    differences = [time.subs(u, 0), sp.diff(time, u) / end * speed - 1]
    return proven("mode.solution", sp.Eq(t, time, evaluate=False), differences)


def deep_mode_solution() -> Proof:
    r"""Prove the time that a mode from zero needs in a network of any depth.

    The equation is :math:`\dot\tau = s - \kappa \tau^n`, n = 2^L - 1 at depth L. With
    :math:`\tau = u \tau^*`, the k-th term of
    :math:`t = (\tau^*/s)\, u\, {}_2F_1(1, 1/n; 1 + 1/n; u^n)` has the coefficient 1 / (1 + n k), so
    dt/du is the geometric series of 1 / (1 - u^n), for 0 <= u < 1.

    Raises
    ------
    ProofError
        If a coefficient or the sum of the series is another.
    """
    u, end, n = sp.symbols("u tau^* n", positive=True)
    k = sp.Symbol("k", integer=True, nonnegative=True)
    a, b, c = sp.Integer(1), 1 / n, 1 + 1 / n
    term = sp.rf(a, k) * sp.rf(b, k) / (sp.rf(c, k) * sp.factorial(k))
    coefficient = sp.gammasimp(term.rewrite(sp.gamma)) - 1 / (1 + n * k)
    derivative = sp.diff(u ** (1 + n * k) / (1 + n * k), u) - (u**n) ** k
    z = sp.Symbol("z", positive=True)
    # SymPy answers by cases, the first of which is |z| < 1.
    ratio = sp.summation(z**k, (k, 0, sp.oo)).args[0][0] - 1 / (1 - z)
    time = end * u / s * sp.hyper([a, b], [c], u**n)
    statement = sp.Eq(t, time, evaluate=False)
    return proven("mode.deep_solution", statement, [coefficient, derivative, ratio])


def backprop_mode_solution() -> Proof:
    r"""Prove Saxe, McClelland & Ganguli's solution of a balanced mode of backprop.

    :math:`\dot a = 2 a (s - a)` with a(0) = a_0, in units of time t = eta * step (their tau is
    1 / eta).

    Raises
    ------
    ProofError
        If it does not solve the equation or starts elsewhere.
    """
    start = sp.Symbol("a_0", positive=True)
    a = s * sp.exp(2 * s * t) / (sp.exp(2 * s * t) - 1 + s / start)
    differences = [a.subs(t, 0) - start, sp.diff(a, t) - 2 * a * (s - a)]
    statement = sp.Eq(sp.Function("a")(t), a, evaluate=False)
    return proven("mode.backprop_solution", statement, differences)


def unbalanced_backprop_mode_solution() -> Proof:
    r"""Prove Saxe, McClelland & Ganguli's solution of an unbalanced mode of backprop.

    :math:`\dot a = b (s - a b),\ \dot b = a (s - a b)` with :math:`c = a^2 - b^2 > 0`:
    :math:`a = \sqrt c \cosh(\theta/2),\ b = \sqrt c \sinh(\theta/2)` solve
    them with :math:`\dot\theta = 2 s - c \sinh\theta`, and :math:`k = \tanh(\theta/2)` is reached
    from :math:`k_0` at the stated time: dt/dk times the rate of k is 1.

    Raises
    ------
    ProofError
        If it does not solve the equations.
    """
    c, k = sp.symbols("c k", positive=True)
    start, theta = sp.Symbol("k_0", real=True), sp.Symbol("theta")
    a, b = sp.sqrt(c) * sp.cosh(theta / 2), sp.sqrt(c) * sp.sinh(theta / 2)
    theta_rate = 2 * (s - a * b)  # a b = (c / 2) sinh(theta)
    a_rate, b_rate = sp.diff(a, theta) * theta_rate, sp.diff(b, theta) * theta_rate
    root = sp.sqrt(c**2 + 4 * s**2)

    def primitive(k: sp.Expr) -> sp.Expr:
        return sp.log((root + c + 2 * s * k) / (root - c - 2 * s * k)) / root

    k_rate = (1 - k**2) / 2 * (2 * s - c * 2 * k / (1 - k**2))  # sinh(theta) in terms of k
    differences = [
        a_rate - b * (s - a * b),
        b_rate - a * (s - a * b),
        sp.diff(primitive(k), k) * k_rate - 1,
    ]
    statement = sp.Eq(t, primitive(k) - primitive(start), evaluate=False)
    return proven("mode.backprop_unbalanced", statement, differences)
