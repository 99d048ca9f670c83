"""Adaptive integration of flows of weight matrices, phase by phase, many runs side by side.

Every run keeps a step of its own, so that its answer depends on which others stand beside it by
rounding only; what is shared is the price of calling NumPy.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.errors import RegimeError
from fatheory.theory import dop853
from fatheory.theory.fields import Field, RunsField, with_frozen
from fatheory.theory.phase import FlowPhase

RTOL = 1e-10
ATOL = 1e-12


class Trajectory(NamedTuple):
    """Weights at the requested times.

    Attributes
    ----------
    weights : tuple of arrays of shape (time, n_out, n_in)
        One per layer; NaN from `diverged_at` on.
    diverged_at : int
        Index of the first time that the solution does not reach, -1 if it reaches all.
    """

    weights: tuple[Float[np.ndarray, "time _ _"], ...]
    diverged_at: int = -1


class Trajectories(NamedTuple):
    """Several runs at the requested times.

    Attributes
    ----------
    blocks : tuple of arrays of shape (run, time, ...)
        What was integrated; NaN where a run is lost.
    exhausted_at : array of shape (run,)
        Time at which a run had used up its evaluations; NaN for the others.
    """

    blocks: tuple[Float[np.ndarray, "run time ..."], ...]
    exhausted_at: Float[np.ndarray, " run"]


def integrate(
    field: Field,
    start: Sequence[np.ndarray],
    times: Float[np.ndarray, " time"],
    phases: Sequence[FlowPhase] = (),
    rtol: float = RTOL,
    atol: float = ATOL,
) -> Trajectory:
    """Integrate dW_l/dt = field(W_1 ... W_L) by DOP853, of order 8, with error control.

    Parameters
    ----------
    field : callable
        Vector field.
    start : sequence of arrays
        Weights at time 0.
    times : array
        Non-negative and increasing.
    phases : sequence of FlowPhase
        Carried out one after another; none means one phase without frozen layers that lasts.
    rtol, atol : float
        Relative and absolute local error tolerances per weight and step.

    Returns
    -------
    Trajectory
        With NaN from the time on at which the solution blows up or cannot be continued.

    Raises
    ------
    RegimeError
        If a time lies behind the last phase, or the field changes so fast that the tolerances
        cannot be met in `dop853.MAX_EVALUATIONS` evaluations.
    """

    def field_of(frozen: frozenset[int]) -> RunsField:
        moving = with_frozen(field, frozen)
        return lambda blocks, _: [d[None] for d in moving([block[0] for block in blocks])]

    runs = integrate_runs(field_of, [W[None] for W in start], times, phases, rtol, atol)
    refuse_exhausted(runs, times, rtol)
    blocks = tuple(block[0] for block in runs.blocks)
    return Trajectory(blocks, first_lost(blocks))


def integrate_runs(
    field_of: Callable[[frozenset[int]], RunsField],
    start: Sequence[np.ndarray],
    times: Float[np.ndarray, " time"],
    phases: Sequence[FlowPhase] = (),
    rtol: float = RTOL,
    atol: float = ATOL,
    normwise: Collection[int] = (),
) -> Trajectories:
    """Integrate several runs of one field side by side, each with a step of its own.

    Parameters
    ----------
    field_of : callable
        From the frozen layers of a phase to the field of all runs.
    start : sequence of arrays of shape (run, ...)
        Blocks at time 0.
    times, phases, rtol, atol
        As in `integrate`, the same for all runs.
    normwise : collection of int
        Which blocks keep a tolerance relative to their own largest entry, however small they
        become: `rtol`, and up to `dop853.RTOL_OF_SMALL` where that is less than `atol`.

    Returns
    -------
    Trajectories
        A run that blows up, or uses up its evaluations, is NaN from there on; the others go on.

    Raises
    ------
    RegimeError
        If a time lies behind the last phase.
    """
    phases = tuple(phases) or (FlowPhase(float(times[-1])),)
    ends = np.cumsum([phase.duration for phase in phases])
    # Times are products of rates and steps, and ends sums of such: they agree up to rounding.
    if times[-1] > ends[-1] * (1 + 1e-12):
        raise RegimeError(
            f"times reach {times[-1]}, but the phases end at {ends[-1]}; lengthen the last phase"
        )
    # A time on the border of two phases belongs to the earlier one.
    owner = np.minimum(np.searchsorted(ends, times), len(phases) - 1)
    layout = dop853.Layout([block.shape[1:] for block in start], frozenset(normwise), rtol, atol)
    state = layout.pack(start)
    rows = np.full((len(state), len(times), layout.size), np.nan)
    exhausted = np.full(len(state), np.nan)
    begin = 0.0
    for index, (phase, border) in enumerate(zip(phases, ends, strict=True)):
        inside = owner == index
        # The last time may lie behind the border by rounding, and is still reached.
        end = max([border, *times[inside]])
        field, stops = field_of(phase.frozen), np.append(times[inside], end)
        for runs in layout.chunks(np.flatnonzero(np.isfinite(state).all(axis=1))):
            moved, exhausted[runs] = dop853.advance(field, layout, state[runs], runs, begin, stops)
            rows[np.ix_(runs, np.flatnonzero(inside))] = moved[:, :-1]
            state[runs] = moved[:, -1]
        begin = end
    return Trajectories(tuple(layout.unpack(rows)), exhausted)


def refuse_exhausted(
    runs: Trajectories, times: Float[np.ndarray, " time"], rtol: float = RTOL
) -> None:
    """Refuse a solution in which a run used up its evaluations.

    Raises
    ------
    RegimeError
        Saying how far the first of them was followed.
    """
    stopped = runs.exhausted_at[~np.isnan(runs.exhausted_at)]
    if stopped.size:
        raise RegimeError(
            f"the flow was followed to t = {stopped[0]:.6g} of {times[-1]:.6g} in "
            f"{dop853.MAX_EVALUATIONS} evaluations; it changes too fast for rtol = {rtol:g}: "
            f"shorten the times or loosen the tolerance"
        )


def first_lost(blocks: Sequence[Float[np.ndarray, "time ..."]]) -> int:
    """Return the index of the first time at which an entry is not finite; -1 for none."""
    lost = np.zeros(len(blocks[0]), dtype=bool)
    for block in blocks:
        lost |= ~np.isfinite(block).all(axis=tuple(range(1, block.ndim)))
    return int(np.argmax(lost)) if lost.any() else -1
