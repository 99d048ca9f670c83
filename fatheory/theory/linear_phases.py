"""Phases in which one layer is frozen: linear equations, solved by matrix exponentials."""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.linalg import expm

from fatheory.arrays import (
    ArrayLike,
    Covariance,
    FeedbackWeights,
    InputWeights,
    OutputWeights,
    TargetMap,
)
from fatheory.checks import covariance_matrix, increasing_times, matching_shapes, real_array
from fatheory.errors import RegimeError
from fatheory.rules import Rule, as_rule
from fatheory.theory.labelled import error_loss, labelled_solution
from fatheory.theory.mean_rule import mean_layered_rule, mean_state
from fatheory.theory.phase import FlowPhase, checked_phases

INPUT_LAYER, OUTPUT_LAYER = 1, 2
NULL_INPUT = 1e-13
"""Relative variance below which an input direction counts as one that does not occur."""
LARGEST_EXPONENT = float(np.log(np.finfo(float).max)) / 2
"""Growth that is followed: the loss is the square of the error."""


def phases_closed_form(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike | None,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike,
    phases: Sequence[FlowPhase],
    rule: str | Rule = "feedback_alignment",
) -> xr.Dataset:
    r"""Solve the gradient flow exactly through phases that each freeze at least one layer.

    With W0 frozen, E(t) = E(0) exp(-Sigma W0^T W0 t) whatever the rule (`shallow_weights`). With W
    frozen, dW0/dt = P E Sigma with the constant P = V^T, so dE/dt = -W P E Sigma
    (`frozen_output_weights`). Freezing both keeps the weights. This is the linear counterpart of
    the three phases of Lillicrap et al. 2016, Fig. 5c.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    B : array of shape (n_h, n_o) or None
        Fixed feedback. Rules that draw none do not use it: it may be None.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment; the identity by default.
    times : array of shape (time,)
        Increasing, from 0 on, in units t = eta * step, up to the end of the last phase.
    phases : sequence of FlowPhase
        One after another; ``frozen`` holds 1 for W0, 2 for W.
    rule : str or Rule
        Any rule that `flow` knows: while W is frozen V is constant, also for pseudobackprop and
        the sign-concordant rules.

    Returns
    -------
    xarray.Dataset
        The variables of `flow`: ``weight_1``, ``weight_2``, ``loss`` over ``time``.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or times do not increase.
    RegimeError
        If a phase leaves both layers free, freezes an unknown layer or has no duration, the times
        reach behind the last phase, or the error grows beyond the range of floating point.
    UnknownNameError
        If there is no such rule.

    References
    ----------
    Lillicrap et al. 2016, Nat. Commun. 7:13276, Fig. 5c, for the protocol; the solution is derived
    for this project.
    """
    network = _checked(W0, W, "B", B, T, Sigma)
    moments = increasing_times(times)
    layered = mean_layered_rule(as_rule(rule))
    state = mean_state(layered, network.feedback, network.W.shape)

    def carrier(W: OutputWeights) -> FeedbackWeights:
        return layered.backward_weights(W, state).T

    now, Sigma = network.now, network.Sigma
    plan = checked_phases(phases, layers=2)
    path = frozen_path(now.W0, now.W, network.T, Sigma, carrier, moments, plan)
    _refuse_growth(moments, path, Sigma, carrier)
    return labelled_solution(
        moments, path[:2], error_loss(path.E, Sigma), method="phases", rule=layered.name
    )


def shallow_weights(
    W0: ArrayLike, W: ArrayLike, T: ArrayLike, Sigma: ArrayLike | None, times: ArrayLike
) -> Float[np.ndarray, "time n_o n_h"]:
    r"""Compute W(t) while W0 stays: E(t) = E(0) exp(-Sigma W0^T W0 t), in this order of factors.

    .. math::
        W(t) = W(0) + E(0)\, \Sigma^{1/2} R\, \frac{1 - e^{-\sigma^2 t}}{\sigma}\, L^\top,
        \qquad W_0 \Sigma^{1/2} = L \sigma R^\top

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Input weights, fixed.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i) or None
        Input second moment; None for the identity.
    times : array of shape (time,)
        Increasing, from 0 on, in units t = eta * step.

    Returns
    -------
    array of shape (time, n_o, n_h)
        For t to infinity the least-squares W for these hidden units that is nearest the start.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or times do not increase.

    References
    ----------
    The linear readout of Lillicrap et al. 2016, Fig. 2a ("shallow"); derived for this project.
    """
    network = _checked(W0, W, "B", None, T, Sigma)
    return _shallow(network.now, network.Sigma, increasing_times(times)).W


def frozen_output_weights(
    W0: ArrayLike,
    W: ArrayLike,
    P: ArrayLike,
    T: ArrayLike,
    Sigma: ArrayLike | None,
    times: ArrayLike,
) -> Float[np.ndarray, "time n_h n_i"]:
    r"""Compute W0(t) while W stays: dW0/dt = P E Sigma with a constant P.

    In the eigenbasis of Sigma = Q diag(lambda) Q^T each column obeys its own equation:

    .. math::
        E(t) q_j = e^{-\lambda_j W P t} E(0) q_j,\qquad
        W_0(t) q_j = W_0(0) q_j + \lambda_j P \int_0^t e^{-\lambda_j W P \tau} d\tau\, E(0) q_j .

    The integral comes from one exponential of an augmented matrix (Van Loan 1978), so W P may be
    singular or defective; nothing is inverted.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Output weights, fixed.
    P : array of shape (n_h, n_o)
        What carries the error back: B for feedback alignment, W^T for backprop.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i) or None
        Input second moment; None for the identity.
    times : array of shape (time,)
        Increasing, from 0 on, in units t = eta * step.

    Returns
    -------
    array of shape (time, n_h, n_i)
        E tends to 0 if the eigenvalues of W P have positive real parts, as those of W W^T do when
        W has full row rank; with a random P they need not, and E grows without bound.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or times do not increase.
    RegimeError
        If the error grows beyond the range of floating point.

    References
    ----------
    Derived for this project.
    """
    carrier = real_array("P", P, 2)
    network = _checked(W0, W, "P", carrier, T, Sigma)
    moments = increasing_times(times)
    path = _frozen_output(network.now, network.Sigma, carrier, moments)
    _refuse_growth(moments, path, network.Sigma, lambda _: carrier)
    return path.W0


class _Path(NamedTuple):
    """Weights and E = T - W W0, at one time or at several."""

    W0: Float[np.ndarray, "*time n_h n_i"]
    W: Float[np.ndarray, "*time n_o n_h"]
    E: Float[np.ndarray, "*time n_o n_i"]


class _Network(NamedTuple):
    """A two-layer network with its task, as arrays that fit."""

    W0: InputWeights
    W: OutputWeights
    feedback: FeedbackWeights | None
    T: TargetMap
    Sigma: Covariance

    @property
    def now(self) -> _Path:
        """Weights and E at the start."""
        return _Path(self.W0, self.W, self.T - self.W @ self.W0)


def _checked(
    W0: ArrayLike,
    W: ArrayLike,
    feedback_name: str,
    feedback: ArrayLike | None,
    T: ArrayLike,
    Sigma: ArrayLike | None,
) -> _Network:
    W0, W, T = real_array("W0", W0, 2), real_array("W", W, 2), real_array("T", T, 2)
    axes = {"W0": (W0, ("n_h", "n_i")), "W": (W, ("n_o", "n_h")), "T": (T, ("n_o", "n_i"))}
    if feedback is not None:
        feedback = real_array(feedback_name, feedback, 2)
        axes[feedback_name] = (feedback, ("n_h", "n_o"))
    matching_shapes(axes)
    return _Network(W0, W, feedback, T, covariance_matrix("Sigma", Sigma, W0.shape[1]))


def frozen_path(
    W0: InputWeights,
    W: OutputWeights,
    T: TargetMap,
    Sigma: Covariance,
    carrier: Callable[[OutputWeights], FeedbackWeights],
    times: Float[np.ndarray, " time"],
    phases: Sequence[FlowPhase],
) -> _Path:
    """Solve phase after phase, and return W0, W and E = T - W W0 at all times.

    E is exact in relative terms, however small; it and the weights are NaN from the time on at
    which an error that grows leaves the range of floating point.

    Parameters
    ----------
    W0, W, T, Sigma : arrays
        Start, target and input second moment.
    carrier : callable
        From the W that a phase freezes to P = V^T, which carries the error back.
    times : array of shape (time,)
        Increasing, from 0 on.
    phases : sequence of FlowPhase
        Each with at least one frozen layer.

    Raises
    ------
    RegimeError
        As of `phases_closed_form`, but for an error that grows.
    """
    E = T - W @ W0
    path = _Path(*(np.repeat(A[None], len(times), axis=0) for A in (W0, W, E)))
    begin = 0.0
    for phase, end in zip(phases, _phase_ends(phases, times[-1]), strict=True):
        later = times > begin
        # Times behind the phase get its end, which starts the next phase and overwrites them.
        elapsed = np.append(np.minimum(times[later], end), end) - begin
        now = _Path(W0, W, E)
        if phase.frozen == {INPUT_LAYER}:
            moved = _shallow(now, Sigma, elapsed)
        elif phase.frozen == {OUTPUT_LAYER}:
            moved = _frozen_output(now, Sigma, carrier(W), elapsed)
        else:
            moved = _Path(*(np.broadcast_to(A, (len(elapsed), *A.shape)) for A in now))
        for whole, part in zip(path, moved, strict=True):
            whole[later] = part[:-1]
        W0, W, E = (part[-1] for part in moved)
        begin = end
        # What comes after a phase that was lost starts from nothing known.
        if not np.isfinite(W0).all():
            for whole in path:
                whole[times > end] = np.nan
            break
    return path


def _shallow(now: _Path, Sigma: Covariance, times: Float[np.ndarray, " time"]) -> _Path:
    W0, W, E = now
    values, vectors = np.linalg.eigh(Sigma)
    values = np.clip(values, 0.0, None)
    root = vectors * np.sqrt(values)
    n_h, n_i = W0.shape
    learned = min(n_h, n_i)
    # All n_i right vectors are needed, and no more left ones than there are values.
    L, sigma, Rt = np.linalg.svd(W0 @ root, full_matrices=n_h < n_i)
    sigma = np.append(sigma, np.zeros(n_i - learned))
    drive = E @ root @ Rt.T
    rate = sigma**2 * times[:, None]
    safe = np.where(sigma > 0, sigma, 1.0)
    # By expm1, or early changes would be rounding; where sigma is 0 it is 0 / 1.
    gain = (-np.expm1(-rate) / safe)[:, None, :learned]
    change = (drive[:, :learned] * gain) @ L.T
    # Along inputs that do not occur E follows from W; the others decay by themselves.
    seen = values > NULL_INPUT * max(values[-1], np.finfo(float).tiny)
    along = (E - change @ W0) @ vectors
    decayed = ((drive * np.exp(-rate)[:, None, :]) @ Rt)[..., seen]
    along[..., seen] = decayed / np.sqrt(values[seen])
    return _Path(np.broadcast_to(W0, (len(times), *W0.shape)), W + change, along @ vectors.T)


def _frozen_output(
    now: _Path, Sigma: Covariance, P: FeedbackWeights, times: Float[np.ndarray, " time"]
) -> _Path:
    W0, W, E = now
    WP, n_o = W @ P, len(W)
    values, vectors = np.linalg.eigh(Sigma)
    values = np.clip(values, 0.0, None)
    errors = E @ vectors
    growth = max(-_slowest(WP) * values[-1], 0.0)
    path_0 = np.full((len(times), *W0.shape), np.nan)
    path_E = np.full((len(times), *E.shape), np.nan)
    augmented = np.zeros((len(values), 2 * n_o, 2 * n_o))
    augmented[:, :n_o, :n_o] = -values[:, None, None] * WP
    augmented[:, :n_o, n_o:] = values[:, None, None] * np.eye(n_o)
    for index in np.flatnonzero(growth * times <= LARGEST_EXPONENT):
        # Not from eigenvectors: a defective W P has too few.
        both = expm(augmented * times[index])[:, :n_o]
        path_E[index] = np.einsum("jab,bj->aj", both[..., :n_o], errors) @ vectors.T
        path_0[index] = W0 + P @ np.einsum("jab,bj->aj", both[..., n_o:], errors) @ vectors.T
    path = np.repeat(W[None], len(times), axis=0)
    return _Path(path_0, path, path_E)


def _slowest(WP: Float[np.ndarray, "n_o n_o"]) -> float:
    # W P is not symmetric for a P other than W^T.
    return float(np.linalg.eigvals(WP).real.min())


def _refuse_growth(
    times: Float[np.ndarray, " time"],
    path: _Path,
    Sigma: Covariance,
    carrier: Callable[[OutputWeights], FeedbackWeights],
) -> None:
    """Refuse an answer in which the error left the range of floating point.

    Raises
    ------
    RegimeError
        Saying how fast it grows.
    """
    lost = ~np.isfinite(path.E).all(axis=(1, 2))
    if not lost.any():
        return
    known = path.W[~lost]
    W = known[-1] if len(known) else path.W[0]
    slowest = _slowest(W @ carrier(W)) if np.isfinite(W).all() else -np.inf
    growth = -slowest * float(np.linalg.eigvalsh(Sigma)[-1])
    raise RegimeError(
        f"with W frozen the error grows like exp({growth:.3g} t), which before "
        f"t = {times[int(np.argmax(lost))]:.6g} leaves the range of floating point: W P has an "
        f"eigenvalue with the real part {slowest:.3g}; shorten the phase"
    )


def _phase_ends(phases: Sequence[FlowPhase], last: float) -> list[float]:
    """Check the phases against each other and the last time; return when each ends."""
    if not phases:
        raise RegimeError("phases is empty; give at least one, with its duration and frozen layers")
    for number, phase in enumerate(phases, start=1):
        if not phase.frozen or not phase.frozen <= {INPUT_LAYER, OUTPUT_LAYER}:
            raise RegimeError(
                f"phase {number} freezes {sorted(phase.frozen) or 'no layer'}; the closed form "
                f"needs layer 1 (W0), layer 2 (W) or both frozen: integrate others with flow"
            )
    ends = list(itertools.accumulate(float(phase.duration) for phase in phases))
    if last > ends[-1] * (1 + 1e-12):
        raise RegimeError(
            f"times reach {last}, but the phases end at {ends[-1]}; lengthen the last phase"
        )
    # The last time may lie behind the last phase by rounding.
    ends[-1] = max(ends[-1], last)
    return ends
