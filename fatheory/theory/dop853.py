"""Steps of Dormand and Prince's method of order 8 (DOP853), of many runs side by side.

With SciPy's coefficients and its control of the step. Every run keeps a step of its own, so that
its answer depends on which others stand beside it by rounding only.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.integrate import DOP853

from fatheory.theory.fields import SMALLEST_NORM, RunsField

MAX_EVALUATIONS = 2_000_000
"""Bound on evaluations of the field in one phase. Smooth flows need some hundreds to thousands;
sign-concordant flows that slide along sign(W) = 0 need up to some hundred thousand."""

LANDING_RTOL = 5e-13
"""Below this tolerance steps end at the wanted times: between them the interpolant, of degree 7, is
less accurate than the steps."""
RTOL_OF_SMALL = 1e-9
"""Relative tolerance of a block that is small against `ATOL` and yet followed by itself."""

_STAGES = DOP853.n_stages
# As SciPy has them; the exponent is that of an error estimate of order 7.
_SAFETY, _SHRINK, _GROW, _EXPONENT = 0.9, 0.2, 10.0, -1 / 8
_CHUNK = 2**21
"""Bytes of stages that are worked on side by side: about what stays in a processor's cache."""


class Layout:
    """Where each block lies in the flat vector of a run, and what error it may have.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Of the blocks of one run.
    normwise : frozenset of int
        The blocks whose tolerance is relative to their own largest entry.
    rtol, atol : float
        Relative and absolute tolerances per entry and step.
    """

    def __init__(
        self,
        shapes: Sequence[tuple[int, ...]],
        normwise: frozenset[int],
        rtol: float,
        atol: float,
    ) -> None:
        ends = [0, *itertools.accumulate(math.prod(shape) for shape in shapes)]
        self.size = ends[-1]
        self._places = [
            (slice(first, stop), shape)
            for first, stop, shape in zip(ends[:-1], ends[1:], shapes, strict=True)
        ]
        self._relative = [self._places[block][0] for block in sorted(normwise)]
        self.rtol, self._atol = rtol, atol

    def pack(self, blocks: Sequence[np.ndarray]) -> Float[np.ndarray, "run size"]:
        """Put the blocks of runs one after another."""
        return np.concatenate([block.reshape(len(block), -1) for block in blocks], axis=1)

    def unpack(self, flat: Float[np.ndarray, "*runs size"]) -> list[np.ndarray]:
        """Return the blocks again."""
        lead = flat.shape[:-1]
        return [flat[..., place].reshape(lead + shape) for place, shape in self._places]

    def scale(self, *states: Float[np.ndarray, "run size"]) -> Float[np.ndarray, "run size"]:
        """Return the error that each entry may have in a step."""
        largest = np.abs(states[0])
        for state in states[1:]:
            np.maximum(largest, np.abs(state), out=largest)
        allowed = self._atol + self.rtol * largest
        for place in self._relative:
            # Never 0, as errors are divided by what is allowed.
            size = largest[:, place].max(axis=1, keepdims=True, initial=SMALLEST_NORM)
            small = np.minimum(self._atol, max(self.rtol, RTOL_OF_SMALL) * size)
            allowed[:, place] = np.maximum(self.rtol * size, small)
        return allowed

    def chunks(self, runs: Int[np.ndarray, " run"]) -> list[Int[np.ndarray, " part"]]:
        """Part runs into those that are worked on side by side."""
        room = max(1, _CHUNK // (8 * (_STAGES + 4) * max(self.size, 1)))
        return [runs[first : first + room] for first in range(0, len(runs), room)]


class _Steps:
    """The runs of a chunk on their way through one phase."""

    def __init__(
        self,
        field: RunsField,
        layout: Layout,
        state: Float[np.ndarray, "run size"],
        runs: Int[np.ndarray, " run"],
        begin: float,
        end: float,
    ) -> None:
        self.field, self.layout, self.runs, self.end = field, layout, runs, end
        self.t = np.full(len(state), begin)
        self.y = state.copy()
        self.going = np.arange(len(state))
        self.f = self.derivative(self.y, self.going)
        self.h = self._first_steps()
        self.rejected = np.zeros(len(state), dtype=bool)
        # The first derivative, and the one by which the first step was chosen.
        self.evaluations = np.full(len(state), 2)

    def derivative(
        self, y: Float[np.ndarray, "some size"], some: Int[np.ndarray, " some"]
    ) -> Float[np.ndarray, "some size"]:
        """Evaluate the field for some of the runs."""
        return self.layout.pack(self.field(self.layout.unpack(y), self.runs[some]))

    def _first_steps(self) -> Float[np.ndarray, " run"]:
        """Choose first steps (Hairer, Norsett & Wanner 1993, II.4)."""
        scale = self.layout.scale(self.y)
        d0, d1 = _rms(self.y / scale), _rms(self.f / scale)
        small = (d0 < 1e-5) | (d1 < 1e-5)
        h0 = np.where(small, 1e-6, 0.01 * d0 / np.where(small, 1.0, d1))
        h0 = np.minimum(h0, self.end - self.t)
        ahead = self.derivative(self.y + h0[:, None] * self.f, self.going)
        d2 = _rms((ahead - self.f) / scale) / h0
        steepest = np.maximum(d1, d2)
        flat = steepest <= 1e-15
        h1 = np.where(
            flat, np.maximum(1e-6, 1e-3 * h0), (0.01 / np.where(flat, 1.0, steepest)) ** -_EXPONENT
        )
        h = np.minimum(np.minimum(100 * h0, h1), self.end - self.t)
        return np.where(np.isfinite(h), h, h0)


def advance(
    field: RunsField,
    layout: Layout,
    state: Float[np.ndarray, "run size"],
    runs: Int[np.ndarray, " run"],
    begin: float,
    wanted: Float[np.ndarray, " wanted"],
) -> tuple[Float[np.ndarray, "run wanted size"], Float[np.ndarray, " run"]]:
    """Integrate from `begin` to the wanted times; NaN where a run is lost.

    Also returns the time at which a run had used up its evaluations, NaN for the others.
    """
    stops, places = np.unique(wanted, return_inverse=True)
    out = np.full((len(state), len(stops), layout.size), np.nan)
    out[:, stops <= begin] = state[:, None]
    exhausted = np.full(len(state), np.nan)
    if stops[-1] <= begin:
        return out[:, places], exhausted
    # A flow that blows up overflows before its step vanishes; the NaN rows say so.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        steps = _Steps(field, layout, state, runs, begin, float(stops[-1]))
        while steps.going.size:
            _step(steps, stops, out)
            spent = steps.evaluations[steps.going] >= MAX_EVALUATIONS
            exhausted[steps.going[spent]] = steps.t[steps.going[spent]]
            steps.going = steps.going[~spent]
    # Whole states: entries that are still finite belong to a network that is lost.
    out[~np.isfinite(out).all(axis=2)] = np.nan
    return out[:, places], exhausted


def _step(
    steps: _Steps, stops: Float[np.ndarray, " stop"], out: Float[np.ndarray, "run stop size"]
) -> None:
    """Try one step of every run that is going on, and write down the stops that were passed."""
    going = steps.going
    t, y, f = steps.t[going], steps.y[going], steps.f[going]
    h = np.minimum(steps.h[going], steps.end - t)
    if steps.layout.rtol < LANDING_RTOL:
        h = np.minimum(h, stops[_next_stop(stops, t)] - t)
    last = h >= steps.end - t
    # Four more: the derivative at the end, and the three stages of the interpolant.
    K = np.empty((_STAGES + 4, *y.shape))
    K[0] = f
    for stage in range(1, _STAGES):
        K[stage] = steps.derivative(_moved(y, h, DOP853.A[stage, :stage], K), going)
    after = _moved(y, h, DOP853.B, K)
    K[_STAGES] = steps.derivative(after, going)
    steps.evaluations[going] += _STAGES
    error = _error(K, h, steps.layout.scale(y, after))
    accepted = error < 1  # not for NaN
    # The error of a step that overflows is not a number.
    growth = np.where(error > 0, _SAFETY * error**_EXPONENT, np.where(error == 0, _GROW, 0.0))
    growth = np.where(accepted, np.minimum(growth, _GROW), np.fmax(growth, _SHRINK))
    # No growth right after a rejection, or steps would be taken and refused in turn.
    growth = np.where(accepted & steps.rejected[going], np.minimum(growth, 1.0), growth)
    # The end itself, which t + h may miss by rounding.
    arrived = np.where(last, steps.end, t + h)
    passed = accepted & (_next_stop(stops, t) < _next_stop(stops, arrived))
    if passed.any():
        _write_stops(steps, stops, out, passed, t, arrived, y, after, h, K)
    moved = going[accepted]
    steps.t[moved], steps.y[moved] = arrived[accepted], after[accepted]
    steps.f[moved] = K[_STAGES, accepted]
    steps.h[going] = h * growth
    steps.rejected[going] = ~accepted
    # Steps of a few units in the last place of t lead nowhere: the solution ends here.
    vanished = ~accepted & ~(steps.h[going] >= 10 * np.spacing(t))
    steps.going = going[~(vanished | (accepted & last))]


def _write_stops(
    steps: _Steps,
    stops: Float[np.ndarray, " stop"],
    out: Float[np.ndarray, "run stop size"],
    passed: Bool[np.ndarray, " some"],
    t: Float[np.ndarray, " some"],
    arrived: Float[np.ndarray, " some"],
    y: Float[np.ndarray, "some size"],
    after: Float[np.ndarray, "some size"],
    h: Float[np.ndarray, " some"],
    K: Float[np.ndarray, "stage some size"],
) -> None:
    """Interpolate by the method's polynomial of degree 7 at the stops between t and `arrived`."""
    some = steps.going[passed]
    t, y, h, K = t[passed], y[passed], h[passed], K[:, passed]
    for stage, row in enumerate(DOP853.A_EXTRA, start=_STAGES + 1):
        K[stage] = steps.derivative(_moved(y, h, row[:stage], K), some)
    steps.evaluations[some] += len(DOP853.A_EXTRA)
    change, width = after[passed] - y, h[:, None]
    first, new = K[0], K[_STAGES]
    F = [change, width * first - change, 2 * change - width * (new + first)]
    F += list(width * np.tensordot(DOP853.D, K, 1))
    begin, end = _next_stop(stops, t), _next_stop(stops, arrived[passed])
    run = np.repeat(np.arange(len(some)), end - begin)
    stop = np.concatenate([np.arange(a, b) for a, b in zip(begin, end, strict=True)])
    x = ((stops[stop] - t[run]) / h[run])[:, None]
    value = np.zeros((len(run), y.shape[1]))
    for power, part in enumerate(reversed(F)):
        # Horner's scheme in the interpolant's own basis, which alternates x and 1 - x.
        value = (value + part[run]) * (x if power % 2 == 0 else 1 - x)
    out[some[run], stop] = y[run] + value


def _moved(
    y: Float[np.ndarray, "some size"],
    h: Float[np.ndarray, " some"],
    row: Float[np.ndarray, " stage"],
    K: Float[np.ndarray, "stages some size"],
) -> Float[np.ndarray, "some size"]:
    """Return y + h sum_s row_s K_s."""
    used = len(row)
    slope = row @ K[:used].reshape(used, -1)
    return y + h[:, None] * slope.reshape(y.shape)


def _error(
    K: Float[np.ndarray, "stages some size"],
    h: Float[np.ndarray, " some"],
    scale: Float[np.ndarray, "some size"],
) -> Float[np.ndarray, " some"]:
    """Estimate the error of a step in units of what is allowed, from orders 5 and 3."""
    used = _STAGES + 1
    flat = K[:used].reshape(used, -1)
    fifth = np.sum(((DOP853.E5 @ flat).reshape(scale.shape) / scale) ** 2, axis=1)
    third = np.sum(((DOP853.E3 @ flat).reshape(scale.shape) / scale) ** 2, axis=1)
    both = (fifth + 0.01 * third) * scale.shape[1]
    return np.where(fifth == 0, 0.0, h * fifth / np.sqrt(np.where(both == 0, 1.0, both)))


def _rms(values: Float[np.ndarray, "run size"]) -> Float[np.ndarray, " run"]:
    return np.sqrt(np.mean(values * values, axis=1)) if values.shape[1] else np.zeros(len(values))


def _next_stop(
    stops: Float[np.ndarray, " stop"], t: Float[np.ndarray, " some"]
) -> Int[np.ndarray, " some"]:
    """Return the index of the first stop behind t."""
    return np.searchsorted(stops, t, side="right")
