"""The law of the loss under one rule: both phases, one after the other."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from fatheory.errors import LearningRateWarning, RegimeError
from fatheory.rules import Backprop, FixedFeedback, Rule, Shallow
from fatheory.theory.online.closure import GaussianClosure
from fatheory.theory.online.late_phase import LatePhase, excess
from fatheory.theory.online.mean_angle import mean_angle
from fatheory.theory.online.reduced_chain import Chain, ChainState, Square
from fatheory.theory.online.shallow import shallow_mean_loss

SWITCH = {False: 0.03, True: 0.002}
"""Error against its start, as P, from which on the late phase is followed; by backprop or not."""
SMALL_START = 0.1
"""Largest singular values of start weights against the root of that of T."""
STRIDE, STRIDE_POWER, SHORTEST = 0.335, 0.7, 4
"""Steps between two updates: STRIDE / x^STRIDE_POWER, x the pace of learning (`stride_of`)."""
TRUSTED = 1.25
"""Standard deviation of the log loss in the first phase up to which the closure is followed."""
TRUSTED_EXCESS = 0.75
"""And chi of the weights there (`excess`): 1 is the limit of mean-square stability."""


@dataclass(frozen=True, eq=False)
class LearningLaw:
    """The law of the loss at some steps, NaN from where it is not known.

    Attributes
    ----------
    log_mean : array of shape (step,)
        Natural logarithm of the mean loss.
    log_std : array of shape (step,)
        Standard deviation of the log loss; NaN where only the mean is known.
    angle : array of shape (step,)
        Mean angle of teaching signals, in degrees.
    excess : array of shape (step,)
        chi of the weights there (`fatheory.theory.online.late_phase.excess`).
    reason : str
        Why it ends before the last step; empty if it does not.
    """

    log_mean: Float[np.ndarray, " step"]
    log_std: Float[np.ndarray, " step"]
    angle: Float[np.ndarray, " step"]
    excess: Float[np.ndarray, " step"]
    reason: str = ""

    @property
    def median(self) -> Float[np.ndarray, " step"]:
        """The median loss, of a lognormal law; NaN where only the mean is known."""
        return np.exp(self.log_mean - self.log_std**2 / 2)

    @property
    def mean(self) -> Float[np.ndarray, " step"]:
        """The mean loss."""
        return np.exp(self.log_mean)

    def warn(self, whose: str = "") -> None:
        """Say so if it ends early."""
        if self.reason:
            warnings.warn(f"{whose}{self.reason}", LearningRateWarning, stacklevel=3)


def refusal(rule: Rule) -> str:
    """Return why the law is not known under a rule; empty if it is."""
    if isinstance(rule, FixedFeedback | Backprop | Shallow):
        return ""
    return (
        f"the law of online learning under {rule.name!r} is not known: it is under fixed feedback, "
        f"backprop and shallow learning"
    )


def learning_law(
    W0: Float[np.ndarray, "n_h n_i"],
    W: Float[np.ndarray, "n_o n_h"],
    B: Float[np.ndarray, "n_h n_o"] | None,
    T: Float[np.ndarray, "n_o n_i"],
    rate: float,
    rule: Rule,
    steps: Int[np.ndarray, " step"],
) -> LearningLaw:
    """Return the law at the steps; see `online_learning`."""
    refused = refusal(rule)
    if refused:
        raise RegimeError(refused)
    if isinstance(rule, Shallow):
        mean = shallow_mean_loss(W0, W, T, learning_rate=rate, steps=steps)
        unknown = np.full(len(steps), np.nan)
        return LearningLaw(np.log(mean), unknown, unknown, unknown)
    _require_regime(W0, W, B, T, rule)
    if isinstance(rule, Backprop):
        chain, start = _backprop_chain(W0, W, T, rate)
        return _follow(chain, start, steps, None)
    assert B is not None  # `_require_regime` has asked for it
    none = np.zeros((1, 1, len(T), len(T)))
    chain = Chain((B.T @ B)[None, None], (T @ T.T)[None, None], False, T.shape[1], rate)
    E = T - W @ W0
    begun = ChainState((E @ E.T)[None, None], none, none, none)
    return _follow(chain, begun, steps, (B.T @ W.T, W @ W.T))


def _require_regime(
    W0: np.ndarray, W: np.ndarray, B: np.ndarray | None, T: np.ndarray, rule: Rule
) -> None:
    """Refuse what the chain is not of."""
    if (B is None) != isinstance(rule, Backprop):
        raise RegimeError(
            f"{rule.name!r} {'takes no feedback B: leave it out' if B is not None else 'needs B'}"
        )
    n_o, narrow = len(T), min(W0.shape)
    if narrow < n_o or np.linalg.matrix_rank(T) < n_o:
        raise RegimeError(
            f"the law needs inputs and hidden units at least as many as outputs and T of full "
            f"rank; got {W0.shape[1]}-{W0.shape[0]}-{n_o} and rank {np.linalg.matrix_rank(T)}"
        )
    size = max(np.linalg.norm(W0, 2), np.linalg.norm(W, 2)) / np.sqrt(np.linalg.norm(T, 2))
    if size > SMALL_START:
        raise RegimeError(
            f"the law is of learning from weights near zero: their largest singular value is "
            f"{size:.3g} of the root of that of T, above {SMALL_START}: start smaller"
        )


def _backprop_chain(
    W0: np.ndarray, W: np.ndarray, T: np.ndarray, rate: float
) -> tuple[Chain, ChainState]:
    """Return the chain of what grows of the start: (W0 v + W^T u) / 2 in every mode u, v of T."""
    U, _, Vh = np.linalg.svd(T, full_matrices=False)
    # Near zero the sum grows as e^{s t} and the difference decays. R alone, as the hidden units may
    # be turned at will.
    grown = np.linalg.qr((W0 @ Vh.T + W.T @ U) / 2).R
    X, Y = (grown @ Vh)[None, None], (U @ grown.T)[None, None]
    E = T - Y @ X
    chain = Chain(np.eye(len(T))[None, None], (T @ T.T)[None, None], True, T.shape[1], rate)
    return chain, ChainState(E @ E.mT, E @ X.mT, X @ X.mT, Y)


@dataclass(frozen=True, eq=False)
class _Knot:
    step: int
    log_loss: float
    log_variance: float
    P: Square
    readout: Square
    W: Square
    excess: float


def _follow(
    chain: Chain,
    start: ChainState,
    steps: Int[np.ndarray, " step"],
    begun: tuple[np.ndarray, np.ndarray] | None,
) -> LearningLaw:
    """Follow both phases; `begun` has B^T W^T and W W^T of the start, for the angles."""
    with np.errstate(all="ignore"):  # where the closure ends, it says so
        knots, reason = _knots(chain, start, int(steps[-1]))
    if not knots:
        unknown = np.full(len(steps), np.nan)
        return LearningLaw(unknown, unknown, unknown, unknown, reason)
    at = np.array([knot.step for knot in knots])
    known = steps <= at[-1]

    def between(values: Sequence[float]) -> Float[np.ndarray, " step"]:
        return np.where(known, np.interp(steps, at, values), np.nan)

    # Angles are dear, and those beside the steps asked for are enough.
    used = sorted({i for s in steps[known] for i in _neighbours(at, s)})
    angles = np.zeros(len(knots))
    for i in used:
        angles[i] = (
            0.0
            if begun is None
            else mean_angle(chain, knots[i].P, knots[i].W, knots[i].readout, *begun)
        )
    variance = between([knot.log_variance for knot in knots])
    return LearningLaw(
        between([knot.log_loss for knot in knots]) + variance / 2,
        np.sqrt(variance),
        between(angles.tolist()),
        between([knot.excess for knot in knots]),
        reason,
    )


def _knots(chain: Chain, start: ChainState, end: int) -> tuple[list[_Knot], str]:
    """Return the run every few steps, to the end or to where the closure ends, and why."""
    stride = stride_of(chain)
    closure = GaussianClosure(chain, start, stride)
    whole = np.trace(start.P[0, 0])
    knots: list[_Knot] = []
    step = 0
    while True:
        now = closure.moments()
        size, variance = np.trace(now.mean.P[0, 0]), now.log_variance[0]
        sound = np.isfinite(size) and size > 0 and variance < TRUSTED**2
        chi = excess(chain, now.mean) if sound else np.inf
        if not (sound and chi < TRUSTED_EXCESS):
            return knots, _ended(chain, step, end)
        readout = now.mean.W @ chain.K @ now.mean.W.mT + now.readout
        knots.append(_Knot(step, np.log(size / 2), variance, now.mean.P, readout, now.mean.W, chi))
        if step >= end:
            return knots, ""
        if size < SWITCH[chain.backprop] * whole:
            break
        if not _advanced(closure.advance):
            return knots, _ended(chain, step, end)
        step += stride
    late = LatePhase(chain, now.mean, now.log_variance)
    while step < end:
        if not _advanced(lambda: late.advance(stride)):
            return knots, _ended(chain, step, end)
        step += stride
        state = late.state
        size = np.trace(state.P[0, 0])
        if not (np.isfinite(size) and size > 0):
            return knots, _ended(chain, step, end)
        knots.append(
            _Knot(
                step,
                # P is a mean over runs here, and the median of a lognormal law lies v / 2 below its
                # logarithm; in the first phase the mean was moved onto the typical path already.
                np.log(size / 2) - late.added[0] / 2,
                late.log_variance[0],
                state.P,
                state.W @ chain.K @ state.W.mT,
                state.W,
                excess(chain, state),
            )
        )
    return knots, ""


def stride_of(chain: Chain) -> int:
    """Return the steps between two updates of covariance and rates.

    Small errors decay with the singular values of T under backprop; under fixed feedback W grows
    with the square of the time, and with it the rate. A stride is a part of that time that shrinks
    with the learning rate, as the error of the closure does beside which its own must be small.
    """
    size, K = (float(np.linalg.norm(A[0, 0], 2)) for A in (chain.target, chain.K))
    rate = size**0.5 if chain.backprop else (size * K) ** (1 / 3)
    return max(SHORTEST, round(STRIDE / (chain.eta * rate) ** STRIDE_POWER))


def _advanced(advance: Callable[[], object]) -> bool:
    """Whether a stride was possible: LAPACK gives up on matrices that are not finite."""
    try:
        advance()
    except np.linalg.LinAlgError:
        return False
    return True


def _ended(chain: Chain, step: int, end: int) -> str:
    return (
        f"the closure of online learning ends at step {step} of {end}: at learning rate "
        f"{chain.eta:g} fluctuations grow too large for it; what follows is NaN"
    )


def _neighbours(at: Int[np.ndarray, " knot"], step: np.integer) -> tuple[int, int]:
    above = int(np.searchsorted(at, step))
    return (above, above) if at[above] == step else (above - 1, above)
