"""What learns in a network.

A kind of parameter is known here alone: what it is called in archives, whether it decays, and what
it starts from. Whoever stacks, stores, reads or updates parameters asks this file.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fatheory import labels

Layers = tuple[Any, ...]
"""One array a layer, or None."""


class Parameters(NamedTuple):
    """Weights, biases, feedback weights that learn, and what follows a normalisation.

    Attributes
    ----------
    weights : tuple of arrays of shape (..., unit_l, unit_{l-1}) or (..., c_l, c_{l-1}, row, column)
        W_1 ... W_L, or W_2 ... W_L of a network without its first layer.
    biases : tuple of arrays of shape (..., unit_l) or None
        Of the same layers, None where a layer is normalised; empty for a network without biases.
    feedback : tuple of arrays of the shapes of the weights
        V_2 ... V_L of a rule whose feedback learns; empty for the others.
    scales, shifts : tuples of arrays of shape (..., feature)
        Of hidden layers 1 ... L-1 where normalised units learn them; else empty. They come after
        the preactivations of the first layer, so they belong to the upper layers.
    """

    weights: tuple[jax.Array, ...]
    biases: Layers
    feedback: tuple[jax.Array, ...]
    scales: tuple[jax.Array, ...] = ()
    shifts: tuple[jax.Array, ...] = ()

    @property
    def upper(self) -> "Parameters":
        """Those of layers 2 to L."""
        return self._replace(weights=self.weights[1:], biases=self.biases[1:])

    @classmethod
    def initial(
        cls,
        weights: Layers,
        biases: Layers = (),
        feedback: Layers = (),
        *,
        learnable_normalization: bool = False,
    ) -> "Parameters":
        """Return the parameters that a network starts from: scales are 1 and shifts 0.

        Parameters
        ----------
        weights, biases, feedback : tuples of arrays
            As drawn, with the same axes in front of all; a rule's feedback if it learns.
        learnable_normalization : bool
            Whether hidden units learn a scale and a shift behind their normalisation.
        """
        # Weights have the axes (..., unit_l, unit_{l-1}), kernels two more behind these.
        runs = 0 if not weights else weights[-1].ndim - 2
        hidden = [W.shape[: runs + 1] for W in weights[:-1]] if learnable_normalization else []
        scales = tuple(jnp.ones(shape, weights[0].dtype) for shape in hidden)
        return cls(weights, biases, feedback, scales, tuple(map(jnp.zeros_like, scales)))

    @classmethod
    def from_archive(
        cls,
        kernels: Sequence[bool],
        find: Callable[[str], Any],
        *,
        biased: Sequence[bool],
        learnable_normalization: bool,
    ) -> "Parameters":
        """Put together what an archive holds by name; feedback that learns is not in it.

        Parameters
        ----------
        kernels : sequence of bool
            Of every layer, whether it is a convolution.
        find : callable
            From a name to an array.
        biased : sequence of bool
            Of every layer, whether it has biases; empty for a network without.
        learnable_normalization : bool
            Whether hidden units learn a scale and a shift behind their normalisation.
        """
        hidden = [True] * (len(kernels) - 1) if learnable_normalization else []
        there = cls([True] * len(kernels), biased, [], hidden, hidden)  # type: ignore[arg-type]
        found: list[Layers] = []
        for field, layers in zip(_FIELDS, there, strict=True):
            names = [field.name(i, kernels[i - 1]) for i in range(1, len(layers) + 1)]
            found.append(
                tuple(find(n) if known else None for n, known in zip(names, layers, strict=True))
            )
        return cls(*found)

    @staticmethod
    def archive_names(kernels: Sequence[bool]) -> Iterator[tuple[str, int, str]]:
        """Yield field, position and archive's name of all that archives can hold of a network.

        Parameters
        ----------
        kernels : sequence of bool
            Of every layer, whether it is a convolution.
        """
        for name, field in _OF_FIELD.items():
            for i, is_kernel in enumerate(kernels if field.archived else ()):
                yield name, i, field.name(i + 1, is_kernel)

    def by_name(self) -> Iterator[tuple[str, jax.Array]]:
        """Yield the names that arrays have in archives, with the arrays."""
        # Behind the same axes of runs, a kernel has two more than the matrix of the last layer.
        matrix = min((W.ndim for W in self.weights), default=0)
        kernels = [W.ndim > matrix for W in self.weights]
        for field, layers in zip(_FIELDS, self, strict=True):
            for i, array in enumerate(layers if field.archived else (), start=1):
                if array is not None:
                    yield field.name(i, kernels[i - 1]), array

    def of_layers(self, flags: jax.Array) -> "Parameters":
        """Hand every array the flag of its layer.

        Parameters
        ----------
        flags : array of shape (layer,)
            One for each of the layers that have weights here.
        """

        def spread(layers: Layers, flags: jax.Array) -> Layers:
            return tuple(None if A is None else flag for A, flag in zip(layers, flags, strict=True))

        depth = len(self.weights)
        # Scales and shifts are those of the lower layers, also of a network without its first one.
        normalised = flags[: len(self.scales)]
        return Parameters(
            spread(self.weights, flags),
            spread(self.biases, flags[: len(self.biases)]),
            spread(self.feedback, flags[depth - len(self.feedback) :]),
            spread(self.scales, normalised),
            spread(self.shifts, normalised),
        )

    def with_first_layer(self, W: jax.Array, b: Any, *, biased: bool) -> "Parameters":
        """Put a first layer under the parameters of layers 2 to L.

        Parameters
        ----------
        W : array
            Its weights.
        b : array or None
            Its biases; None if it has none.
        biased : bool
            Whether the network has biases at all.
        """
        biases = (b, *self.biases) if biased else ()
        return self._replace(weights=(W, *self.weights), biases=biases)


class _Field(NamedTuple):
    """A kind of parameter.

    Attributes
    ----------
    decays : bool
        Whether weight decay takes from it.
    dense, convolutional : callable or None
        From a layer to the name in archives; None for what is not archived by layer.
    """

    decays: bool
    dense: Callable[[int], str] | None = None
    convolutional: Callable[[int], str] | None = None

    @property
    def archived(self) -> bool:
        """Whether archives hold it under the name of its layer."""
        return self.dense is not None

    def name(self, layer: int, is_kernel: bool) -> str:
        """Return the name of one layer's array in archives."""
        called = self.convolutional if is_kernel and self.convolutional else self.dense
        assert called is not None  # asked of what is archived
        return called(layer)


# Biases do not decay: they have no scale that decay could keep small without moving the units'
# thresholds. Nor do scales and shifts, whose neutral value is not zero.
_OF_FIELD = {
    "weights": _Field(True, labels.weight, labels.kernel),
    "biases": _Field(False, labels.bias, labels.channel_bias),
    "feedback": _Field(True),
    "scales": _Field(False, labels.scale),
    "shifts": _Field(False, labels.shift),
}
_FIELDS = [_OF_FIELD[name] for name in Parameters._fields]
DECAYS = Parameters(*(field.decays for field in _FIELDS))  # type: ignore[arg-type]
"""Which parameters decay, as a prefix of their tree."""
