"""Archives to write, damage and kill."""

from pathlib import Path

import numpy as np
import xarray as xr

from fatheory.archive import RunWriter, assemble, provenance

RULES = ["backprop", "feedback_alignment"]


def build_run(value: float = 0.0, n_steps: int = 4) -> xr.Dataset:
    """A run archive of a 5-4-3 network; `value` is the loss of the first step."""
    rng = np.random.default_rng(7)
    step = np.arange(n_steps) * 10
    rate = np.array([0.01, 0.02])
    loss = rng.random((2, 3, n_steps))
    loss[..., 0] = value
    loss[1, 2, -1] = np.nan
    weights = {
        "weight_1": rng.normal(size=(2, 3, n_steps, 4, 5)),
        "weight_2": rng.normal(size=(2, 3, n_steps, 3, 4)).astype(np.float32),
        "feedback_2": rng.normal(size=(2, 3, 4, 3)),
    }
    diverged_at = np.full((2, 3), -1)
    diverged_at[1, 2] = step[-1]
    return assemble(
        weights
        | {
            "loss": loss,
            "delta_angle": np.full((2, 3, n_steps, 1), 45.0),
            "target_map": rng.normal(size=(3, 3, 5)),
            "diverged": diverged_at >= 0,
            "diverged_at": diverged_at,
        },
        {
            "rule": np.array(RULES),
            "seed": np.arange(3),
            "step": step,
            "layer": np.array([1]),
            "time": rate[:, None] * step,
            "learning_rate": rate,
        },
        provenance("simulation", '{"seeds": [0, 1, 2]}', "9f2c", "float64", "cpu", 1.5),
    )


def build_result(n: int = 3) -> xr.Dataset:
    """What a figure would store: no run, other names, every kind of value."""
    rng = np.random.default_rng(n)
    return xr.Dataset(
        {
            "angle": (("panel", "x"), rng.normal(size=(2, n)), {"units": "degree"}),
            "duration": (("x",), rng.random(n), {"units": "seconds"}),
            "days": (("x",), np.arange(n), {"units": "days since 2000-01-01"}),
            "mask": (("x",), np.arange(n) % 2 == 0),
            "count": (("x",), np.arange(n, dtype=np.uint8)),
            "half": (("x",), np.arange(n, dtype=np.float16)),
            "mode": (("x",), rng.normal(size=n) * 1j),
            "scalar": ((), -0.0),
            "empty": (("x",), np.full(n, np.nan)),
            "note": (("panel",), np.array(["", "∠δ ≤ 90°"])),
        },
        coords={"panel": ["a", "long name"], "x": np.linspace(0, 1, n), "rate": 0.1},
        attrs={
            "flag": True,
            "none": None,
            "number": 1,
            "real": 1.0,
            "nan": float("nan"),
            "names": ["a", "b"],
            "nested": {"a": [1, {"b": None}]},
            "greek": "η",
        },
    )


def grow(path: str | Path, stop: int = -1, *, restart: bool = False) -> None:
    """Write `build_run(value=2.0)` snapshot by snapshot; begin, or go on, and stop before one."""
    ds = build_run(value=2.0, n_steps=8)
    recorded = [name for name in ds.data_vars if "step" in ds[name].dims]
    static = ds.drop_vars([*recorded, "diverged", "diverged_at"])
    with RunWriter(path, static, overwrite=restart) as writer:
        left = range(writer.position, ds.sizes["step"]) if writer.position >= 0 else ()
        for i in left:
            if i == stop:
                return
            writer.record(i, {name: ds[name].isel(step=i).values for name in recorded})
            state = {"a": {"w": np.arange(5.0) + i}, "b": {"w": np.full((2, 3), i)}}
            writer.commit(i + 1, ds["diverged_at"].values, 0.1 * i, state)
        writer.finish(ds["diverged_at"].values, 1.5)
