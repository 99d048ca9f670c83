"""What in an experiment's updates breaks every law of conservation."""

from collections.abc import Collection, Iterator

from fatheory.experiment import Experiment
from fatheory.metrics.archive_view import told


def breaking_network(
    asked: Experiment, allowed: Collection[str], activations: Collection[str] = ("linear",)
) -> Iterator[str]:
    """Yield what in a network breaks a law, for messages.

    Parameters
    ----------
    asked : Experiment
        Whose network.
    allowed : collection of str
        Departures from a linear network under which the law holds.
    activations : collection of str
        Functions of hidden units under which it holds.
    """
    for departure in asked.network.departures_from_linear():
        if departure.feature == "sparsity.forward":
            yield f"a fraction {asked.network.sparsity.forward:g} of forward weights is missing"
        elif departure.feature == "activation":
            if asked.network.activation not in activations:
                yield told(departure)
        elif departure.feature not in allowed:
            yield told(departure)


def breaking_updates(asked: Experiment) -> Iterator[str]:
    """Yield what makes updates more than gradients of neighbouring layers, for messages."""
    if asked.update.weight_decay:
        yield f"weights decay (update.weight_decay {asked.update.weight_decay:g})"
    if asked.update.manhattan:
        yield f"updates are those of Batch Manhattan (update.manhattan {asked.update.manhattan})"
    if asked.update.optimizer != "sgd":
        yield f"updates are scaled by their past (update.optimizer {asked.update.optimizer!r})"
    for i, phase in enumerate(asked.schedule.phases):
        # With all layers frozen nothing moves at all.
        if 0 < len(set(phase.frozen)) < asked.layers:
            listed = ", ".join(map(str, sorted(set(phase.frozen))))
            yield f"phase {i} freezes some layers only ({listed})"
