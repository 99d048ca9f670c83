"""Alignment with the pseudoinverse along runs, against literal loops."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArchiveError

ASKED = fa.Experiment(
    task=fa.LinearTask(inputs=7, outputs=3),
    network=fa.DenseNetwork(hidden=(5,), start=fa.Uniform(bound=0.3)),
    rules={"feedback_alignment": 0.05, "backprop": 0.05, "pseudobackprop": 0.05, "brsf": 0.05},
    schedule=fa.Schedule(phases=(fa.Phase(steps=60),)),
    record=fa.Record(snapshots=4, probe_samples=8),
    seeds=2,
)


@pytest.fixture(scope="module")
def archive():
    return fa.solve(ASKED)


def degrees(a, b):
    return np.rad2deg(np.arccos(np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)))


def test_weights_against_the_pseudoinverse_of_the_feedback(archive):
    measured = fa.metrics.pseudoinverse_alignment(archive).sel(rule="feedback_alignment")
    for seed in (0, 1):
        B = archive["feedback_2"].sel(rule="feedback_alignment").values[seed]
        for step in range(4):
            W = archive["weight_2"].sel(rule="feedback_alignment").values[seed, step]
            expected = degrees(W, np.linalg.inv(B.T @ B) @ B.T)
            assert float(measured[seed, step, 1]) == pytest.approx(expected, rel=1e-9)
    assert measured.isel(layer=0).isnull().all()
    assert measured.attrs["units"] == "degree"


def test_teaching_signals_against_pseudobackprop(archive):
    measured = fa.metrics.pseudobackprop_angles(archive).sel(rule="feedback_alignment", layer=1)
    run = archive.sel(rule="feedback_alignment").isel(seed=1, step=2)
    W0, W, B, T = (
        run[name].values for name in ("weight_1", "weight_2", "feedback_2", "target_map")
    )
    errors = run["probe_input"].values @ (T - W @ W0).T
    for name, V, reference in [
        ("rule_to_backprop", B, W.T),
        ("rule_to_pseudobackprop", B, np.linalg.pinv(W)),
        ("backprop_to_pseudobackprop", W.T, np.linalg.pinv(W)),
    ]:
        expected = np.mean([degrees(V @ e, reference @ e) for e in errors])
        assert float(measured[name].isel(seed=1, step=2)) == pytest.approx(expected, rel=1e-9)


def test_pseudobackprop_is_at_no_angle_to_itself(archive):
    measured = fa.metrics.pseudobackprop_angles(archive).sel(layer=1)
    assert float(measured["rule_to_pseudobackprop"].sel(rule="pseudobackprop").max()) < 1e-6
    assert float(measured["rule_to_backprop"].sel(rule="backprop").max()) == 0
    assert measured["rule_to_backprop"].sel(rule="brsf").isnull().all()


def test_nonlinear_networks_are_asked_to_record_them(archive):
    asked = ASKED.with_settings({"network.activation": "tanh"})
    tanh = archive.assign_attrs(experiment=asked.to_json())
    message = r"hidden units are tanh: add 'pseudobackprop_angles' to"
    with pytest.raises(ArchiveError, match=message):
        fa.metrics.pseudobackprop_angles(tanh)
