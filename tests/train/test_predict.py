"""Predictions from archives: the network's own answers, by label, and what is refused."""

import importlib

import jax
import numpy as np
import pytest
import xarray as xr

import fatheory as fa
from fatheory.errors import ArchiveError, ArrayError

predict = importlib.import_module("fatheory.train.predict")


def teacher(**network):
    return fa.Experiment(
        task=fa.TeacherTask(inputs=5, outputs=2, hidden=(4,)),
        network=fa.DenseNetwork(
            hidden=(7, 6), activation="tanh", start=fa.Uniform(bound=0.4), **network
        ),
        rules={"backprop": 0.05, "feedback_alignment": {"learning_rate": 0.03, "slopes": "local"}},
        schedule=fa.Schedule(phases=(fa.Phase(steps=40),)),
        record=fa.Record(quantities=("weights",), snapshots=3, probe_samples=9),
        seeds=3,
        precision="float64",
    )  # fmt: skip


@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_predictions_are_the_forward_pass(output):
    archive = fa.simulate(teacher(biases=fa.Uniform(bound=0.3), output=output))
    X = np.random.default_rng(0).normal(size=(11, 5))
    got = fa.predict(archive, X, hidden=True)
    assert got["output"].dims == ("rule", "seed", "sample", "unit_3")
    for rule in archive["rule"].values:
        for seed in archive["seed"].values:
            run = archive.sel(rule=rule, seed=seed).isel(step=-1)
            h1 = np.tanh(X @ run["weight_1"].values.T + run["bias_1"].values)
            h2 = np.tanh(h1 @ run["weight_2"].values.T + run["bias_2"].values)
            y = h2 @ run["weight_3"].values.T + run["bias_3"].values
            y = 1 / (1 + np.exp(-y)) if output == "sigmoid" else y
            ours = got.sel(rule=rule, seed=seed)
            assert ours["output"].values == pytest.approx(y, abs=1e-12)
            assert ours["activity_1"].values == pytest.approx(h1, abs=1e-12)
            assert ours["activity_2"].values == pytest.approx(h2, abs=1e-12)


def test_the_loss_of_the_probe_follows_from_predictions():
    archive = fa.simulate(teacher())
    for step in archive["step"].values:
        for seed in archive["seed"].values:
            probe = archive.sel(seed=seed)
            y = fa.predict(archive, probe["probe_input"].values, step=int(step))["output"]
            e = probe["probe_target"].values - y.sel(seed=seed).values
            loss = 0.5 * np.mean(np.sum(e**2, axis=-1), axis=-1)
            assert loss == pytest.approx(probe["loss"].sel(step=step).values, rel=1e-10)


def test_labels_not_positions():
    archive = fa.simulate(teacher())
    X = np.eye(5)
    whole = fa.predict(archive, X)["output"]
    turned = archive.isel(seed=[2, 0], rule=[1, 0]).transpose("step", "seed", ...)
    part = fa.predict(turned, X)["output"]
    assert part.equals(whole.sel(rule=part["rule"], seed=part["seed"]))


def test_axes_within_a_run_are_known_by_their_names():
    square = fa.simulate(
        fa.Experiment(
            task=fa.LinearTask(inputs=3, outputs=3),
            network=fa.DenseNetwork(hidden=(3,), start=fa.Uniform(bound=0.4)),
            rules={"backprop": 0.05},
            schedule=fa.Schedule(phases=(fa.Phase(steps=3),)),
            record=fa.Record(quantities=("weights",), snapshots=2, probe_samples=4),
        )
    )
    whole = fa.predict(square, np.eye(3), hidden=True)
    turned = square.transpose("step", "unit_1", "unit_0", "unit_2", ...)
    assert fa.predict(turned, np.eye(3), hidden=True).equals(whole)
    part = square.isel(unit_1=[0, 1])
    with pytest.raises(ArchiveError, match=r"'weight_1' has 2 of 3 entries along 'unit_1'"):
        fa.predict(part, np.eye(3))


def test_no_inputs_have_no_answers():
    archive = fa.simulate(teacher())
    assert fa.predict(archive, np.empty((0, 5)))["output"].shape == (2, 3, 0, 2)


@pytest.mark.parametrize("dim", ["rule", "seed", "step"])
def test_an_archive_of_nothing_is_refused(dim):
    archive = fa.simulate(teacher())
    with pytest.raises(ArchiveError, match=f"holds no {dim}"):
        fa.predict(archive.isel({dim: []}), np.eye(5))


def test_answers_can_be_stored(tmp_path):
    found = fa.predict(fa.simulate(teacher()), np.eye(5))
    fa.save(found, tmp_path / "answers")
    assert fa.load(tmp_path / "answers").equals(found)


def test_normalised_convolutions_answer_as_they_are_evaluated():
    asked = fa.Experiment(
        task=fa.ImageTask(dataset="synthetic-digits"),
        network=fa.ConvolutionalNetwork(
            blocks=({"channels": 3, "kernel": 3, "pool": {"size": 2}},),
            hidden=(8,),
            normalization=fa.BatchNormalization(learnable=True),
        ),
        rules={"backprop": 0.05},
        schedule=fa.Schedule(phases=(fa.Phase(steps=20),), batch_size=20),
        record=fa.Record(quantities=("weights", "classification_error"), snapshots=2),
        precision="float64",
    )
    archive = fa.simulate(asked)
    images = fa.tasks.load("synthetic-digits", "validation")
    y = fa.predict(archive, images.flattened())["output"].values[0, 0]
    wrong = 100 * np.mean(np.argmax(y, axis=-1) != images.labels)
    assert wrong == pytest.approx(float(archive["classification_error"].values[0, 0, -1]))


def test_what_does_not_fit_is_refused():
    archive = fa.simulate(teacher())
    with pytest.raises(ArrayError, match="X must have 5 columns"):
        fa.predict(archive, np.eye(4))
    with pytest.raises(ArrayError, match="finite"):
        fa.predict(archive, np.full((1, 5), np.nan))
    with pytest.raises(
        ArchiveError, match="step 3 was not recorded; the nearest recorded one is 0"
    ):
        fa.predict(archive, np.eye(5), step=3)
    with pytest.raises(ArchiveError, match="record 'weights'"):
        fa.predict(archive.drop_vars("weight_2"), np.eye(5))
    with pytest.raises(ArchiveError, match="it has no rule"):
        fa.predict(archive.isel(rule=0), np.eye(5))


def test_predictions_multiply_at_full_precision(monkeypatch):
    # Accelerators multiply float32 by fewer digits unless a program asks for all of them.
    asked = []
    forward = predict.forward
    monkeypatch.setattr(
        predict,
        "forward",
        lambda *args, **kwargs: (
            asked.append(jax.config.jax_default_matmul_precision) or forward(*args, **kwargs)
        ),
    )
    archive = fa.simulate(teacher())
    # 13 inputs at a time: no other test has compiled the program for so many.
    fa.predict(archive, np.ones((13, 5)))
    assert asked == ["float32"]


def test_samples_keep_their_labels_and_images_their_axes():
    images = np.random.default_rng(1).uniform(size=(6, 3, 4))
    task = fa.ArrayTask(inputs=images, targets=[0, 1, 2] * 2)
    asked = teacher().replaced(task=task, schedule=fa.Schedule(phases=(fa.Phase(steps=4),)))
    archive = fa.simulate(asked)
    rows = fa.predict(archive, images.reshape(6, 12))
    for given in (images, images[..., None]):
        assert fa.predict(archive, given).identical(rows)
    names = list("abcdef")
    named = xr.DataArray(images.reshape(6, 12).T, {"sample": names}, dims=("pixel", "sample"))
    found = fa.predict(archive, named)
    assert found["sample"].values.tolist() == names
    np.testing.assert_array_equal(found["output"].values, rows["output"].values)
    largest = found["output"].argmax("unit_3").values
    np.testing.assert_array_equal(found["predicted_class"].values, largest)
    error = 100 * np.mean(largest != np.array([0, 1, 2] * 2), axis=-1)
    recorded = fa.simulate(
        asked.with_settings({"record.quantities": ["weights", "classification_error"]})
    )["classification_error"]
    np.testing.assert_allclose(recorded.isel(step=-1), error)
    with pytest.raises(ArrayError, match=r"or be images of \(3, 4, 1\); got the shape \(6, 4, 3\)"):
        fa.predict(archive, images.transpose(0, 2, 1))
    lost = archive.copy(deep=True)
    lost["weight_1"][0, 0] = np.nan
    assert (fa.predict(lost, images)["predicted_class"][0, 0] == -1).all()


def test_inputs_and_outputs_in_another_order_are_found_by_their_numbers():
    """Inputs were multiplied with the weights of others, as far as places go."""
    archive = fa.simulate(teacher(), progress=False)
    X = np.random.default_rng(0).normal(size=(4, 5))
    right = fa.predict(archive, X)["output"].values
    numbered = archive.assign_coords(
        {f"unit_{i}": range(archive.sizes[f"unit_{i}"]) for i in range(4)}
    )
    for dim in ("unit_0", "unit_1", "unit_2", "unit_3"):
        turned = numbered.isel({dim: slice(None, None, -1)})
        np.testing.assert_allclose(fa.predict(turned, X)["output"].values, right, rtol=1e-12)
    with pytest.raises(ArrayError, match="units of weight_1 along 'unit_0' are labelled"):
        fa.predict(archive.assign_coords(unit_0=list("abcde")), X)


def test_what_is_no_step_is_refused():
    archive = fa.simulate(teacher(), progress=False)
    with pytest.raises(ArrayError, match="step must be the number of a recorded step; got True"):
        fa.predict(archive, np.ones((1, 5)), step=True)
    with pytest.raises(ArrayError, match="step must be the number of a recorded step; got True"):
        fa.OwnStart.from_archive(archive, step=True)
    with pytest.raises(ArchiveError, match="the nearest recorded one is 40"):
        fa.predict(archive, np.ones((1, 5)), step=10**30)


def test_an_archive_that_repeats_a_step_is_refused():
    archive = fa.simulate(teacher(), progress=False)
    for other in (archive.isel(step=[2, 2]), archive.drop_vars("step")):
        with pytest.raises(ArchiveError, match="does not say which steps it is of, or repeats"):
            fa.predict(other, np.ones((1, 5)))
