"""The path of the order parameters, by a solver that changes between Adams' and stiff formulas."""

import contextlib
import warnings

import numpy as np
from jaxtyping import Float
from scipy.integrate import LSODA

from fatheory.theory.integrate import first_lost, integrate
from fatheory.theory.order_parameters.field import motion
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.state import Layout, OrderParameters, Vector

RTOL = 1e-10
ATOL = 1e-12
DIFFERENCE = 1e-7
"""Step of the Jacobian's differences, relative to an entry of at least `SMALL`."""
SMALL = 1e-3


def follow(
    problem: Problem, start: OrderParameters, times: Float[np.ndarray, " time"]
) -> tuple[OrderParameters, int]:
    """Integrate and return the states at the times, and the first index not reached or -1.

    Learning rests on plateaus for times much longer than those in which fast directions settle, so
    that explicit steps are held by stability and not by accuracy: LSODA needs a third of their
    evaluations, and a tenth for ReLU units. Where it gives up, at a blow-up or where signs of the
    readout jump, one-step formulas go on, which tell the two apart.

    Parameters
    ----------
    problem : Problem
        What is learned, and how.
    start : OrderParameters
        At alpha = 0.
    times : array of shape (time,)
        Increasing, not negative.
    """
    layout = problem.layout(start.Q.shape[0])
    with np.errstate(all="ignore"):  # what diverges ends in NaN, and says so
        rows = _rows(_Motion(problem, layout), layout.pack(start), times)
    return layout.unpack(rows), first_lost([rows])


class _NotFiniteError(ArithmeticError):
    """The field has overflowed."""


class _Motion:
    """The field of one vector, its Jacobian, and the field of blocks."""

    def __init__(self, problem: Problem, layout: Layout) -> None:
        self.problem, self.layout = problem, layout

    def field(self, _: float, x: Vector) -> Vector:
        return self.layout.pack(motion(self.problem, self.layout.unpack(x)))

    def finite_field(self, _: float, x: Vector) -> Vector:
        """Return the field; LSODA would repeat a step that is not finite for ever."""
        moved = self.field(0.0, x)
        if not np.isfinite(moved).all():
            raise _NotFiniteError
        return moved

    def jacobian(self, _: float, x: Vector) -> Float[np.ndarray, "size size"]:
        """Return d field / dx by one-sided differences, all columns in one call."""
        steps = DIFFERENCE * np.maximum(np.abs(x), SMALL)
        values = self.field(0.0, np.concatenate([x[None], x + np.diag(steps)]))
        # One-sided: a rough Jacobian costs LSODA an iteration, and two-sided ones cost twice as
        # much.
        return ((values[1:] - values[0]) / steps[:, None]).T

    def blocks(self, parts: list[np.ndarray]) -> list[np.ndarray]:
        return [self.field(0.0, parts[0])]


def _rows(
    moved: _Motion, x: Float[np.ndarray, " size"], times: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "time size"]:
    """Return the vectors at the times, NaN where they are not reached."""
    rows = np.full((len(times), len(x)), np.nan)
    end, done = float(times[-1]), int(np.searchsorted(times, 0.0, side="right"))
    rows[:done] = x
    if done == len(times):
        return rows
    now = 0.0
    with warnings.catch_warnings(), contextlib.suppress(_NotFiniteError):
        solver = LSODA(moved.finite_field, 0.0, x, end, rtol=RTOL, atol=ATOL, jac=moved.jacobian)
        warnings.simplefilter("ignore", UserWarning)  # of giving up, which is dealt with below
        while solver.status == "running":
            solver.step()
            if solver.status == "failed" or not np.isfinite(solver.y).all():
                break
            now, x = solver.t, solver.y
            passed = int(np.searchsorted(times, now, side="right"))
            if passed > done:
                # Interpolated within the solver's own steps, which wanted times do not shorten.
                rows[done:passed] = solver.dense_output()(times[done:passed]).T
                done = passed
    if done < len(times):
        rest = integrate(moved.blocks, [x], times[done:] - now, rtol=RTOL, atol=ATOL)
        rows[done:] = rest.weights[0]
    return rows
