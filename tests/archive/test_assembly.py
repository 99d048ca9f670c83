import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from fatheory import labels
from fatheory.archive import assemble
from fatheory.errors import ArrayError, UnknownNameError

COORDS = {
    "rule": ["usf", "backprop"],
    "seed": [3, 5, 8],
    "step": np.array([0, 10], dtype=np.int32),
    "time": np.array([[0.0, 1.0], [0.0, 2.0]]),
    "learning_rate": [0.1, 0.2],
}
LOSS = np.ones((2, 3, 2))


def test_arrays_are_labelled_as_declared() -> None:
    ds = assemble({"loss": LOSS, "diverged": np.zeros((2, 3), bool)}, COORDS, {"device": "cpu"})
    assert ds["loss"].dims == ("rule", "seed", "step")
    assert ds["loss"].attrs == labels.describe("loss").attrs
    assert ds["loss"].attrs["equation"]
    assert ds["step"].dtype == np.int64
    assert ds["rule"].values.tolist() == ["usf", "backprop"]
    assert set(ds.coords) == set(COORDS)
    assert set(ds.indexes) == {"rule", "seed", "step"}
    assert ds["time"].attrs["units"] == "learning rate x step"
    assert ds.attrs == {"device": "cpu"}


def test_layers_have_their_own_unit_dims_without_coordinates() -> None:
    ds = assemble(
        {
            "weight_1": np.zeros((2, 3, 2, 4, 5)),
            "weight_2": np.zeros((2, 3, 2, 6, 4)),
            "feedback_2": np.zeros((2, 3, 4, 6)),
            "target_map": np.zeros((3, 6, 5)),
            "input_covariance": np.zeros((3, 5, 5)),
        },
        COORDS,
        {},
    )
    assert ds["weight_2"].dims == ("rule", "seed", "step", "unit_2", "unit_1")
    assert ds["feedback_2"].dims == ("rule", "seed", "unit_1", "unit_2")
    assert ds["target_map"].dims == ("seed", "unit_2", "unit_0")
    assert ds["input_covariance"].dims == ("seed", "unit_0", "unit_0_twin")
    assert not any("unit" in str(name) for name in ds.coords)


@pytest.mark.parametrize(
    ("coords", "n_layers", "expected"),
    [({}, 3, "unit_3"), ({"layer": [1, 2]}, None, "unit_2"), ({"layer": [1, 2]}, 3, "unit_3")],
)
def test_the_output_layer_is_told_or_read_off(
    coords: Mapping[str, Any], n_layers: int | None, expected: str
) -> None:
    ds = assemble({"target_map": np.zeros((3, 6, 5))}, {**COORDS, **coords}, {}, n_layers=n_layers)
    assert ds["target_map"].dims == ("seed", expected, "unit_0")


REFUSED: list[tuple[dict[str, Any], dict[str, Any], type[Exception], str]] = [
    ({"los": LOSS}, {}, UnknownNameError, "unknown archive variable 'los'; did you mean 'loss'?"),
    ({"weight_0": LOSS}, {}, UnknownNameError, "did you mean 'weight_1'?"),
    ({}, {"epoch": [1]}, UnknownNameError, "unknown archive variable 'epoch'"),
    ({"time": COORDS["time"]}, {}, ArrayError, "time is a coordinate; pass it in coords"),
    ({}, {"loss": LOSS}, ArrayError, "loss is no coordinate of an archive; the coordinates are"),
    (
        {"loss": LOSS[0]},
        {},
        ArrayError,
        "loss must have the dimensions (rule, seed, step); its shape is (3, 2)",
    ),
    (
        {"loss": LOSS[:, :2]},
        {},
        ArrayError,
        "loss of shape (2, 2, 2) does not fit seed of shape (3,): seed is 2 in loss and 3 in seed",
    ),
    ({}, {"step": [0.0, 10.0]}, ArrayError, "step must hold integers; its dtype is float64"),
    ({"target_map": np.zeros((3, 6, 5))}, {}, ArrayError, "pass n_layers"),
]


@pytest.mark.parametrize(("variables", "coords", "error", "message"), REFUSED)
def test_refusals(
    variables: dict[str, Any], coords: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        assemble(variables, {**COORDS, **coords}, {})
