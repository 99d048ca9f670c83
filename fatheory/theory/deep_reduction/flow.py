r"""The gradient flow of deep linear feedback alignment, reduced exactly.

.. math:: W_l = a A_l + F_l \Xi_l U_{l-1}^\top,\qquad
          \dot\Xi_l = E\Sigma\, Y_{l-1}^\top - \lambda \Xi_l,\qquad a = e^{-\lambda t},

with :math:`F_L = I`, :math:`F_l = B_{l+1} \cdots B_L` for feedback alignment or any matrix for
direct feedback alignment: F_l is constant, so W_l moves in its range, and the columns of
:math:`W_{l-1} \cdots W_1` stay in that of :math:`U_{l-1}`. The unknowns have
:math:`\sum_l n_o (n_i + (l - 1) n_o)` entries whatever the hidden widths are; two layers are
`fatheory.theory.reduced`. Derived for this project.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp

from fatheory.arrays import ArrayLike, Covariance, TargetMap
from fatheory.checks import (
    checked_tolerances,
    covariance_matrix,
    increasing_times,
    matching_shapes,
    one_number,
    real_array,
)
from fatheory.errors import RegimeError, UnknownNameError
from fatheory.theory.deep_reduction.grams import DeepGrams, deep_grams
from fatheory.theory.deep_reduction.solution import DeepReducedSolution, DeepStart
from fatheory.theory.deep_reduction.state import layer_products, path_from_feedback
from fatheory.theory.layers import (
    direct_feedback,
    direct_from_layered,
    layered_feedback,
    network_weights,
    weight_axes,
)

RULES = ("feedback_alignment", "direct_feedback_alignment")
RTOL = 1e-10
ATOL = 1e-12
_SMALLEST_ERROR = 1e-290
"""The error map is controlled relatively down to here: it decays by many orders of magnitude and
angles and losses are ratios of it, so an absolute tolerance would leave them without digits."""
_NOTHING = 1e-150
"""An error of this size relative to T has a loss below the smallest number: it is 0 from there."""


def deep_reduced(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike],
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike,
    rule: str = "feedback_alignment",
    weight_decay: float = 0.0,
    rtol: float = RTOL,
    atol: float = ATOL,
) -> DeepReducedSolution:
    r"""Solve the gradient flow of an L-layer linear network at a cost without hidden widths.

    The flow of `fatheory.theory.deep_flow` under feedback alignment or direct feedback alignment,
    exactly. The error map E is an unknown of its own,

    .. math:: \dot E = -\sum_l P_l\, E\Sigma\, Y_{l-1}^\top M_{l-1} Y_{l-1} + L \lambda (T - E),
              \qquad P_l = W_L \cdots W_{l+1} F_l,

    so that losses keep their relative accuracy where E is far below the rounding of T.

    Parameters
    ----------
    weights : sequence of arrays
        Start A_1 ... A_L, A_l of shape (n_l, n_{l-1}); n_0 inputs, n_L outputs.
    feedback : sequence of arrays
        B_2 ... B_L of shapes (n_{l-1}, n_l) for ``"feedback_alignment"``, F_1 ... F_{L-1} of
        shapes (n_l, n_L) for ``"direct_feedback_alignment"``.
    T : array of shape (n_L, n_0)
        Target map.
    Sigma : array of shape (n_0, n_0), optional
        Input second moment E[x x^T]; the identity (white input) by default.
    times : array
        Increasing, from 0 on, in units t = eta * step.
    rule : str
        ``"feedback_alignment"`` or ``"direct_feedback_alignment"``.
    weight_decay : float
        lambda, per unit of time, on all weights.
    rtol, atol : float
        Local error tolerances of the integrator (DOP853); E is controlled relatively.

    Returns
    -------
    DeepReducedSolution
        NaN from the time on at which the flow blows up (``diverged_at``, -1 if never).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If the weight decay is negative or not finite.
    UnknownNameError
        If the rule is neither of the two.

    References
    ----------
    Derived for this project. Direct feedback: Refinetti et al. 2021, arXiv 2011.12428.

    Examples
    --------
    >>> import numpy as np
    >>> from fatheory import theory
    >>> rng = np.random.default_rng(0)
    >>> A = [rng.normal(0, 0.1, s) for s in ((50, 6), (40, 50), (3, 40))]
    >>> B = [rng.normal(0, 0.1, s) for s in ((50, 40), (40, 3))]
    >>> solution = theory.deep_reduced(A, B, rng.normal(size=(3, 6)), times=[0.0, 5.0])
    >>> solution.loss().shape
    (2,)
    """
    A, F, T, Sigma = deep_problem(weights, feedback, T, Sigma, rule)
    return solve_deep_grams(
        deep_grams(A, F),
        T,
        Sigma,
        times=increasing_times(times),
        weight_decay=weight_decay,
        rtol=rtol,
        atol=atol,
        start=DeepStart(tuple(A), tuple(F)),
        method="deep_reduced",
        rule=rule,
    )


def deep_problem(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike],
    T: ArrayLike,
    Sigma: ArrayLike | None,
    rule: str,
) -> tuple[list[np.ndarray], list[np.ndarray], TargetMap, Covariance]:
    """Check a network, its feedback and its task; return start, F_1 ... F_{L-1}, T and Sigma."""
    if rule not in RULES:
        raise UnknownNameError("rule of the deep reduction", rule, RULES)
    A = network_weights(weights)
    if rule == "feedback_alignment":
        F = direct_from_layered(layered_feedback(feedback, A))
    else:
        F = direct_feedback(feedback, A)
    T = real_array("T", T, 2)
    matching_shapes(weight_axes(A) | {"T": (T, (f"n_{len(A)}", "n_0"))})
    return A, F, T, covariance_matrix("Sigma", Sigma, T.shape[1])


def solve_deep_grams(
    grams: DeepGrams,
    T: TargetMap,
    Sigma: Covariance,
    *,
    times: Float[np.ndarray, " time"],
    weight_decay: float,
    rtol: float,
    atol: float,
    start: DeepStart | None,
    method: str,
    rule: str,
) -> DeepReducedSolution:
    """Integrate the reduced flow from inner products alone; arguments as of `deep_reduced`."""
    rtol, atol = checked_tolerances(rtol, atol)
    weight_decay = one_number("weight_decay", weight_decay)
    if not (np.isfinite(weight_decay) and weight_decay >= 0):
        raise RegimeError(f"weight_decay must be finite and not negative; got {weight_decay}")
    shapes = [(grams.n_o, len(M)) for M in grams.M] + [T.shape]
    ends = np.cumsum([0, *(a * b for a, b in shapes)])
    decay = weight_decay

    def unpack(flat: np.ndarray) -> list[np.ndarray]:
        return [
            flat[..., first:last].reshape(*flat.shape[:-1], *shape)
            for first, last, shape in zip(ends[:-1], ends[1:], shapes, strict=True)
        ]

    def field(t: float, flat: np.ndarray) -> np.ndarray:
        *Xi, E = unpack(flat)
        a = np.exp(-decay * t)
        Y = layer_products(grams, Xi, a).Y
        P = path_from_feedback(grams, Xi, a)
        ES = E @ Sigma
        moves = [ES @ y.T for y in Y]
        dE = -sum(p @ move @ M @ y for p, move, M, y in zip(P, moves, grams.M, Y, strict=True))
        dE = dE + len(Xi) * decay * (T - E)
        return np.concatenate(
            [(m - decay * x).ravel() for m, x in zip(moves, Xi, strict=True)] + [dE.ravel()]
        )

    state = np.zeros(ends[-1])
    nothing = [np.zeros(shape) for shape in shapes[:-1]]
    state[ends[-2] :] = (T - layer_products(grams, nothing).product).ravel()
    tolerance = np.full(ends[-1], atol)
    tolerance[ends[-2] :] = _SMALLEST_ERROR if decay == 0 else atol
    rows = np.full((len(times), ends[-1]), np.nan)
    # SciPy returns what lies behind the start; the start is known exactly.
    rows[times == 0] = state
    later = times[times > 0]

    def error_left(t: float, flat: np.ndarray) -> float:
        del t
        return float(np.abs(flat[ends[-2] :]).max()) - _NOTHING * float(np.abs(T).max())

    error_left.terminal = True  # type: ignore[attr-defined]
    if len(later):
        # A flow that blows up overflows before the solver gives up; the NaN rows say so.
        with np.errstate(over="ignore", invalid="ignore"):
            solution = solve_ivp(
                field, (0.0, later[-1]), state, "DOP853", later,
                rtol=rtol, atol=tolerance, events=error_left,
            )  # fmt: skip
        path = solution.y.T.reshape(-1, ends[-1])
        first = len(times) - len(later)
        rows[first : first + len(path)] = path
        if solution.status == 1:  # learnt to the end: nothing moves any more
            rows[first + len(path) :] = solution.y_events[0][0]
            rows[first + len(path) :, ends[-2] :] = 0.0
    rows[~np.isfinite(rows).all(axis=1)] = np.nan
    lost = np.isnan(rows).any(axis=1)
    *Xi, E = unpack(rows)
    return DeepReducedSolution(
        times, tuple(Xi), E, np.exp(-decay * times), grams, T, Sigma, method, rule,
        start, int(np.argmax(lost)) if lost.any() else -1,
    )  # fmt: skip
