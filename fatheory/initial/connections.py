"""Which connections a sparse network lacks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool

from fatheory.arrays import Array
from fatheory.errors import InvalidExperimentError
from fatheory.experiment import Experiment
from fatheory.initial.streams import stream

Mask = Bool[np.ndarray, "_ _"]


@dataclass(frozen=True)
class Connections:
    """Masks of the shape of the weights, layers 1 ... L: True where there is a connection.

    Attributes
    ----------
    forward : tuple of arrays or None
        Of the weights W_l; None where none is missing.
    feedback : tuple of arrays or None
        Of what a rule draws in the place of W_l.
    """

    forward: tuple[Mask | None, ...]
    feedback: tuple[Mask | None, ...]


def draw_connections(
    experiment: Experiment, seed: int, shapes: list[tuple[int, ...]]
) -> Connections:
    """Draw which connections a seed's network lacks: the fraction asked for, to the nearest one.

    Raises
    ------
    InvalidExperimentError
        If a unit is left without any input, so that part of the network is cut off.
    """
    sparsity, root_seed = experiment.network.sparsity, experiment.root_seed
    forward: list[Mask | None] = []
    feedback: list[Mask | None] = []
    for layer, shape in enumerate(shapes, start=1):
        of_forward, of_feedback = sparsity.removed(layer)
        mask = _mask(partial(stream, root_seed, seed, "forward_mask", layer), shape, of_forward)
        # A unit without inputs would be constant, and angles of its weights NaN for no visible
        # reason.
        if mask is not None and not mask.any(axis=1).all():
            unit = int(np.argmin(mask.any(axis=1)))
            raise InvalidExperimentError(
                "Experiment",
                [
                    (
                        "network.sparsity.forward",
                        f"removing {of_forward:g} of layer {layer}'s {shape[1]} inputs a unit "
                        f"leaves unit {unit} of seed {seed} without any; remove fewer, or widen "
                        f"the layer below",
                    )
                ],
            )
        forward.append(mask)
        own = _mask(partial(stream, root_seed, seed, "feedback_mask", layer), shape, of_feedback)
        # Drawn even where it is not used, as streams are independent: it shifts nobody's numbers.
        feedback.append(mask if sparsity.shared else own)
    return Connections(tuple(forward), tuple(feedback))


def draw_direct_connections(
    experiment: Experiment, seed: int, connections: Connections
) -> tuple[Mask | None, ...]:
    """Draw which connections lead from the outputs straight to each hidden layer.

    Hidden layer l lacks the fraction that feedback through layer l + 1 would lack. To the last
    hidden layer it lacks the very same connections, so that with two layers direct feedback
    alignment is feedback alignment. The others have no forward weights beside them with which they
    could share what is missing.

    Parameters
    ----------
    experiment, seed
        Whose connections.
    connections : Connections
        Those of feedback layer by layer, from `draw_connections`.

    Returns
    -------
    tuple of arrays or None
        For layers 1 ... L, of shape (n_o, unit_l); None where none is missing, and for L.
    """
    sparsity, root_seed = experiment.network.sparsity, experiment.root_seed
    *hidden, outputs = experiment.sizes[1:]
    masks = [
        _mask(
            partial(stream, root_seed, seed, "feedback_mask", layer),
            (outputs, n),
            sparsity.removed(layer)[1],
        )
        for layer, n in enumerate(hidden, start=2)
    ]
    return (*masks[:-1], connections.feedback[-1], None)


def connected(layers: Sequence[Array | None], masks: Sequence[Array | None]) -> tuple[Any, ...]:
    """Leave missing connections out of arrays of the shape of weights, layer by layer.

    None stands for no array, or for a mask that lacks nothing; arrays are NumPy's or JAX's.
    """
    pairs = zip(layers, masks, strict=True)
    return tuple(A if A is None or mask is None else A * mask for A, mask in pairs)


def _mask(
    source: Callable[[], np.random.Generator], shape: tuple[int, ...], removed: float
) -> Mask | None:
    if removed == 0:
        return None  # before a stream is made, which takes longer than to draw a small matrix
    # A fixed number, not a coin for each: seeds do not differ in how sparse they are.
    mask = np.ones(math.prod(shape), dtype=bool)
    mask[source().permutation(mask.size)[: round(removed * mask.size)]] = False
    return mask.reshape(shape)
