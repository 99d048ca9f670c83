"""Everything that is learned."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np

from fatheory import labels
from fatheory.arrays import Array
from fatheory.labels import Variable
from fatheory.quantities.dimensions import dimension_sizes
from fatheory.quantities.experiment_like import ExperimentLike
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View

_KERNELS = ("channel_{layer}", "channel_{below}", "kernel_row_{layer}", "kernel_column_{layer}")
WEIGHTS = "weights"


def not_kept(
    quantity: Quantity, runs: Sequence[int], experiment: ExperimentLike
) -> dict[str, np.ndarray]:
    """Return NaN for the variables of a quantity where it is not kept, of the axes `runs` first."""
    sizes = dimension_sizes(experiment)
    return {
        name: np.full((*runs, *(sizes[dim] for dim in quantity.dims(name, experiment)[3:])), np.nan)
        for name in quantity.names(experiment)
    }


def _family(dims: tuple[str, ...], long_name: str) -> Variable:
    return Variable((*labels.RUN, *dims), labels.DIMENSIONLESS, f"{long_name} {{layer}}")


class Weights(Quantity):
    """All weights, biases, and what belongs to a normalisation, of every layer.

    Every metric of a linear network follows from them.
    """

    name = WEIGHTS
    summary = "all weights and biases, from which metrics of linear networks follow"
    needs = frozenset({Need.PARAMETERS})
    variables: ClassVar = {
        "weight_{layer}": _family(("unit_{layer}", "unit_{below}"), "weights into layer"),
        "kernel_{layer}": _family(_KERNELS, "kernels of layer"),
        "bias_{layer}": _family(("unit_{layer}",), "biases of layer"),
        "channel_bias_{layer}": _family(("channel_{layer}",), "biases of the channels of layer"),
        "scale_{layer}": _family(
            ("feature_{layer}",), "learnt scale after the normalisation of layer"
        ),
        "shift_{layer}": _family(
            ("feature_{layer}",), "learnt shift after the normalisation of layer"
        ),
        "running_mean_{layer}": _family(("feature_{layer}",), "running mean of the sums of layer"),
        "running_variance_{layer}": _family(
            ("feature_{layer}",), "running variance of the sums of layer"
        ),
    }

    def names(self, experiment: ExperimentLike) -> Iterator[str]:
        """Name what the experiment's network learns, layer by layer."""
        network, last = experiment.network, experiment.layers
        normalization = network.normalization
        for layer, shape in enumerate(experiment.weight_shapes, start=1):
            is_matrix, hidden = len(shape) == 2, layer < last
            yield labels.weight(layer) if is_matrix else labels.kernel(layer)
            if network.biases is not None and not (normalization is not None and hidden):
                yield labels.bias(layer) if is_matrix else labels.channel_bias(layer)
            if normalization is not None and hidden:
                yield from (labels.running_mean(layer), labels.running_variance(layer))
                if normalization.learnable:
                    yield from (labels.scale(layer), labels.shift(layer))

    def compute(self, view: View) -> Mapping[str, Array]:
        """Return them by name."""
        return view.parameters
