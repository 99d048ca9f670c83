r"""Which mode is learned when, and starts that choose the order.

From zero, a fraction phi of a mode's strength is learned, g x y = phi s, when
:math:`u = \varphi^{1/3}`: at :math:`t = C(\varphi)\,(2/g)^{1/3} s^{-2/3}`, strong modes first.
Other starts give other orders. With W0 = 0 and :math:`W = U y_0 U^\top B^\top` the network's map
is still zero, yet a mode with large y0 is learned at the rate g y0 whatever its strength. So the
order is free, and modes of negligible strength can come first: what Girotti, Mitliagkas & Gidel
(arXiv 2110.10815) call implicit anti-regularisation. The constructions here were derived for
this project.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import brentq

from fatheory.arrays import ArrayLike
from fatheory.checks import one_number, real_array
from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.cubic_roots import real_roots
from fatheory.theory.modes import ModeSolution


def learning_times(modes: ModeSolution, fraction: float = 0.5) -> Float[np.ndarray, "*modes"]:
    """Return when each mode is learned: from then on |s - g x y| <= (1 - fraction) |s|.

    Parameters
    ----------
    modes : ModeSolution
        Any start.
    fraction : float
        In (0, 1).

    Returns
    -------
    array of the shape of the modes
        0 for modes that never miss it; infinite where s = 0 is only reached in the limit.

    Raises
    ------
    ArrayError
        If `fraction` is not in (0, 1).
    """
    _require_fraction(fraction)
    s, g, x0, y0 = (np.ravel(np.asarray(v)) for v in (modes.s, modes.g, modes.x0, modes.y0))
    limit = modes.limit.ravel()
    error = s - g * x0 * y0
    allowed = np.copysign((1 - fraction) * np.abs(s), error)
    # Where s - g x y equals what is allowed: the mode's own cubic, with s - allowed for s.
    crossings = real_roots(y0 - x0 * x0 / 2, (s - allowed) / g)
    way = np.where(limit == x0, 1.0, limit - x0)
    done = (crossings - x0) / way
    # The error keeps its sign but may first grow, so the last crossing on the way counts.
    last = np.max(np.where((done > 0) & (done < 1), done, 0.0), axis=0)
    # Missed at the start, and not met before the limit: s = 0 allows no error at all.
    late = (np.abs(error) > np.abs(allowed)) & (last == 0)
    last = np.where(late, 1.0, last)
    times = np.array(
        [
            float(ModeSolution(*mode).time_of(u))
            for mode, u in zip(zip(s, g, x0, y0, strict=True), last, strict=True)
        ]
    )
    return times.reshape(modes.shape)


def learning_order(modes: ModeSolution, fraction: float = 0.5) -> Int[np.ndarray, " modes"]:
    """Return the indices of the (flattened) modes in the order in which they are learned."""
    # Stable, so that modes of equal times keep their order.
    return np.argsort(learning_times(modes, fraction).ravel(), kind="stable")


def learning_constant(fraction: float = 0.5) -> float:
    r"""Return C of the zero start's learning time, :math:`t = C (2/g)^{1/3} s^{-2/3}`.

    Time is in units of `ModeSolution`: t = eta * step at unit input variance.

    Raises
    ------
    ArrayError
        If `fraction` is not in (0, 1).
    """
    _require_fraction(fraction)
    return float(ModeSolution(1.0, 2.0).time_of(np.cbrt(fraction)))


def start_for_learning_times(
    s: ArrayLike, g: float, times: ArrayLike, fraction: float = 0.5
) -> Float[np.ndarray, " modes"]:
    """Return the y0 >= 0 with which modes that start at x0 = 0 are learned at given times.

    The network's map is zero at the start in every mode.

    Parameters
    ----------
    s : array of shape (modes,)
        Strengths, not zero.
    g : float
        B^T B = g I.
    times : array of shape (modes,)
        Learning times in the sense of `learning_times`; positive, and none later than that of the
        zero start.
    fraction : float
        In (0, 1).

    Raises
    ------
    ArrayError
        If shapes differ, values are not finite or a strength is zero.
    RegimeError
        If a time is not positive, or later than the zero start's.
    """
    strengths, wanted = real_array("s", s, 1), real_array("times", times, 1)
    if not strengths.size or strengths.shape != wanted.shape or not strengths.all():
        raise ArrayError(
            f"s and times must have one non-zero strength and one time per mode; got "
            f"s = {strengths!r:.80} and times = {wanted!r:.80}"
        )
    latest = learning_times(ModeSolution(strengths, g), fraction)
    bad = (wanted <= 0) | (wanted > latest * (1 + 1e-12))
    if bad.any():
        i = int(np.argmax(bad))
        raise RegimeError(
            f"mode {i} cannot be learned at t = {wanted[i]}: y0 >= 0 gives times above 0 and up "
            f"to {latest[i]}, that of the zero start"
        )

    def find(strength: float, time: float, slowest: float) -> float:
        if time >= slowest:
            return 0.0
        # x is driven by g y0 at least, so |s - g x y| <= |s| exp(-g y0 t).
        largest = -np.log1p(-fraction) / (g * time)
        return float(
            brentq(
                lambda y0: (
                    float(learning_times(ModeSolution(strength, g, 0.0, y0), fraction)) - time
                ),
                0.0,
                largest * (1 + 1e-9),
                xtol=1e-15 * largest,
                rtol=1e-14,
            )
        )

    return np.array([find(*mode) for mode in zip(strengths, wanted, latest, strict=True)])


def anti_regularising_start(
    s: ArrayLike, g: float, fraction: float = 0.5
) -> Float[np.ndarray, " modes"]:
    """Return the y0 that mirrors the order: learning times proportional to |s|^{+2/3}.

    The strongest mode starts from zero and keeps its time; every weaker one starts with the y0
    that lets it come before, in the same ratio by which it would come after from zero. x0 = 0.

    Raises
    ------
    ArrayError
        If a strength is zero or not finite.
    """
    size = np.abs(real_array("s", s, 1))
    top = float(size.max()) if size.size else 1.0
    times = learning_constant(fraction) * np.cbrt(2 / g) * top ** (-4 / 3) * size ** (2 / 3)
    return start_for_learning_times(s, g, times, fraction)


def _require_fraction(fraction: float) -> None:
    fraction = one_number("fraction", fraction)
    if not 0 < fraction < 1:
        raise ArrayError(f"fraction must lie between 0 and 1; got {fraction}")
