"""Angles of random sign-sharing feedback against moments, quadrature and Monte Carlo."""

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from fatheory.errors import RegimeError, UnknownNameError
from fatheory.geometry import angle, sign_concordance
from fatheory.rules import make_rule
from fatheory.theory.signs import (
    angle_from_concordance,
    concordance_from_angle,
    expected_feedback_angle,
)

CASES = [
    ("usf", "normal", 1.0, 37.07),
    ("frsf", "normal", 1.0, 46.29),
    ("brsf", "normal", 1.0, 46.29),
    ("usf", "uniform", 1.0, 30.00),
    ("frsf", "uniform", 1.0, 41.41),
    ("frsf", "normal", 0.75, np.degrees(np.arccos(0.5 * np.sqrt(1.5 / np.pi)))),
    ("brsf", "uniform", 0.25, np.degrees(np.arccos(-0.5 * 0.75))),
    ("frsf", "normal", 0.5, 90.0),
    ("feedback_alignment", "normal", 1.0, 90.0),
    ("rndf", "uniform", 1.0, 90.0),
    ("backprop", "normal", 1.0, 0.0),
]


def drawn_angles(rule, weights, concordance, entries, draws, seed):
    """Draw W and V by the rule itself, and measure."""
    rng = np.random.default_rng(seed)
    shape = (draws, entries)
    W = rng.normal(size=shape) if weights == "normal" else rng.uniform(-2, 2, size=shape)
    parameters = {"concordance": concordance} if rule in ("frsf", "brsf") else {}
    rule = make_rule(rule, **parameters)
    V = rule.backward_weights(W, rule.draw(rng, shape))
    return angle(V, W)


@pytest.mark.parametrize(("rule", "weights", "concordance", "expected"), CASES)
def test_known_answers(rule, weights, concordance, expected):
    assert expected_feedback_angle(rule, weights, concordance) == pytest.approx(expected, abs=5e-3)


@pytest.mark.catalogue("signs.angle")
@pytest.mark.parametrize(("rule", "weights", "concordance", "_"), CASES)
def test_monte_carlo(rule, weights, concordance, _, residual):
    expected = expected_feedback_angle(rule, weights, concordance)
    measured = drawn_angles(rule, weights, concordance, 10**6, 1, 7)[0]
    residual(abs(measured - expected), 0.25)


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[5], CASES[8]])
def test_monte_carlo_error_falls_as_the_root_of_the_entries(case):
    rule, weights, concordance, _ = case
    expected = expected_feedback_angle(rule, weights, concordance)
    entries = [4**k for k in range(2, 7)]
    errors = [
        np.sqrt(np.mean((drawn_angles(rule, weights, concordance, n, 600, n) - expected) ** 2))
        for n in entries
    ]
    assert np.polyfit(np.log(entries), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.1)


@pytest.mark.catalogue("signs.angle")
def test_symbolic_moments(residual):
    w, m = sympy.symbols("w m", positive=True)
    p = sympy.Symbol("p")
    normal = sympy.exp(-(w**2) / 2) * sympy.sqrt(2 / sympy.pi)
    laws = {"normal": (normal, sympy.oo), "uniform": (sympy.Integer(1), 1)}
    for name, (density, end) in laws.items():
        first, second = (sympy.integrate(w**k * density, (w, 0, end)) for k in (1, 2))
        magnitude = sympy.integrate(m, (m, 0, 1)) / sympy.sqrt(sympy.integrate(m**2, (m, 0, 1)))
        for rule, factor in (("usf", 1), ("frsf", (2 * p - 1) * magnitude)):
            cosine = sympy.sympify(factor) * first / sympy.sqrt(second)
            for q in (1.0,) if rule == "usf" else (1.0, 0.8, 0.1):
                literal = float(sympy.deg(sympy.acos(cosine.subs(p, sympy.Rational(str(q))))))
                residual(abs(expected_feedback_angle(rule, name, q) - literal), 1e-12)


@pytest.mark.catalogue("signs.concordance")
@pytest.mark.parametrize("theta", [5.0, 37.0, 60.0, 90.0, 131.0])
def test_concordance_is_the_quadrant_probability(theta, residual):
    rho = np.cos(np.radians(theta))
    quadrant = multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([0, 0])
    residual(abs(concordance_from_angle(theta) - 2 * quadrant), 1e-7)


def test_concordance_of_drawn_matrices_falls_to_the_law_at_the_monte_carlo_rate():
    theta = 50.0
    rho = np.cos(np.radians(theta))
    entries, errors = [4**k for k in range(2, 7)], []
    for n in entries:
        rng = np.random.default_rng(n)
        a, b = rng.normal(size=(2, 600, n))
        b = rho * a + np.sqrt(1 - rho**2) * b
        gap = sign_concordance(a, b) - concordance_from_angle(theta)
        errors.append(np.sqrt(np.mean(gap**2)))
    assert np.polyfit(np.log(entries), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.1)
    p = concordance_from_angle(theta)
    np.testing.assert_allclose(errors, np.sqrt(p * (1 - p) / np.array(entries)), rtol=0.15)


@given(theta=st.floats(0, 180))
@settings(deadline=None)
def test_concordance_and_angle_are_inverse(theta):
    assert angle_from_concordance(concordance_from_angle(theta)) == pytest.approx(theta, abs=1e-12)


def test_limits_of_concordance():
    assert concordance_from_angle(0.0) == 1
    assert concordance_from_angle(90.0) == 0.5
    assert concordance_from_angle(180.0) == 0
    for p in (0.0, 0.2, 0.4):
        above = expected_feedback_angle("frsf", concordance=1 - p)
        assert above + expected_feedback_angle("frsf", concordance=p) == pytest.approx(180)


def test_bad_input_is_refused_with_what_is_known():
    with pytest.raises(UnknownNameError, match="unknown rule 'ufs'; did you mean 'usf'"):
        expected_feedback_angle("ufs")
    with pytest.raises(UnknownNameError, match=r"law of weights 'gauss'.*normal, uniform"):
        expected_feedback_angle("usf", "gauss")
    with pytest.raises(RegimeError, match=r"no closed form.*'pseudobackprop'.*backprop, feedback"):
        expected_feedback_angle("pseudobackprop")
    with pytest.raises(RegimeError, match=r"'usf' takes no concordance; got 0.5.*frsf, brsf"):
        expected_feedback_angle("usf", concordance=0.5)
    with pytest.raises(RegimeError, match=r"between 0 and 1; got 1.2"):
        expected_feedback_angle("frsf", concordance=1.2)
    with pytest.raises(RegimeError, match="between 0 and 1; got nan"):
        angle_from_concordance(float("nan"))
    with pytest.raises(RegimeError, match=r"between 0 and 180 degrees; got -1.0"):
        concordance_from_angle(-1.0)
