"""What metrics read from an archive: its rules, their V, its teaching signals."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment
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
    """Return W_1 ... W_L as arrays of shape (rule, seed, step, unit_l, unit_{l-1})."""
    return [
        require(archive, labels.weight(layer), "weights").values for layer in layers_of(archive)
    ]


def backward_weights_of(archive: xr.Dataset) -> list[np.ndarray | None]:
    """Return None, V_2 ... V_L of the shapes of the weights.

    NaN for rules without V (node perturbation) or with a random one (brsf).
    """
    choices = dict(experiment_of(archive).rules)
    weights = weights_of(archive)
    answer: list[np.ndarray | None] = [None]
    for layer, W in enumerate(weights[1:], start=2):
        V = np.full_like(W, np.nan)
        for i, label in enumerate(archive[labels.RULE].values):
            rule = choices[str(label)].make()
            if isinstance(rule, LayeredRule) and not rule.stochastic:
                B = archive[labels.feedback(layer)].values[i]
                state = np.swapaxes(B, -1, -2)[:, None]
                V[i] = rule.backward_weights(W[i], state)
        answer.append(V)
    return answer


def signals_of(archive: xr.Dataset) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the rule's and backprop's teaching signals, (rule, seed, step, sample, unit_l).

    As recorded, or from the recorded weights where the network is linear.

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
    activation = experiment_of(archive).network.activation
    if activation != "linear":
        raise ArchiveError(
            f"teaching signals of {activation} networks do not follow from the weights alone; add "
            f"'teaching_signals' to the experiment's record.quantities"
        )
    weights = weights_of(archive)
    T = archive[labels.TARGET_MAP].values[:, None]
    x = archive[labels.PROBE_INPUT].values[:, None]
    return (
        linear_signals(weights, backward_weights_of(archive), T, x),
        linear_signals(weights, weights, T, x),
    )


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
