r"""Early learning from zero, for any feedback and any input covariance.

From W0 = 0 and W = 0, with :math:`M = T\Sigma^2T^\top,\ N = T\Sigma^3T^\top,\ G = B^\top B`,

.. math:: W_0 = B\,[\,t\,T\Sigma - \tfrac{t^4}{8} M G T \Sigma^2\,] + O(t^7),\qquad
          W = [\,\tfrac{t^2}{2} M - \tfrac{t^5}{40}(N G M + 4 M G N)\,]\,B^\top + O(t^8).

So the first direction of W is :math:`M B^\top`: positive semi-definite M, hence below 90 degrees
from :math:`B^\top`. Derived for this project.
"""

from typing import NamedTuple

from fatheory.arrays import (
    ArrayLike,
    Covariance,
    FeedbackWeights,
    InputWeights,
    OutputWeights,
    TargetMap,
)
from fatheory.checks import covariance_matrix, increasing_times, matching_shapes, real_matrix
from fatheory.errors import ArrayError
from fatheory.geometry import angle


class EarlyWeights(NamedTuple):
    """Weights along early times.

    Attributes
    ----------
    W0 : array of shape (time, n_h, n_i)
        Input weights, to O(t^4), or O(t^7) with two terms.
    W : array of shape (time, n_o, n_h)
        Output weights, to O(t^5), or O(t^8) with two terms.
    """

    W0: InputWeights
    W: OutputWeights


def early_time(
    B: ArrayLike, T: ArrayLike, Sigma: ArrayLike | None = None, *, times: ArrayLike, terms: int = 1
) -> EarlyWeights:
    """Expand the flow of linear feedback alignment from zero weights in powers of time.

    Parameters
    ----------
    B : array of shape (n_h, n_o)
        Feedback.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment; the identity by default.
    times : array
        Increasing, from 0 on; early means that the second term is small against the first.
    terms : {1, 2}
        How many terms of each series.

    Returns
    -------
    EarlyWeights

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, Sigma is not a covariance, or `terms` is another.
    """
    if terms not in (1, 2):
        raise ArrayError(f"terms must be 1 or 2; got {terms!r}")
    B, T, Sigma = _checked(B, T, Sigma)
    t = increasing_times(times)[:, None, None]
    TS = T @ Sigma
    M = TS @ TS.T
    X, Y = t * TS, t**2 / 2 * M
    if terms == 2:
        MG = M @ (B.T @ B)
        MGN = MG @ (TS @ Sigma @ TS.T)
        X = X - t**4 / 8 * (MG @ TS @ Sigma)
        # M, G and N are symmetric, so N G M is the transpose.
        Y = Y - t**5 / 40 * (MGN.T + 4 * MGN)
    return EarlyWeights(B @ X, Y @ B.T)


def first_alignment_angle(B: ArrayLike, T: ArrayLike, Sigma: ArrayLike | None = None) -> float:
    """Return the angle between W and B^T as t goes to 0 from zero weights, in degrees.

    It is that between T Sigma^2 T^T B^T and B^T, at most 90 degrees.

    Parameters
    ----------
    B, T, Sigma : array
        As in `early_time`.

    Returns
    -------
    float
        NaN where T Sigma^2 T^T B^T is zero: nothing starts to align.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    """
    B, T, Sigma = _checked(B, T, Sigma)
    TS = T @ Sigma
    return float(angle(TS @ (TS.T @ B.T), B.T, axis=(-2, -1)))


def _checked(
    B: ArrayLike, T: ArrayLike, Sigma: ArrayLike | None
) -> tuple[FeedbackWeights, TargetMap, Covariance]:
    B, T = real_matrix("B", B), real_matrix("T", T)
    matching_shapes({"B": (B, ("n_h", "n_o")), "T": (T, ("n_o", "n_i"))})
    return B, T, covariance_matrix("Sigma", Sigma, T.shape[1])
