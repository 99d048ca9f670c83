import json
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from fatheory import labels
from fatheory.archive import validate
from fatheory.errors import SchemaError

Change = Callable[[xr.Dataset], xr.Dataset]


def attribute(name: str, value: object) -> Change:
    return lambda ds: ds.assign_attrs({name: value})


def replaced(name: str, values: object) -> Change:
    return lambda ds: ds.assign({name: (ds[name].dims, values, ds[name].attrs)})


def later_by_one_part_in_a_billion(ds: xr.Dataset) -> xr.Dataset:
    time = ds["time"].copy()
    time[1, 2] *= 1 + 1e-9
    return ds.assign_coords(time=time)


def other_units(ds: xr.Dataset) -> xr.Dataset:
    ds["delta_angle"].attrs["units"] = "radian"
    return ds


PROBLEMS: list[tuple[Change, str]] = [
    (attribute("fatheory_schema", 2), "version is 2; this version of fatheory reads version 1"),
    (attribute("fatheory_schema", 0), "version is 0; .*; read it with the fatheory that wrote it"),
    (attribute("fatheory_schema", "1"), "fatheory_schema must be an integer; found '1'"),
    (attribute("fatheory_schema", True), "fatheory_schema must be an integer; found True"),
    (lambda ds: ds.drop_attrs(), "fatheory_schema must be an integer; found None"),
    (
        attribute("source", "theory"),
        "source must be 'simulation', 'theory/<method>' or 'not simulated here: <program>'; found",
    ),
    (attribute("experiment", "{"), "experiment must be a JSON object; found '{'"),
    (attribute("versions", "[]"), r"versions must be a JSON object; found '\[\]'"),
    (attribute("device", ""), "device must be a non-empty string; found ''"),
    (attribute("experiment_hash", 9), "experiment_hash must be a non-empty string; found 9"),
    (attribute("precision", "float16"), "precision must be 'float32' or 'float64'"),
    (attribute("created", "2026-01-01T00:00:00"), "created must be .* offset from UTC"),
    (attribute("created", "today"), "created must be an ISO 8601"),
    (attribute("wall_time_s", -1.0), "wall_time_s must be .*; found -1.0"),
    (attribute("wall_time_s", float("nan")), "wall_time_s must be .*; found nan"),
    (lambda ds: ds.drop_vars("diverged_at"), "missing variables: diverged_at"),
    (lambda ds: ds.drop_vars("seed"), "missing variables: seed"),
    (lambda ds: ds.reset_coords("time"), "time must be a coordinate"),
    (lambda ds: ds.rename(loss="los"), "unknown variable 'los'; did you mean 'loss'"),
    (lambda ds: ds.transpose("seed", ...), r"loss must have the dimensions \(rule, seed, step\)"),
    (
        lambda ds: ds.rename(unit_1="unit_3"),
        r"weight_1 must have the dimensions \(.*unit_1, unit_0\); found \(.*unit_3, unit_0\)",
    ),
    (replaced("loss", np.ones((2, 3, 4), int)), "loss must hold real numbers; found dtype int64"),
    (replaced("diverged", np.zeros((2, 3))), "diverged must hold booleans; found dtype float64"),
    (replaced("seed", [0.0, 1.0, 2.0]), "seed must hold integers; found dtype float64"),
    (replaced("rule", [0, 1]), "rule must hold strings; found dtype int64"),
    (other_units, "delta_angle must have the units 'degree'; found 'radian'"),
    (replaced("step", [0, 10, 10, 30]), "step must start at 0 or later and strictly increase"),
    (replaced("step", [-10, 0, 10, 20]), "step must start at 0 or later and strictly increase"),
    (replaced("step", [0.0, 10.0, 20.0, 30.0]), "step must hold integers"),
    (
        later_by_one_part_in_a_billion,
        r"time must be learning_rate x step; at rule 1, step 20 it is 0.4000000004",
    ),
    (replaced("learning_rate", [np.nan, 0.02]), "time must be learning_rate x step; at rule 0"),
    (replaced("rule", ["usf", "usf"]), "rule labels must differ; repeated: usf"),
    (replaced("seed", [4, 4, 2]), "seed labels must differ; repeated: 4"),
]


def weighted(ds: xr.Dataset) -> xr.Dataset:
    """Learning rates that fell to half after step 10, with time by weighted steps."""
    steps = xr.DataArray([0.0, 10.0, 15.0, 20.0], dims="step", attrs={"units": "step"})
    time = ds["time"].copy(data=ds["learning_rate"].values[:, None] * steps.values)
    return ds.assign_coords(weighted_step=steps, time=time)


def kernels(ds: xr.Dataset, *dims: str) -> xr.Dataset:
    values = np.zeros((2, 3, 4, 3, 4, 5, 5))
    return ds.assign(kernel_2=(("rule", "seed", "step", *dims), values, {"units": "1"}))


KERNEL = ("channel_2", "channel_1", "kernel_row_2", "kernel_column_2")


def test_time_may_be_weighted_by_the_fall_of_learning_rates(run: xr.Dataset) -> None:
    validate(weighted(run))
    with pytest.raises(SchemaError, match="time must be learning_rate x step; at rule 0, step 10"):
        validate(weighted(run).drop_vars("weighted_step").assign_coords(time=run["time"] * 1.5))
    with pytest.raises(SchemaError, match="time must be learning_rate x step"):
        validate(weighted(run).assign_coords(time=run["time"]))
    with pytest.raises(SchemaError, match="weighted_step must be a coordinate"):
        validate(weighted(run).reset_coords("weighted_step"))


def test_convolutions_have_kernels(run: xr.Dataset) -> None:
    validate(kernels(run, *KERNEL))
    turned = (KERNEL[1], KERNEL[0], *KERNEL[2:])
    with pytest.raises(
        SchemaError, match=r"kernel_2 must have .*channel_2, channel_1, kernel_row_2, kernel_col"
    ):
        validate(kernels(run, *turned))


def test_an_assembled_run_is_valid(run: xr.Dataset) -> None:
    validate(run)
    validate(run.isel(rule=[1], seed=[0, 2], step=slice(1, None)))


@pytest.mark.parametrize(("change", "message"), PROBLEMS)
def test_each_problem_is_named(change: Change, message: str, run: xr.Dataset) -> None:
    with pytest.raises(SchemaError, match=message):
        validate(change(run))


def test_all_problems_are_listed_at_once(run: xr.Dataset) -> None:
    del run.attrs["device"], run.attrs["created"]
    run = other_units(run.drop_vars(["diverged"]).rename(loss="los"))
    with pytest.raises(SchemaError) as caught:
        validate(run)
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    for part in ("attributes: device, created", "variables: loss, diverged", "'los'", "'radian'"):
        assert part in text


def test_single_precision_times_are_judged_by_their_own_rounding(run: xr.Dataset) -> None:
    rate = run["learning_rate"].astype(np.float32)
    time = (rate * run["step"].astype(np.float32)).assign_attrs(run["time"].attrs)
    validate(run.assign_coords(learning_rate=rate, time=time.transpose("rule", "step")))


def test_a_part_that_is_missing_is_told_before_what_it_declared(run: xr.Dataset) -> None:
    ds = run.copy()
    described = json.loads(ds.attrs[labels.ATTR_EXPERIMENT]) | {
        "packages": {"fatheory.quantities": {"signal_power": "some-package 0.1"}}
    }
    ds.attrs[labels.ATTR_EXPERIMENT] = json.dumps(described)
    ds["signal_power"] = ds["loss"]
    with pytest.raises(SchemaError) as refused:
        validate(ds)
    first, *others = refused.value.problems
    assert first == (
        "it was written with 'signal_power' (fatheory.quantities) of some-package 0.1; is that "
        "installed?"
    )
    assert others == ["unknown variable 'signal_power'"]
