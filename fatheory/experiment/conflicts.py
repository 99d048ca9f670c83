"""What does not fit together in an experiment whose parts are valid by themselves."""

from collections.abc import Iterator

from fatheory.experiment.decay import StepDecay
from fatheory.experiment.description import short
from fatheory.experiment.rule_choice import LAST
from fatheory.experiment.whole import Problem, Whole
from fatheory.quantities import find_quantities
from fatheory.rules import LayeredRule

ROUGH = frozenset({"sigmoid", "tanh"})
"""Functions whose derivative a rule may replace by a rough one."""


def conflicts(experiment: Whole) -> Iterator[Problem]:
    """Find everything in which the parts of an experiment contradict each other."""
    yield from _repeated(experiment)
    own = list(experiment.network.conflicts(experiment))
    if experiment.network.convolutions and not experiment.task.image_shape:
        # Without images no layer has a size that the other checks could speak of.
        yield from own
        return
    yield from _of_layers(experiment)
    yield from _of_rules(experiment)
    yield from _of_batches(experiment)
    yield from _of_record(experiment)
    yield from own
    if experiment.initial is not None:
        yield from experiment.initial.conflicts(experiment)


def _repeated(experiment: Whole) -> Iterator[Problem]:
    labels = [label for label, _ in experiment.rules]
    for kind, values in (("rules", labels), ("seeds", experiment.seeds)):
        if len(set(values)) < len(values):
            yield kind, f"must differ from each other; got {short(list(values))}"


def _of_layers(experiment: Whole) -> Iterator[Problem]:
    layers = experiment.layers
    named = {"network.sparsity.layers": experiment.network.sparsity.layers}
    for i, phase in enumerate(experiment.schedule.phases):
        named[f"schedule.phases.{i}.frozen"] = phase.frozen
    for where, given in named.items():
        if any(layer > layers for layer in given):
            yield where, f"layers are 1 to {layers}; got {short(list(given))}"
    if experiment.network.output == "softmax" and not experiment.task.of_classes:
        yield "network.output", "softmax outputs need a task with classes (images)"


def _of_rules(experiment: Whole) -> Iterator[Problem]:
    layers = experiment.layers
    for label, choice in experiment.rules:
        beyond = [n for n, _ in choice.layers if n != LAST and int(n) > layers]
        if beyond:
            yield f"rules.{label}.layers", f"layers are 2 to {layers} and {LAST!r}; got {beyond}"
        numbers = [n for n, _ in choice.layers]
        if LAST in numbers and layers in numbers:
            yield f"rules.{label}.layers", f"{LAST!r} is layer {layers}; give it one rule"
        # Outputs count, too: their derivative is part of the error that is sent back.
        functions = {experiment.network.activation, experiment.network.output}
        if choice.derivative != "exact" and not functions & ROUGH:
            yield (
                f"rules.{label}.derivative",
                f"{choice.derivative!r} stands in for the derivative of sigmoid and tanh units, "
                f"and this network has none: leave derivative out",
            )
        rule = choice.make()
        probes = isinstance(rule, LayeredRule) and rule.adaptive and not rule.entrywise
        if probes and experiment.network.normalization is not None:
            yield (
                f"rules.{label}",
                f"{rule.name} learns from how a layer answers to noise, which is not defined "
                f"where batches are normalised",
            )
        if probes and experiment.update.optimizer != "sgd":
            # Such an optimiser divides by the size of gradients: the rate of V relative to that of
            # W would drop out, and with it what the rule is.
            yield (
                f"rules.{label}",
                f"{rule.name} lets feedback learn at a rate of its own, which the optimizer "
                f"{experiment.update.optimizer!r} would scale away: take update.optimizer 'sgd'",
            )


def _of_batches(experiment: Whole) -> Iterator[Problem]:
    samples, batch = experiment.task.samples, experiment.schedule.batch_size
    if samples and batch > samples:
        yield "schedule.batch_size", f"exceeds the task's {samples} samples; got {batch}"
    decay, steps = experiment.schedule.decay, experiment.schedule.steps
    if isinstance(decay, StepDecay) and max(decay.at) > steps:
        yield "schedule.decay.at", f"the run has {steps} steps; got {short(list(decay.at))}"
    if batch == 1 and experiment.network.normalization is not None:
        yield (
            "schedule.batch_size",
            "batch normalisation needs batches of 2 at least, for a batch of one has no variance; "
            "got 1",
        )


def _of_record(experiment: Whole) -> Iterator[Problem]:
    record, steps = experiment.record, experiment.schedule.steps
    if record.probe_samples == 1 and experiment.network.normalization is not None:
        yield "record.probe_samples", "normalised teaching signals need 2 samples at least; got 1"
    if any(step > steps for step in record.steps):
        yield "record.steps", f"the run has {steps} steps; got {short(record.steps)}"
    if record.keep_weights != "all" and "weights" not in record.quantities:
        yield (
            "record.keep_weights",
            "says when weights are kept: add 'weights' to record.quantities",
        )
    if not isinstance(record.keep_weights, str):
        if not record.keep_weights:
            yield "record.keep_weights", "names no step; 'last' keeps those of the last step alone"
        if any(step > steps for step in record.keep_weights):
            yield (
                "record.keep_weights",
                (f"the run has {steps} steps; got {short(record.keep_weights)}"),
            )
    # By reason: several quantities often lack one thing, which is said once.
    undefined: dict[str, list[str]] = {}
    for quantity in find_quantities(record.quantities):
        for reason in quantity.undefined_for(experiment):
            undefined.setdefault(reason, []).append(quantity.name)
    for reason, names in undefined.items():
        yield "record.quantities", f"{reason}: {', '.join(sorted(names))}"
