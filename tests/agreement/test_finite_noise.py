"""Noisy finite samples: learning moves towards their fit, and losses are measured without noise."""

import json

import numpy as np
import pytest
from default_run import slow_but

import fatheory as fa
from fatheory.errors import ArchiveWriteError
from fatheory.initial import draw_initial_state

SIGMA, N_I, N_O, N = 1.0, 8, 3, 20


def asked(**changes):
    parts = {
        "task": fa.LinearTask(inputs=N_I, outputs=N_O, samples=N, noise=SIGMA),
        "network": {"hidden": [6], "start": {"distribution": "uniform", "bound": 0.3}},
        "rules": {"backprop": 0.02, "feedback_alignment": 0.02},
        "schedule": {"phases": [{"steps": 600}], "batch_size": N},
        "record": {"quantities": ["weights", "teaching_signals", "delta_angle"], "snapshots": 7},
        "seeds": 2,
        "precision": "float64",
    }
    return fa.Experiment(**(parts | changes))


def test_the_floor_is_that_of_a_fit_to_noise():
    """Mean over noise of tr((T^ - T) S (T^ - T)^T) / 2 = n_i n_o sigma^2 / (2 n) = 0.6."""
    floors = []
    for seed in range(400):
        start = draw_initial_state(asked(), seed)
        x = start.probe.inputs
        error = start.probe.targets - x @ start.T.T
        floors.append(np.sum(error**2) / (2 * N))
        if seed < 3:
            difference = start.T - start.target_map
            expected = np.trace(difference @ start.Sigma @ difference.T) / 2
            np.testing.assert_allclose(floors[-1], expected, rtol=1e-10)
    mean, error = np.mean(floors), np.std(floors) / np.sqrt(len(floors))
    assert abs(mean - N_I * N_O * SIGMA**2 / (2 * N)) < 3 * error
    assert error < 0.02


def test_learning_to_the_end_leaves_the_floor():
    run = fa.simulate(
        asked(schedule={"phases": [{"steps": 4000}], "batch_size": N}, rules={"backprop": 0.05})
    )
    start = draw_initial_state(asked(), 1)
    floor = np.sum((start.probe.targets - start.probe.inputs @ start.T.T) ** 2) / (2 * N)
    np.testing.assert_allclose(run["loss"].sel(seed=1)[0, -1], floor, rtol=1e-6)
    assert floor > 0.1
    np.testing.assert_allclose(run["target_map"].sel(seed=1), start.target_map, rtol=1e-14)


def test_the_noise_is_left_out_of_a_linear_teacher_too():
    """The same floor from a task that never knew least squares: a linear teacher's."""
    teacher = fa.TeacherTask(
        inputs=N_I, outputs=N_O, samples=N, noise=SIGMA, hidden=(5,), activation="linear"
    )
    start = draw_initial_state(asked(task=teacher), 0)
    x, y = start.samples.inputs, start.samples.targets
    fit = np.linalg.lstsq(x, y, rcond=None)[0]
    run = fa.simulate(
        asked(
            task=teacher,
            rules={"backprop": 0.05},
            seeds=1,
            schedule={"phases": [{"steps": 6000}], "batch_size": N},
        )
    )
    floor = np.sum((start.probe.targets - x @ fit) ** 2) / (2 * N)
    np.testing.assert_allclose(run["loss"][0, 0, -1], floor, rtol=1e-4)


@pytest.mark.parametrize("samples", slow_but([5], [5, N]))
def test_theory_and_simulation_agree_at_first_order_in_the_rate(samples):
    """Fewer samples than inputs too, whose second moment is singular."""
    differences = []
    for factor in (1, 2, 4):
        changes = {
            "task.samples": samples,
            "schedule.batch_size": samples,
            "schedule.phases.0.steps": 150 * factor,
        }
        rates = dict.fromkeys(asked().rule_labels, 0.02 / factor)
        experiment = asked().with_settings(changes).with_learning_rates(rates)
        simulation, theory = fa.simulate(experiment), fa.solve(experiment)
        for name in ("target_map", "probe_target"):
            np.testing.assert_allclose(theory[name], simulation[name], rtol=1e-12)
        gap = abs(theory["loss"] - simulation["loss"]).max("step") / simulation["loss"][:, :, 0]
        differences.append(gap.max("seed").values)
    slopes = np.diff(np.log(differences), axis=0) / np.log(0.5)
    np.testing.assert_allclose(slopes, 1, atol=0.15)
    # What is recorded online is what metrics make of the weights.
    offline = fa.metrics.angle(simulation, of="delta")
    np.testing.assert_allclose(offline, simulation["delta_angle"], atol=1e-6)


def test_archives_that_measured_otherwise_are_not_mixed_with_new_numbers(tmp_path):
    experiment = asked(schedule={"phases": [{"steps": 6}], "batch_size": N})
    former = fa.simulate(experiment)
    described = json.loads(former.attrs["experiment"])
    del described["version"]
    former.attrs["experiment"] = json.dumps(described)
    fa.save(former, tmp_path / "run")
    with pytest.raises(ArchiveWriteError, match="measured losses of noisy samples by the map that"):
        fa.simulate(experiment, path=tmp_path / "run")
    assert fa.load(tmp_path / "run").identical(former)
