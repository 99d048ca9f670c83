"""What front doors are given of another kind, and what they should say.

As a program it prints what they do say, as JSON: in a process of its own, where nobody but they
checks types.
"""

import json
import sys

import numpy as np
import xarray as xr

import fatheory as fa
from fatheory import metrics, theory
from fatheory.checks import step_label
from fatheory.errors import FatheoryError

ASKED = fa.presets["lillicrap2016/fig2"]
EYE = np.eye(2)
VALUES = xr.DataArray([0.0, 1.0], dims="seed", name="loss")
STATISTICS = {
    "mean_interval": metrics.mean_interval,
    "spread": metrics.spread,
    "t_test": lambda values, paired=True, **more: metrics.t_test(
        values, values, paired=paired, **more
    ),
}
WRONG_STEPS = ("20", [20], np.array([20]), slice(0, 20), True, np.True_, 1j)
DOORS = {
    **{
        f"probability {wrong!r} of {name}": (
            lambda call=call, wrong=wrong: call(VALUES, probability=wrong),
            "probability must be",
        )
        for name, call in STATISTICS.items()
        for wrong in ("0.9", None, [0.9], 1j)
    },
    **{
        f"skipna {wrong!r} of {name}": (
            lambda call=call, wrong=wrong: call(VALUES, skipna=wrong),
            "skipna must be of type bool",
        )
        for name, call in STATISTICS.items()
        for wrong in ("no", 1, None)
    },
    # The text counted as true.
    "paired": (lambda: STATISTICS["t_test"](VALUES, paired="no"), "paired must be of type bool"),
    **{
        f"angle {wrong!r}": (
            lambda wrong=wrong: theory.concordance_from_angle(wrong),
            "angle must be",
        )
        for wrong in ("45", None, [45.0])
    },
    **{
        f"concordance {wrong!r}": (
            lambda wrong=wrong: theory.angle_from_concordance(wrong),
            "concordance must be",
        )
        for wrong in ("0.5", None, [0.5])
    },
    **{
        f"step {wrong!r}": (lambda wrong=wrong: step_label(wrong), "step must be")
        for wrong in WRONG_STEPS
    },
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
    **{
        f"{name} by {what!r}": (lambda call=call, what=what: call(what), "unknown ")
        for name, call in {
            "order_parameters": lambda what: theory.order_parameters(
                EYE, 0 * EYE, EYE, EYE, EYE, activation=what, B=EYE, learning_rate=0.1, times=[0, 1]
            ),
            "their rule": lambda what: theory.order_parameters(
                EYE,
                0 * EYE,
                EYE,
                EYE,
                EYE,
                activation="erf",
                rule=what,
                B=EYE,
                learning_rate=0.1,
                times=[0, 1],
            ),
            "lazy_kernel": lambda what: theory.lazy_kernel(
                EYE, activation=what, hidden_layers=1, rule="usf"
            ),
            "find_method": theory.find_method,
            "expected_feedback_angle": theory.expected_feedback_angle,
            "WidthScaledDistribution": lambda what: theory.WidthScaledDistribution(what, 1.0),
        }.items()
        for what in (["erf"], {"erf": 1}, None, 3)
    },
    **{
        f"{steps!r} steps": (
            lambda steps=steps: theory.node_perturbation_mean_loss(EYE, EYE, EYE, 0.01, steps),
            "steps must be a whole number, 0 or larger",
        )
        for steps in (2.5, "3", None)
    },
    "a fraction for every mode": (
        lambda: theory.learning_times(theory.ModeSolution([1.0, 2.0], 1.0), [0.5, 0.6]),
        "fraction must be one number",
    ),
    "unit_angles": (
        lambda: fa.geometry.unit_angles(np.ones((2, 4)), np.ones((1, 4))),
        "need one shape",
    ),
    **{
        f"{name} without a name": (
            lambda call=call: call(VALUES.rename(None)),
            r"values have no name.*values\.rename",
        )
        for name, call in STATISTICS.items()
        if name != "t_test"
    },
    **{
        f"plot.{name} of a number": (
            lambda name=name, more=more: getattr(fa.plot, name)(3, **more),
            expected,
        )
        for name, more, expected in (
            ("heatmap", {"x": "a", "y": "b"}, "data must be of type Dataset or DataArray; got int"),
            ("lines", {"x": "a"}, "data must be of type Dataset or DataArray; got int 3"),
            ("kernels", {}, "data must be of type DataArray or Sequence; got int 3"),
            ("rasters", {}, "archive must be of type Dataset; got int 3"),
        )
    },
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
    **{
        f"{name} of {type(what).__name__}": (
            lambda name=name, what=what: getattr(metrics, name)(what),
            f"archive must be of type Dataset; got {type(what).__name__}",
        )
        for name in ("angle", "steps_to", "invariant_drift", "pseudobackprop_angles")
        for what in (None, VALUES, "run.zarr")
    },
    "spread": (lambda: metrics.spread([0.0, 1.0]), "values must be of type DataArray; got list"),
}


def said(ask):
    """Return the message of the refusal."""
    try:
        ask()
    except FatheoryError as error:
        return str(error)
    return "nothing"


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: said(ask) for name, (ask, _) in DOORS.items()}))
