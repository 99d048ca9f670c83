"""What a rule has drawn, and what one step asks of it and of the network."""

from typing import NamedTuple

import jax
from jaxtyping import Array, Float, Int

from fatheory.networks import BatchStatistics, Layers, Parameters


class RuleStates(NamedTuple):
    """What a rule has drawn and what connections its feedback has, for layers 1 to L.

    Attributes
    ----------
    drawn : tuple of arrays or None
        See `fatheory.initial.InitialState.states`.
    connections : tuple of arrays or None
        1 where feedback has a connection, else 0; None where it lacks none.
    feedback_path : array
        Which of the learner's feedback paths.
    """

    drawn: Layers
    connections: Layers
    feedback_path: Int[Array, "*runs"]


class Step(NamedTuple):
    """What one batch asks for.

    Attributes
    ----------
    first : array of shape (sample, *unit_1)
        Gradient of the batch-mean loss with respect to the preactivations of the first layer.
    upper : Parameters
        Gradients of layers 2 to L.
    loss : scalar
        The batch-mean loss.
    moments : tuple of BatchStatistics
        Of the hidden preactivations over the batch; empty without normalisation.
    """

    first: Float[jax.Array, "sample *unit"]
    upper: Parameters
    loss: Float[jax.Array, ""]
    moments: tuple[BatchStatistics, ...]


class Gradient(NamedTuple):
    """What one batch asks of a whole network.

    Attributes
    ----------
    parameters : Parameters
        Gradients of the batch-mean loss, as the rule delivers them.
    loss, moments
        As of `Step`.
    """

    parameters: Parameters
    loss: Float[jax.Array, ""]
    moments: tuple[BatchStatistics, ...]
