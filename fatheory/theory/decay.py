"""How fast the error of feedback alignment decays: linearised at a rest point, and measured."""

import numpy as np
from jaxtyping import Float

from fatheory.arrays import (
    ArrayLike,
    Covariance,
    FeedbackWeights,
    InputWeights,
    OutputWeights,
    TargetMap,
)
from fatheory.checks import (
    covariance_matrix,
    increasing_times,
    matching_shapes,
    real_array,
    two_layer_arrays,
)
from fatheory.errors import ArrayError, RegimeError

RANK_TOLERANCE = 1e-10
"""Singular values and eigenvalues below this multiple of the largest count as zero, and
eigenvalues closer than it as equal."""

FIT_FLOOR = 1e-8
"""Relative error norm below which a loss is not used to measure a rate: rounding and the
integrator's tolerance take over."""

FIT_SPAN = 30.0
"""Factor over which the error norm decays within the window of the fit."""

MIN_FIT_SAMPLES = 5
"""Fewest times that a rate is fitted to."""

Basis = Float[np.ndarray, "_ _"]
"""Orthonormal columns, none or more."""


def linearised_rate(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    start: tuple[ArrayLike, ArrayLike] | None = None,
) -> float:
    r"""Compute the asymptotic decay rate of the error at a rest point of feedback alignment.

    Under the flow E = T - W W0 obeys, exactly and at all times,

    .. math:: \dot E = -\mathcal L E,\quad
              \mathcal L E = E \Sigma W_0^\top W_0 + W B E \Sigma

    so that near a rest point with E = 0 the error norm sqrt(2 L) decays as exp(-rate t) with
    the smallest real part of the eigenvalues of :math:`\mathcal L` there. For Sigma = I these
    are the sums of an eigenvalue of W B and one of W0^T W0.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Input weights at the rest point.
    W : array of shape (n_o, n_h)
        Output weights at the rest point.
    B : array of shape (n_h, n_o)
        Feedback weights.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment; the identity by default.
    start : (W0, W), optional
        Weights at time 0. E stays in the span of what T and the start reach: directions outside
        (as at zero start the inputs that T ignores) hold no error and are left out. By default
        all directions count, as for a start in general position.

    Returns
    -------
    float
        Per unit of time t = eta * step. Positive where the rest point attracts all counted
        errors. The operator is a dense matrix of (n_o n_i)^2 entries at most.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If no direction of the error is counted: T and the start are zero.

    References
    ----------
    Derived for this project; Girotti, Mitliagkas & Gidel 2021 (arXiv 2110.10815) for rates of
    the decoupled modes.
    """
    W0, W, B, T, Sigma = checked_problem(W0, W, B, T, Sigma)
    if start is None:
        left, right = np.eye(T.shape[0]), np.eye(T.shape[1])
    else:
        W0_start, W_start, *_ = checked_problem(*start, B, T, Sigma)
        left, right = reached_outputs(T, W_start), reached_inputs(T, W0_start, Sigma)
    if not (left.size and right.size):
        raise RegimeError("T and the start weights are zero: there is no error that could decay")
    # Not `eigvalsh`: W B is not symmetric, and pairs of errors may spiral in.
    return float(np.linalg.eigvals(error_operator(W0, W, B, Sigma, left, right)).real.min())


def measured_rate(times: ArrayLike, loss: ArrayLike) -> float:
    """Measure the rate at which the error norm sqrt(2 L) decays at late times.

    The slope of -1/2 log L in time, by least squares over the last factor `FIT_SPAN` of the error
    norm above `FIT_FLOOR` times its largest value.

    Parameters
    ----------
    times : array
        Increasing.
    loss : array
        Loss at these times, as from `flow`.

    Returns
    -------
    float
        Per unit of time.

    Raises
    ------
    ArrayError
        If an array is not finite, the shapes differ, or a loss is negative.
    RegimeError
        If the window holds fewer than `MIN_FIT_SAMPLES` times.
    """
    times, loss = increasing_times(times), real_array("loss", loss, 1, any_scale=True)
    matching_shapes({"times": (times, ("time",)), "loss": (loss, ("time",))})
    if (loss < 0).any():
        raise ArrayError(f"loss must not be negative; its smallest value is {loss.min():.3g}")
    error = np.sqrt(loss)
    usable = error > FIT_FLOOR * error.max()
    if usable.any():
        # The last stretch only: earlier, modes that decay faster still count.
        usable &= error <= FIT_SPAN * error[usable].min()
    if usable.sum() < MIN_FIT_SAMPLES:
        raise RegimeError(
            f"only {usable.sum()} times lie in the last factor {FIT_SPAN:g} of the decay; a rate "
            f"needs {MIN_FIT_SAMPLES}: take the times closer together"
        )
    # A fit and not two points: errors that spiral in wave about their decay.
    return float(-np.polyfit(times[usable], np.log(error[usable]), 1)[0])


def checked_problem(
    W0: ArrayLike, W: ArrayLike, B: ArrayLike, T: ArrayLike, Sigma: ArrayLike | None
) -> tuple[InputWeights, OutputWeights, FeedbackWeights, TargetMap, Covariance]:
    """Return the arrays of a two-layer problem, validated against each other."""
    W0, W, B, T = two_layer_arrays(W0=W0, W=W, B=B, T=T)
    return W0, W, B, T, covariance_matrix("Sigma", Sigma, T.shape[1])


def error_operator(
    W0: InputWeights,
    W: OutputWeights,
    B: FeedbackWeights,
    Sigma: Covariance,
    left: Basis,
    right: Basis,
) -> Float[np.ndarray, "m m"]:
    """Return the matrix of E -> E Sigma W0^T W0 + W B E Sigma for E = left Z right^T.

    It acts on Z flattened row by row. The bases span what the flow keeps invariant:
    `reached_outputs` and `reached_inputs`, or everything.
    """
    S = right.T @ Sigma @ right
    W0 = W0 @ right
    M = left.T @ W @ B @ left
    # Row by row, vec(A Z C) = (A kron C^T) vec(Z).
    return np.kron(np.eye(len(M)), (S @ W0.T @ W0).T) + np.kron(M, S)


def reached_outputs(T: TargetMap, W: OutputWeights) -> Basis:
    """Return a basis of the columns of T and W: under the flow E has no others."""
    return _column_basis(np.hstack([T, W]))


def reached_inputs(T: TargetMap, W0: InputWeights, Sigma: Covariance) -> Basis:
    """Return a basis of the smallest Sigma-invariant space that the rows of T and W0 lie in.

    Under the flow the rows of E stay in it. Directions of zero variance are left out: the loss
    does not see them.
    """
    variance, axes = np.linalg.eigh(Sigma)
    rows = np.vstack([T, W0])
    tolerance = RANK_TOLERANCE * variance[-1]
    size = float(np.linalg.norm(rows, 2))
    pieces = []
    # Where variances are equal Sigma is a multiple of I and leaves alone what the rows span there;
    # single eigenvectors of such a group are arbitrary.
    for group in np.split(axes, 1 + np.flatnonzero(np.diff(variance) > tolerance), axis=1):
        if np.sum(group * (Sigma @ group)) > tolerance * group.shape[1]:
            pieces.append(group @ _column_basis((rows @ group).T, size))
    return np.hstack(pieces) if pieces else np.empty((len(Sigma), 0))


def _column_basis(A: np.ndarray, size: float | None = None) -> Basis:
    """Return an orthonormal basis of the columns of A, up to `RANK_TOLERANCE` of `size`."""
    U, s, _ = np.linalg.svd(A, full_matrices=False)
    # Of a part of the rows, against the whole: a part that they hardly touch would count its
    # rounding for directions.
    scale = s[0] if size is None else size
    return U[:, s > RANK_TOLERANCE * scale]
