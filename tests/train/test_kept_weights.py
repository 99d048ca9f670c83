"""Weights of chosen steps alone are kept: less on disk, and nobody takes what is not there."""

import numpy as np
import pytest
import xarray as xr

import fatheory as fa
from fatheory.errors import ArchiveError, ArrayError, InvalidExperimentError
from fatheory.train.disk import estimate_disk

WHOLE = fa.Experiment(
    task=fa.LinearTask(inputs=20, outputs=10),
    network=fa.DenseNetwork(hidden=60),
    rules={"backprop": 0.005, "feedback_alignment": 0.005},
    schedule=fa.Schedule(phases=(fa.Phase(steps=40),)),
    seeds=2,
    precision="float64",
    record=fa.Record(quantities=("weights", "weight_angle"), snapshots=9),
)
LAST, CHOSEN = (WHOLE.with_settings({"record.keep_weights": k}) for k in ("last", [0, 12]))


def folder_size(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


@pytest.mark.parametrize(("asked", "kept"), [(LAST, (40,)), (CHOSEN, (0, 12, 40))])
def test_what_is_kept_is_what_a_whole_run_has_and_the_rest_takes_no_room(asked, kept, tmp_path):
    whole = fa.simulate(WHOLE, path=tmp_path / "whole.zarr")
    archive = fa.simulate(asked, path=tmp_path / "kept.zarr")
    assert asked.weight_steps == kept
    for name in ("weight_1", "weight_2", "loss", "weight_angle"):
        there = [step for step in kept if step in whole["step"]]
        np.testing.assert_array_equal(archive[name].sel(step=there), whole[name].sel(step=there))
    assert np.isfinite(archive["loss"]).all()
    assert np.isfinite(archive["weight_angle"].sel(layer=2)).all()
    gone = archive.drop_sel(step=list(kept))
    assert np.isnan(gone["weight_1"]).all()
    assert np.isnan(gone["weight_2"]).all()
    sizes = [folder_size(tmp_path / name) for name in ("kept.zarr", "whole.zarr")]
    assert sizes[0] < 0.6 * sizes[1]
    records = [estimate_disk(experiment)["record"] for experiment in (asked, WHOLE)]
    assert records[0] < 0.5 * records[1]


def test_metrics_refuse_steps_without_weights_and_take_those_with():
    archive, whole = fa.simulate(CHOSEN), fa.simulate(WHOLE)
    with pytest.raises(ArchiveError, match=r"kept at the steps 0, 12, 40 only .* select those"):
        fa.metrics.sign_concordance(archive)
    chosen = [of.sel(step=[0, 40]) for of in (archive, whole)]
    xr.testing.assert_equal(*map(fa.metrics.sign_concordance, chosen))


def test_theory_keeps_the_same_weights_and_is_compared_over_all_steps():
    theory, simulation = fa.solve(CHOSEN), fa.simulate(CHOSEN)
    for name in ("weight_1", "weight_2"):
        np.testing.assert_array_equal(np.isnan(theory[name]), np.isnan(simulation[name]))
    apart = fa.compare(theory, simulation)
    assert np.isfinite(apart["relative_error"].sel(variable="loss")).all()


def test_networks_answer_and_start_from_kept_weights_only():
    archive, whole = fa.simulate(CHOSEN), fa.simulate(WHOLE)
    X = np.eye(20)
    np.testing.assert_array_equal(fa.predict(archive, X).output, fa.predict(whole, X).output)
    early = archive.sel(step=slice(0, 20))
    assert fa.predict(early, X)["step"] == 12
    with pytest.raises(ArchiveError, match="not kept at step 20, but at 0, 12, 40"):
        fa.predict(archive, X, step=20)
    with pytest.raises(ArchiveError, match="the selection has none of them"):
        fa.predict(archive.sel(step=[5, 20]), X)
    with pytest.raises(ArrayError, match=r"weight_1 has no numbers at step 20.*keep_weights"):
        fa.OwnStart.from_archive(archive, step=20)
    assert fa.OwnStart.from_archive(archive, step=12)


def test_a_run_goes_on_from_its_last_weights(tmp_path):
    longer = LAST.lengthened(20, snapshots=2)
    done = fa.simulate(LAST, path=tmp_path / "run.zarr")
    more = fa.simulate(longer, path=tmp_path / "run.zarr")
    at_once = fa.simulate(longer)
    np.testing.assert_array_equal(more["loss"], at_once["loss"])
    np.testing.assert_array_equal(more["weight_1"][:, :, -1], at_once["weight_1"][:, :, -1])
    with pytest.raises(ArchiveError, match=r"weights of 8 past steps .* were not kept"):
        fa.simulate(longer.with_settings({"record.keep_weights": "all"}), continue_from=done)


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        ([50], "the run has 40 steps"),
        ([], "names no step"),
        ("first", "'last' or a list of steps; got 'first'"),
        ([-1], "list of steps"),
        ([0.5], "list of"),
        ([True], "list of steps; got \\[True\\]"),
    ],
)
def test_steps_that_there_are_not_are_refused(keep, told):
    with pytest.raises(InvalidExperimentError, match=told):
        WHOLE.with_settings({"record.keep_weights": keep})


def test_keeping_needs_weights_that_are_recorded():
    with pytest.raises(InvalidExperimentError, match=r"add 'weights' to record\.quantities"):
        WHOLE.with_settings({"record.keep_weights": "last", "record.quantities": ["weight_angle"]})


def test_a_description_keeps_its_name_and_travels():
    assert fa.Experiment.from_json(CHOSEN.to_json()) == CHOSEN
    assert len({WHOLE.content_hash, LAST.content_hash, CHOSEN.content_hash}) == 3
