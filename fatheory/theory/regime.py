"""The regime of the theory: which experiments the equations are about."""

from collections.abc import Iterator

from fatheory.errors import RegimeError
from fatheory.experiment import Experiment, LinearTask, SpikingNetwork
from fatheory.theory.mean_rule import mean_layered_rule


def require_regime(experiment: Experiment) -> None:
    """Refuse an experiment that the linear theory does not cover, before anything is drawn.

    Covered are fully connected linear networks without biases on linear tasks, under SGD at
    constant learning rates, by rules whose feedback does not learn and whose mean motion is known,
    the same at all layers. What a method asks beyond that it
    refuses by itself.

    Raises
    ------
    RegimeError
        If anything is outside; the message says everything that is, and what would bring it in.
    """
    outside = [
        *_of_network(experiment),
        *_of_task(experiment),
        *_of_update(experiment),
        *_of_rules(experiment),
    ]
    if outside:
        lines = "".join(f"\n  {line}" for line in outside)
        raise RegimeError(
            f"theory covers linear networks, fully connected and without biases, on linear tasks; "
            f"`fatheory run` trains the others. Of this experiment,{lines}"
        )


def _of_network(experiment: Experiment) -> Iterator[str]:
    network = experiment.network
    if isinstance(network, SpikingNetwork):
        yield f"the network is {network.kind}: describe a linear one, of kind 'dense'"
        return
    if network.convolutions:
        yield f"the network is {network.kind}: set network.kind to 'dense'"
    for units, key in (("hidden", "activation"), ("output", "output")):
        function = getattr(network, key)
        if function != "linear":
            yield f"the {units} units are {function!r}: set network.{key} to 'linear'"
    if network.biases is not None:
        yield "units have biases: set network.biases to null"
    if network.normalization is not None:
        yield "hidden units are normalised: set network.normalization to null"
    if network.dropout:
        yield f"activities are dropped (a fraction {network.dropout:g}): set network.dropout to 0"
    lost = [network.sparsity.removed(layer) for layer in range(1, experiment.layers + 1)]
    if any(forward or feedback for forward, feedback in lost):
        yield (
            f"connections are missing (forward {network.sparsity.forward:g}, feedback "
            f"{network.sparsity.feedback:g}): set network.sparsity to {{}}"
        )


def _of_task(experiment: Experiment) -> Iterator[str]:
    task = experiment.task
    if not isinstance(task, LinearTask):
        yield f"the task is of kind {task.kind!r}: theory knows y* = T x, task.kind 'linear'"


def _of_update(experiment: Experiment) -> Iterator[str]:
    if experiment.update.manhattan:
        yield "updates are those of Batch Manhattan: set update.manhattan to 0"
    if experiment.schedule.decay is not None:
        yield "learning rates decay: set schedule.decay to null"


def _of_rules(experiment: Experiment) -> Iterator[str]:
    for label, choice in experiment.rules:
        if choice.layers:
            yield f"rules.{label}: layers differ in their rule: set rules.{label}.layers to {{}}"
        try:
            mean_layered_rule(choice.make())
        except RegimeError as error:
            yield f"rules.{label}: {error}"
