"""Closed-form learning curves of the decoupled modes of linear feedback alignment."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import extended_array, real_array
from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.cubic_roots import reached_root
from fatheory.theory.mode_series import log_remaining_along
from fatheory.theory.mode_time import elapsed, log_remaining
from fatheory.theory.zero_start import log_remaining_from_zero

Values = ArrayLike | float | int
"""One number or an array; the shape checker of the tests takes no float for NumPy's ArrayLike."""

_CHUNK = 65536
"""Points inverted at a time: bounds the memory of the temporaries."""
_MANY_TIMES = 32
"""Times from which on expanding every mode costs less than inverting every point."""


class _Flow(NamedTuple):
    """The modes, flattened, in the terms of `mode_time`: x = limit + span * w."""

    x0: Float[np.ndarray, " modes"]
    limit: Float[np.ndarray, " modes"]
    span: Float[np.ndarray, " modes"]
    clock: Float[np.ndarray, " modes"]
    a: Float[np.ndarray, " modes"]
    b: Float[np.ndarray, " modes"]
    q: Float[np.ndarray, " modes"]


@dataclass(frozen=True, eq=False)
class ModeSolution:
    r"""Modes of linear feedback alignment, solved for all times.

    .. math:: \dot x = s - g x y,\qquad \dot y = x \dot x
              \quad\Longrightarrow\quad y = c + x^2/2,\quad
              \dot x = s - g c x - \tfrac g2 x^3,\quad c = y_0 - x_0^2/2

    Zero start: :math:`x^* = (2s/g)^{1/3}`, and with u = x/x*

    .. math:: t = \frac{x^*}{s}\left[-\tfrac13\ln(1-u) + \tfrac16\ln(1+u+u^2)
              + \tfrac1{\sqrt3}\left(\arctan\tfrac{2u+1}{\sqrt3} - \tfrac\pi6\right)\right].

    Other starts have the integral of 1/dx over the roots of the cubic, real or complex, in a form
    in which close roots do no harm (`fatheory.theory.mode_time`). For c >= 0 there is one fixed
    point, and it attracts. For c < 0 there may be three, the middle one unstable: the flow reaches
    the outer one on its side of the middle, or, released between the extrema of the cubic, the one
    towards which it starts to move. Every fixed point has zero error, s = g x y.

    Parameters
    ----------
    s : array
        Strengths of the modes (singular values of the target), of either sign.
    g : array
        B^T B = g I; positive. Broadcasts, like `x0` and `y0`, to one shape of modes.
    x0, y0 : array
        Start.

    Notes
    -----
    Time is t = eta * step for white input of unit variance. Values at t are arrays of shape
    (*t, *modes); t may be infinite, and t = 0 and t = inf are exact. The relative accuracy is
    1e-12 or better in x, 1 - u and the residual, except where the start itself is ill-conditioned:
    near an unstable or a double fixed point, where the time depends on s without bound.

    Raises
    ------
    ArrayError
        If an argument is not finite, or shapes do not broadcast.
    RegimeError
        If g is not positive, or a start is too near a double fixed point to be told from it.

    References
    ----------
    Derived for this project; regimes of the start: Girotti, Mitliagkas & Gidel, arXiv 2110.10815.
    """

    s: Values
    g: Values
    x0: Values = 0.0
    y0: Values = 0.0

    def __post_init__(self) -> None:
        given = {name: checked_values(name, getattr(self, name)) for name in ("s", "g", "x0", "y0")}
        if not (given["g"] > 0).all():
            raise RegimeError(
                f"modes need B^T B = g I with g > 0; the least g is {given['g'].min()}"
            )
        try:
            arrays = np.broadcast_arrays(*given.values())
        except ValueError as error:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in given.items())
            raise ArrayError(f"the shapes of the modes do not broadcast: {shapes}") from error
        for name, array in zip(given, arrays, strict=True):
            # The dataclass is frozen for others; here its fields get one shape.
            object.__setattr__(self, name, array)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the modes."""
        return np.shape(self.s)

    @property
    def limit(self) -> np.ndarray:
        """X at t = inf: the fixed point that is reached, x* for a zero start."""
        return self._flow.limit.reshape(self.shape)

    def x(self, t: Values) -> np.ndarray:
        """Return x(t), of shape (*t, *modes)."""
        times, lam = self._log_remaining(t)
        return self._x(lam).reshape(times.shape + self.shape)

    def y(self, t: Values) -> np.ndarray:
        """Return y(t) = y0 + (x^2 - x0^2) / 2, of shape (*t, *modes)."""
        times, lam = self._log_remaining(t)
        moved = self._flow.span * np.expm1(-lam)
        # x^2 - x0^2 as a product, as the squares would cancel.
        y = np.ravel(self.y0) + 0.5 * moved * (self._x(lam) + self._flow.x0)
        return y.reshape(times.shape + self.shape)

    def remaining(self, t: Values) -> np.ndarray:
        """Return 1 - u, the fraction of the way from x0 to the limit that remains."""
        times, lam = self._log_remaining(t)
        return np.exp(-lam).reshape(times.shape + self.shape)

    def residual(self, t: Values) -> np.ndarray:
        """Return the error of each mode, s - g x y, without cancellation near the limit."""
        times, lam = self._log_remaining(t)
        f, w = self._flow, np.exp(-lam)
        # Beyond 1 it is not used, and might overflow.
        m = np.expm1(np.minimum(lam, 1.0))
        # The same rate expanded about the start and about the limit, each where it is exact.
        early = w * w * (1 + m * (f.b + m * f.a))
        velocity = w * np.where(lam < 1, early, f.a + w * (f.b - 2 * f.a + w * f.q))
        return (-f.span * f.clock * velocity).reshape(times.shape + self.shape)

    def loss(self, t: Values) -> np.ndarray:
        """Return 1/2 sum over the modes of (s - g x y)^2, of the shape of t."""
        error = self.residual(t)
        modes = tuple(range(error.ndim - len(self.shape), error.ndim))
        return np.asarray(0.5 * np.sum(error * error, axis=modes))

    def time_of(self, u: Values) -> np.ndarray:
        """Return the time at which the fraction u of the way from x0 to the limit is done.

        Parameters
        ----------
        u : array
            In [0, 1]; u = x/x* for a zero start.

        Returns
        -------
        array of shape (*u, *modes)
            Infinite for u = 1, and for u > 0 of a mode that stands still.

        Raises
        ------
        ArrayError
            If a fraction is outside [0, 1].
        """
        fraction = checked_fractions(u)
        f = self._flow
        with np.errstate(divide="ignore"):
            lam = -np.log1p(-fraction.reshape(-1, 1)) + np.zeros_like(f.a)
        moving = f.clock > 0
        t = np.where(lam > 0, np.inf, np.zeros_like(lam))
        ends = moving & np.isfinite(lam)
        _, a, b, clock = np.broadcast_arrays(lam, f.a, f.b, f.clock)
        t[ends] = elapsed(lam[ends], a[ends], b[ends]) / clock[ends]
        return t.reshape(fraction.shape + self.shape)

    def _x(self, lam: Float[np.ndarray, "time modes"]) -> Float[np.ndarray, "time modes"]:
        """Return x from the nearer end, so that neither end loses digits."""
        f = self._flow
        back = np.negative(lam)
        x = np.expm1(back)
        x *= f.span
        x += f.x0
        late = lam > 1.0
        if late.any() and f.x0.any():
            np.exp(back, out=back, where=late)
            np.multiply(back, f.span, out=x, where=late)
            np.add(x, f.limit, out=x, where=late)
        return x

    def _log_remaining(self, t: Values) -> tuple[np.ndarray, Float[np.ndarray, "time modes"]]:
        """Return the checked times and lambda = -log(1 - u) at all of them."""
        times = checked_times(t)
        f = self._flow
        lam = np.zeros((times.size, f.a.size))
        if self._from_zero:
            with np.errstate(invalid="ignore"):
                tau = np.multiply.outer(times.ravel(), f.clock)
            if np.isinf(times).any():
                # 0 times infinity: a mode that does not move has no time to wait for.
                tau[np.isnan(tau)] = 0.0
            lam = log_remaining_from_zero(tau.ravel()).reshape(tau.shape)
            lam[np.isinf(times.ravel())] = np.inf
            return times, lam
        finite = np.isfinite(times.ravel())
        if finite.all():
            return times, _lambda_at(times.ravel(), f)
        lam[~finite] = np.inf
        lam[finite] = _lambda_at(times.ravel()[finite], f)
        return times, lam

    @cached_property
    def _from_zero(self) -> bool:
        return not (np.any(self.x0) or np.any(self.y0))

    @cached_property
    def _flow(self) -> _Flow:
        s, g, x0, y0 = (np.ravel(np.asarray(v)) for v in (self.s, self.g, self.x0, self.y0))
        velocity = s - g * x0 * y0
        c = y0 - x0 * x0 / 2
        limit = reached_root(c, s / g, x0, velocity)
        still = velocity == 0
        # A mode without velocity rests where it is, on an unstable fixed point too.
        limit = np.where(still, x0, limit)
        span, F = _way(x0, limit, c, velocity / g)
        if not (still | (F > 0)).all():
            where = int(np.argmax(~(still | (F > 0))))
            raise RegimeError(
                f"mode {where} starts at x0 = {x0[where]} too near the double fixed point "
                f"{limit[where]} to be told from it; move the start or s = {s[where]}"
            )
        # Not negative at a fixed point that attracts, but for rounding.
        final = np.maximum(3 * limit * limit + 2 * c, 0.0)
        safe = np.where(still, 1.0, F)
        a = np.where(still, 1.0, final / safe)
        b = np.where(still, 2.0, (2 * final + 3 * limit * span) / safe)
        q = np.where(still, 1.0, span * span / safe)
        return _Flow(x0, limit, span, np.where(still, 0.0, 0.5 * g * F), a, b, q)


def _lambda_at(times: Float[np.ndarray, " time"], f: _Flow) -> Float[np.ndarray, "time modes"]:
    """Return lambda at finite times: by series where there are many times, else point by point."""
    if len(times) >= _MANY_TIMES:
        ordered, places = np.unique(times, return_inverse=True)
        lam = log_remaining_along(ordered, f.clock, f.a, f.b - 2 * f.a, f.q)
        if not np.array_equal(ordered, times):
            lam = lam[places]
        rest = np.isnan(lam[0])
    else:
        lam, rest = np.empty((len(times), len(f.a))), np.ones(len(f.a), dtype=bool)
    if rest.any():
        tau = np.multiply.outer(times, f.clock[rest])
        shape = [np.broadcast_to(v[rest], tau.shape).ravel() for v in (f.a, f.b, f.q)]
        flat = tau.ravel()
        parts = [slice(i, i + _CHUNK) for i in range(0, flat.size, _CHUNK)]
        done = [log_remaining(flat[p], *(v[p] for v in shape)) for p in parts]
        lam[:, rest] = np.concatenate([*done, flat[:0]]).reshape(tau.shape)
    return lam


def _way(
    x0: Float[np.ndarray, " modes"],
    limit: Float[np.ndarray, " modes"],
    c: Float[np.ndarray, " modes"],
    v: Float[np.ndarray, " modes"],
) -> tuple[Float[np.ndarray, " modes"], Float[np.ndarray, " modes"]]:
    """Return x0 - limit and F with v = -F (x0 - limit) / 2, each from what is known best.

    The velocity at the start, g v, is exact to rounding; a short way would lose its digits in the
    difference, an F that is small (near another root) in its sum.
    """
    # On short ways the difference of x0 and limit cancels, near a double root the sum in F does.
    span = x0 - limit
    F = x0 * x0 + x0 * limit + limit * limit + 2 * c
    scale = x0 * x0 + limit * limit + 2 * np.abs(c)
    short = (np.abs(span) < 1e-3 * (np.abs(x0) + np.abs(limit))) & (1e-3 * scale < F)
    from_velocity = -2 * v / np.where(span == 0, np.nan, span)
    return (
        np.where(short, -2 * v / np.where(short, F, 1.0), span),
        np.where(short, F, np.nan_to_num(from_velocity, nan=0.0)),
    )


def checked_values(name: str, value: Values) -> np.ndarray:
    """Return finite real numbers as an array; one number as an array without dimensions.

    Raises
    ------
    ArrayError
        If `value` is not numeric, or not finite.
    """
    given = np.float64(value) if isinstance(value, float | int) else value
    # Modes are followed by their logarithms, so that starts may be as small as one likes.
    return real_array(name, given, any_scale=True)


def checked_fractions(u: Values) -> Float[np.ndarray, "*fractions"]:
    """Return fractions of a way as an array.

    Raises
    ------
    ArrayError
        If one is not finite or outside [0, 1].
    """
    fraction = checked_values("u", u)
    if ((fraction < 0) | (fraction > 1)).any():
        raise ArrayError(
            f"u must be in [0, 1]; it reaches from {fraction.min()} to {fraction.max()}"
        )
    return fraction


def checked_times(t: Values) -> Float[np.ndarray, "*times"]:
    """Return times as an array; 0 or later, infinity included.

    Raises
    ------
    ArrayError
        If a time is negative, NaN or no number.
    """
    times = extended_array("t", t)
    bad = ~(times >= 0)
    if bad.any():
        raise ArrayError(f"t must be 0 or later, infinity included; one time is {times[bad][0]}")
    return times
