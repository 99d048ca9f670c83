"""What NumPy would take for real numbers and is not: refused by every array function of theory."""

import dataclasses
import inspect

import numpy as np
import pytest
from array_calls import CALLS

from fatheory import theory
from fatheory.checks import real_array
from fatheory.errors import ArrayError
from fatheory.theory import laws


def takes_arrays(function):
    """Whether a public part of theory says that it takes arrays."""
    if isinstance(function, type) and not dataclasses.is_dataclass(function):
        return False
    kinds = inspect.signature(function).parameters.values() if callable(function) else ()
    return any("ArrayLike" in str(kind.annotation) for kind in kinds)


def test_every_array_function_is_called_here():
    every = {name for name in dir(theory) if takes_arrays(getattr(theory, name))}
    every |= {f"laws.{name}" for name in dir(laws) if takes_arrays(getattr(laws, name))}
    assert every == set(CALLS)


DECAY = np.exp(-np.arange(9.0))


def masked(A):
    hidden = np.ma.masked_array(A, mask=np.zeros(np.shape(A), dtype=bool))
    hidden[(0,) * np.ndim(A)] = np.ma.masked
    return hidden


IMPOSTORS = {
    "complex": lambda A: A + 0j,
    "strings": lambda A: A.astype(str),
    "strings as objects": lambda A: A.astype(str).astype(object),
    "masked": masked,
    "dates": lambda A: A.astype("datetime64[s]"),
    "durations": lambda A: A.astype("timedelta64[s]"),
}


def calls():
    for name, (function, arrays, others) in CALLS.items():
        for argument in arrays:
            yield pytest.param(function, arrays, others, argument, id=f"{name}-{argument}")


def with_last(genuine, change):
    """Change an array, or the last one of a list."""
    return [*genuine[:-1], change(genuine[-1])] if isinstance(genuine, list) else change(genuine)


@pytest.mark.parametrize(("function", "arrays", "others", "argument"), list(calls()))
@pytest.mark.parametrize("kind", IMPOSTORS)
def test_impostors_are_refused(function, arrays, others, argument, kind):
    genuine = arrays[argument]
    change = IMPOSTORS[kind]
    changed = with_last(genuine, change)
    with pytest.raises(ArrayError, match=r"real numbers|masked entries"):
        function(**(arrays | {argument: changed}), **others)


WRONG_SHAPES = {
    "one number": lambda A: A.flat[0],
    "an axis more": lambda A: A[None],
    "an axis less": lambda A: A[0],
    "nothing": lambda A: A[:0],
}
MANY_MODES = {"ModeSolution", "backprop_modes"}
"""Their arguments are repeated to one shape of modes, as they say."""


@pytest.mark.parametrize(("function", "arrays", "others", "argument"), list(calls()))
def test_other_numbers_of_axes_are_refused(function, arrays, others, argument):
    if function.__name__ in MANY_MODES:
        return
    many = argument == "e" and "moments" not in function.__name__  # errors of many samples
    for kind, change in WRONG_SHAPES.items():
        if many and kind == "an axis more":
            continue
        with pytest.raises(ArrayError):
            function(**(arrays | {argument: with_last(arrays[argument], change)}), **others)


SCALES = [1e-320, 1e-170, 1e160, 1e300]
FROM_ANY_START = (theory.riccati_flow, theory.backprop_modes)
"""These follow starts that are as small as they like; see their own tests."""


@pytest.mark.parametrize(("function", "arrays", "others", "argument"), list(calls()))
def test_scales_that_leave_floating_point_are_refused(function, arrays, others, argument):
    """Squares of 1e-170 are zero and of 1e160 infinite: kernels, losses and angles were NaN."""
    if function in (theory.measured_rate, theory.ModeSolution):
        return  # by logarithms: see below, and test_theory_modes
    for scale in SCALES[2 * (function in FROM_ANY_START) :]:
        whole = with_last(arrays[argument], lambda A, c=scale: np.where(A == 0, 1.0, A) * c)
        with pytest.raises(ArrayError, match=r"of a size between (1e-60|0) and 1e|1e-100"):
            function(**(arrays | {argument: whole}), **others)


def test_rates_of_losses_of_any_scale_are_measured():
    for scale in (1e-300, 1e-170, 1e160, 1e300):
        assert theory.measured_rate(range(9), DECAY * scale) == pytest.approx(0.5)


def test_what_small_numbers_stand_beside_larger_ones_is_no_matter():
    given = real_array("W", np.array([1e-300, 1.0, 0.0]))
    np.testing.assert_array_equal(given, [1e-300, 1, 0])
    assert not real_array("W", np.zeros((2, 2))).any()
    for edge in (1e-60, 1e30):
        assert real_array("W", [edge, -edge])[0] == edge
