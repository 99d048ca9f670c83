"""Does feedback alignment learn this target? Conditions, proven rates, and the measured one."""

from dataclasses import dataclass

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
from fatheory.checks import increasing_times
from fatheory.errors import RegimeError
from fatheory.geometry import feedback_invariant, linear_loss, smallest_symmetric_eigenvalue
from fatheory.theory.decay import (
    RANK_TOLERANCE,
    checked_problem,
    linearised_rate,
    measured_rate,
    reached_inputs,
    reached_outputs,
)
from fatheory.theory.flow import flow

FLOW_RTOL, FLOW_ATOL = 1e-12, 1e-14
"""Tighter than the flow's defaults: rates are measured where the error is small."""

MAX_ITERATIONS = 1000
OVERSHOOT = 1e-9
"""Relative step beyond the fixed point of the local theorem, so that it is met, not approached."""


@dataclass(frozen=True)
class ConvergenceCertificate:
    """What is known about convergence of feedback alignment from a given start.

    Rates are those of the error norm sqrt(2 L), per unit of time t = eta * step: the loss decays
    at twice the rate. None stands for "this theorem says nothing here" or "not asked for".

    Attributes
    ----------
    feedback_rank : int
        Rank of B.
    feedback_full_rank : bool
        B e = 0 for no error e that can occur: rank n_o, or less where T has lower rank and the
        start is zero.
    wide_enough : bool
        n_h >= n_o. If not, see `bottleneck_limit`.
    covariance_full_rank : bool
        Sigma is positive definite.
    balanced : bool
        C = B W + (B W)^T - W0 W0^T vanishes to rounding, as at zero start.
    invariant_eigenvalue : float
        Smallest eigenvalue of C on the range of B.
    error_eigenvalue : float
        Smallest eigenvalue of the symmetric part of W B; positive where e^T W B e > 0 for
        every error e, the mean condition of Lillicrap et al. 2016.
    initial_loss : float
        L at the start.
    global_rate : float or None
        Proven at any distance from the solution, if C is positive on the range of B.
    global_factor : float
        Factor before the exponential of the global bound on the loss.
    local_rate : float or None
        Proven near the solution, if the loss is small enough for what the error still moves.
    linearised_rate : float or None
        Asymptotic rate at the end of the integrated flow.
    measured_rate : float or None
        Rate at which the integrated flow decays.
    """

    feedback_rank: int
    feedback_full_rank: bool
    wide_enough: bool
    covariance_full_rank: bool
    balanced: bool
    invariant_eigenvalue: float
    error_eigenvalue: float
    initial_loss: float
    global_rate: float | None
    global_factor: float
    local_rate: float | None
    linearised_rate: float | None = None
    measured_rate: float | None = None

    @property
    def bounded_flow_converges(self) -> bool:
        """Whether E -> 0 is proven for every flow from here whose weights stay bounded."""
        # The smallest eigenvalue of a C that is 0 is rounding of either sign.
        semidefinite = self.balanced or self.invariant_eigenvalue >= 0
        return self.feedback_full_rank and self.covariance_full_rank and semidefinite

    @property
    def converges(self) -> bool:
        """Whether exponential convergence to zero loss is proven without further conditions."""
        return self.global_rate is not None or self.local_rate is not None

    def loss_bound(self, times: ArrayLike) -> Float[np.ndarray, " time"]:
        """Compute the proven upper bound on the loss; infinite where no theorem applies.

        Raises
        ------
        ArrayError
            If times are negative or do not increase.
        """
        t = increasing_times(times)
        bound = np.full(t.shape, np.inf)
        if self.global_rate is not None:
            bound = self.global_factor * np.exp(-2 * self.global_rate * t)
        if self.local_rate is not None:
            bound = np.minimum(bound, self.initial_loss * np.exp(-2 * self.local_rate * t))
        return bound


def convergence_certificate(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike | None = None,
) -> ConvergenceCertificate:
    r"""Check the conditions for convergence of linear feedback alignment and bound its rate.

    Three theorems, for the flow of two layers; C is its invariant, R(B) the range of B,
    :math:`\lambda` and :math:`\Lambda` the smallest and largest eigenvalue of Sigma where there
    is error:

    - Global. :math:`F = \tfrac12 \mathrm{tr}\, B E \Sigma E^\top B^\top` obeys
      :math:`\dot F = -\|B E \Sigma W_0^\top\|^2
      - \tfrac12 \mathrm{tr}\, \Sigma E^\top B^\top (W_0 W_0^\top + C) B E \Sigma`.
      If C is at least c > 0 on R(B), then
      :math:`L(t) \le F(0)\, \sigma_{\min}(B)^{-2} e^{-c \lambda t}`.
    - Bounded flow. If C >= 0 on R(B), as from zero start, B e = 0 for no error and Sigma is
      positive definite, then E -> 0 along every flow whose weights stay bounded (LaSalle's
      principle with F).
    - Local. While the error has moved the weights by a path of length
      :math:`D = \int \|E \Sigma\|`, the loss decays at least at
      :math:`2 \lambda k(D)`, with b = |B|, w = |W0|, s the smallest eigenvalue of the symmetric
      part of W B and n that of W0^T W0,
      :math:`k(D) = (\sqrt n - b D)_+^2 + s - b D (w + b D)`. If D k(D) reaches
      :math:`\sqrt{2 L(0) \Lambda} / \lambda` for some D with k(D) > 0, then
      :math:`L(t) \le L(0) e^{-2 \lambda k(D) t}`: it may be asked at any point of a flow.

    Eigenvalues are taken where the flow can put error: in the span of T and the start.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    B : array of shape (n_h, n_o)
        Feedback weights.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment; the identity by default.
    times : array, optional
        If given, the flow is integrated, and its rate measured and compared with the linearised
        one at its end. They must resolve the late decay.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If T and the start are zero, or `times` do not resolve the decay.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Notes 10-11, for zero start; Girotti, Mitliagkas & Gidel
    2021 (arXiv 2110.10815) for rates of single modes. Theorems as stated: derived for this
    project.
    """
    W0, W, B, T, Sigma = checked_problem(W0, W, B, T, Sigma)
    start = _InitialWeights(W0, W, B, T, Sigma)
    C = feedback_invariant(W0, W, B)
    size = float(np.linalg.norm(B @ W) + np.linalg.norm(W0) ** 2)
    global_rate, global_factor = start.global_bound(C)
    linearised, measured = (
        (None, None) if times is None else _rates_of_flow(W0, W, B, T, Sigma, times)
    )
    return ConvergenceCertificate(
        feedback_rank=int(np.linalg.matrix_rank(B)),
        feedback_full_rank=start.seen,
        wide_enough=B.shape[0] >= B.shape[1],
        covariance_full_rank=int(np.linalg.matrix_rank(Sigma)) == len(Sigma),
        # Against the terms of which C is the difference, as their rounding is what is left of it.
        balanced=float(np.linalg.norm(C)) <= RANK_TOLERANCE * size,
        invariant_eigenvalue=start.smallest_on_feedback(C),
        error_eigenvalue=float(smallest_symmetric_eigenvalue(W, B)),
        initial_loss=start.loss,
        global_rate=global_rate,
        global_factor=global_factor,
        local_rate=start.local_rate(),
        linearised_rate=linearised,
        measured_rate=measured,
    )


class _InitialWeights:
    """A start, seen within the directions that the error can take."""

    def __init__(
        self,
        W0: InputWeights,
        W: OutputWeights,
        B: FeedbackWeights,
        T: TargetMap,
        Sigma: Covariance,
    ) -> None:
        left, right = reached_outputs(T, W), reached_inputs(T, W0, Sigma)
        if not (left.size and right.size):
            raise RegimeError("T and the start weights are zero: there is nothing to learn")
        self.E, self.Sigma, self.B_norm = T - W @ W0, Sigma, _spectral_norm(B)
        self.B, self.W0, self.W0_norm = B @ left, W0 @ right, _spectral_norm(W0)
        self.WB = left.T @ W @ B @ left
        variances = np.linalg.eigvalsh(right.T @ Sigma @ right)
        self.least_variance, self.most_variance = float(variances[0]), float(variances[-1])
        self.loss = float(linear_loss(W0, W, T, Sigma))
        self.projection = left
        self.seen = int(np.linalg.matrix_rank(self.B)) == left.shape[1]

    def smallest_on_feedback(self, C: Float[np.ndarray, "n_h n_h"]) -> float:
        """Return the smallest eigenvalue of C on the range of B."""
        U, s, _ = np.linalg.svd(self.B, full_matrices=False)
        # The least float, so that a B of zeros has no range instead of a whole one.
        Q = U[:, s > RANK_TOLERANCE * max(s[0], np.finfo(float).tiny)]
        return float(np.linalg.eigvalsh(Q.T @ C @ Q)[0]) if Q.size else 0.0

    def global_bound(self, C: Float[np.ndarray, "n_h n_h"]) -> tuple[float | None, float]:
        """Return rate and factor of the global theorem."""
        c = self.smallest_on_feedback(C)
        # An eigenvalue that is zero but for rounding would claim a rate that nothing proves.
        if not self.seen or c <= RANK_TOLERANCE * _spectral_norm(C):
            return None, float("inf")
        BE = self.B @ self.projection.T @ self.E
        F = float(np.sum((BE @ self.Sigma) * BE)) / 2
        return c * self.least_variance / 2, F / float(
            np.linalg.svd(self.B, compute_uv=False)[-1]
        ) ** 2

    def local_rate(self) -> float | None:
        """Return the rate of the local theorem, by iterating D = a / k(D) upwards from D = 0."""
        b, w, s = self.B_norm, self.W0_norm, float(np.linalg.eigvalsh(self.WB + self.WB.T)[0]) / 2
        n_h, r = self.W0.shape
        # With fewer hidden units than directions of the error W0^T W0 is singular.
        root_n = float(np.linalg.svd(self.W0, compute_uv=False)[-1]) if n_h >= r else 0.0
        a = np.sqrt(2 * self.loss * self.most_variance) / self.least_variance

        def k(D: float) -> float:
            return max(root_n - b * D, 0.0) ** 2 + s - b * D * (w + b * D)

        # From below: k falls with D, so the first D that is met has the best rate.
        D = 0.0
        for _ in range(MAX_ITERATIONS):
            if k(D) <= 0:
                return None
            if D * k(D) >= a:
                return self.least_variance * k(D)
            D = (1 + OVERSHOOT) * a / k(D)
        return None


def _rates_of_flow(
    W0: InputWeights,
    W: OutputWeights,
    B: FeedbackWeights,
    T: TargetMap,
    Sigma: Covariance,
    times: ArrayLike,
) -> tuple[float, float]:
    """Return the linearised rate at the end of the flow, and the rate measured on it."""
    path = flow(W0, W, B, T, Sigma, times=times, rtol=FLOW_RTOL, atol=FLOW_ATOL)
    end_W0, end_W = path.weight_1.values[-1], path.weight_2.values[-1]
    rate = linearised_rate(end_W0, end_W, B, T, Sigma, start=(W0, W))
    return rate, measured_rate(path.time.values, path.loss.values)


def _spectral_norm(A: np.ndarray) -> float:
    return float(np.linalg.norm(A, 2))
