"""What the archive of an experiment will hold, known before it runs."""

from collections.abc import Iterator

import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment, LinearTask
from fatheory.quantities import dimension_sizes, find_quantities
from fatheory.rules import DirectRule, LayeredRule
from fatheory.rules.drawing import has_state

EXAMPLES = (
    labels.TARGET_MAP,
    labels.INPUT_COVARIANCE,
    labels.PROBE_INPUT,
    labels.PROBE_TARGET,
)
"""Variables that say what is to be learned."""


_DTYPES = {"boolean": np.dtype(np.bool_), "integer": np.dtype(np.int64)}


def variable_dims(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """Return the variables of the experiment's archive, with their dimensions, sorted by name."""
    names = {labels.LOSS, labels.DIVERGED, labels.DIVERGED_AT, *_drawn(experiment)}
    for quantity in find_quantities(experiment.record.quantities):
        names.update(quantity.names(experiment))
    return {
        name: labels.output_dims(labels.variable(name).dims, experiment.layers)
        for name in sorted(names)
    }


def sizes(experiment: Experiment) -> dict[str, int]:
    """Return the sizes of all dimensions that variables of the experiment's archive can have."""
    return dimension_sizes(experiment) | {
        labels.RULE: len(experiment.rules),
        labels.SEED: len(experiment.seeds),
        labels.STEP: len(experiment.snapshot_steps),
        labels.EXAMPLE: experiment.task.samples,
        labels.HELD_OUT_EXAMPLE: experiment.task.held_out,
    }


def own_examples(experiment: Experiment) -> tuple[str, ...]:
    """Return the names under which an archive holds the experiment's own arrays, if it does."""
    task = experiment.task
    if not task.archived:
        return ()
    # Where nothing is held out, the training examples serve for both.
    both = task.archived > task.samples * (task.inputs + task.outputs)
    names = labels.OWN_EXAMPLES if both else labels.OWN_EXAMPLES[:2]
    return tuple(map(labels.of_each_seed, names)) if task.each_seeds else names


def dtype(name: str, precision: str) -> np.dtype:
    """Return the kind of values of a variable."""
    if labels.is_own_array(name):
        return np.dtype(np.float64)  # holds arrays of either precision as they were given
    return _DTYPES.get(labels.variable(name).kind, np.dtype(precision))


def _drawn(experiment: Experiment) -> Iterator[str]:
    yield from _feedback(experiment)
    if experiment.initial is not None:
        yield from experiment.initial.stored_names
    task = experiment.task
    if task.stored or task.each_seeds:
        yield labels.TARGET_VARIANCE
        yield from own_examples(experiment)
        if task.archived:
            yield from (labels.PROBE_INPUT, labels.PROBE_TARGET)
    elif isinstance(task, LinearTask):
        yield from EXAMPLES
    else:
        yield from (labels.PROBE_INPUT, labels.PROBE_TARGET)


def _feedback(experiment: Experiment) -> Iterator[str]:
    """Name what rules draw."""
    outputs = experiment.sizes[-1]
    for _, choice in experiment.rules:
        rule = choice.make()
        if isinstance(rule, DirectRule):
            for layer, n in enumerate(experiment.sizes[1:-1], start=1):
                if has_state(rule, (outputs, n)):
                    yield labels.direct_feedback(layer)
            continue
        for layer, shape in enumerate(experiment.weight_shapes[1:], start=2):
            own = choice.at(layer, experiment.layers).make()
            assert isinstance(own, LayeredRule)
            if has_state(own, shape):
                is_matrix = len(shape) == 2
                yield labels.feedback(layer) if is_matrix else labels.feedback_kernel(layer)
