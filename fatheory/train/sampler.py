"""Random numbers inside a compiled step, behind the methods of a NumPy generator."""

import jax

from fatheory.networks import Architecture

_DROPOUT = 2**31
"""Sets the dropped activities apart from layers, by whose numbers keys are folded too."""


class KeySampler:
    """Draws from a JAX key, a fresh subkey for every call.

    Parameters
    ----------
    key : jax.Array
        Consumed: do not use it elsewhere.
    dtype : jax dtype
        Of the numbers.
    """

    def __init__(self, key: jax.Array, dtype: jax.typing.DTypeLike) -> None:
        self._key = key
        self._dtype = dtype

    def _subkey(self) -> jax.Array:
        self._key, subkey = jax.random.split(self._key)
        return subkey

    def uniform(self, low: float, high: float, size: tuple[int, ...]) -> jax.Array:
        """Draw from the uniform distribution on [low, high)."""
        return jax.random.uniform(self._subkey(), size, self._dtype, low, high)

    def normal(self, loc: float, scale: float, size: tuple[int, ...]) -> jax.Array:
        """Draw from the normal distribution of mean `loc` and standard deviation `scale`."""
        return loc + scale * jax.random.normal(self._subkey(), size, self._dtype)


def step_key(root_seed: jax.Array | int, seed: jax.Array, step: jax.Array) -> jax.Array:
    """Return the key of one step of one seed: the same wherever a segment begins."""
    # Folded, not split off one after another: no key depends on the steps before it. The order of
    # the two is part of what every noisy run has drawn.
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(root_seed), seed), step)


def dropout_key(architecture: Architecture, key: jax.Array) -> jax.Array | None:
    """Return the key of a step's dropped activities, apart from its rule's; None if none is."""
    drops = any(layer.dropout for layer in architecture.hidden)
    # The step's own key stays the rule's, which draws the same with and without dropout.
    return jax.random.fold_in(key, _DROPOUT) if drops else None
