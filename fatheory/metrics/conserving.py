"""What in an experiment's updates breaks every law of conservation."""

from collections.abc import Collection, Iterator

from fatheory.experiment import Experiment
from fatheory.metrics.archive_view import told


def breaking_network(
    experiment: Experiment, allowed: Collection[str], activations: Collection[str] = ("linear",)
) -> Iterator[str]:
    """Yield what in a network breaks a law, for messages.

    Parameters
    ----------
    experiment : Experiment
        Whose network.
    allowed : collection of str
        Departures from a linear network under which the law holds.
    activations : collection of str
        Functions of hidden units under which it holds.
    """
    for departure in experiment.network.departures_from_linear():
        # A missing weight stays at zero whatever its gradient is, and so breaks the balance of two
        # layers.
        if departure.feature == "sparsity.forward":
            missing = experiment.network.sparsity.forward
            yield f"a fraction {missing:g} of forward weights is missing"
        elif departure.feature == "activation":
            if experiment.network.activation not in activations:
                yield told(departure)
        elif departure.feature not in allowed:
            yield told(departure)


def breaking_updates(experiment: Experiment) -> Iterator[str]:
    """Yield what makes updates more than gradients of neighbouring layers, for messages."""
    if experiment.update.weight_decay:
        yield f"weights decay (update.weight_decay {experiment.update.weight_decay:g})"
    if experiment.update.manhattan:
        setting = experiment.update.manhattan
        yield f"updates are those of Batch Manhattan (update.manhattan {setting})"
    if experiment.update.optimizer != "sgd":
        yield f"updates are scaled by their past (update.optimizer {experiment.update.optimizer!r})"
    for i, phase in enumerate(experiment.schedule.phases):
        # With all layers frozen nothing moves at all.
        if 0 < len(set(phase.frozen)) < experiment.layers:
            listed = ", ".join(map(str, sorted(set(phase.frozen))))
            yield f"phase {i} freezes some layers only ({listed})"
