"""Small experiments and sweeps for the tests of sweeps."""

import numpy as np

from fatheory.experiment import (
    DenseNetwork,
    Experiment,
    LinearTask,
    Phase,
    Record,
    Schedule,
    Uniform,
)
from fatheory.sweep import Sweep

RATES = "rules.*.learning_rate"
SCALES = {"scale": {"keys": ["rules.feedback_alignment.scale"], "values": [0.25, 1.0]}}
AXES = {RATES: [0.01, 0.02, 0.03, 0.04], **SCALES}
HASH = "experiment_hash"
ROWS = {RATES: [0.01 * (i + 1) for i in range(8)], "root_seed": [0, 1, 2, 3]}
"""Of 32 cells, four at a time share files."""


def small(**changes):
    """An experiment of a few milliseconds, in double precision."""
    parts = {
        "name": "small",
        "task": LinearTask(inputs=4, outputs=2),
        "network": DenseNetwork(hidden=(3,), start=Uniform(bound=0.4)),
        "rules": {"backprop": 0.02, "feedback_alignment": 0.02},
        "schedule": Schedule(phases=(Phase(steps=30),), batch_size=2),
        "record": Record(quantities=("weights", "delta_angle"), snapshots=4, probe_samples=5),
        "seeds": (0, 3),
        "precision": "float64",
    }
    return Experiment(**(parts | changes))


def sweep(axes, **changes):
    return Sweep(experiment=small(**changes), axes=axes)


def sweep_of_rows(axes=ROWS):
    """Such a sweep of losses alone: of many small files, writing takes the time."""
    return sweep(axes, record={"quantities": [], "snapshots": 3})


def assert_same_numbers(ours, theirs):
    """All variables bit by bit, the times that they took aside."""
    assert set(ours.variables) == set(theirs.variables)
    for name in set(ours.variables) - {"wall_time_s"}:
        np.testing.assert_array_equal(ours[name].values, theirs[name].values, err_msg=str(name))


def assert_cell_is_run(stored, place, run, rtol=1e-12):
    """A cell holds what the run of its experiment holds, to rounding."""
    axes = stored["status"].dims
    cell = stored.isel(dict(zip(axes, place, strict=True)))
    for name, variable in run.data_vars.items():
        own = cell[name].sel({dim: run[dim] for dim in variable.dims if dim in run.coords})
        np.testing.assert_allclose(
            own.values, variable.values, rtol=rtol, atol=rtol, err_msg=str(name)
        )
