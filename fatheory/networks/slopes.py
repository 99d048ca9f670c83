"""Slopes of units: who multiplies by them, and what may stand in for them.

A unit's slope f'(a) turns what reaches the unit into a change of its own weights. Whether it also
multiplies what the unit sends on to the layer below is another question: with backprop it does;
in Lillicrap et al. 2016 (Methods) "these derivatives are used only locally".
"""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.experiment.functions import Derivative
from fatheory.networks.activations import Activation

_PEAK_AND_AREA: dict[Activation, tuple[float, float]] = {
    jax.nn.sigmoid: (0.25, 1.0),
    jnp.tanh: (1.0, 2.0),
}
"""Largest value of f' and its integral, which is what f rises by."""


@jax.custom_vjp
def delivered(
    h: Float[jax.Array, "sample *unit"], sent: Float[jax.Array, "sample *unit"]
) -> Float[jax.Array, "sample *unit"]:
    """Return `h`; in the backward pass, hand what reaches it to `h` and, unchanged, to `sent`.

    With h = f(a) the units' own preactivations receive it times f'(a), and `sent`, from which it
    travels on, as it is.
    """
    del sent
    return h


delivered.defvjp(lambda h, sent: (delivered(h, sent), None), lambda _, g: (g, g))


@cache
def with_derivative(function: Activation, derivative: Derivative) -> Activation:
    """Return a function of the same values, with a rough derivative where it has a known one.

    Parameters
    ----------
    function : callable
        Of `fatheory.networks.ACTIVATIONS`. Only those of sigmoid and tanh are replaced; the others
        are returned as they are.
    derivative : str
        ``"one"``: 1. ``"step"``: f'(0) up to the distance from 0 at which the area is that of f',
        0 beyond (2 for the sigmoid, 1 for tanh). ``"triangle"``: f'(0) at 0, falling to 0 at twice
        that distance, of the same area. ``"exact"``: f' itself.
    """
    if derivative == "exact" or function not in _PEAK_AND_AREA:
        return function
    peak, area = _PEAK_AND_AREA[function]
    slope = _SLOPES[derivative](peak, area / (2 * peak))
    rough = jax.custom_jvp(function)
    rough.defjvp(lambda a, da: (function(*a), slope(*a) * da[0]))
    # Cached, so that equal requests give one object: programs are compiled per function.
    return rough


def _one(peak: float, width: float) -> Activation:
    del peak, width
    return jnp.ones_like


def _step(peak: float, width: float) -> Activation:
    # Cast: two Python numbers alone are float64 in double precision, whatever a is.
    return lambda a: jnp.where(jnp.abs(a) < width, peak, 0.0).astype(a.dtype)


def _triangle(peak: float, width: float) -> Activation:
    return lambda a: peak * jax.nn.relu(1 - jnp.abs(a) / (2 * width))


_SLOPES: dict[str, Callable[[float, float], Activation]] = {
    "one": _one,
    "step": _step,
    "triangle": _triangle,
}
