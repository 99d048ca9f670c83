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

from fatheory.arrays import ArrayLike, Covariance, TargetMap
from fatheory.checks import (
    checked_tolerances,
    covariance_matrix,
    increasing_times,
    matching_shapes,
    not_negative_number,
    real_array,
)
from fatheory.errors import UnknownNameError
from fatheory.theory.deep_reduction.grams import DeepGrams, deep_grams
from fatheory.theory.deep_reduction.solution import DeepReducedSolution, DeepStart
from fatheory.theory.deep_reduction.state import layer_products, path_from_feedback
from fatheory.theory.fields import RunIndex, without_vanished
from fatheory.theory.integrate import first_lost, integrate_runs
from fatheory.theory.layers import (
    direct_feedback,
    direct_from_layered,
    layered_feedback,
    network_weights,
    weight_axes,
)
from fatheory.theory.wide.points import require_memory

RULES = ("feedback_alignment", "direct_feedback_alignment")
RTOL = 1e-12
"""A hundredth of that of other flows: errors of a step grow by some hundreds where layers learn one
after another, and weights are held to 1e-10."""
ATOL = 1e-14


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
        NaN from the time on at which the flow blows up, or changes too fast to be followed
        (``diverged_at``, -1 if never).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If the weight decay is negative or not finite, or the memory does not suffice.
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


def require_snapshots(grams: DeepGrams, T: TargetMap, count: int, what: str) -> None:
    """Refuse more snapshots of Xi_1 ... Xi_L and E than memory holds; `what` names them."""
    numbers = T.size + sum(grams.n_o * len(M) for M in grams.M)
    # Twice: as one array while they are found, and apart.
    require_memory(
        16 * count * numbers, f"a deep reduction at {count:,} {what}", f"ask for fewer {what}"
    )


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
    weight_decay = not_negative_number("weight_decay", weight_decay)
    shapes = [(grams.n_o, len(M)) for M in grams.M] + [T.shape]
    L, decay = len(shapes) - 1, weight_decay
    require_snapshots(grams, T, len(times), "times")

    def field(state: list[np.ndarray], runs: RunIndex) -> list[np.ndarray]:
        del runs  # there is one
        *Xi, E, a = state
        # A copy, for the state is the integrator's.
        E = without_vanished(E.copy())
        Y = layer_products(grams, Xi, a).Y
        P = path_from_feedback(grams, Xi, a)
        ES = E @ Sigma
        moves = [ES @ y.mT for y in Y]
        dE = -sum(p @ move @ M @ y for p, move, M, y in zip(P, moves, grams.M, Y, strict=True))
        dE = dE + L * decay * (T - E)
        return [*(m - decay * x for m, x in zip(moves, Xi, strict=True)), dE, -decay * a]

    nothing = [np.zeros(shape) for shape in shapes[:-1]]
    first = T - layer_products(grams, nothing).product
    # `a` is integrated too, though it is known: the field knows no time.
    *Xi, E, a = (block[None] for block in (*nothing, first, np.ones((1, 1))))
    # By its norm and not entry by entry, for an entry of E may be 0 while others are not.
    alone = frozenset() if decay else frozenset({L})
    runs = integrate_runs(lambda _: field, [*Xi, E, a], times, (), rtol, atol, alone)
    *Xi, E, _ = (block[0] for block in runs.blocks)
    without_vanished(E)
    lost = first_lost([*Xi, E])
    return DeepReducedSolution(
        times, tuple(Xi), E, np.exp(-decay * times), grams, T, Sigma, method, rule, start, lost,
    )  # fmt: skip
