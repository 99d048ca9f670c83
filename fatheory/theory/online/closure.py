r"""Mean and covariance of the chain, closed as if its state were Gaussian: the first phase.

With the covariance :math:`C = \sum_k v_k v_k^\top`, f the mean of a step and
:math:`\bar f` the same averaged over the spread of S,

.. math::

    m &\leftarrow m + f(m) + \sum_k \left[\tfrac12 (\bar f(m + v_k) + \bar f(m - v_k))
        - \bar f(m)\right],

    v_k &\leftarrow v_k + \tfrac12 (\bar f(m + v_k) - \bar f(m - v_k)),\qquad
    C \leftarrow \sum_k v_k v_k^\top + D .

The covariance takes strides of several steps, by the midpoint rule with half of the noise before
and half after; the mean takes every step.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import cholesky

from fatheory.theory.online.dressed_step import DressedFrame, dressed_step
from fatheory.theory.online.dressing import dressing
from fatheory.theory.online.gauge import Covariance, Vectors, fix_gauge
from fatheory.theory.online.mean_step import mean_step
from fatheory.theory.online.one_step_noise import noise_columns
from fatheory.theory.online.reduced_chain import Chain, ChainState, Layout, SpreadOfS

JITTER = 1e-9
"""Relative to the variances: keeps the Cholesky factor of a singular covariance."""
SMALL = 1e-5
"""Part of a column that one-sided differences take."""
KEPT = 30 * 2**20
"""Bytes of a block that is asked for once; see `_keep_freed_memory`."""


@dataclass(frozen=True, eq=False)
class ClosureMoments:
    """Mean and covariance after some steps.

    Attributes
    ----------
    mean : ChainState
        Of one point; P is that of the whole error.
    log_variance : array of shape (run,)
        Variance of the log loss.
    readout : array of shape (run, 1, n_o, n_o)
        What the covariance of W adds to <W K W^T>.
    """

    mean: ChainState
    log_variance: Float[np.ndarray, " run"]
    readout: Float[np.ndarray, "run 1 n_o n_o"]

    def only(self, runs: Sequence[int]) -> "ClosureMoments":
        """Return those of some of the runs."""
        return ClosureMoments(self.mean.only(runs), self.log_variance[runs], self.readout[runs])


class GaussianClosure:
    """The closure of some runs, stride after stride.

    Parameters
    ----------
    chain : Chain
        What is learned.
    start : ChainState
        Where, of one point.
    stride : int
        Steps between two updates of the covariance.
    """

    def __init__(self, chain: Chain, start: ChainState, stride: int) -> None:
        _keep_freed_memory()
        self.chain, self.stride, self.layout = chain, stride, Layout(chain.n_o)
        self._mean = self.layout.pack(start)
        runs, _, size = self._mean.shape
        # No spread at first: the start is known.
        self._C = np.zeros((runs, size, size))
        self._H = dressing(chain, start)
        self._before = self._mean

    def moments(self) -> ClosureMoments:
        """Return where it is."""
        state, _ = self.layout.unpack(self._mean)
        spread = self._spread()
        fast = spread(self._H)
        q, w = self.layout.ends[2:]
        readout = SpreadOfS(self._C[:, q:w, q:w])(self.chain.K)
        whole = ChainState(state.P + fast, state.S, state.Q, state.W)
        return ClosureMoments(whole, self._C[:, -1, -1].copy(), readout)

    def only(self, runs: Sequence[int]) -> "GaussianClosure":
        """Return the closure of some of the runs, where it is; this one stays as it is."""
        other, runs = copy(self), list(runs)
        other.chain = self.chain.only(runs)
        other._mean, other._before = self._mean[runs], self._before[runs]
        other._C, other._H = self._C[runs], self._H[runs]
        return other

    def advance(self) -> None:
        """Carry out a stride."""
        chain, layout, stride = self.chain, self.layout, self.stride
        # Coefficients are those of the middle of the stride, extrapolated.
        middle = self._mean + (self._mean - self._before) / 2
        state, _ = layout.unpack(middle)
        spread = self._spread()
        noise = noise_columns(chain, layout, state, spread(self._H), self._H)
        noise = stride / 2 * (noise.mT @ noise)
        v = _factor(self._C + noise)
        frame = DressedFrame(self._H, state.S, mean_step(chain, state).S)
        half = v + stride / 2 * self._slope(middle, v, frame, spread)
        # From columns half a stride on: the midpoint rule, of second order in the stride.
        shift, moved = self._push(middle, half, frame, self._spread(half))
        self._before = self._mean
        mean = self._mean
        for _ in range(stride):
            at, _ = layout.unpack(mean)
            mean = mean + layout.pack(dressed_step(chain, at, DressedFrame(self._H, at.S))) + shift
        v += stride * moved
        mean, self._C = fix_gauge(chain, layout, mean, v.mT @ v + noise)
        self._mean = self._dress_anew(mean)

    def _moved(self, points: Vectors, frame: DressedFrame, spread: SpreadOfS) -> Vectors:
        state, _ = self.layout.unpack(points)
        return self.layout.pack(dressed_step(self.chain, state, frame, spread))

    def _slope(self, mean: Vectors, v: Vectors, frame: DressedFrame, spread: SpreadOfS) -> Vectors:
        """Return how a step moves infinitesimal columns."""
        up = self._moved(mean + SMALL * v, frame, spread)
        return (up - self._moved(mean, frame, spread)) / SMALL

    def _push(
        self, mean: Vectors, v: Vectors, frame: DressedFrame, spread: SpreadOfS
    ) -> tuple[Vectors, Vectors]:
        """Return what fluctuations add to the mean of a step, and how a step moves the columns."""
        # Both ways, so that the curvature is what is left of their mean.
        up, down = (self._moved(mean + sign * v, frame, spread) for sign in (1, -1))
        bent = (up + down) / 2 - self._moved(mean, frame, spread)
        return bent.sum(axis=1, keepdims=True), (up - down) / 2

    def _dress_anew(self, mean: Vectors) -> Vectors:
        """Change to the dressing of the new mean, in which P of the whole error is the same."""
        state, scale = self.layout.unpack(mean)
        spread = self._spread()
        P = state.P + spread(self._H)
        self._H = dressing(self.chain, ChainState(P, state.S, state.Q, state.W))
        return self.layout.pack(ChainState(P - spread(self._H), state.S, state.Q, state.W), scale)

    def _spread(self, columns: Vectors | None = None) -> SpreadOfS:
        """Return the covariance of S, or that of columns."""
        p, s = self.layout.ends[:2]
        if columns is None:
            return SpreadOfS(self._C[:, p:s, p:s])
        part = columns[..., p:s]
        return SpreadOfS(part.mT @ part)


def _keep_freed_memory() -> None:
    """Let the allocator keep what it is given back, as every stride asks for it again.

    glibc hands blocks above a threshold back to the kernel, which must then clear each page anew: a
    quarter of the time of a stride. The threshold grows to the largest block that was freed; this
    one is never touched, and so takes no memory.
    """
    np.empty(KEPT, dtype=np.uint8)


def _factor(C: Covariance) -> Vectors:
    """Return columns, one a row, whose outer products sum to C."""
    # In units of the deviations, which differ by many orders: one jitter then suits them all.
    # Never 0, as the covariance is divided by it.
    deviation = np.sqrt(np.maximum(np.einsum("rii->ri", C), 1e-300))
    R = C / (deviation[:, :, None] * deviation[:, None, :])
    own = np.arange(C.shape[1])
    R[:, own, own] += JITTER
    return np.stack([_root(run) for run in R]) * deviation[:, None, :]


def _root(R: Float[np.ndarray, "size size"]) -> Float[np.ndarray, "size size"]:
    """Return A with A^T A = R."""
    try:
        # NumPy's takes three times as long, for copies.
        return cholesky(R, check_finite=False)
    except np.linalg.LinAlgError:
        # Rounding can make it indefinite by more than the jitter.
        values, vectors = np.linalg.eigh(R)
        return (vectors * np.sqrt(np.clip(values, 0, None))).T
