"""Phases in which one layer is frozen: linear equations, solved by matrix exponentials."""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.linalg import expm

from fatheory.arrays import Covariance, FeedbackWeights, InputWeights, OutputWeights, TargetMap
from fatheory.checks import covariance_matrix, increasing_times, matching_shapes, real_array
from fatheory.errors import RegimeError
from fatheory.rules import Rule, make_rule
from fatheory.theory.integrate import Phase
from fatheory.theory.labelled import labelled_solution, population_loss
from fatheory.theory.mean_rule import mean_layered_rule, mean_state

INPUT_LAYER, OUTPUT_LAYER = 1, 2


def phases_closed_form(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike | None,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike,
    phases: Sequence[Phase],
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
    phases : sequence of Phase
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
    layered = mean_layered_rule(make_rule(rule) if isinstance(rule, str) else rule)
    state = mean_state(layered, network.feedback, network.W.shape)
    path = _follow(network, lambda W: layered.backward_weights(W, state).T, moments, phases)
    loss = population_loss(path, network.T, network.Sigma)
    return labelled_solution(moments, path, loss, method="linear_phases", rule=layered.name)


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
    return _shallow(_checked(W0, W, "B", None, T, Sigma), increasing_times(times))


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
    return _frozen_output(network, carrier, increasing_times(times))


class _Network(NamedTuple):
    """A two-layer network with its task, as arrays that fit."""

    W0: InputWeights
    W: OutputWeights
    feedback: FeedbackWeights | None
    T: TargetMap
    Sigma: Covariance


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


def _follow(
    network: _Network,
    carrier: Callable[[OutputWeights], FeedbackWeights],
    times: Float[np.ndarray, " time"],
    phases: Sequence[Phase],
) -> tuple[Float[np.ndarray, "time n_h n_i"], Float[np.ndarray, "time n_o n_h"]]:
    """Solve phase after phase; `carrier` gives P = V^T at the W that a phase freezes."""
    path_0 = np.repeat(network.W0[None], len(times), axis=0)
    path = np.repeat(network.W[None], len(times), axis=0)
    begin = 0.0
    for phase, end in zip(phases, _phase_ends(phases, times[-1]), strict=True):
        later = times > begin
        # Times behind the phase get its end, which starts the next phase and overwrites them.
        elapsed = np.append(np.minimum(times[later], end), end) - begin
        if phase.frozen == {INPUT_LAYER}:
            W = _shallow(network, elapsed)
            path[later], network = W[:-1], network._replace(W=W[-1])
        elif phase.frozen == {OUTPUT_LAYER}:
            W0 = _frozen_output(network, carrier(network.W), elapsed)
            path_0[later], network = W0[:-1], network._replace(W0=W0[-1])
        begin = end
    return path_0, path


def _shallow(
    network: _Network, times: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "time n_o n_h"]:
    W0, W, _, T, Sigma = network
    values, vectors = np.linalg.eigh(Sigma)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    L, sigma, Rt = np.linalg.svd(W0 @ root, full_matrices=False)
    drive = (T - W @ W0) @ root @ Rt.T
    safe = np.where(sigma > 0, sigma, 1.0)
    gain = -np.expm1(-(sigma**2) * times[:, None]) / safe
    return W + (drive * gain[:, None, :]) @ L.T


def _frozen_output(
    network: _Network, P: FeedbackWeights, times: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "time n_h n_i"]:
    W0, W, _, T, Sigma = network
    WP, n_o = W @ P, len(W)
    values, vectors = np.linalg.eigh(Sigma)
    values = np.clip(values, 0.0, None)
    errors = (T - W @ W0) @ vectors
    slowest = float(np.linalg.eigvals(WP).real.min())
    if -slowest * values[-1] * times[-1] > np.log(np.finfo(float).max) / 2:
        raise RegimeError(
            f"with W frozen the error grows like exp({-slowest * values[-1]:.3g} t), which at "
            f"t = {times[-1]:.6g} leaves the range of floating point: W P has an eigenvalue with "
            f"the real part {slowest:.3g}; shorten the phase"
        )
    out = np.empty((len(times), *W0.shape))
    augmented = np.zeros((len(values), 2 * n_o, 2 * n_o))
    augmented[:, :n_o, :n_o] = -values[:, None, None] * WP
    augmented[:, :n_o, n_o:] = values[:, None, None] * np.eye(n_o)
    for index, t in enumerate(times):
        integral = expm(augmented * t)[:, :n_o, n_o:]
        out[index] = W0 + P @ np.einsum("jab,bj->aj", integral, errors) @ vectors.T
    return out


def _phase_ends(phases: Sequence[Phase], last: float) -> list[float]:
    """Check the phases against each other and the last time; return when each ends."""
    if not phases:
        raise RegimeError("phases is empty; give at least one, with its duration and frozen layers")
    for number, phase in enumerate(phases, start=1):
        if not (np.isfinite(phase.duration) and phase.duration > 0):
            raise RegimeError(f"phase {number} must last a positive time; got {phase.duration}")
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
    ends[-1] = max(ends[-1], last)
    return ends
