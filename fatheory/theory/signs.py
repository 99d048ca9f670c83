"""Signs and angles: what sharing signs with the weights buys in angle, and the way back."""

import math

from fatheory.checks import one_number
from fatheory.errors import RegimeError, UnknownNameError
from fatheory.rules import find_rule

_WEIGHT_LAWS = {"normal": math.sqrt(2 / math.pi), "uniform": math.sqrt(3) / 2}
"""E|W| / sqrt(E W^2) of weights symmetric about 0."""

_RANDOM_MAGNITUDES = math.sqrt(3) / 2
"""E M / sqrt(E M^2) of magnitudes uniform on [0, 1]."""

_MAGNITUDES = {"usf": 1.0, "frsf": _RANDOM_MAGNITUDES, "brsf": _RANDOM_MAGNITUDES}
_WITH_CONCORDANCE = ("frsf", "brsf")
_INDEPENDENT = ("feedback_alignment", "rndf")


def expected_feedback_angle(rule: str, weights: str = "normal", concordance: float = 1.0) -> float:
    r"""Compute the angle between the backward weights V and W of random weights, in degrees.

    .. math:: \cos\angle(V, W) = (2p - 1)
              \frac{E M\, E|W|}{\sqrt{E M^2\, E W^2}},\quad V = M \circ S \circ \mathrm{sign}\, W

    with p the probability of concordant signs and magnitudes M independent of W. It is the limit
    of many entries; a matrix of N entries scatters around it by O(N^{-1/2}). For normal weights:
    37.07 degrees for usf and 46.29 for frsf and brsf; for uniform ones 30 and 41.41.

    Parameters
    ----------
    rule : str
        backprop (0), usf, frsf or brsf, feedback_alignment or rndf (90, independent of W).
    weights : {"normal", "uniform"}
        Law of the entries of W: independent, symmetric about 0, of any scale.
    concordance : float
        Probability p that an entry of V has the sign of W; other than 1 for frsf and brsf only.

    Raises
    ------
    UnknownNameError
        If there is no such rule or law of weights.
    RegimeError
        If the rule has no such closed form, or takes no concordance; or p is outside [0, 1].

    References
    ----------
    Liao, Leibo & Poggio 2016 (arXiv 1510.05067) for the rules; the angles are derived for this
    project.
    """
    # First, so that a name that no rule has is told from a rule without a closed form.
    find_rule(rule)
    if weights not in _WEIGHT_LAWS:
        raise UnknownNameError("law of weights", weights, _WEIGHT_LAWS)
    _require_probability(concordance)
    if concordance != 1 and rule not in _WITH_CONCORDANCE:
        raise RegimeError(
            f"the rule {rule!r} takes no concordance; got {concordance}. "
            f"Rules with one: {', '.join(_WITH_CONCORDANCE)}"
        )
    if rule == "backprop":
        return 0.0
    if rule in _INDEPENDENT:
        return 90.0
    if rule not in _MAGNITUDES:
        known = ", ".join(("backprop", *_INDEPENDENT, *_MAGNITUDES))
        raise RegimeError(
            f"no closed form is known for the angle of the rule {rule!r}; there is one for {known}"
        )
    return math.degrees(
        math.acos((2 * concordance - 1) * _MAGNITUDES[rule] * _WEIGHT_LAWS[weights])
    )


def concordance_from_angle(angle: float) -> float:
    r"""Compute the sign concordance 1 - theta / pi of jointly Gaussian matrices.

    Of two centred jointly Gaussian entries of correlation cos(theta) the signs agree with this
    probability (Sheppard 1899). Feedback-alignment weights are not exactly Gaussian: there it is
    a prediction to be measured.

    Parameters
    ----------
    angle : float
        Angle between the matrices, in degrees in [0, 180].

    Raises
    ------
    RegimeError
        If the angle is outside [0, 180].

    References
    ----------
    Sheppard 1899; applied to feedback matrices for this project.
    """
    angle = one_number("angle", angle)
    if not 0 <= angle <= 180:
        raise RegimeError(f"an angle lies between 0 and 180 degrees; got {angle}")
    return 1 - angle / 180


def angle_from_concordance(concordance: float) -> float:
    """Compute the angle pi (1 - p) of jointly Gaussian matrices of sign concordance p, in degrees.

    The inverse of `concordance_from_angle`.

    Parameters
    ----------
    concordance : float
        Fraction of entries with equal signs, in [0, 1].

    Raises
    ------
    RegimeError
        If the concordance is outside [0, 1].
    """
    _require_probability(concordance)
    return 180 * (1 - concordance)


def _require_probability(concordance: float) -> None:
    concordance = one_number("concordance", concordance)
    if not 0 <= concordance <= 1:
        raise RegimeError(f"a concordance lies between 0 and 1; got {concordance}")
