"""Linear feedback alignment in closed form: weights, loss and angles at any time."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from jaxtyping import Float

from fatheory.arrays import ArrayLike, FeedbackWeights
from fatheory.checks import (
    covariance_matrix,
    increasing_times,
    matching_shapes,
    real_array,
    two_layer_arrays,
)
from fatheory.geometry import angle
from fatheory.theory.labelled import labelled_solution
from fatheory.theory.modes import ModeSolution, Values, checked_times
from fatheory.theory.spectral import SpectralStart, spectral_start


@dataclass(frozen=True, eq=False)
class ClosedForm:
    r"""The solution from a spectral start, a function of time.

    .. math:: W_0 = B U x V^\top + P,\qquad W = U y U^\top B^\top + Q + U (x - x_0) V^\top P^\top

    with x and y the curves of `modes`, in the notation of `fatheory.theory.spectral`. Times are in
    units t = eta * step, of any shape; infinity is allowed and gives the limit.

    Attributes
    ----------
    start : SpectralStart
        Basis, strengths and start of the modes.
    B : array of shape (n_h, n_o)
        Feedback.
    """

    start: SpectralStart
    B: FeedbackWeights

    @cached_property
    def modes(self) -> ModeSolution:
        """Curves of the modes in units of time t * variance; their y is y + p / g."""
        begin = self.start
        r = len(begin.s)
        shift = begin.p / begin.g
        return ModeSolution(begin.s + begin.p * begin.x0, begin.g, begin.x0, begin.y0[:r] + shift)

    def x(self, t: Values) -> np.ndarray:
        """Return the diagonal of U^T B^+ W0 V, of shape (*t, r)."""
        return self.modes.x(self._clock(t))

    def y(self, t: Values) -> np.ndarray:
        """Return the diagonal of U^T W (B^+)^T U, of shape (*t, n_o); beyond r it stays."""
        begin = self.start
        r = len(begin.s)
        moving = self.modes.y(self._clock(t)) - begin.p / begin.g
        # Modes beyond the rank of T have no input direction that could move them.
        still = np.broadcast_to(begin.y0[r:], (*moving.shape[:-1], len(begin.y0) - r))
        return np.concatenate([moving, still], axis=-1)

    def weights(self, t: Values) -> tuple[np.ndarray, np.ndarray]:
        """Return W0 of shape (*t, n_h, n_i) and W of shape (*t, n_o, n_h)."""
        begin, x, y = self.start, self.x(t), self.y(t)
        r = len(begin.s)
        U, V = begin.U[:, :r], begin.V[:, :r]
        W0 = ((self.B @ U) * x[..., None, :]) @ V.T + begin.P
        W = (begin.U * y[..., None, :]) @ (self.B @ begin.U).T + begin.Q
        return W0, W + (U * (x - begin.x0)[..., None, :]) @ (begin.P @ V).T

    def loss(self, t: Values) -> np.ndarray:
        """Return L = 1/2 tr(E Sigma E^T), with relative accuracy also near 0."""
        return np.asarray(self.start.variance * self.modes.loss(self._clock(t)))

    def error_map(self, t: Values) -> np.ndarray:
        """Return E = T - W W0 of shape (*t, n_o, n_i), with relative accuracy also near 0."""
        begin = self.start
        r = len(begin.s)
        residual = self.modes.residual(self._clock(t))
        return (begin.U[:, :r] * residual[..., None, :]) @ begin.V[:, :r].T

    def weight_angle(self, t: Values) -> np.ndarray:
        r"""Return the angle between W and B^T, in degrees; NaN where W is zero.

        :math:`\cos\angle(W, B^\top) = \sum y / \sqrt{n_o \sum y^2}` where W has no part orthogonal
        to the range of B; such a part adds to the length of W only.
        """
        # In the basis of the modes B^T is sqrt(g) times ones, and what W has beyond the range of B
        # is one coordinate more. The angle is the same there, and keeps its digits where it is
        # small.
        begin, y = self.start, self.y(t)
        along = np.sqrt(begin.g) * y
        rest = np.sqrt(np.maximum(self._orthogonal_square(t), 0.0))[..., None]
        return np.asarray(
            angle(
                np.concatenate([along, rest], axis=-1),
                np.append(np.ones(along.shape[-1]), 0.0),
            )
        )

    def delta_angle(self, error: ArrayLike, t: Values) -> np.ndarray:
        r"""Return the angle between the signals B e and W^T e of single errors, in degrees.

        With :math:`\epsilon = U^\top e`, :math:`\cos\angle =
        \sum y\epsilon^2 / (|\epsilon| \sqrt{\sum y^2\epsilon^2})` where W has no part orthogonal
        to the range of B.

        Parameters
        ----------
        error : array of shape (..., n_o)
            Errors e.
        t : array
            Times.

        Returns
        -------
        array of shape (*t, ...)
            NaN where a signal is zero.

        Raises
        ------
        ArrayError
            If `error` is not finite or has another number of outputs.
        """
        e = real_array("error", error)
        matching_shapes(
            {
                "B": (self.B, ("n_h", "n_o")),
                "error": (e.reshape(-1, *e.shape[-1:]), ("sample", "n_o")),
            }
        )
        begin, x, y = self.start, self.x(t), self.y(t)
        r = len(begin.s)
        epsilon = e @ begin.U
        extra = tuple(range(-epsilon.ndim, -1))
        y, moved = np.expand_dims(y, extra), np.expand_dims(x - begin.x0, extra)
        # Coordinates along B U / sqrt(g), which is orthonormal, and off the range of B, where B e
        # is 0.
        along = np.sqrt(begin.g) * epsilon
        off = e @ begin.Q + (moved * epsilon[..., :r]) @ (begin.P @ begin.V[:, :r]).T
        feedback = np.concatenate([along, np.zeros((*epsilon.shape[:-1], off.shape[-1]))], axis=-1)
        return np.asarray(angle(np.concatenate([y * along, off], axis=-1), feedback))

    def dataset(self, times: ArrayLike) -> xr.Dataset:
        """Return weights and loss along increasing, finite times, labelled as `flow` does."""
        moments = increasing_times(times)
        return labelled_solution(
            moments,
            self.weights(moments),
            self.loss(moments),
            method="closed_form",
            rule="feedback_alignment",
        )

    def _clock(self, t: Values) -> Float[np.ndarray, "..."]:
        """Return time in the units of the modes: Sigma = variance * I only sets the pace."""
        return np.asarray(self.start.variance * checked_times(t))

    def _orthogonal_square(self, t: Values) -> Float[np.ndarray, "..."]:
        """Return the squared length of W's part orthogonal to the range of B."""
        begin = self.start
        r = len(begin.s)
        moved = self.x(t) - begin.x0
        # The square of Q + U (x - x0) V^T P^T, multiplied out: no matrix of n_o x n_h for every
        # time.
        cross = np.einsum("or,oh,hi,ir->r", begin.U[:, :r], begin.Q, begin.P, begin.V[:, :r])
        return np.asarray(np.sum(begin.Q**2) + moved @ (2 * cross) + moved**2 @ begin.p)


def closed_form_solution(
    W0: ArrayLike, W: ArrayLike, B: ArrayLike, T: ArrayLike, Sigma: ArrayLike | None = None
) -> ClosedForm:
    """Solve linear feedback alignment in closed form, for white input and a spectral start.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    B : array of shape (n_h, n_o)
        Feedback with B^T B = g I, g > 0; so n_h >= n_o.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment, a multiple of the identity; the identity by default. The multiple
        sets the pace: t enters as variance * t.

    Returns
    -------
    ClosedForm
        Weights, loss and angles as functions of t = eta * step. Exact to rounding; parts of the
        start below `spectral.TOLERANCE` that are not spectral are left out.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If an assumption fails; the message names it and says by how much. Also where a mode starts
        too near a double fixed point.

    References
    ----------
    Derived for this project; zero start also follows from Lillicrap et al. 2016, Supplementary
    Notes 10-11, Girotti, Mitliagkas & Gidel, arXiv 2110.10815.
    """
    W0, W, B, T = two_layer_arrays(W0=W0, W=W, B=B, T=T)
    return ClosedForm(spectral_start(W0, W, B, T, covariance_matrix("Sigma", Sigma, T.shape[1])), B)


def closed_form(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike,
) -> xr.Dataset:
    """Return what `fatheory.theory.flow.flow` integrates, from the closed form.

    Parameters and errors are those of `closed_form_solution`.

    Parameters
    ----------
    W0, W, B, T, Sigma : array
        As in `closed_form_solution`.
    times : array
        Increasing, from 0 on.

    Returns
    -------
    xarray.Dataset
        ``weight_1 (time, unit_1, unit_0)``, ``weight_2 (time, unit_2, unit_1)``, ``loss (time)``.
    """
    return closed_form_solution(W0, W, B, T, Sigma).dataset(times)
