"""Small results in the place of the stored ones."""

import json
from pathlib import Path

import numpy as np
import xarray as xr

from fatheory.archive import store_result

EPOCH = 60_000
TEXT = {"rule": "feedback_alignment", "learning_rate": 0.05, "slopes": "local", "scale": 0.5}


def attributes(figure: str, rules: dict | None = None, **more: str) -> dict[str, str]:
    """Return what a stored result says of its origin."""
    experiment = {
        "name": f"lillicrap2016/{figure}",
        "rules": {"backprop": {"learning_rate": 0.05}, "feedback_alignment": TEXT}
        if rules is None
        else rules,
    }
    return {
        "figure": figure,
        "scale": "paper",
        "created": "2030-01-01T00:00:00+00:00",
        "experiment": json.dumps(experiment),
        "experiment_hash": "0123456789abcdef",
        **more,
    }


def fig3ab(backprop: list[float], alignment: list[float], spread: float = 0.01) -> xr.Dataset:
    """Return test errors of three seeds at 0, 1, 2, ... epochs; seeds differ by the spread.

    After 500 images they stand at 50 %.
    """
    seeds = np.array([-1.0, 0.0, 1.0]) * spread
    curves = np.array([backprop, alignment, np.array(alignment) + 0.2])
    curves = np.insert(curves, 1, 50, axis=1)
    values = curves[:, None, :] + seeds[None, :, None]
    steps = np.insert(EPOCH * np.arange(len(backprop)), 1, 500)
    rules = ["backprop", "feedback_alignment", "feedback_alignment with slopes"]
    error = xr.DataArray(
        values, {"rule": rules, "seed": [0, 1, 2], "step": steps}, ("rule", "seed", "step")
    )
    return xr.Dataset({"error_of_seeds": error}, attrs=attributes("fig3ab"))


def put(folder: Path, data: xr.Dataset, name: str = "fig3ab") -> Path:
    """Store a result where the ledger looks for it."""
    return store_result(data, folder / "lillicrap2016" / "results" / f"{name}.zarr.zip")
