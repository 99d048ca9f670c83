r"""SGD of the linear network under feedback alignment, step by step in the reduced state."""

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg.blas import dgemm

from fatheory.arrays import ArrayLike, TargetMap
from fatheory.checks import covariance_matrix, matching_shapes, positive_number, real_array
from fatheory.errors import ArrayError
from fatheory.theory.gram import HiddenGram, hidden_gram
from fatheory.theory.integrate import first_lost
from fatheory.theory.reduction import FullStart, ReducedSolution

SMALL_ERROR = 1e-5
"""E against T below which it is carried by itself: 11 digits are left of it there."""
LOOK_EVERY = 32
"""Steps after which the size of E is looked at."""


def reduced_sgd(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike,
    T: ArrayLike,
    inputs: ArrayLike,
    *,
    learning_rate: float,
    noise: ArrayLike | None = None,
    snapshot_steps: ArrayLike,
    Sigma: ArrayLike | None = None,
) -> ReducedSolution:
    r"""Carry out SGD on given examples, exactly, at a cost per step that does not depend on n_h.

    .. math:: \Delta X = \eta \langle e x^\top\rangle,\quad \Delta Y = \Delta X\, X^\top,\quad
              e = T x + \text{noise} - W W_0 x

    with X and W W0 from before the step and the mean over the batch, are the simultaneous updates
    :math:`\Delta W_0 = \eta \langle B e x^\top\rangle,\ \Delta W = \eta \langle e h^\top\rangle`
    in the variables of `reduced`: W0 = A0 + B X, W = Wi + X A0^T + Y B^T.

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
    inputs : array of shape (step, batch, n_i)
        The examples of each step; batch 1 is online learning.
    learning_rate : float
        eta, per step.
    noise : array of shape (step, batch, n_o), optional
        Added to the targets T x; none by default.
    snapshot_steps : array of int
        Increasing, from 0 (the start) to the number of steps (after the last).
    Sigma : array of shape (n_i, n_i), optional
        Input second moment by which `ReducedSolution.loss` weighs; the identity by default. It
        does not enter the updates.

    Returns
    -------
    ReducedSolution
        At times eta * snapshot_steps; NaN from the first snapshot on that is not finite
        (`diverged_at`).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, Sigma is not a covariance, or snapshot steps are
        not increasing integers of the run.
    RegimeError
        If the learning rate is not positive and finite.

    References
    ----------
    Derived for this project.
    """
    W0, W, B = real_array("W0", W0, 2), real_array("W", W, 2), real_array("B", B, 2)
    T, inputs = real_array("T", T, 2), real_array("inputs", inputs, 3)
    if noise is None:
        shift = np.broadcast_to(0.0, (*inputs.shape[:2], len(T)))
    else:
        shift = real_array("noise", noise, 3)
    axes: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {
        "W0": (W0, ("n_h", "n_i")),
        "W": (W, ("n_o", "n_h")),
        "T": (T, ("n_o", "n_i")),
        "inputs": (inputs, ("step", "batch", "n_i")),
        "noise": (shift, ("step", "batch", "n_o")),
    }
    if matching_shapes(axes)["batch"] == 0:
        raise ArrayError(f"inputs must hold examples; its shape is {inputs.shape}")
    gram = hidden_gram(W0, W, B)
    Sigma = covariance_matrix("Sigma", Sigma, W0.shape[1])
    learning_rate = positive_number("learning_rate", learning_rate)
    steps = snapshots(snapshot_steps, len(inputs))
    K, E = _descend(gram, T, inputs, shift, learning_rate, steps)
    return ReducedSolution(
        learning_rate * steps,
        K,
        gram,
        T,
        Sigma,
        E,
        "reduced_sgd",
        FullStart(W0, W, B),
        first_lost([K, E]),
    )


def snapshots(value: ArrayLike, n_steps: int) -> Int[np.ndarray, " snapshot"]:
    """Return the steps at which a run of `n_steps` is looked at, checked to increase.

    Raises
    ------
    ArrayError
        If they are not increasing integers from 0 to `n_steps`.
    """
    steps = np.atleast_1d(np.asarray(value))
    if steps.ndim != 1 or steps.size == 0 or steps.dtype.kind not in "iu":
        raise ArrayError(f"snapshot_steps must be a non-empty list of integers; got {value!r:.80}")
    steps = steps.astype(np.int64)  # differences of unsigned integers would wrap around
    if steps[0] < 0 or steps[-1] > n_steps or (np.diff(steps) <= 0).any():
        raise ArrayError(
            f"snapshot_steps must increase from 0 or later to at most the {n_steps} steps of "
            f"inputs; got {value!r:.80}"
        )
    return steps


def _descend(
    gram: HiddenGram,
    T: TargetMap,
    inputs: Float[np.ndarray, "step batch n_i"],
    noise: Float[np.ndarray, "step batch n_o"],
    eta: float,
    steps: Int[np.ndarray, " snapshot"],
) -> tuple[Float[np.ndarray, "snapshot n_o m"], Float[np.ndarray, "snapshot n_o n_i"]]:
    """Return K = [X, Y] and E = T - W W0 at the snapshots.

    E is computed from K until it is small against T; from there on it is carried itself, which
    costs some calls more a step and keeps its relative accuracy.
    """
    n_o, m = gram.M.shape
    n_i = inputs.shape[2]
    K = np.full((len(steps), n_o, m), np.nan)
    E = np.full((len(steps), n_o, n_i), np.nan)
    table = _Table(gram, T, inputs.shape[1])
    error, carried = T - gram.product(table.K), False
    small = SMALL_ERROR * max(float(np.abs(T).max(initial=0.0)), float(np.abs(error).max()))
    # Where E is looked at must not depend on the snapshots, or the run would.
    looks = range(0, len(inputs), LOOK_EVERY)
    ends = sorted({*steps.tolist(), *looks})
    now, done = table.K, 0
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for end in ends:
            if end > steps[-1]:
                break
            part = slice(done, end)
            if carried:
                now, error = _carry(gram, now, error, inputs[part], noise[part], eta)
            else:
                table.move(inputs[part], noise[part], eta)
                now = table.K
                error = T - gram.product(now)
            if not (np.isfinite(now).all() and np.isfinite(error).all()):
                break
            where = np.flatnonzero(steps == end)
            K[where], E[where] = now, error
            # Once for all: E that grew again would still be exact, and switching back would jump by
            # rounding.
            carried |= end in looks and bool(np.abs(error).max() <= small)
            done = end
    return K, E


class _Table:
    """K and what its steps need, in one array.

    With v = [x, X x] and D = W [A0, B] - [T, 0], an example has the error e = noise - D v; it
    moves K by eta e v^T and D by eta e (S v)^T. The table holds [0, K^T] above [S, D^T], so that
    v and one product give S v and D v, and one call of BLAS updates K and D in place: a step of
    these sizes costs as much as it has calls.
    """

    def __init__(self, gram: HiddenGram, T: TargetMap, batch: int) -> None:
        n_o, m = gram.M.shape
        n_i = gram.n_i
        # In Fortran's order, or BLAS would work on a copy and not in place.
        table = np.zeros((2 * m, m + n_o), order="F")
        self._KD, self._XT, self._SD = table[:, m:], table[:n_i, m:], table[m:]
        self._SD[:, :m], self._SD[:, m:] = gram.S, gram.M.T
        self._SD[:n_i, m:] -= T.T
        self._row, self._m, self._n_i = np.empty((batch, 2 * m + n_o)), m, n_i

    @property
    def K(self) -> Float[np.ndarray, "n_o m"]:
        """The state now."""
        return self._KD[: self._m].T.copy()

    def move(
        self,
        inputs: Float[np.ndarray, "step batch n_i"],
        noise: Float[np.ndarray, "step batch n_o"],
        eta: float,
    ) -> None:
        """Carry out some steps."""
        row, m, n_i = self._row, self._m, self._n_i  # [x, X x, S v, -e]
        x_slot, Xx, v, products = row[:, :n_i], row[:, n_i:m], row[:, :m], row[:, m:]
        moves, error, rate = row[:, : 2 * m].T, row[:, 2 * m :], -eta / len(row)
        errorT, KD, XT, SD = error.T, self._KD, self._XT, self._SD
        for x, shift in zip(inputs, noise, strict=True):
            x_slot[:] = x
            np.matmul(x, XT, out=Xx)
            np.matmul(v, SD, out=products)
            np.subtract(error, shift, out=error)
            dgemm(rate, moves, errorT, 1.0, KD, trans_b=True, overwrite_c=True)


def _carry(
    gram: HiddenGram,
    K: Float[np.ndarray, "n_o m"],
    E: Float[np.ndarray, "n_o n_i"],
    inputs: Float[np.ndarray, "step batch n_i"],
    noise: Float[np.ndarray, "step batch n_o"],
    eta: float,
) -> tuple[Float[np.ndarray, "n_o m"], Float[np.ndarray, "n_o n_i"]]:
    """Return K and E after some steps, with e = E x + noise.

    E moves by -dW W0 - W dW0 - dW dW0, where dW0 = B dX, dW = dX W0^T: every term is
    proportional to e, so that nothing cancels.
    """
    K, E = K.copy(), E.copy()
    n_i = gram.n_i
    S_A, S_B, M_B = gram.S[:, :n_i], gram.S[:, n_i:], gram.M[:, n_i:]
    for x, shift in zip(inputs, noise, strict=True):
        X = K[:, :n_i]
        e = x @ E.T + shift
        dX = (eta / len(x)) * e.T @ x
        inner = S_A + S_B @ X  # [A0, B]^T W0
        dW_W0 = dX @ (inner[:n_i] + X.T @ inner[n_i:])
        dW_B = dX @ inner[n_i:].T
        E -= dW_W0 + (M_B + K @ S_B + dW_B) @ dX
        K[:, n_i:] += dX @ X.T
        K[:, :n_i] += dX
    return K, E
