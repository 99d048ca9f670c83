"""How fast node perturbation learns, and why it is slow."""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import positive_number, real_matrix, two_layer_arrays
from fatheory.errors import LearningRateWarning, RegimeError, UnknownNameError
from fatheory.theory.node_perturbation import require_spread, require_units
from fatheory.theory.stability import largest_stable_lms_rate

RULES = ("backprop", "node_perturbation")
_HEAVY_TAILS = 0.7
"""Share of the largest stable rate above which the mean says little of single runs: with six inputs
and five hidden units the loss's spread over runs is there more than twice its mean after six
relaxation times, and its median 0.85 of the mean; at half the rate they are 0.4 and 0.96."""


class StableLearningRates(NamedTuple):
    """Learning rates above which the mean squared error of the weights grows.

    Attributes
    ----------
    backprop : float
    node_perturbation : float
    """

    backprop: float
    node_perturbation: float


def node_perturbation_mean_loss(
    W0: ArrayLike,
    W: ArrayLike,
    T: ArrayLike,
    learning_rate: float,
    steps: int,
    *,
    sigma: float = 0.0,
    input_variance: float = 1.0,
    rule: str = "node_perturbation",
) -> Float[np.ndarray, " step"]:
    r"""Compute the exact mean loss of online learning of W0, with W frozen, at any learning rate.

    One step with x ~ N(0, lambda I) is W0 += eta delta x^T. Average E E^T over x and the
    perturbation, in the eigenbasis of G = W W^T (eigenvalues g_i): its diagonal s obeys

    .. math::
        s_i' = (1 - 2\eta\lambda g_i + 2 c g_i^2)\, s_i + c\, g_i \sum_j g_j s_j
        + \eta^2\lambda n_i \tfrac{\sigma^2}{4} g_i\,[(\mathrm{tr}G)^2 + 2\,\mathrm{tr}G^2
        + 4\,\mathrm{tr}(G) g_i + 8 g_i^2],\qquad c = \eta^2\lambda^2(n_i + 2),

    and for backprop s_i' = (1 - 2 eta lambda g_i + c g_i^2) s_i. The loss is lambda sum(s) / 2.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Output weights, fixed.
    T : array of shape (n_o, n_i)
        Target map, without noise.
    learning_rate : float
        eta.
    steps : int
        Number of online steps.
    sigma : float
        Standard deviation of the perturbation; 0 is the limit.
    input_variance : float
        lambda.
    rule : str
        ``"node_perturbation"`` or ``"backprop"``.

    Returns
    -------
    array of shape (steps + 1,)
        Mean over data and perturbations of the population loss before step 0, 1, ...; it grows
        beyond bounds above the rates of `node_perturbation_stability`.

    Warns
    -----
    LearningRateWarning
        If node perturbation learns at more than 0.7 of the largest stable rate: losses are products
        of random factors, so their distribution has heavy tails near instability, and few runs
        carry the mean. Most runs lie below it, and averages of simulations converge slowly.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.
    RegimeError
        If a number is out of its range.
    UnknownNameError
        If the rule is another one.

    References
    ----------
    Derived for this project, in the manner of Werfel, Xie & Seung 2005 for one layer.
    """
    W0, W, T = two_layer_arrays(W0=W0, W=W, T=T)
    require_spread(sigma)
    positive_number("learning_rate", learning_rate)
    positive_number("input_variance", input_variance)
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 0:
        raise RegimeError(f"steps must be a whole number, 0 or larger; got {steps!r}")
    if rule not in RULES:
        raise UnknownNameError("rule with a known mean loss", rule, RULES)
    g, vectors = np.linalg.eigh(W @ W.T)
    eta, n_i = learning_rate * input_variance, T.shape[1]
    c = eta**2 * (n_i + 2)
    if rule == "backprop":
        step, drive = np.diag(1 - 2 * eta * g + c * g**2), np.zeros_like(g)
    else:
        _warn_of_heavy_tails(W, n_i, learning_rate, input_variance)
        step = np.diag(1 - 2 * eta * g + 2 * c * g**2) + c * np.outer(g, g)
        quartic = g.sum() ** 2 + 2 * np.sum(g**2) + 4 * g.sum() * g + 8 * g**2
        drive = learning_rate**2 * input_variance * n_i * sigma**2 / 4 * g * quartic
    s = np.empty((steps + 1, len(g)))
    # The loss needs the diagonal of E E^T alone, and its recursion is closed.
    s[0] = np.sum((vectors.T @ (T - W @ W0)) ** 2, axis=1)
    for k in range(steps):
        s[k + 1] = step @ s[k] + drive
    return input_variance / 2 * s.sum(axis=1)


def node_perturbation_stability(
    W: ArrayLike, n_i: int, input_variance: float = 1.0
) -> StableLearningRates:
    r"""Compute the largest learning rates at which the mean loss of online learning stays bounded.

    W0 learns, W is frozen, x ~ N(0, lambda I). By the recursion of `node_perturbation_mean_loss`
    with eigenvalues g_i of W W^T:

    .. math::
        \eta_{BP} = \frac{2}{\lambda (n_i + 2)\max g},\qquad
        \eta_{NP} = \frac{\theta}{\lambda (n_i + 2)}\ \text{with}\
        \sum_i \frac{\theta g_i}{2(1 - \theta g_i)} = 1 .

    For r equal eigenvalues their ratio is r + 2.

    Parameters
    ----------
    W : array of shape (n_o, n_h)
        Output weights, not all zero.
    n_i : int
        Number of inputs.
    input_variance : float
        lambda.

    Returns
    -------
    StableLearningRates
        Exact for any perturbation size, which only adds a floor to the loss.

    Raises
    ------
    ArrayError
        If W is not a finite matrix.
    RegimeError
        If W is zero, or a number is out of its range.

    References
    ----------
    Derived for this project; the same sum bounds the LMS rule of adaptive filtering (Feuer &
    Weinstein 1985), see `largest_stable_lms_rate`.
    """
    g = _curvatures(W)
    require_units(n_i)
    positive_number("input_variance", input_variance)
    scale = input_variance * (n_i + 2)
    return StableLearningRates(
        float(2 / (scale * g[0])), largest_stable_lms_rate(np.diag(g)) / scale
    )


def node_perturbation_slowdown(W: ArrayLike) -> float:
    r"""Compute how many node-perturbation steps achieve what one step of backprop does.

    It is the ratio of the mean decreases of the loss in one online step at the best learning rate
    of each, tr(G S)^2 / (c q) with q the loss's growth by the noise, for an isotropic error
    (S = E E^T proportional to I):

    .. math:: 2 + \frac{(\mathrm{tr}\,G)^2}{\mathrm{tr}\,G^2},\qquad G = W W^\top .

    The second term counts the hidden directions that matter to the output: it is n_h for
    orthonormal columns and n_o for orthonormal rows, never more than the rank of W. Noise in
    hidden directions without influence on the output costs nothing, so the slow-down is
    proportional to n_h only while n_h <= n_o.

    Parameters
    ----------
    W : array of shape (n_o, n_h)
        Output weights, fixed.

    Raises
    ------
    ArrayError
        If W is not a finite matrix.
    RegimeError
        If W is zero.

    References
    ----------
    Werfel, Xie & Seung 2005 for one layer, where G = I; the general form is derived for this
    project.
    """
    g = _curvatures(W)
    # The ratio does not depend on the scale, whose fourth powers could vanish.
    g = g / g[0]
    return float(2 + g.sum() ** 2 / np.sum(g**2))


def _warn_of_heavy_tails(
    W: Float[np.ndarray, "n_o n_h"], n_i: int, learning_rate: float, input_variance: float
) -> None:
    if not W.any():
        return  # no rate is unstable where nothing is learned
    largest = node_perturbation_stability(W, n_i, input_variance).node_perturbation
    if learning_rate > _HEAVY_TAILS * largest:
        warnings.warn(
            f"at the learning rate {learning_rate:g}, {learning_rate / largest:.2f} of the largest "
            f"stable one ({largest:.3g}), losses have heavy tails: few runs carry the mean, and "
            f"most lie below it; simulations confirm it below {_HEAVY_TAILS * largest:.3g}",
            LearningRateWarning,
            stacklevel=3,
        )


def _curvatures(W: ArrayLike) -> Float[np.ndarray, " n"]:
    """Return the eigenvalues of W W^T that may differ from zero, largest first."""
    # Squared singular values: small ones keep digits that the product W W^T would lose.
    g = np.linalg.svd(real_matrix("W", W), compute_uv=False) ** 2
    if g.size == 0 or g[0] == 0:
        raise RegimeError("W is zero: no hidden activity reaches the output, so nothing is learned")
    return g
