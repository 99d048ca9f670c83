"""Metrics of recorded kernels are those that were measured while training."""

import numpy as np
import pytest
from metric_archives import without

from fatheory import Experiment, metrics, simulate
from fatheory.archive import load, save
from fatheory.errors import ArchiveError
from fatheory.geometry import angle, sign_concordance

ONLINE = ("weight_angle", "sign_concordance", "delta_angle", "weight_norm", "unit_angle")
STORED = ["backprop", "usf", "frsf", "rndf", "mixed"]
"""Rules whose V follows from what the archive holds."""


@pytest.fixture(scope="module")
def archive():
    return simulate(
        Experiment(
            task={
                "kind": "images",
                "dataset": "synthetic-digits",
                "limit": 60,
                "evaluation_limit": 40,
            },
            network={
                "kind": "convolutional",
                "blocks": [{"channels": 2, "kernel": 3}, {"channels": 4, "kernel": 3}],
                "hidden": [],
                "biases": {"distribution": "normal", "std": 0.1},
                "normalization": {"learnable": True},
            },
            rules={
                "backprop": 0.1,
                "usf": 0.1,
                "frsf": {"learning_rate": 0.1, "concordance": 0.7},
                "rndf": {"learning_rate": 0.1, "initial_concordance": 1.0},
                "brsf": 0.1,
                "mixed": {
                    "rule": "frsf",
                    "learning_rate": 0.1,
                    "layers": {"last": {"rule": "backprop"}},
                },
            },
            schedule={
                "phases": [{"steps": 30}],
                "batch_size": 10,
                "decay": {"kind": "exponential", "factor": 0.5, "every": 10},
            },
            record={
                "quantities": ["weights", "teaching_signals", *ONLINE],
                "snapshots": 3,
                "probe_samples": 5,
            },
            seeds=2,
            precision="float64",
        )
    )


def test_everything_has_its_name_and_dimensions(archive):
    run = ("rule", "seed", "step")
    kernel = ("channel_2", "channel_1", "kernel_row_2", "kernel_column_2")
    assert archive.kernel_2.dims == (*run, *kernel)
    assert archive.feedback_kernel_2.dims == ("rule", "seed", *kernel)
    assert archive.kernel_1.shape[-4:] == (2, 1, 3, 3)
    assert archive.weight_3.dims == (*run, "unit_3", "unit_2")
    for name in ("scale", "shift", "running_mean", "running_variance"):
        for layer, features in ((1, 2), (2, 4)):
            assert archive[f"{name}_{layer}"].dims == (*run, f"feature_{layer}")
            assert archive.sizes[f"feature_{layer}"] == features
        assert f"{name}_3" not in archive
    assert archive.bias_3.dims == (*run, "unit_3")
    assert not {"channel_bias_1", "bias_1", "weight_1", "weight_2", "feedback_2"} & set(archive)
    assert archive.teaching_signal_2.sizes["unit_2"] == archive.sizes["unit_2"] == 16
    assert archive.loss.attrs["equation"] == "L = -<sum y* log y>"


def test_it_is_saved_and_loaded(archive, tmp_path):
    assert load(save(archive, tmp_path / "run")).identical(archive)


def test_time_is_the_weighted_step_times_the_learning_rate(archive):
    expected = [0.0, *(np.sum(0.5 ** (np.arange(n) / 10)) for n in (15, 30))]
    np.testing.assert_allclose(archive.weighted_step, expected, rtol=1e-12)
    np.testing.assert_allclose(archive.time, np.tile(0.1 * archive.weighted_step, (6, 1)))
    assert archive.weighted_step.dims == ("step",)


def test_offline_is_online(archive):
    bare = without(archive, *ONLINE)
    concordance = metrics.sign_concordance(bare)["sign_concordance"]
    for name, found in (
        ("weight_angle", metrics.angle(bare, "weight")),
        ("unit_angle", metrics.angle(bare, "unit")),
        ("sign_concordance", concordance),
        ("delta_angle", metrics.angle(bare, "delta")),
    ):
        rules = [rule for rule in archive.rule.values if name == "delta_angle" or rule in STORED]
        ours, online = found.sel(rule=rules), archive[name].sel(rule=rules)
        np.testing.assert_allclose(ours, online, rtol=0, atol=1e-5)
        if "layer" in online.dims and name != "delta_angle":
            assert np.isfinite(online.sel(layer=[2, 3])).all()
            assert np.isnan(online.sel(layer=1)).all()
        assert found.attrs["units"] == archive[name].attrs["units"]
    for name in ("weight_angle", "sign_concordance"):
        assert np.isfinite(archive[name].sel(rule="brsf", layer=[2, 3])).all()
    # What brsf drew at that step is gone.
    assert np.isnan(concordance.sel(rule="brsf")).all()


def test_kernels_count_entry_by_entry(archive):
    """By hand, with kernels and their feedback flattened to one vector."""
    of_rndf = archive.sel(rule="rndf")
    W = of_rndf.kernel_2.values.reshape(2, 3, -1)
    V = of_rndf.feedback_kernel_2.values.reshape(2, 1, -1)
    found = archive.weight_angle.sel(rule="rndf", layer=2)
    np.testing.assert_allclose(found, angle(W, V), atol=1e-9)
    found = archive.sign_concordance.sel(rule="rndf", layer=2)
    np.testing.assert_allclose(found, sign_concordance(W, V))
    assert (found.isel(step=0) == 1).all()
    norms = np.sqrt(np.sum(archive.kernel_2.values.reshape(6, 2, 3, -1) ** 2, axis=-1))
    np.testing.assert_allclose(archive.weight_norm.sel(layer=2), norms, rtol=1e-12)
    assert (archive.weight_angle.sel(rule="mixed", layer=3) < 1e-12).all()
    assert (archive.weight_angle.sel(rule="mixed", layer=2) > 1).all()


def test_what_was_taken_away_is_named(archive):
    bare = without(archive, *ONLINE)
    with pytest.raises(ArchiveError, match="no 'kernel_1'; add 'weights'"):
        metrics.angle(without(bare, "kernel"), "weight")
    with pytest.raises(ArchiveError, match=r"no 'feedback.*_2', which the rule 'usf' draws"):
        metrics.angle(without(bare, "feedback_kernel"), "weight")
    with pytest.raises(ArchiveError, match=r"is convolutional.* add 'teaching_signals'"):
        metrics.angle(without(bare, "teaching_signal", "backprop_signal"), "delta")
