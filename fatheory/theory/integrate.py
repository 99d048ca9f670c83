"""Adaptive integration of a flow of several weight matrices, phase by phase."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp

from fatheory.errors import RegimeError
from fatheory.theory.fields import Field, with_frozen

RTOL = 1e-10
ATOL = 1e-12
MAX_EVALUATIONS = 2_000_000
"""Bound on evaluations of the field in one phase. Smooth flows need some hundreds to thousands;
sign-concordant flows that slide along sign(W) = 0 need up to some hundred thousand."""


class Phase(NamedTuple):
    """A stretch of learning in which some layers do not change.

    Attributes
    ----------
    duration : float
        In units of time, t = eta * step.
    frozen : frozenset of int
        Layers, counted from 1, that keep their weights.
    """

    duration: float
    frozen: frozenset[int] = frozenset()


class Trajectory(NamedTuple):
    """Weights at the requested times.

    Attributes
    ----------
    weights : tuple of arrays of shape (time, n_out, n_in)
        One per layer; NaN after `diverged_at`.
    diverged_at : int
        Index of the first time that the solution does not reach, -1 if it reaches all.
    """

    weights: tuple[Float[np.ndarray, "time _ _"], ...]
    diverged_at: int = -1


def integrate(
    field: Field,
    start: Sequence[np.ndarray],
    times: Float[np.ndarray, " time"],
    phases: Sequence[Phase] = (),
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
    phases : sequence of Phase
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
        cannot be met in `MAX_EVALUATIONS` evaluations.
    """
    phases = tuple(phases) or (Phase(float(times[-1])),)
    ends = np.cumsum([phase.duration for phase in phases])
    if times[-1] > ends[-1] * (1 + 1e-12):
        raise RegimeError(
            f"times reach {times[-1]}, but the phases end at {ends[-1]}; lengthen the last phase"
        )
    # A time on the border of two phases belongs to the earlier one.
    owner = np.minimum(np.searchsorted(ends, times), len(phases) - 1)
    layout = _Layout([W.shape for W in start])
    state = layout.pack(start)
    rows = np.full((len(times), state.size), np.nan)
    begin = 0.0
    for index, (phase, border) in enumerate(zip(phases, ends, strict=True)):
        inside = owner == index
        end = max([border, *times[inside]])
        moving = with_frozen(field, phase.frozen)
        moved = _advance(moving, layout, state, begin, np.append(times[inside], end), rtol, atol)
        rows[inside] = moved[:-1]
        state, begin = moved[-1], end
        if not np.isfinite(state).all():
            break
    lost = ~np.isfinite(rows).all(axis=1)
    return Trajectory(
        tuple(np.stack(layer) for layer in zip(*map(layout.unpack, rows), strict=True)),
        int(np.argmax(lost)) if lost.any() else -1,
    )


class _Layout:
    """Where each weight matrix lies in one flat vector."""

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        ends = [0, *itertools.accumulate(math.prod(shape) for shape in shapes)]
        self._places = [
            (slice(first, stop), shape)
            for first, stop, shape in zip(ends[:-1], ends[1:], shapes, strict=True)
        ]

    def pack(self, weights: Sequence[np.ndarray]) -> Float[np.ndarray, " size"]:
        return np.concatenate([W.ravel() for W in weights])

    def unpack(self, flat: Float[np.ndarray, " size"]) -> list[np.ndarray]:
        return [flat[place].reshape(shape) for place, shape in self._places]


def _advance(
    field: Field,
    layout: _Layout,
    state: Float[np.ndarray, " size"],
    begin: float,
    wanted: Float[np.ndarray, " wanted"],
    rtol: float,
    atol: float,
) -> Float[np.ndarray, "wanted size"]:
    """Integrate from `begin` and return the state at the wanted times, NaN where it is lost."""
    out = np.full((len(wanted), state.size), np.nan)
    if wanted[-1] <= begin:
        out[:] = state
        return out

    evaluations = itertools.count()

    def flat_field(t: float, flat: np.ndarray) -> np.ndarray:
        if next(evaluations) == MAX_EVALUATIONS:
            raise RegimeError(
                f"the flow was followed to t = {t:.6g} of {wanted[-1]:.6g} in {MAX_EVALUATIONS} "
                f"evaluations; it changes too fast for rtol = {rtol:g}: shorten the times or "
                f"loosen the tolerance"
            )
        return layout.pack(field(layout.unpack(flat)))

    stops = np.unique(wanted)
    # A flow that blows up overflows before the solver gives up; the NaN rows say so.
    with np.errstate(over="ignore", invalid="ignore"):
        solution = solve_ivp(
            flat_field, (begin, stops[-1]), state, "DOP853", stops, rtol=rtol, atol=atol
        )
    reached = solution.y.T
    known = np.searchsorted(stops, wanted)
    alive = known < len(reached)
    out[alive] = reached[known[alive]]
    out[~np.isfinite(out).all(axis=1)] = np.nan
    return out
