r"""The exact reduction: hidden width leaves linear feedback alignment.

From any start (A0, Wi), with any input covariance,

.. math:: W_0 = A_0 + B X,\quad W = W_i + X A_0^\top + Y B^\top,\qquad
          \dot X = E \Sigma,\quad \dot Y = E \Sigma X^\top,\quad X(0) = Y(0) = 0,

because :math:`\dot W_0 = B E \Sigma` and
:math:`\dot W = E \Sigma W_0^\top = \dot X A_0^\top + \dot X X^\top B^\top`. The state
K = [X, Y] has n_o (n_i + n_o) numbers whatever n_h is, and E = T - W W0 depends on the hidden
layer only through the inner products in `HiddenGram`. The flow keeps Y + Y^T = X X^T, which is
the constancy of B W + (B W)^T - W0 W0^T in these variables. E is followed beside K,

.. math:: \dot E = -\dot X\, W_0^\top W_0 - W B\, \dot X,

linear in E, so that it keeps its relative accuracy where T - W W0 would be rounding. Derived for
this project.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import xarray as xr
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
    checked_tolerances,
    covariance_matrix,
    increasing_times,
    matching_shapes,
    real_matrix,
)
from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.fields import RunIndex, RunsField, without_vanished
from fatheory.theory.gram import HiddenGram, hidden_gram
from fatheory.theory.integrate import (
    ATOL,
    RTOL,
    first_lost,
    integrate_runs,
    refuse_exhausted,
)
from fatheory.theory.labelled import labelled_solution


class FullStart(NamedTuple):
    """The full matrices behind a reduced solution."""

    W0: InputWeights
    W: OutputWeights
    B: FeedbackWeights


@dataclass(frozen=True, eq=False)
class ReducedSolution:
    """Linear feedback alignment along `times`, at a cost that does not depend on n_h.

    Attributes
    ----------
    times : array of shape (time,)
        In units t = eta * step.
    K : array of shape (time, ..., n_o, n_i + n_o)
        The state [X, Y]; leading axes after time are runs. NaN from `diverged_at` on.
    gram : HiddenGram
        Inner products over the hidden units.
    T, Sigma : arrays of shape (n_o, n_i) and (n_i, n_i)
        Target map and input second moment.
    error_map : array of shape (time, ..., n_o, n_i)
        E = T - W W0, with relative accuracy also where it is small.
    method : str
        The method's name in `fatheory.solve`.
    start : FullStart or None
        Full matrices at time 0, from which `weights` are rebuilt; None where only inner products
        are known, as at infinite width.
    diverged_at : int
        Index of the first time that the solution does not reach, -1 if it reaches all.
    """

    times: Float[np.ndarray, " time"]
    K: Float[np.ndarray, "time *runs n_o m"]
    gram: HiddenGram
    T: TargetMap
    Sigma: Covariance
    error_map: Float[np.ndarray, "time *runs n_o n_i"]
    method: str
    start: FullStart | None = None
    diverged_at: int = -1

    @property
    def X(self) -> Float[np.ndarray, "time *runs n_o n_i"]:
        """What W0 = A0 + B X has learned."""
        return self.K[..., : self.gram.n_i]

    @property
    def Y(self) -> Float[np.ndarray, "time *runs n_o n_o"]:
        """What W = Wi + X A0^T + Y B^T has learned beside X A0^T."""
        return self.K[..., self.gram.n_i :]

    def product(self) -> Float[np.ndarray, "time *runs n_o n_i"]:
        """Compute the network's map W W0."""
        return self.gram.product(self.K)

    def loss(self) -> Float[np.ndarray, "time *runs"]:
        """Compute L = 1/2 tr(E Sigma E^T), E = T - W W0, without the noise floor."""
        E = self.error_map
        return 0.5 * np.sum((E @ self.Sigma) * E, axis=(-2, -1))

    def weight_angle(self) -> Float[np.ndarray, "time *runs"]:
        """Compute the angle between W and B^T in degrees; NaN where one of them is zero.

        W is split into its part along B^T and the rest, alpha B^T + R, and the angle taken as
        atan2(|R|, alpha |B|), which keeps the digits of small angles from a zero start. From
        other starts the norms are differences of inner products, and angles below about 1e-6
        degrees are rounding.
        """
        BB = np.trace(self.gram.BB, axis1=-2, axis2=-1)
        WB = self.gram.projections(self.K)[..., self.gram.n_i :]
        alpha = np.trace(WB, axis1=-2, axis2=-1) / np.where(BB > 0, BB, np.nan)
        rest = self.K.copy()
        # R = W - alpha B^T is the same form with alpha I taken from Y.
        rest[..., self.gram.n_i :] -= alpha[..., None, None] * np.eye(self.T.shape[0])
        RR = self.gram.WW + np.sum(
            (self.gram.M + self.gram.projections(rest)) * rest, axis=(-2, -1)
        )
        # From the parts across and along B^T: by its cosine a small angle would be rounding.
        angle = np.rad2deg(np.arctan2(np.sqrt(np.maximum(RR, 0.0)), alpha * np.sqrt(BB)))
        return np.where((RR <= 0) & (alpha == 0), np.nan, angle)

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Rebuild W0 of shape (time, n_h, n_i) and W of shape (time, n_o, n_h).

        Raises
        ------
        RegimeError
            If the solution was found from inner products alone.
        """
        if self.start is None:
            raise RegimeError(
                f"the method {self.method!r} knows inner products over the hidden units, not the "
                f"weights; ask for X, Y, product(), loss() or weight_angle()"
            )
        A0, Wi, B = self.start
        return A0 + B @ self.X, Wi + self.X @ A0.T + self.Y @ B.T

    def dataset(self) -> xr.Dataset:
        """Return the full weights and the loss in the shape that `flow` returns.

        Raises
        ------
        RegimeError
            If the solution was found from inner products alone.
        """
        return labelled_solution(
            self.times,
            self.weights(),
            self.loss(),
            method=self.method,
            rule="feedback_alignment",
            diverged_at=self.diverged_at,
        )


def reduced(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike,
    rtol: float = RTOL,
    atol: float = ATOL,
) -> ReducedSolution:
    """Solve the gradient flow of linear feedback alignment in its n_o (n_i + n_o) variables.

    The same flow as `flow` of the rule feedback_alignment, exactly; the integrator controls the
    error of X and Y in the place of the weights'.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    B : array of shape (n_h, n_o)
        Fixed feedback.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment E[x x^T]; the identity (white input) by default.
    times : array
        Increasing, from 0 on, in units t = eta * step.
    rtol, atol : float
        Local error tolerances of the integrator, relative to and in the units of X and Y.

    Returns
    -------
    ReducedSolution

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.

    References
    ----------
    Derived for this project.
    """
    W0, W, B = real_matrix("W0", W0), real_matrix("W", W), real_matrix("B", B)
    T = real_matrix("T", T)
    gram = hidden_gram(W0, W, B)
    matching_shapes(
        {"W0": (W0, ("n_h", "n_i")), "W": (W, ("n_o", "n_h")), "T": (T, ("n_o", "n_i"))}
    )
    solution = solve_gram(gram, T, Sigma, times=times, rtol=rtol, atol=atol)
    return replace(solution, start=FullStart(W0, W, B))


def solve_gram(
    gram: HiddenGram,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike,
    rtol: float = RTOL,
    atol: float = ATOL,
) -> ReducedSolution:
    """Solve the reduced flow from inner products over the hidden units alone.

    Runs stacked in `gram`, of any hidden widths, are integrated side by side, each with a step of
    its own; one that blows up is NaN from there on, and the others go on.

    Parameters
    ----------
    gram : HiddenGram
        From `hidden_gram`, or a limit of it.
    T, Sigma, times, rtol, atol
        As in `reduced`; T and Sigma are common to the runs.

    Returns
    -------
    ReducedSolution
        Without a start, hence without `weights`.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    """
    T = real_matrix("T", T)
    n_o = gram.M.shape[-2]
    if T.shape != (n_o, gram.n_i):
        raise ArrayError(
            f"T must have shape {(n_o, gram.n_i)} to fit the inner products; its shape is {T.shape}"
        )
    Sigma = covariance_matrix("Sigma", Sigma, gram.n_i)
    moments = increasing_times(times)
    rtol, atol = checked_tolerances(rtol, atol)
    stack, runs = gram.M.shape[:-2], int(np.prod(gram.M.shape[:-2]))
    flat = HiddenGram(
        gram.M.reshape(runs, n_o, -1), gram.S.reshape(runs, *gram.S.shape[-2:]), gram.WW.ravel()
    )
    K, E = follow_grams(
        flat, np.broadcast_to(T, (runs, *T.shape)), Sigma[None], moments, rtol, atol
    )
    K, E = (np.moveaxis(block, 0, 1) for block in (K, E))
    K, E = (block.reshape(len(moments), *stack, *block.shape[2:]) for block in (K, E))
    return ReducedSolution(moments, K, gram, T, Sigma, E, "reduced", diverged_at=first_lost([K, E]))


def follow_grams(
    gram: HiddenGram,
    T: Float[np.ndarray, "run n_o n_i"],
    Sigma: Float[np.ndarray, "#run n_i n_i"],
    times: Float[np.ndarray, " time"],
    rtol: float = RTOL,
    atol: float = ATOL,
) -> tuple[Float[np.ndarray, "run time n_o m"], Float[np.ndarray, "run time n_o n_i"]]:
    """Integrate K and E of runs that are stacked in `gram`, each with its own T and Sigma.

    Raises
    ------
    RegimeError
        If a run changes too fast to be followed.
    """
    # White input spares a product at every evaluation.
    white = (Sigma == np.eye(gram.n_i)).all()
    spread = None if white else np.broadcast_to(Sigma, (len(T), gram.n_i, gram.n_i))
    K = np.zeros_like(gram.M)
    field = _reduced_field(gram, spread)
    start = (K, T - gram.product(K))
    # E is held to its own norm, however small it becomes, which losses and rates are read from.
    paths = integrate_runs(lambda _: field, start, times, (), rtol, atol, normwise={1})
    refuse_exhausted(paths, times, rtol)
    return paths.blocks[0], without_vanished(paths.blocks[1])


def _reduced_field(gram: HiddenGram, Sigma: Float[np.ndarray, "run n_i n_i"] | None) -> RunsField:
    """Return (K, E) -> (E Sigma [1, X^T], -(dX W0^T W0 + W B dX))."""
    n_i = gram.n_i
    M_B, S_A, S_B = gram.M[..., n_i:], gram.S[..., :n_i], gram.S[..., n_i:]

    def field(state: list[np.ndarray], runs: RunIndex) -> list[np.ndarray]:
        K, E = state
        E = without_vanished(E.copy())
        X = K[..., :n_i]
        dK = np.empty_like(K)
        dX = dK[..., :n_i]
        dX[:] = E if Sigma is None else E @ Sigma[runs]
        np.matmul(dX, X.mT, out=dK[..., n_i:])
        shared = S_A[runs] + S_B[runs] @ X  # [A0, B]^T W0
        WB = M_B[runs] + K @ S_B[runs]
        return [dK, -(dK @ shared + WB @ dX)]

    return field
