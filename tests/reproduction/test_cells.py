"""Cells of tables: summaries, their joining, the text, and the loop that computes them."""

import numpy as np
import pytest
import xarray as xr

import fatheory as fa
from fatheory.errors import DataError
from fatheory.experiment import StepDecay
from fatheory.reproduction import at_scale, compute_cells, error_table, image_sets_at_hand
from fatheory.reproduction.cells import cell, gather
from fatheory.reproduction.run_cache import run_cache
from fatheory.reproduction.table_cells import CANDIDATES, QUICK_STEPS, SEARCH_SHARE

DIGITS = fa.ImageTask(dataset="synthetic-digits", train="train+validation", evaluation="test")


def run(errors, rules=("backprop", "usf"), lost=()):
    """Return what a table reads of an archive: errors of shape (rule, seed, step)."""
    values = np.array(errors, dtype=float)
    diverged = np.zeros(values.shape[:2], bool)
    for place in lost:
        values[place][-1], diverged[place] = np.nan, True
    angles = np.broadcast_to(np.arange(3.0), (*values.shape, 3))
    return xr.Dataset(
        {
            "classification_error": (("rule", "seed", "step"), values, {"units": "percent"}),
            "diverged": (("rule", "seed"), diverged),
            "weight_angle": (("rule", "seed", "step", "layer"), angles, {"units": "degree"}),
        },
        {
            "rule": list(rules),
            "seed": range(values.shape[1]),
            "step": range(0, 10 * values.shape[2], 10),
            "layer": [1, 2, 3],
            "learning_rate": ("rule", 0.1 * np.ones(len(rules))),
            "time": (("rule", "step"), np.zeros((len(rules), values.shape[2]))),
        },
    )


def test_a_cell_keeps_the_last_error_of_every_seed():
    summary = cell(run([[[90, 3], [90, 5]], [[90, 8], [90, 12]]]), 10)
    np.testing.assert_array_equal(summary["error"], [[3, 5], [8, 12]])
    np.testing.assert_array_equal(summary["classification_error"].isel(step=-1), [4, 10])
    np.testing.assert_array_equal(summary["weight_angle"].isel(rule=0, step=0), [0, 1, 2])


def test_a_diverged_run_counts_as_a_constant_answer():
    summary = cell(run([[[90, 3], [90, 5]], [[90, 8], [90, 12]]], lost=[(1, 0)]), 4)
    np.testing.assert_array_equal(summary["error"], [[3, 5], [75, 12]])
    assert summary["error"].attrs["chance"] == 75
    assert summary["diverged"].sel(rule="usf").values.tolist() == [True, False]


def test_gathering_keeps_the_order_and_leaves_gaps():
    cells = {
        ("MNIST", "SGD"): cell(run([[[90, 4], [90, 6]]], rules=("usf",)), 10),
        ("MNIST", "BN"): cell(run([[[90, 1], [90, 3]], [[90, 2], [90, 2]]]), 10),
        ("Another", "BN"): cell(run([[[90, 9], [90, 9]]], rules=("backprop",)), 10),
    }
    data = gather(cells)
    assert data["image_set"].values.tolist() == ["MNIST", "Another"]
    assert data["setting"].values.tolist() == ["SGD", "BN"]
    assert data["rule"].values.tolist() == ["usf", "backprop"]
    mean = data["mean_error"]
    assert float(mean.sel(image_set="MNIST", setting="SGD", rule="usf")) == 5
    assert np.isnan(mean.sel(image_set="MNIST", setting="SGD", rule="backprop"))
    half = data["mean_error_interval"].sel(image_set="MNIST", setting="BN", rule="backprop")
    # Student's t with one degree of freedom: 12.706 standard errors, here of 1.
    np.testing.assert_allclose(half, [2 - 12.7062, 2 + 12.7062], rtol=1e-5)


def test_the_table_says_means_intervals_losses_and_gaps():
    cells = {
        ("MNIST", "SGD"): cell(run([[[90, 4], [90, 6]]], rules=("usf",)), 10),
        ("MNIST", "BN"): cell(run([[[9, 2], [9, 2]], [[9, 3], [9, 3]]], lost=[(1, 1)]), 10),
    }
    head, usf, backprop = error_table(gather(cells)).splitlines()
    assert head.split() == ["test", "error", "(%)", "rule", "SGD", "BN"]
    assert usf.split("  ")[0] == "MNIST"
    assert "5.00 ± 12.71" in usf
    assert "46.50" in usf
    assert "(1 diverged)" in usf
    assert backprop.split()[-4:] == ["-", "2.00", "±", "0.00"]


def test_a_quick_table_is_as_deep_and_lasts_as_long_as_it_says():
    base = fa.presets["liao2016/table_c2"]
    quick = at_scale(base, DIGITS, "quick")
    assert quick.layers == base.layers
    assert quick.schedule.steps == QUICK_STEPS
    assert quick.schedule.phases[0].frozen == (base.layers,)
    assert quick.schedule.decay == StepDecay(
        at=(round(2 / 3 * QUICK_STEPS), round(11 / 12 * QUICK_STEPS))
    )


def test_the_papers_scale_keeps_the_epochs():
    base = fa.presets["liao2016/table_a"]
    full = at_scale(base, DIGITS, "paper")
    assert full.network == base.network
    assert full.schedule.steps * 100 == 60 * DIGITS.samples


@pytest.mark.parametrize("setting", [0, 1, 3])
def test_rates_are_chosen_on_shorter_runs_before_training(setting, tmp_path):
    asked = at_scale(fa.presets["liao2016/table_bm"], DIGITS, "quick").with_settings(
        {"update.manhattan": setting}
    )
    trained = []

    def choose(short, rates):
        assert short.schedule.steps == round(SEARCH_SHARE * QUICK_STEPS)
        assert max(short.schedule.decay.at) < short.schedule.steps
        assert tuple(rates) == CANDIDATES[setting]
        errors = [[3.0, 1.0, 2.0], [4.0, 2.0, 3.0]]
        coords = {"rule": ["backprop", "usf"], "candidate": list(rates)}
        return {}, xr.DataArray(errors, coords, name="tried")

    def simulate(experiment, *, path):
        trained.append((experiment, path))
        origin = {name: "x" for name in ("experiment_hash", "device", "precision", "created")} | {
            "experiment": experiment.to_json(),
            "versions": "{}",
        }
        archive = run([[[90, 3], [90, 5]], [[90, 8], [90, 12]]]).assign_attrs(origin)
        return archive.assign(loss=archive["classification_error"])

    data = compute_cells({("digits", "1"): [asked]}, simulate, choose, run_cache(tmp_path))
    ((experiment, path),) = trained
    middle = CANDIDATES[setting][1]
    assert experiment.learning_rates == (middle, middle)
    assert experiment.schedule == asked.schedule
    assert path == tmp_path / f"{experiment.content_hash}.zarr"
    tried = data["tried"].sel(image_set="digits", setting="1", rule="usf")
    assert tried.values.tolist() == [4, 2, 3]
    assert not data["rate_at_end"].any()
    assert {"experiments", "experiment_hashes", "versions"} <= set(data.attrs)


def test_image_sets_that_are_missing_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("FATHEORY_DATA_DIR", str(tmp_path))
    found = image_sets_at_hand("mnist", "synthetic-digits", evaluation="test")
    assert list(found) == ["Synthetic digits (generated)"]
    assert found["Synthetic digits (generated)"].evaluation == "test"
    with pytest.raises(DataError, match="none of the image sets mnist, cifar-10 is at hand"):
        image_sets_at_hand("mnist", "cifar-10")
