"""The sizes of all dimensions of an experiment's archive, known before it runs."""

from fatheory import labels
from fatheory.quantities.experiment_like import ExperimentLike


def dimension_sizes(experiment: ExperimentLike) -> dict[str, int]:
    """Return the sizes of all dimensions that variables of one run at one step can have."""
    record, units = experiment.record, experiment.sizes
    found = {
        labels.LAYER: experiment.layers,
        labels.SAMPLE: experiment.probe_samples,
        labels.twin(labels.unit(0)): units[0],
        labels.RECEPTIVE_UNIT: min(record.receptive_units, units[1]),
    }
    if experiment.network.kind == "spiking":
        found[labels.TRACED_UNIT] = traced_units(experiment)
        found[labels.TIME_STEP] = found[labels.SAMPLE] * experiment.network.steps_per_image
    for layer, count in enumerate(units):
        found[labels.unit(layer)] = count
    for layer, (c_out, c_in, *window) in enumerate(experiment.weight_shapes, start=1):
        found[labels.feature(layer)] = c_out
        if window:
            found |= {labels.channel(layer): c_out, labels.channel(layer - 1): c_in}
            found |= {f"kernel_row_{layer}": window[0], f"kernel_column_{layer}": window[1]}
    return found


def traced_units(experiment: ExperimentLike) -> int:
    """Return of how many neurons of every layer traces are recorded."""
    return min(experiment.record.receptive_units, *experiment.sizes[1:])
