"""What trained networks answer on inputs of one's own."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from fatheory import labels
from fatheory.archive import with_own_axes
from fatheory.arrays import ArrayLike
from fatheory.checks import real_array, require_kind, step_label
from fatheory.errors import ArchiveError, ArrayError
from fatheory.experiment import Experiment, SpikingNetwork
from fatheory.labelled_arrays import units_in_order
from fatheory.networks import Architecture, BatchStatistics, Parameters
from fatheory.networks.forward import first_preactivations, forward
from fatheory.quantities import dimension_sizes
from fatheory.train.compilation_cache import compiled_once
from fatheory.train.device import architecture_of

OUTPUT = "output"
_BYTES_AT_A_TIME = 2**27
"""Of the activities of one network: inputs beyond are shown in portions."""


def predict(
    archive: xr.Dataset, X: ArrayLike, *, step: int | None = None, hidden: bool = False
) -> xr.Dataset:
    """Let the networks of an archive answer inputs.

    The forward pass of every rule and seed with the weights recorded at one step. Layers with
    batch normalisation use the running moments of that step, and nothing is dropped.

    Parameters
    ----------
    archive : Dataset
        A run archive of either source that recorded ``"weights"``; selections of rules and seeds
        are fine.
    X : array of shape (sample, n_i)
        Inputs; of images, rows, columns and colours flattened as in the task, or the images
        themselves, (sample, row, column) or (sample, row, column, colour). Of a DataArray the axis
        ``sample``, wherever it stands, keeps its labels.
    step : int, optional
        A recorded step at which weights are kept; the last one by default.
    hidden : bool
        Whether the activities of hidden layers are returned, too.

    Returns
    -------
    xarray.Dataset
        ``output (rule, seed, sample, unit_L)``, and with `hidden` ``activity_l (rule, seed,
        sample, unit_l)`` of layers 1 to L - 1. NaN of networks that had diverged by then. Where
        targets are classes, also ``predicted_class (rule, seed, sample)``, the one of the largest
        output; -1 of networks that had diverged.

    Raises
    ------
    ArchiveError
        If the archive is no run archive, holds no rule, seed or step, recorded no weights or lacks
        a part of them, has no such step, or is of spiking networks, whose answers are those of a
        simulation in time.
    ArrayError
        If X is not a finite matrix of as many inputs as the networks have, the step is no number,
        or labels of units are not their numbers.

    Examples
    --------
    >>> import fatheory as fa
    >>> two = fa.presets["lillicrap2016/fig2"].with_settings({"seeds": 2})
    >>> fa.predict(fa.simulate(two), [[1.0] * 30])["output"].shape
    (4, 2, 1, 10)
    """
    require_kind("archive", archive, xr.Dataset, "fatheory.load(PATH) reads a stored one")
    experiment = _experiment_of(archive)
    inputs, names = _inputs(experiment, X)
    n_i = experiment.sizes[0]
    at = _at_step(archive, experiment, step)
    parameters, moments = _learned(experiment, at)
    architecture = architecture_of(experiment).undropped
    dtype = parameters.weights[0].dtype
    runs = parameters.weights[0].shape[:2]
    widest = sum(experiment.sizes) * np.dtype(dtype).itemsize
    # At least one, though it may be larger: there is no smaller part to show.
    portion = max(1, _BYTES_AT_A_TIME // widest)
    # No array of no inputs can be flattened: of none, one is shown and its answers cut off.
    shown = inputs if len(inputs) else np.zeros((1, n_i))
    rows = []
    # Double precision is a mode of JAX, else off, in which arrays would be cut to single; and an
    # accelerator's own way with single precision would not give the outputs of the training run.
    with (
        compiled_once(),
        jax.enable_x64(dtype == np.float64),
        jax.default_matmul_precision("float32"),
    ):
        # Run by run, so that a portion bounds all that is held at a time.
        for r, s in np.ndindex(*runs):
            own = jax.tree.map(lambda a, r=r, s=s: jnp.asarray(a[r, s]), (parameters, moments))
            parts = [
                _activities(architecture, *own, jnp.asarray(shown[i : i + portion], dtype))
                for i in range(0, len(shown), portion)
            ]
            rows.append(
                [np.concatenate(layer)[: len(inputs)] for layer in zip(*parts, strict=True)]
            )
    layers = [np.array(a).reshape(*runs, *a[0].shape) for a in zip(*rows, strict=True)]
    return _labelled(at, experiment, layers if hidden else layers[-1:], hidden, names)


def _inputs(experiment: Experiment, X: Any) -> tuple[np.ndarray, dict[str, Any]]:
    """Return inputs as rows, and the labels of samples where they have some."""
    names = {}
    if isinstance(X, xr.DataArray):
        if labels.SAMPLE in X.dims:
            X = X.transpose(labels.SAMPLE, ...)
        if X.dims and X.dims[0] in X.indexes:
            names = {labels.SAMPLE: X[X.dims[0]].values}
    inputs, n_i = real_array("X", X), experiment.sizes[0]
    if inputs.ndim > 2 and experiment.image_shape:
        *plane, colours = experiment.image_shape
        if list(inputs.shape[1:]) in ([*plane, colours], plane if colours == 1 else []):
            inputs = inputs.reshape(len(inputs), n_i)
    if inputs.ndim != 2 or inputs.shape[1] != n_i:
        images = f", or be images of {experiment.image_shape}" if experiment.image_shape else ""
        raise ArrayError(
            f"X must have {n_i} columns, as the networks have inputs{images}; got the shape "
            f"{inputs.shape}"
        )
    return inputs, names


@partial(jax.jit, static_argnames="architecture")
def _activities(
    architecture: Architecture,
    parameters: Parameters,
    moments: tuple[BatchStatistics, ...],
    x: Float[jax.Array, "sample n_i"],
) -> list[jax.Array]:
    """Return what layers 1 to L hand on."""
    upper = parameters.upper
    preactivations = first_preactivations(architecture, parameters.weights[0], parameters.biases, x)
    passed = forward(architecture, preactivations, upper, upper.weights, moments=moments)
    return [*passed.hidden, architecture.output(passed.logits)]


def _experiment_of(archive: xr.Dataset) -> Experiment:
    missing = [dim for dim in (labels.RULE, labels.SEED, labels.STEP) if dim not in archive.dims]
    if missing or labels.ATTR_EXPERIMENT not in archive.attrs:
        lacking = ", ".join(missing) or "description of its experiment"
        raise ArchiveError(
            f"not a run archive: it has no {lacking}; where a selection took it away, select with "
            f"a list, as in archive.sel(rule=['backprop'])"
        )
    for dim in (labels.RULE, labels.SEED, labels.STEP):
        if not archive.sizes[dim]:
            raise ArchiveError(f"the archive holds no {dim} to predict from; select one at least")
    experiment = Experiment.from_json(archive.attrs[labels.ATTR_EXPERIMENT])
    if isinstance(experiment.network, SpikingNetwork):
        raise ArchiveError(
            "spiking networks answer by their spikes over time, which the weights alone do not "
            "give; simulate the experiment on a task with these inputs"
        )
    return experiment


def _few(steps: Sequence[int], most: int = 5) -> str:
    return ", ".join(map(str, steps[:most])) + (" ..." if len(steps) > most else "")


def _at_step(archive: xr.Dataset, experiment: Experiment, step: int | None) -> xr.Dataset:
    index = archive.indexes.get(labels.STEP)
    if index is None or not index.is_unique:
        raise ArchiveError(
            "the archive does not say which steps it is of, or repeats some; keep the coordinate "
            "'step', each label once"
        )
    recorded = archive[labels.STEP].values
    kept = np.intersect1d(recorded, experiment.weight_steps)
    if not kept.size:
        raise ArchiveError(
            f"weights were kept at the steps {_few(experiment.weight_steps)} only "
            f"(record.keep_weights), and the selection has none of them"
        )
    if step is None:
        # The largest, not the one in the last place: a selection may have turned the order.
        return archive.sel({labels.STEP: kept.max()})
    wanted = step_label(step)
    if wanted in recorded and wanted not in kept:
        raise ArchiveError(
            f"weights were not kept at step {step}, but at {_few(kept.tolist())} "
            f"(record.keep_weights)"
        )
    if wanted not in recorded:
        near = recorded[
            np.argmin(np.abs(recorded - np.clip(wanted, recorded.min(), recorded.max())))
        ]
        raise ArchiveError(
            f"step {step!r} was not recorded; the nearest recorded one is {near} (of "
            f"{len(recorded)} from {recorded.min()} to {recorded.max()})"
        )
    return archive.sel({labels.STEP: wanted})


def _learned(
    experiment: Experiment, at: xr.Dataset
) -> tuple[Parameters, tuple[BatchStatistics, ...]]:
    """Return what the networks had learned, with the axes (rule, seed) in front."""
    sizes = dimension_sizes(experiment)

    def found(name: str) -> Any:
        if name not in at:
            raise ArchiveError(
                f"the archive holds no {name!r}; record 'weights' to predict from it"
            )
        values = with_own_axes(at, name)
        dims = labels.output_dims(labels.variable(name).dims, experiment.layers)
        own = [dim for dim in dims if dim != labels.STEP]
        for dim in own:
            if dim not in values.dims or values.sizes[dim] != sizes.get(dim, values.sizes[dim]):
                raise ArchiveError(
                    f"{name!r} has {values.sizes.get(dim, 1)} of {sizes.get(dim, 'the')} entries "
                    f"along {dim!r}, which a selection took away; predict first and select then"
                )
        # Inputs and outputs are found by their numbers, for X and what is returned have no labels.
        in_order: xr.DataArray = units_in_order(name, values)
        return in_order.transpose(*own).values

    network = experiment.network
    normalization, layers = network.normalization, range(1, experiment.layers + 1)
    # A normalised layer has no biases.
    biased = [normalization is None or layer == experiment.layers for layer in layers]
    parameters = Parameters.from_archive(
        [len(shape) > 2 for shape in experiment.weight_shapes],
        found,
        biased=biased if network.biases is not None else (),
        learnable_normalization=normalization is not None and normalization.learnable,
    )
    moments = tuple(
        BatchStatistics(found(labels.running_mean(i)), found(labels.running_variance(i)))
        for i in (layers[:-1] if normalization is not None else ())
    )
    return parameters, moments


def _labelled(
    at: xr.Dataset,
    experiment: Experiment,
    layers: list[np.ndarray],
    hidden: bool,
    names: dict[str, Any],
) -> xr.Dataset:
    dims = (labels.RULE, labels.SEED, labels.SAMPLE)
    last = experiment.layers
    data: dict[str, Any] = {}
    for layer, values in enumerate(layers, start=1 if hidden else last):
        name = OUTPUT if layer == last else f"activity_{layer}"
        long_name = "output" if layer == last else f"activity of layer {layer}"
        attrs = {"units": labels.DIMENSIONLESS, "long_name": long_name}
        data[name] = ((*dims, labels.unit(layer)), values, attrs)
    if experiment.task.of_classes:
        answers = layers[-1]
        lost = np.isnan(answers).any(axis=-1)
        attrs = {"units": labels.DIMENSIONLESS, "long_name": "class of the largest output"}
        data["predicted_class"] = (dims, np.where(lost, -1, answers.argmax(axis=-1)), attrs)
    coords = {name: at[name] for name in (labels.RULE, labels.SEED, labels.STEP) if name in at}
    coords |= names
    # Answers are no run archive, which would have to hold a loss; nor did they leave anything out.
    kept = {k: v for k, v in at.attrs.items() if k not in (labels.ATTR_SCHEMA, labels.ATTR_ABSENT)}
    return xr.Dataset(data, coords=coords, attrs=kept)
