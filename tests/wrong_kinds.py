"""What front doors are given of another kind, and what they should say.

As a program it prints what they do say, as JSON: in a process of its own, where nobody but they
checks types.
"""

import json
import sys

import xarray as xr

import fatheory as fa
from fatheory import metrics
from fatheory.errors import WrongKindError

ASKED = fa.presets["lillicrap2016/fig2"]
VALUES = xr.DataArray([0.0, 1.0], dims="seed", name="loss")
DOORS = {
    "simulate": (lambda: fa.simulate("fig2"), "experiment must be of type Experiment; got str"),
    "simulate, nothing": (lambda: fa.simulate(None), "got NoneType None"),
    "solve": (lambda: fa.solve({"task": 1}), "experiment must be of type Experiment; got dict"),
    "solve by what": (
        lambda: fa.solve(ASKED, 3),
        "method must be of type str or Method; got int 3",
    ),
    "save": (lambda: fa.save(VALUES, "a.zarr"), "of type Dataset; got DataArray.*to_dataset"),
    "save where": (lambda: fa.save(VALUES.to_dataset(), None), "path must be of type str or"),
    "load": (lambda: fa.load(3), "path must be of type str or PathLike; got int 3"),
    "from_json": (lambda: fa.Experiment.from_json(None), "text must be of type str or bytes"),
    "with_settings": (lambda: ASKED.with_settings(None), "settings must be of type Mapping"),
    "a setting": (lambda: ASKED.with_settings({1: 2}), "key must be of type str; got int 1"),
    "set_compilation_cache": (
        lambda: fa.set_compilation_cache(3),
        "where must be of type str or PathLike; got int 3: a folder, 'on' or 'off'",
    ),
    "compare": (lambda: fa.compare(VALUES, VALUES), "theory must be of type list or tuple"),
    "compare lists": (lambda: fa.compare([VALUES], [VALUES]), "an archive of theory must be"),
    "mean_interval": (
        lambda: metrics.mean_interval(VALUES.to_dataset()),
        "values must be of type DataArray; got Dataset: take a variable",
    ),
    "a metric": (lambda: metrics.angle("run.zarr"), "of type Dataset; got str.*fatheory.load"),
    "a chunked metric": (lambda: metrics.sign_concordance(VALUES), "Dataset; got DataArray"),
    "predict": (lambda: fa.predict("run.zarr", [[0.0]]), "of type Dataset; got str.*fatheory.load"),
    "from_archive": (lambda: fa.OwnStart.from_archive("run.zarr"), "of type Dataset; got str"),
    "over_cells": (
        lambda: fa.sweep.over_cells(metrics.angle, "sweep.zarr"),
        "a sweep must be of type Dataset; got str",
    ),
    "cell": (lambda: fa.sweep.cell("sweep.zarr"), "a sweep must be of type Dataset; got str"),
    "spread": (lambda: metrics.spread([0.0, 1.0]), "values must be of type DataArray; got list"),
}


def said(ask):
    """Return the message of the refusal."""
    try:
        ask()
    except WrongKindError as error:
        return str(error)
    return "nothing"


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: said(ask) for name, (ask, _) in DOORS.items()}))
