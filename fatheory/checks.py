"""Checks of arrays at the public door: one wording for one kind of mistake."""

import decimal
import math
import numbers
from collections.abc import Mapping

import numpy as np

from fatheory.arrays import ArrayLike
from fatheory.errors import ArrayError, RegimeError, WrongKindError
from fatheory.labelled_arrays import by_position


def require_kind(what: str, value: object, kind: type | tuple[type, ...], hint: str = "") -> None:
    """Refuse what is of another kind before any of it is used.

    Raises
    ------
    WrongKindError
        If `value` is no instance of `kind`; the message ends with the hint.
    """
    if isinstance(value, kind):
        return
    kinds = kind if isinstance(kind, tuple) else (kind,)
    wanted = " or ".join(one.__name__ for one in kinds)
    shown = repr(value) if isinstance(value, str | int | float | None) else ""
    shown = f" {shown[:60]}" if shown else ""
    raise WrongKindError(
        f"{what} must be of type {wanted}; got {type(value).__name__}{shown}"
        + (f": {hint}" if hint else "")
    )


SMALLEST_SCALE, LARGEST_SCALE = 1e-60, 1e30
"""Products of five entries of the one size, and of ten of the other, are in double precision."""


def real_array(
    name: str,
    value: ArrayLike,
    ndim: int | None = None,
    *,
    any_scale: bool = False,
    smallest: float = SMALLEST_SCALE,
) -> np.ndarray:
    """Return `value` as a float64 array that is finite and has `ndim` dimensions.

    Parameters
    ----------
    name, value : str, array
        What it is called in messages, and what is given.
    ndim : int, optional
        The number of dimensions that it must have.
    any_scale : bool
        Whether numbers as small and as large as floating point has them can be computed with, as
        times can; elsewhere norms and losses of such are 0 or infinite.
    smallest : float
        The least scale that can be computed with; 0 where starts may be as small as they like.

    Raises
    ------
    ArrayError
        If `value` is not made of real numbers (complex numbers, dates and strings are not, nor are
        arrays with masked entries), holds NaN or infinity, has another number of dimensions, or
        its largest entry is neither 0 nor of a size between `smallest` and `LARGEST_SCALE`.
    """
    array = _numbers(name, value)
    if ndim is not None and array.ndim != ndim:
        raise ArrayError(f"{name} must have {ndim} dimensions; its shape is {array.shape}")
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise ArrayError(
            f"{name} must be finite; {bad} of its {array.size} entries are NaN or infinite"
        )
    if not any_scale:
        require_scale(name, array, smallest)
    return array


def require_scale(name: str, array: np.ndarray, smallest: float = SMALLEST_SCALE) -> None:
    """Refuse an array whose products leave the range of floating point.

    Small entries beside larger ones are no matter: what they add is below rounding.

    Raises
    ------
    ArrayError
        If its largest entry is neither 0 nor of a size between `smallest` and `LARGEST_SCALE`.
    """
    largest = float(np.abs(array).max(initial=0.0))
    if largest == 0 or smallest <= largest <= LARGEST_SCALE:
        return
    cure = "give it in other units, in which entries are about 1"
    if largest < smallest:
        cure += ", or as zeros if it stands for none"
    raise ArrayError(
        f"{name} must be 0 or of a size between {smallest:g} and {LARGEST_SCALE:g}; its "
        f"largest entry is {largest:.3g} in size, and products of such entries are no longer "
        f"numbers of double precision: {cure}"
    )


def real_matrix(name: str, value: ArrayLike, *, smallest: float = SMALLEST_SCALE) -> np.ndarray:
    """Return `value` as a finite float64 matrix that has entries.

    Raises
    ------
    ArrayError
        As `real_array`, or if it has no rows or no columns.
    """
    matrix = real_array(name, value, 2, smallest=smallest)
    if not matrix.size:
        raise ArrayError(f"{name} must have rows and columns; its shape is {matrix.shape}")
    return matrix


def one_number(name: str, value: object) -> float:
    """Return `value` as a float, which may be infinite or NaN: ranges are the caller's to check.

    Raises
    ------
    ArrayError
        If it is not one real number.
    """
    number = _numbers(name, value)
    if number.ndim:
        raise ArrayError(f"{name} must be one number; its shape is {number.shape}")
    return float(number)


def positive_number(name: str, value: object) -> float:
    """Return `value` as a float that is positive and finite, such as a learning rate.

    Raises
    ------
    ArrayError
        If it is not one real number.
    RegimeError
        If it is not positive, or infinite.
    """
    number = one_number(name, value)
    if not (math.isfinite(number) and number > 0):
        raise RegimeError(f"{name} must be positive and finite; got {number}")
    return number


def not_negative_number(name: str, value: object) -> float:
    """Return `value` as a float that is finite and 0 or more, such as a weight decay.

    Raises
    ------
    ArrayError
        If it is not one real number.
    RegimeError
        If it is negative, or not finite.
    """
    number = one_number(name, value)
    if not (math.isfinite(number) and number >= 0):
        raise RegimeError(f"{name} must be finite and not negative; got {number}")
    return number


def counts(name: str, value: object) -> np.ndarray:
    """Return whole numbers from 0 on, of any shape, as floats.

    Raises
    ------
    ArrayError
        If there are none, or one is negative or no whole number.
    """
    found = _numbers(name, value)
    if not found.size or not ((found >= 0) & np.isfinite(found)).all() or (found % 1).any():
        raise ArrayError(f"{name} must be whole numbers from 0 on; got {value!r:.80}")
    return found


def step_label(step: object) -> float:
    """Return the label of one step as a number, to be looked for among those that were recorded.

    Raises
    ------
    ArrayError
        If it is no number, such as a list, text or a boolean, which are 0 and 1 to Python.
    """
    if isinstance(step, bool | np.bool_):
        raise ArrayError(f"step must be the number of a recorded step; got {step}")
    return one_number("step", step)


def step_numbers(steps: object) -> np.ndarray:
    """Return numbers of steps as integers: one or more, increasing, from 0 on.

    Raises
    ------
    ArrayError
        If there are none, or they are no such numbers.
    """
    wanted = np.atleast_1d(_numbers("steps", steps))
    increasing = wanted.ndim == 1 and wanted.size > 0 and (np.diff(wanted) > 0).all()
    # Larger ones are no integers of 64 bits; so many steps no one takes.
    if not (increasing and wanted[0] >= 0 and wanted[-1] < 2**62 and (wanted % 1 == 0).all()):
        raise ArrayError(f"steps must be whole numbers that increase from 0 on; got {steps!r:.80}")
    return wanted.astype(np.int64)


def checked_tolerances(rtol: object, atol: object) -> tuple[float, float]:
    """Return the relative and absolute tolerance of an integrator, both positive.

    Raises
    ------
    ArrayError
        If one is not a number, or not between 0 and 1.
    """
    tolerances = one_number("rtol", rtol), one_number("atol", atol)
    for name, value in zip(("rtol", "atol"), tolerances, strict=True):
        if not 0 < value < 1:
            raise ArrayError(f"{name} must lie between 0 and 1, as 1e-10 does; got {value}")
    return tolerances


def extended_array(name: str, value: ArrayLike) -> np.ndarray:
    """Return real numbers as a float64 array; infinity and NaN are let through.

    Raises
    ------
    ArrayError
        If `value` is not made of real numbers.
    """
    return _numbers(name, value)


def matching_shapes(axes: Mapping[str, tuple[np.ndarray, tuple[str, ...]]]) -> dict[str, int]:
    """Check that axes of the same letter have the same length, and return the lengths.

    Parameters
    ----------
    axes : mapping
        From an array's name to the array and the letters of its axes, as in
        ``{"W0": (W0, ("n_h", "n_i")), "W": (W, ("n_o", "n_h"))}``. Letters that begin with n_
        are widths of layers.

    Raises
    ------
    ArrayError
        If two arrays disagree about a letter (the message gives both shapes), or a width is 0.
    """
    lengths: dict[str, int] = {}
    owner: dict[str, str] = {}
    for name, (array, letters) in axes.items():
        for letter, length in zip(letters, array.shape, strict=True):
            if length == 0 and letter.startswith("n_"):
                # Sums over no units are zeros: an answer, and not that of any network.
                raise ArrayError(
                    f"{name} of shape {array.shape} has the width {letter} = 0 (axes: {name} "
                    f"({', '.join(letters)})); every layer needs at least one unit"
                )
            first = owner.setdefault(letter, name)
            if lengths.setdefault(letter, length) != length:
                raise ArrayError(
                    f"{name} of shape {array.shape} does not fit {first} of shape "
                    f"{axes[first][0].shape}: {letter} is {length} in {name} and "
                    f"{lengths[letter]} in {first} (axes: {name} ({', '.join(letters)}), "
                    f"{first} ({', '.join(axes[first][1])}))"
                )
    return lengths


_TWO_LAYER_AXES = {
    "W0": ("n_h", "n_i"),
    "W": ("n_o", "n_h"),
    "B": ("n_h", "n_o"),
    "T": ("n_o", "n_i"),
}


def two_layer_arrays(**arrays: ArrayLike) -> tuple[np.ndarray, ...]:
    """Return W0, W, B and T, as many as are given, as finite matrices that fit each other.

    Parameters
    ----------
    **arrays : array
        By the names ``W0``, ``W``, ``B`` and ``T``.

    Raises
    ------
    ArrayError
        If one is not a finite matrix, a layer has no units, or two do not fit.
    """
    return two_layer_start(arrays, SMALLEST_SCALE)


def two_layer_start(arrays: Mapping[str, ArrayLike], smallest: float) -> tuple[np.ndarray, ...]:
    """Return what `two_layer_arrays` does, of scales from `smallest` on."""
    checked = {name: real_matrix(name, value, smallest=smallest) for name, value in arrays.items()}
    matching_shapes({name: (A, _TWO_LAYER_AXES[name]) for name, A in checked.items()})
    return tuple(checked.values())


def increasing_times(value: ArrayLike) -> np.ndarray:
    """Return times as an array that starts at 0 or later and strictly increases.

    Raises
    ------
    ArrayError
        If a time is negative or not finite, or the times do not increase.
    """
    times = np.atleast_1d(real_array("times", value, any_scale=True))
    if times.ndim != 1 or times.size == 0:
        raise ArrayError(f"times must be a non-empty list; its shape is {times.shape}")
    if times[0] < 0:
        raise ArrayError(f"times must not be negative; the first is {times[0]}")
    steps = np.diff(times)
    if (steps <= 0).any():
        where = int(np.argmax(steps <= 0))
        raise ArrayError(
            f"times must increase; times[{where + 1}] = {times[where + 1]} follows "
            f"times[{where}] = {times[where]}"
        )
    return times


def covariance_matrix(name: str, value: ArrayLike | None, size: int) -> np.ndarray:
    """Return an input covariance: symmetric, positive semi-definite, identity when None.

    Raises
    ------
    ArrayError
        If the matrix has another size, is not symmetric, or has a negative eigenvalue.
    """
    if value is None:
        return np.eye(size)
    Sigma = real_array(name, value, ndim=2)
    if Sigma.shape != (size, size):
        raise ArrayError(f"{name} must have shape {(size, size)}; its shape is {Sigma.shape}")
    scale = max(float(np.abs(Sigma).max()), np.finfo(float).tiny)
    asymmetry = float(np.abs(Sigma - Sigma.T).max())
    # Room for the rounding of a covariance that is a product of data; it is symmetrised below.
    if asymmetry > 1e-10 * scale:
        raise ArrayError(f"{name} must be symmetric; its entries differ by up to {asymmetry:.3g}")
    smallest = float(np.linalg.eigvalsh((Sigma + Sigma.T) / 2)[0])
    if smallest < -1e-10 * scale:
        raise ArrayError(
            f"{name} must be positive semi-definite; its smallest eigenvalue is {smallest:.3g}"
        )
    return (Sigma + Sigma.T) / 2


def _numbers(name: str, value: object) -> np.ndarray:
    """Convert real numbers to float64, and nothing that NumPy would only take for numbers.

    NumPy casts dates to counts of their unit, parses strings, reads what lies under a mask, drops
    imaginary parts with no more than a warning, and forgets the names of axes.
    """
    if _has_masked(value):
        raise ArrayError(
            f"{name} has masked entries, which have no value: fill them, or leave them out"
        )
    try:
        array = np.asarray(by_position(name, value))
    except RuntimeError as error:  # of a tensor with a gradient, say, in PyTorch's own words
        raise ArrayError(f"{name} cannot be read as an array: {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, ArrayError):
            raise
        raise ArrayError(f"{name} must be an array of real numbers; got {value!r:.80}") from error
    kind = array.dtype.kind
    real = kind in "biuf" or (kind == "O" and all(map(_is_real, array.flat)))
    if not real:
        raise ArrayError(
            f"{name} must be an array of real numbers; got {_KINDS.get(kind, 'something else')} "
            f"(dtype {array.dtype}): {value!r:.80}"
        )
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArrayError(f"{name} must be an array of real numbers; got {value!r:.80}") from error


_KINDS = {
    "c": "complex numbers: give the real and imaginary parts apart, or take .real",
    "M": "dates: give times as numbers",
    "m": "durations: give times as numbers",
    "U": "strings",
    "S": "strings",
    "O": "objects that are not real numbers",
}


def _is_real(value: object) -> bool:
    return isinstance(value, numbers.Real | decimal.Decimal) or (
        isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "biuf"
    )


def _has_masked(value: object) -> bool:
    if isinstance(value, np.ma.MaskedArray):
        return bool(np.ma.is_masked(value))
    return isinstance(value, list | tuple) and any(map(_has_masked, value))
