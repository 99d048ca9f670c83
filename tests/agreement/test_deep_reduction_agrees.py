"""The deep reduction asked by `solve`, against simulation and the full flow."""

import numpy as np
import pytest

import fatheory as fa

EXPERIMENT = fa.Experiment(
    task=fa.LinearTask(inputs=6, outputs=3, noise=0.1),
    network=fa.DenseNetwork(hidden=(9, 7), start=fa.Uniform(bound=0.3)),
    rules={
        "feedback_alignment": 0.01,
        "rndf": {"learning_rate": 0.02, "std": 0.3},
        "direct_feedback_alignment": {"learning_rate": 0.02, "scale": 0.6},
    },
    schedule=fa.Schedule(phases=(fa.Phase(steps=300),)),
    record=fa.Record(quantities=("weights", "delta_angle", "weight_angle"), snapshots=7),
    seeds=2,
    precision="float64",
)


def test_reduced_sgd_is_the_simulation():
    simulation, theory = fa.simulate(EXPERIMENT), fa.solve(EXPERIMENT, "reduced_sgd")
    for name in ("loss", "weight_1", "weight_2", "weight_3", "delta_angle", "weight_angle"):
        assert theory[name].values == pytest.approx(
            simulation[name].values, rel=1e-9, abs=1e-9, nan_ok=True
        )


def test_reduced_is_the_flow():
    flow, reduced = fa.solve(EXPERIMENT, "flow"), fa.solve(EXPERIMENT, "reduced")
    for name in ("loss", "weight_1", "weight_3", "delta_angle", "weight_angle"):
        assert reduced[name].values == pytest.approx(
            flow[name].values, rel=1e-7, abs=1e-7, nan_ok=True
        )


def test_width_does_not_enter_the_state():
    wide = EXPERIMENT.with_settings({"network.hidden": [40, 500], "record.quantities": []})
    loss = fa.solve(wide, "reduced")["loss"]
    assert np.isfinite(loss).all()
    assert (loss.isel(step=-1) < loss.isel(step=0)).all()
