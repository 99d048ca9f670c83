"""Weights and error map of linear networks along their flow, several runs side by side."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from fatheory.theory.fields import RunsField, without_vanished
from fatheory.theory.integrate import ATOL, RTOL, Trajectories, integrate_runs
from fatheory.theory.layers import partial_products
from fatheory.theory.phase import FlowPhase

LARGE_ERROR = 0.1
"""E against T, or what it was at first, from which on T - W_L ... W_1 is as accurate as E followed
by itself."""


def integrate_error_flow(
    field_of: Callable[[frozenset[int]], RunsField],
    start: Sequence[np.ndarray],
    T: Float[np.ndarray, "run n_o n_i"],
    times: Float[np.ndarray, " time"],
    phases: Sequence[FlowPhase] = (),
    rtol: float = RTOL,
    atol: float = ATOL,
) -> Trajectories:
    """Integrate weights and E = T - W_L ... W_1 of several runs; see `fields.error_flow`.

    Parameters
    ----------
    field_of : callable
        From `error_flow`.
    start : sequence of arrays of shape (run, n_l, n_{l-1})
        W_1 ... W_L at time 0.
    T : array of shape (run, n_o, n_i)
        Target maps.
    times, phases, rtol, atol
        As in `integrate_runs`; E has the tolerance `rtol` relative to its largest entry.

    Returns
    -------
    Trajectories
        Blocks W_1 ... W_L and E, which is 0 where it is below `fields.SMALLEST_NORM` and that of
        the weights, to rounding, where it is above `LARGE_ERROR` of T or of its start.
    """
    first = T - partial_products(start)[-1]
    runs = integrate_runs(field_of, [*start, first], times, phases, rtol, atol, {len(start)})
    *weights, E = runs.blocks
    without_vanished(E)
    for run, target in enumerate(T):  # one after another: products of wide layers take memory
        scale = max(np.abs(target).max(initial=0.0), np.abs(first[run]).max(initial=0.0))
        _agree(E[run], target, [W[run] for W in weights], LARGE_ERROR * scale)
    return runs


def _agree(
    E: Float[np.ndarray, "time n_o n_i"],
    T: Float[np.ndarray, "n_o n_i"],
    weights: Sequence[Float[np.ndarray, "time _ _"]],
    least: float,
) -> None:
    """Make large errors those of the weights, in place.

    The two differ by the tolerance of the integrator; a loss that is recorded beside weights is
    theirs.
    """
    size = np.abs(E).max(axis=(1, 2), initial=0.0)
    large = np.flatnonzero((size >= least) & np.isfinite(size))
    if large.size:
        with np.errstate(over="ignore", invalid="ignore"):  # a run that is about to be lost
            found = T - partial_products([W[large] for W in weights])[-1]
        E[large] = np.where(np.isfinite(found), found, E[large])
