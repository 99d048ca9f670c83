r"""What a learning rule sends down, as numbers: the coefficients of the lazy kernel.

Weights k layers below the output add :math:`r^k M_k`, where r is the correlation of an entry of
the feedback with the forward weight that it stands in for, the feedback scaled to the size of the
forward weights: the cosine of the angle between the two matrices.
"""

import math

from fatheory.checks import one_number
from fatheory.errors import RegimeError, UnknownNameError

RULES = (
    "backprop",
    "feedback_alignment",
    "direct_feedback_alignment",
    "usf",
    "frsf",
    "brsf",
    "shallow",
)
_SIZE_OF_SIGNS = {
    "usf": math.sqrt(2 / math.pi),
    "frsf": math.sqrt(3 / (2 * math.pi)),
    "brsf": math.sqrt(3 / (2 * math.pi)),
}
"""E[w v] of a normal w and v = sign(w), or v = M sign(w) with M uniform on [0, 1], over the root
mean squares of both."""


def require_concordance(rule: str) -> None:
    """Refuse a rule that has no concordance.

    Raises
    ------
    UnknownNameError
        If it is not one of `RULES`.
    RegimeError
        If its feedback does not follow the signs of the weights.
    """
    if rule not in RULES:
        raise UnknownNameError("rule of the lazy kernel", rule, RULES)
    if rule not in _SIZE_OF_SIGNS:
        raise RegimeError(f"rule must be one that has a concordance, usf, frsf or brsf; got {rule}")


def rule_coefficients(
    rule: str, hidden_layers: int, correlation: float = 0.0, concordance: float | None = None
) -> list[float]:
    """Return the coefficients of M_0 ... M_L.

    Parameters
    ----------
    rule : str
        One of `RULES`.
    hidden_layers : int
        L.
    correlation : float
        In [-1, 1], of feedback with forward weights at the start; of the rules
        feedback_alignment (all layers) and direct_feedback_alignment (the last).
    concordance : float, optional
        In [0, 1], probability that a feedback weight has its forward weight's sign; of usf, frsf
        and brsf, 1 by default.

    Raises
    ------
    UnknownNameError
        If the rule is not one of `RULES`.
    RegimeError
        If a parameter is out of range, or given to a rule that has none.
    """
    if rule not in RULES:
        raise UnknownNameError("rule of the lazy kernel", rule, RULES)
    if rule not in _SIZE_OF_SIGNS and concordance is not None:
        raise RegimeError(
            f"concordance is of usf, frsf and brsf; {rule} has none, got "
            f"{concordance}: leave it out"
        )
    if not rule.endswith("feedback_alignment") and correlation != 0:
        raise RegimeError(
            f"correlation is of feedback_alignment and direct_feedback_alignment; {rule} has "
            f"none, got {correlation}: leave it out"
        )
    correlation = one_number("correlation", correlation)
    if not -1 <= correlation <= 1:
        raise RegimeError(f"correlation must lie in [-1, 1]; got {correlation}")
    if rule == "direct_feedback_alignment":
        # A signal that skips layers meets none of the weights below the last hidden layer.
        return [1.0, correlation, *[0.0] * (hidden_layers - 1)]
    return [sign_correlation(rule, correlation, concordance) ** k for k in range(hidden_layers + 1)]


def sign_correlation(rule: str, correlation: float, concordance: float | None) -> float:
    """Return r of a layered rule."""
    if rule in _SIZE_OF_SIGNS:
        p = 1.0 if concordance is None else one_number("concordance", concordance)
        if not 0 <= p <= 1:
            raise RegimeError(f"concordance must lie in [0, 1]; got {concordance}")
        return (2 * p - 1) * _SIZE_OF_SIGNS[rule]
    return {"backprop": 1.0, "shallow": 0.0}.get(rule, float(correlation))
