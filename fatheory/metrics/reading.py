"""What metrics read from an archive: its rules, their V, its teaching signals."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.experiment import (
    ConvolutionalNetwork,
    DenseNetwork,
    Experiment,
    LinearTask,
    SpikingNetwork,
)
from fatheory.geometry import linear_signals
from fatheory.rules import LayeredRule

RUN = (labels.RULE, labels.SEED, labels.STEP)


def experiment_of(archive: xr.Dataset) -> Experiment:
    """Return the experiment that an archive answers.

    Raises
    ------
    ArchiveError
        If the archive does not say.
    """
    if labels.ATTR_EXPERIMENT not in archive.attrs:
        raise ArchiveError(
            f"the dataset has no attribute {labels.ATTR_EXPERIMENT!r}; metrics read run archives, "
            f"as fatheory.simulate, fatheory.solve and fatheory.load return them"
        )
    return Experiment.from_json(archive.attrs[labels.ATTR_EXPERIMENT])


def layers_of(archive: xr.Dataset) -> list[int]:
    """Return the numbers of the layers, 1 ... L, once the dataset is known to be a run archive.

    Raises
    ------
    ArchiveError
        If it is none, or if a selection took the rules, seeds or steps away, or a layer.
    """
    experiment = experiment_of(archive)
    gone = [dim for dim in RUN if dim not in archive.dims]
    if gone:
        raise ArchiveError(
            f"the archive has no dimension {', '.join(gone)}; keep it by selecting with a list, as "
            f"in archive.sel(rule=['backprop'])"
        )
    expected = list(range(1, experiment.layers + 1))
    found = np.atleast_1d(archive[labels.LAYER].values).tolist() if labels.LAYER in archive else []
    if found != expected:
        raise ArchiveError(
            f"the archive has the layers {found} and its experiment {expected}; select layers "
            f"after computing the metric"
        )
    return expected


def require(archive: xr.Dataset, name: str, quantity: str) -> xr.DataArray:
    """Return a variable of the archive.

    Raises
    ------
    ArchiveError
        If it was not recorded; the message says what to record.
    """
    if name not in archive:
        raise ArchiveError(
            f"the archive has no {name!r}; add {quantity!r} to the experiment's record.quantities "
            f"(recorded: {', '.join(sorted(map(str, archive.data_vars)))})"
        )
    return archive[name]


def weights_of(archive: xr.Dataset) -> list[np.ndarray]:
    """Return W_1 ... W_L as arrays of shape (rule, seed, step, unit_l, unit_{l-1}).

    Kernels are flattened to a row for every channel.
    """
    convolutions = experiment_of(archive).network.convolutions
    return [
        _flattened(require(archive, labels.kernel(layer), "weights").values, RUN)
        if layer <= convolutions
        else require(archive, labels.weight(layer), "weights").values
        for layer in layers_of(archive)
    ]


def _flattened(kernels: np.ndarray, runs: tuple[str, ...]) -> np.ndarray:
    """Make matrices (..., channel, entry) of kernels behind the axes of runs."""
    return kernels.reshape(*kernels.shape[: len(runs) + 1], -1)


def backward_weights_of(archive: xr.Dataset) -> list[np.ndarray | None]:
    """Return None, V_2 ... V_L of the shapes of the weights.

    NaN for rules without V (node perturbation, direct feedback alignment), with a random one
    (brsf), or with one that learns and is not stored (Kolen-Pollack, weight mirror).

    Raises
    ------
    ArchiveError
        If the weights were not recorded, or a rule's feedback was taken away.
    """
    choices = dict(experiment_of(archive).rules)
    weights = weights_of(archive)
    answer: list[np.ndarray | None] = [None]
    for layer, W in enumerate(weights[1:], start=2):
        V = np.full_like(W, np.nan)
        for i, label in enumerate(archive[labels.RULE].values):
            rule = choices[str(label)].at(layer, len(weights)).make()
            if isinstance(rule, LayeredRule) and not (rule.stochastic or rule.adaptive):
                V[i] = rule.backward_weights(W[i], state_of(archive, rule, layer, i))
        answer.append(V)
    return answer


def state_of(archive: xr.Dataset, rule: LayeredRule, layer: int, place: int) -> np.ndarray | None:
    """Return what the rule at this place drew for a layer, (seed, 1, unit_l, unit_{l-1}).

    None for a rule that draws nothing.

    Raises
    ------
    ArchiveError
        If it is not in the archive.
    """
    name, kernels = labels.feedback(layer), labels.feedback_kernel(layer)
    if name in archive:
        return np.swapaxes(archive[name].values[place], -1, -2)[:, None]
    if kernels in archive:
        return _flattened(archive[kernels].values[place], (labels.SEED,))[:, None]
    convolutions = experiment_of(archive).network.convolutions
    missing = kernels if layer <= convolutions else name
    # An archive holds feedback if one of its rules drew any.
    if rule.draw(np.random.default_rng(0), (1, 1)) is not None:
        raise ArchiveError(
            f"the archive has no {missing!r}, which the rule {rule.name!r} draws; it was taken "
            f"away: read the archive that simulate, solve or load returned"
        )
    return None


def signals_of(archive: xr.Dataset) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the rule's and backprop's teaching signals, (rule, seed, step, sample, unit_l).

    As recorded, or from the recorded weights where network and task are linear.

    Raises
    ------
    ArchiveError
        If neither is possible.
    """
    layers = layers_of(archive)
    if labels.teaching_signal(1) in archive:
        return (
            [archive[labels.teaching_signal(layer)].values for layer in layers],
            [archive[labels.backprop_signal(layer)].values for layer in layers],
        )
    require_linear(archive, "teaching signals", "'teaching_signals'")
    weights = weights_of(archive)
    return (
        signals_through(archive, backward_weights_of(archive)),
        signals_through(archive, weights),
    )


def signals_through(
    archive: xr.Dataset, backward_weights: Sequence[np.ndarray | None]
) -> list[np.ndarray]:
    """Return the teaching signals that travel through given V_l in a linear network."""
    T = archive[labels.TARGET_MAP].values[:, None]
    x = archive[labels.PROBE_INPUT].values[:, None]
    return linear_signals(weights_of(archive), backward_weights, T, x)


def require_linear(archive: xr.Dataset, what: str, quantities: str) -> None:
    """Refuse what follows from the weights alone in linear networks on linear tasks only.

    Parameters
    ----------
    archive : Dataset
        A run archive.
    what : str
        What was asked for.
    quantities : str
        What to record instead.

    Raises
    ------
    ArchiveError
        If the network or the task is not linear.
    """
    asked = experiment_of(archive)
    differences = nonlinear_parts(asked.network)
    if not isinstance(asked.task, LinearTask):
        differences.append(f"the task is of kind {asked.task.kind!r}")
    if differences:
        raise ArchiveError(
            f"{what} follow from the weights alone where network and task are linear; here, "
            f"{', '.join(differences)}: add {quantities} to the experiment's record.quantities"
        )


def nonlinear_parts(
    network: DenseNetwork | ConvolutionalNetwork | SpikingNetwork,
) -> list[str]:
    """Say what keeps a network's output from being W_L ... W_1 x."""
    found = [
        f"the {units} units are {function}"
        for units, function in (("hidden", network.activation), ("output", network.output))
        if function != "linear"
    ]
    if network.biases is not None:
        found.append("units have biases")
    if network.normalization is not None:
        found.append("hidden units are normalised")
    if network.convolutions:
        found.append("the network is convolutional")
    return found


def labelled(
    archive: xr.Dataset, name: str, values: np.ndarray, dims: tuple[str, ...], **attrs: str
) -> xr.DataArray:
    """Return values as a named DataArray with the archive's coordinates along `dims`."""
    coords = {
        key: coordinate
        for key, coordinate in archive.coords.items()
        if set(coordinate.dims) <= set(dims)
    }
    return xr.DataArray(values, coords, dims, name, attrs)
