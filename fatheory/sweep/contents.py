"""What the archive of an experiment will hold, known before it runs."""

from collections.abc import Iterator

import numpy as np

from fatheory import labels
from fatheory.archive.assembly import output_dims
from fatheory.experiment import Experiment, ImageTask, LinearTask, SpikingNetwork
from fatheory.rules import DirectRule, LayeredRule

_NAMES = {
    "pseudobackprop_angles": (
        labels.PSEUDOBACKPROP_ANGLE,
        labels.BACKPROP_TO_PSEUDOBACKPROP_ANGLE,
    ),
    "receptive_fields": (labels.RECEPTIVE_FIELD,),
    "training_error": (labels.TRAINING_LOSS, labels.TRAINING_ERROR),
    "traces": (labels.POTENTIAL, labels.SPIKES, labels.MODULATOR),
}
"""Variables of a quantity, where they are others than the one of its name."""

EXAMPLES = (
    labels.TARGET_MAP,
    labels.INPUT_COVARIANCE,
    labels.PROBE_INPUT,
    labels.PROBE_TARGET,
)
"""Variables that say what is to be learned."""


def contents(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """Return the variables of the experiment's archive, with their dimensions, sorted by name."""
    names = {labels.LOSS, labels.DIVERGED, labels.DIVERGED_AT, *_drawn(experiment)}
    for quantity in experiment.record.quantities:
        if quantity == "weights":
            names.update(_learned(experiment))
        elif quantity == "teaching_signals":
            for layer in range(1, experiment.layers + 1):
                names |= {labels.teaching_signal(layer), labels.backprop_signal(layer)}
        else:
            names.update(_NAMES.get(quantity, (quantity,)))
    return {
        name: output_dims(labels.variable(name).dims, experiment.layers) for name in sorted(names)
    }


def sizes(experiment: Experiment) -> dict[str, int]:
    """Return the sizes of all dimensions that variables of the experiment's archive can have."""
    record, units = experiment.record, experiment.sizes
    found = {
        labels.RULE: len(experiment.rules),
        labels.SEED: len(experiment.seeds),
        labels.STEP: len(experiment.snapshot_steps),
        labels.LAYER: experiment.layers,
        labels.SAMPLE: experiment.probe_samples,
        labels.twin(labels.unit(0)): units[0],
        labels.RECEPTIVE_UNIT: min(record.receptive_units, units[1]),
    }
    if isinstance(experiment.network, SpikingNetwork):
        found[labels.TRACED_UNIT] = min(record.receptive_units, *units[1:])
        found[labels.TIME_STEP] = found[labels.SAMPLE] * experiment.network.steps_per_image
    for layer, count in enumerate(units):
        found[labels.unit(layer)] = count
    for layer, (c_out, c_in, *window) in enumerate(experiment.weight_shapes, start=1):
        found[f"feature_{layer}"] = c_out
        if window:
            found |= {labels.channel(layer): c_out, labels.channel(layer - 1): c_in}
            found |= {f"kernel_row_{layer}": window[0], f"kernel_column_{layer}": window[1]}
    return found


def dtype(name: str, precision: str) -> np.dtype:
    """Return the kind of values of a variable."""
    kinds = {labels.DIVERGED: np.dtype(np.bool_), labels.DIVERGED_AT: np.dtype(np.int64)}
    return kinds.get(name, np.dtype(precision))


def _learned(experiment: Experiment) -> Iterator[str]:
    network, last = experiment.network, experiment.layers
    normalization = network.normalization
    for layer, shape in enumerate(experiment.weight_shapes, start=1):
        is_matrix = len(shape) == 2
        hidden = layer < last
        yield labels.weight(layer) if is_matrix else labels.kernel(layer)
        if network.biases is not None and not (normalization is not None and hidden):
            yield labels.bias(layer) if is_matrix else labels.channel_bias(layer)
        if normalization is not None and hidden:
            yield from (f"running_mean_{layer}", f"running_variance_{layer}")
            if normalization.learnable:
                yield from (f"scale_{layer}", f"shift_{layer}")


def _drawn(experiment: Experiment) -> Iterator[str]:
    yield from _feedback(experiment)
    if isinstance(experiment.task, ImageTask):
        yield labels.TARGET_VARIANCE
    elif isinstance(experiment.task, LinearTask):
        yield from EXAMPLES
    else:
        yield from (labels.PROBE_INPUT, labels.PROBE_TARGET)


def _feedback(experiment: Experiment) -> Iterator[str]:
    """Name what rules draw. Whether one draws at all is seen by letting it draw a single entry."""
    generator = np.random.default_rng(0)
    for _, choice in experiment.rules:
        rule = choice.make()
        if isinstance(rule, DirectRule):
            if rule.draw(generator, (1, 1)) is not None:
                yield from map(labels.direct_feedback, range(1, experiment.layers))
            continue
        for layer, shape in enumerate(experiment.weight_shapes[1:], start=2):
            own = choice.at(layer, experiment.layers).make()
            assert isinstance(own, LayeredRule)
            if own.draw(generator, (1,) * len(shape)) is not None:
                is_matrix = len(shape) == 2
                yield labels.feedback(layer) if is_matrix else labels.feedback_kernel(layer)
