"""Arrays with labels, transposed and permuted: theory reads them by label, or refuses them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from array_calls import CALLS

import fatheory as fa
from fatheory import theory
from fatheory.checks import real_array
from fatheory.errors import ArrayError, RegimeError
from fatheory.tasks.array_set import array_set

DIMS = {
    "W0": ("unit_1", "unit_0"),
    "W": ("unit_2", "unit_1"),
    **dict.fromkeys(("B", "P", "difference"), ("unit_1", "unit_2")),
    "step_of_W0": ("unit_1", "unit_0"),
    "step_of_W": ("unit_2", "unit_1"),
    **dict.fromkeys(("T", "E"), ("unit_2", "unit_0")),
    "inputs": ("step", "sample", "unit_0"),
    "noise": ("step", "sample", "unit_2"),
    **dict.fromkeys(("X", "test_points"), ("sample", "unit_0")),
    **dict.fromkeys(("Y", "start", "test_start"), ("sample", "unit_2")),
}
LISTS = {
    "weights": [("unit_1", "unit_0"), ("unit_2", "unit_1")],
    **{key: [("unit_1", "unit_0"), ("unit_2", "unit_1")] for key in ("updates", "before", "after")},
    "feedback": [("unit_1", "unit_2")],
}
NO_UNITS = {"order_parameters", "order_parameter_fluctuations"}
"""Their arrays are of students and teachers."""


def labelled(name, value):
    """Return what is passed, with labels, the last axis first."""
    if name in LISTS:
        pairs = zip(value, LISTS[name], strict=True)
        return [xr.DataArray(A, dims=dims).T for A, dims in pairs]
    return xr.DataArray(value, dims=DIMS[name]).transpose(..., DIMS[name][0])


def calls():
    for name, (function, arrays, others) in CALLS.items():
        for argument in arrays:
            if (argument in DIMS or argument in LISTS) and name not in NO_UNITS:
                yield pytest.param(function, arrays, others, argument, id=f"{name}-{argument}")


def leaves(found):
    """All numbers of an answer, whatever it is."""
    if isinstance(found, xr.Dataset):
        found = {name: found[name] for name in found.variables}
    if dataclasses.is_dataclass(found):
        found = {one.name: getattr(found, one.name) for one in dataclasses.fields(found)}
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list | tuple):
        return [leaf for one in found for leaf in leaves(one)]
    array = np.asarray(found)
    return [array] if array.dtype.kind in "biuf" else []


def answer(function, arrays, others):
    """Return the numbers, or the words, with numbers in them, of what has no closed form."""
    try:
        return leaves(function(**arrays, **others))
    except RegimeError as error:
        return [str(error)]


@pytest.mark.parametrize(("function", "arrays", "others", "argument"), list(calls()))
def test_a_transposed_array_with_labels_is_read_by_them(function, arrays, others, argument):
    changed = arrays | {argument: labelled(argument, arrays[argument])}
    found, wanted = answer(function, changed, others), answer(function, arrays, others)
    assert len(found) == len(wanted) > 0
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)


SQUARE = np.random.default_rng(0).normal(size=(4, 4))
"""Of which no shape tells that it is transposed."""


@pytest.mark.parametrize("name", ["W0", "W", "B", "P", "T", "X", "Y"])
def test_axes_and_units_are_found_by_name(name):
    rows, columns = DIMS[name]
    array = xr.DataArray(SQUARE, dims=(rows, columns))
    frame = pd.DataFrame(SQUARE).rename_axis(rows).rename_axis(columns, axis=1)
    order = [2, 0, 3, 1]
    mixed = array.isel({columns: order}).assign_coords({columns: order})
    for given in (array, array.T, frame, frame.T, mixed, mixed.T, frame[order], frame[order].T):
        np.testing.assert_array_equal(real_array(name, given), SQUARE)


def test_the_invariant_of_square_layers_is_that_of_the_labels():
    """It was that of the transposes, which have the same shapes."""
    W0, W, B = np.random.default_rng(1).normal(size=(3, 4, 4))
    right = B @ W + (B @ W).T - W0 @ W0.T
    given = [labelled(name, A) for name, A in {"W0": W0, "W": W, "B": B}.items()]
    np.testing.assert_allclose(theory.invariant(*given), right, rtol=1e-13)
    np.testing.assert_allclose(
        theory.layer_invariants(given[:2], given[2:])[0], theory.layer_invariants([W0, W], [B])[0]
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (xr.DataArray(SQUARE, dims=("unit_0", "mine")), r"as \(mine, unit_0\); its dimensions are"),
        (
            xr.DataArray(SQUARE, dims=("unit_1", "unit_0"), coords={"unit_1": [1, 2, 3, 4]}),
            "units of W0 along 'unit_1' are labelled 1, 2, 3, 4; labels of units are 0 to 3",
        ),
        (
            xr.DataArray(SQUARE, dims=("unit_1", "unit_0"), coords={"unit_0": list("abcd")}),
            "units of W0 along 'unit_0' are labelled a, b, c, d",
        ),
        (
            xr.DataArray(SQUARE, dims=("unit_1", "unit_0"), coords={"unit_0": [0, 0, 1, 2]}),
            "labels of units are 0 to 3, each once",
        ),
    ],
)
def test_labels_that_leave_it_open_are_refused(given, words):
    with pytest.raises(ArrayError, match=words):
        real_array("W0", given)


def test_names_that_mean_nothing_here_are_read_by_position():
    np.testing.assert_array_equal(real_array("W0", xr.DataArray(SQUARE, dims=list("ab"))), SQUARE)
    np.testing.assert_array_equal(
        real_array("W0", pd.DataFrame(SQUARE, index=[3, 2, 1, 0])), SQUARE
    )


def test_points_and_targets_are_paired_by_their_labels():
    X, Y = pd.DataFrame(SQUARE), pd.DataFrame(SQUARE[:, :2])
    asked = {"activation": "relu", "hidden_layers": 1, "rule": "usf"}
    with pytest.raises(
        ArrayError, match=r"X and Y are paired row by row, .* row 0 is 0 in X and 3"
    ):
        theory.lazy_limit(X, Y[::-1], SQUARE + 1, **asked)
    rich = {"activation": "tanh", "hidden_layers": 1, "richness": 1.0, "learning_rate": 0.1}
    with pytest.raises(ArrayError, match="X and Y are paired row by row"):
        theory.dmft(X, Y[::-1], **rich, steps=1, samples=64)


def test_the_other_doors_have_it_too():
    """Own examples, own starts, runs of other programs."""
    X, Y = (xr.DataArray(SQUARE, dims=DIMS[name]) for name in "XY")
    held = array_set(X.T, Y.to_pandas().T)
    np.testing.assert_array_equal((held.inputs, held.targets), (SQUARE, SQUARE))
    frame = pd.DataFrame(SQUARE)
    with pytest.raises(ArrayError, match="inputs and targets are paired row by row"):
        array_set(frame, frame[::-1])
    with pytest.raises(ArrayError, match="validation inputs and validation targets are paired"):
        array_set(frame, frame, validation=(frame, frame[::-1]))
    # Rows that were drawn alike are pairs, and bare numbers of rows are no labels of others.
    assert (array_set(frame[::-1], frame[::-1]).targets == SQUARE[::-1]).all()
    array_set(frame, frame.set_axis(list("abcd"), axis=0))
    W, B = (xr.DataArray(SQUARE, dims=DIMS[name]) for name in ("W0", "B"))
    mixed = W.isel(unit_0=[2, 0, 3, 1]).assign_coords(unit_0=[2, 0, 3, 1])
    for given in (W.T, mixed.T, W.to_pandas().T):
        np.testing.assert_array_equal(fa.OwnStart({"weight_1": given}).find("weight_1", "r", 0), W)
    np.testing.assert_array_equal(
        fa.OwnStart({"feedback_2": B.to_pandas().T}).find("feedback_2", "r", 0), SQUARE
    )
    layers = [W.T.astype(np.float32), xr.DataArray(SQUARE, dims=DIMS["W"]).astype(np.float32).T]
    brought = fa.interchange.from_arrays(
        {0: layers, 1: layers}, learning_rate=0.1, activation="tanh", feedback={2: B.T}
    )
    np.testing.assert_array_equal(brought["weight_1"][0, 0, 0], SQUARE.astype(np.float32))
    np.testing.assert_array_equal(brought["feedback_2"][0, 0], SQUARE)
    assert brought.attrs["precision"] == "float32"
