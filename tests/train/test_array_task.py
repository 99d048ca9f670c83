"""Own arrays, from the description through training and archives and back."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.comparison.same_problem import require_same_problem
from fatheory.errors import ArchiveError, ArrayError, DataError, InvalidExperimentError, RegimeError
from fatheory.initial.stored_samples import stored_samples
from fatheory.tasks import own_arrays

RNG = np.random.default_rng(1)
X = RNG.normal(size=(60, 5))
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)


def own(task, **changes):
    parts = {
        "network": fa.DenseNetwork(hidden=(8,), activation="tanh", start=fa.Uniform(bound=0.3)),
        "rules": {"backprop": 0.05},
        "schedule": fa.Schedule(phases=(fa.Phase(steps=30),), batch_size=4),
        "record": fa.Record(quantities=("weights",), snapshots=4),
        "seeds": 2,
        "precision": "float64",
    }
    return fa.Experiment(task=task, **(parts | changes))


def literal_losses(archive, inputs, targets):
    """Measure the recorded networks by an independent forward pass."""
    ds = archive.transpose("rule", "seed", "step", ...)
    hidden = np.tanh(np.einsum("rsthi,ni->rstnh", ds["weight_1"].values, inputs))
    output = np.einsum("rstoh,rstnh->rstno", ds["weight_2"].values, hidden)
    return 0.5 * np.mean(np.sum((targets - output) ** 2, axis=-1), axis=-1)


def forget(experiment):
    """Let go of the arrays, as another process has never held them."""
    stored_samples.cache_clear()
    own_arrays._AT_HAND.pop(experiment.task.contents.digest)
    experiment.task._arrays = None


def require_equal(found, expected):
    """Compare all variables, and nothing of when they were computed."""
    assert found.data_vars.keys() == expected.data_vars.keys()
    for name in expected.data_vars:
        np.testing.assert_array_equal(found[name].values, expected[name].values)


def test_a_run_learns_the_arrays_and_measures_on_those_held_out():
    Y = np.stack([X[:, 0], X[:, 1] * X[:, 2]], axis=1)
    Xv = RNG.normal(size=(7, 5))
    Yv = np.stack([Xv[:, 0], Xv[:, 1] * Xv[:, 2]], axis=1)
    archive = fa.simulate(own(fa.ArrayTask(inputs=X, targets=Y, validation=(Xv, Yv))))
    assert archive["loss"].values == pytest.approx(literal_losses(archive, Xv, Yv), rel=1e-10)
    assert archive["target_variance"].values == pytest.approx(np.var(Yv, axis=0).sum())
    assert (archive["loss"].isel(step=-1) < archive["loss"].isel(step=0)).all()
    np.testing.assert_array_equal(archive["training_input"].values, X)
    np.testing.assert_array_equal(archive["held_out_target"].values, Yv)


def test_full_batches_descend_the_loss_of_the_training_set():
    Y = X[:, :2] @ [[1.0], [-0.5]]
    asked = own(
        fa.ArrayTask(inputs=X, targets=Y),
        network=fa.DenseNetwork(hidden=(4,), start=fa.Uniform(bound=0.3)),
        schedule=fa.Schedule(phases=(fa.Phase(steps=5),), batch_size=60),
        record=fa.Record(quantities=("weights",), snapshots=6),
    )
    archive = fa.simulate(asked).sel(rule="backprop", seed=1)
    W0, W = archive["weight_1"].values[0], archive["weight_2"].values[0]
    for step in range(1, 6):
        e = Y - X @ W0.T @ W.T
        W0, W = W0 + 0.05 * W.T @ e.T @ X / 60, W + 0.05 * e.T @ X @ W0.T / 60
        assert archive["weight_1"].values[step] == pytest.approx(W0, abs=1e-13)
        assert archive["weight_2"].values[step] == pytest.approx(W, abs=1e-13)


def test_classes_have_errors_and_softmax():
    soft = fa.DenseNetwork(hidden=(8,), activation="tanh", output="softmax")
    record = fa.Record(quantities=("classification_error", "training_error"), snapshots=3)
    task = fa.ArrayTask(inputs=X, targets=LABELS, validation=0.25)
    asked = own(task, network=soft, record=record)
    archive = fa.simulate(asked)
    assert archive["classification_error"].dims == ("rule", "seed", "step")
    assert (archive["training_error"].isel(step=-1) < 60).all()
    rates, tried = fa.choose_learning_rates(asked, [0.01, 0.1])
    assert rates["backprop"] in (0.01, 0.1)
    assert tried.attrs["units"] == "percent"


def test_learning_rates_are_chosen_on_training_examples_only():
    task = fa.ArrayTask(inputs=X, targets=LABELS, validation=0.25)
    chosen = task.for_choosing(2000)
    assert (chosen.samples, chosen.held_out) == (36, 9)
    (inputs, _), (measured, _) = chosen.examples()
    seen = {*map(tuple, inputs), *map(tuple, measured)}
    assert seen == set(map(tuple, task.examples()[0][0]))


def test_real_targets_have_neither():
    task = fa.ArrayTask(inputs=X, targets=X[:, 0])
    with pytest.raises(InvalidExperimentError, match="classification_error"):
        own(task, record=fa.Record(quantities=("classification_error",)))
    with pytest.raises(InvalidExperimentError, match="softmax outputs need a task with classes"):
        own(task, network=fa.DenseNetwork(hidden=(8,), output="softmax"))


@pytest.mark.slow
def test_convolutions_learn_images_and_refuse_rows():
    images = RNG.uniform(size=(20, 6, 6))
    network = fa.ConvolutionalNetwork(blocks=(fa.Block(channels=2),), hidden=(4,))
    task = fa.ArrayTask(inputs=images, targets=np.arange(20) % 2)
    archive = fa.simulate(own(task, network=network))
    assert archive.sizes["channel_1"] == 2
    assert np.isfinite(archive["loss"]).all()
    with pytest.raises(InvalidExperimentError, match="needs a task with images"):
        own(fa.ArrayTask(inputs=X, targets=LABELS), network=network)


def test_a_description_comes_back_from_its_archive_alone(tmp_path):
    asked = own(fa.ArrayTask(inputs=X.astype(np.float32), targets=LABELS, validation=0.25))
    first = fa.simulate(asked, path=tmp_path / "run.zarr")
    text, digest = asked.to_json(), asked.task.contents.digest
    forget(asked)
    del asked
    alone = fa.Experiment.from_json(text)
    with pytest.raises(DataError, match=rf"{digest:.16}.*from_archive"):
        fa.simulate(alone)
    back = fa.Experiment.from_archive(fa.load(tmp_path / "run.zarr"))
    assert back == alone
    assert back.content_hash == alone.content_hash
    require_equal(fa.simulate(back), first)


def test_a_stopped_run_goes_on_from_its_description_and_archive(tmp_path, monkeypatch):
    asked = own(fa.ArrayTask(inputs=X, targets=LABELS))
    whole = fa.simulate(asked)
    text = asked.to_json()
    take, path = fa.train.recorder.Recorder.take, tmp_path / "run.zarr"

    def stop_at_20(self, step, groups):
        if step == 20:
            raise KeyboardInterrupt
        return take(self, step, groups)

    monkeypatch.setattr("fatheory.train.sinks.COMMIT_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr("fatheory.train.recorder.Recorder.take", stop_at_20)
        with pytest.raises(KeyboardInterrupt):
            fa.simulate(asked, path=path)
    assert "unfinished" in fa.load(path).attrs
    forget(asked)
    del asked
    require_equal(fa.simulate(fa.Experiment.from_json(text), path=path), whole)


def test_an_archive_whose_arrays_were_changed_is_refused():
    asked = own(fa.ArrayTask(inputs=X, targets=LABELS))
    archive = fa.simulate(asked)
    archive["training_input"] = archive["training_input"] + 1
    forget(asked)
    del asked
    with pytest.raises(DataError, match="it was changed"):
        fa.Experiment.from_archive(archive)
    with pytest.raises(ArchiveError, match="no description"):
        fa.Experiment.from_archive(archive.drop_attrs())


def draws(generator):
    """Draw a task of a seed's own."""
    inputs = generator.normal(size=(30, 4))
    return {"inputs": inputs, "targets": inputs @ generator.normal(size=(4, 2)), "validation": 0.2}


def test_every_seed_draws_its_own_arrays():
    asked = own(fa.ArrayTask(draw=draws))
    archive = fa.simulate(asked)
    inputs = archive["seed_training_input"]
    assert inputs.dims == ("seed", "example", "unit_0")
    assert inputs.shape == (2, 24, 4)
    assert not np.array_equal(inputs[0], inputs[1])
    for seed in (0, 1):
        run = archive.sel(seed=[seed])
        held_out = (run[f"seed_held_out_{what}"].values[0] for what in ("input", "target"))
        assert run["loss"].values == pytest.approx(literal_losses(run, *held_out), rel=1e-10)
    text = asked.to_json()
    forget(asked)
    del asked
    back = fa.Experiment.from_archive(archive.transpose())  # read by label
    assert back.to_json() == text
    require_equal(fa.simulate(back), archive)
    with pytest.raises(ArrayError, match="no arrays of seed 7"):
        fa.simulate(back.with_settings({"seeds": [7]}))


def test_a_function_is_known_by_what_it_draws():
    width = [3]

    def drawn(generator):
        return generator.normal(size=(9, width[0])), generator.normal(size=9)

    first = fa.ArrayTask(draw=drawn)
    assert fa.ArrayTask(draw=drawn) == first
    width[0] = 4
    assert fa.ArrayTask(draw=drawn) != first
    with pytest.raises(ArrayError, match="must return"):
        fa.ArrayTask(draw=lambda generator: generator.normal(size=3))


def test_a_sweep_holds_the_arrays_once(tmp_path):
    asked = own(fa.ArrayTask(inputs=X.astype(np.float32), targets=LABELS), seeds=1)
    sweep = fa.Sweep(experiment=asked, axes={"network.hidden": [[3], [5]]})
    swept = sweep.run(tmp_path / "sweep.zarr")
    assert swept["training_input"].dims == ("example", "unit_0")
    assert (swept["status"] == 1).all()
    alone = fa.simulate(asked.with_settings({"network.hidden": [5]}))
    cell = swept["loss"].isel({swept["status"].dims[0]: 1})
    assert cell.values == pytest.approx(alone["loss"].values, rel=1e-6)
    assert fa.Experiment.from_archive(swept) == asked


def test_theory_of_fresh_examples_refuses_arrays_by_name():
    linear = own(fa.ArrayTask(inputs=X, targets=X[:, 0]), network=fa.DenseNetwork(hidden=(4,)))
    with pytest.raises(RegimeError, match="the task is of kind 'arrays'"):
        fa.solve(linear, method="online")


def test_spiking_networks_learn_arrays_with_a_group_of_units_for_every_class(tmp_path):
    task = fa.ArrayTask(inputs=np.clip(abs(X), 0, 1), targets=LABELS, validation=0.25)
    spiking = fa.Experiment(
        task=task,
        network=fa.SpikingNetwork(hidden=(6, 6), group=4),
        rules={"feedback_alignment": 0.01},
        schedule=fa.Schedule(steps=10),
        record=fa.Record(quantities=("weights",), snapshots=2, probe_samples=3),
        seeds=1,
    )
    first = fa.simulate(spiking, path=tmp_path / "run.zarr")
    assert first["training_target"].shape == (45, 4 * task.outputs)
    assert first["probe_target"].shape == (1, 3, 4 * task.outputs)
    forget(spiking)
    back = fa.Experiment.from_archive(fa.load(tmp_path / "run.zarr"))
    require_equal(fa.simulate(back), first)


def test_arrays_of_another_content_are_another_problem():
    kinds = [fa.ArrayTask(inputs=X + shift, targets=LABELS) for shift in (0, 1e-9)]
    first, other = (own(task) for task in kinds)
    assert first != other
    assert first.content_hash != other.content_hash
    same = fa.simulate(first)
    shared = {"rule": ["backprop"], "seed": [0, 1]}
    require_same_problem(same, same, shared)
    with pytest.raises(ArchiveError, match="the tasks differ"):
        require_same_problem(same, fa.simulate(other), shared)


def test_files_of_arrays(tmp_path):
    np.savez(tmp_path / "own.npz", inputs=X, targets=LABELS)
    task = fa.ArrayTask(file=tmp_path / "own.npz", validation=0.25)
    assert task == fa.ArrayTask(inputs=X, targets=LABELS, validation=0.25)
    np.savez(tmp_path / "other.npz", inputs=X, labels=LABELS)
    with pytest.raises(DataError, match=r"holds 'labels'.*known"):
        fa.ArrayTask(file=tmp_path / "other.npz")
    np.savez(tmp_path / "odd.npz", inputs=np.array([{}]), targets=LABELS)
    with pytest.raises(DataError, match="plain arrays"):
        fa.ArrayTask(file=tmp_path / "odd.npz")
    with pytest.raises(DataError, match="cannot be read"):
        fa.ArrayTask(file=tmp_path / "none.npz")


def test_arrays_come_from_one_place():
    with pytest.raises(ArrayError, match="inputs and draw"):
        fa.ArrayTask(inputs=X, targets=LABELS, draw=draws)
    with pytest.raises(ArrayError, match="targets is missing"):
        fa.ArrayTask(inputs=X)
    with pytest.raises(InvalidExperimentError, match="contents: is required"):
        fa.ArrayTask()
