"""Runs that go on where others ended: the numbers of one run, or a refusal that says why not."""

import json
import sys

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArchiveError, ArchiveWriteError

SHORT = fa.Experiment(
    task=fa.LinearTask(inputs=4, outputs=2),
    network=fa.DenseNetwork(
        hidden=(5,), activation="tanh", biases=fa.Uniform(bound=0.1), start=fa.Uniform(bound=0.4)
    ),
    rules={"feedback_alignment": 0.05},
    schedule=fa.Schedule(phases=(fa.Phase(steps=20),), batch_size=2),
    record=fa.Record(quantities=("weights", "delta_angle"), snapshots=5),
    seeds=2,
)
LONG = SHORT.lengthened(30, snapshots=3)


@pytest.fixture(scope="module")
def short():
    return fa.simulate(SHORT)


@pytest.fixture(scope="module")
def whole():
    return fa.simulate(LONG)


def require_equal(found, expected):
    assert found.attrs["experiment_hash"] == expected.attrs["experiment_hash"]
    for name, values in expected.variables.items():
        np.testing.assert_array_equal(found[name].values, values.values, err_msg=str(name))


def test_lengthened_keeps_what_was_recorded():
    assert LONG.snapshot_steps == (0, 5, 10, 15, 20, 30, 40, 50)
    assert LONG.schedule.ends == (50,)
    apart = SHORT.with_settings({"update.momentum": 0.9}).lengthened(30)
    assert apart.schedule.ends == (20, 50)


def test_a_continued_run_is_one_run_bit_by_bit(short, whole):
    require_equal(fa.simulate(LONG, continue_from=short), whole)
    turned = short.isel(seed=[1, 0]).transpose("step", "seed", ...)
    require_equal(fa.simulate(LONG, continue_from=turned), whole)


def test_nothing_that_was_done_is_done_again(short, monkeypatch):
    measured = []
    take = fa.train.recorder.Recorder.take

    def noted(self, step, groups):
        measured.append(step)
        return take(self, step, groups)

    monkeypatch.setattr("fatheory.train.recorder.Recorder.take", noted)
    fa.simulate(LONG, continue_from=short)
    assert measured == [30, 40, 50]


def test_a_longer_schedule_at_the_same_path_goes_on(tmp_path, whole, monkeypatch):
    path = tmp_path / "run.zarr"
    fa.simulate(SHORT, path=path)
    take = fa.train.recorder.Recorder.take

    def stopped(self, step, groups):
        if step == 40:
            raise KeyboardInterrupt
        return take(self, step, groups)

    with monkeypatch.context() as patch:
        patch.setattr("fatheory.train.recorder.Recorder.take", stopped)
        with pytest.raises(KeyboardInterrupt):
            fa.simulate(LONG, path=path)
    # Stopped in what is new, it holds what is old.
    kept = fa.load(path)
    assert kept["step"].values.tolist()[:5] == [0, 5, 10, 15, 20]
    require_equal(fa.simulate(LONG, path=path), whole)
    require_equal(fa.load(path), whole)
    assert sorted(p.name for p in tmp_path.iterdir() if "lock" not in p.name) == ["run.zarr"]


def test_from_one_path_to_another(tmp_path, whole):
    fa.simulate(SHORT, path=tmp_path / "short.zarr")
    found = fa.simulate(LONG, path=tmp_path / "long.zarr", continue_from=tmp_path / "short.zarr")
    require_equal(found, whole)
    assert fa.load(tmp_path / "short.zarr").sizes["step"] == 5


def test_another_run_at_the_path_is_not_replaced(tmp_path, short, whole):
    path = tmp_path / "run.zarr"
    stored = fa.simulate(SHORT, path=path)
    other = short.copy(deep=True)
    other["weight_1"].loc[{"step": 20}] += 1e-6  # as another machine may have it
    with pytest.raises(ArchiveWriteError, match="holds another run of this experiment"):
        fa.simulate(LONG, path=path, continue_from=other)
    require_equal(fa.load(path), stored)
    require_equal(fa.simulate(LONG, path=path, continue_from=short), whole)


def test_momentum_goes_on_in_a_phase_of_its_own():
    asked = SHORT.with_settings({"update.momentum": 0.9})
    before = fa.simulate(asked)
    after = asked.lengthened(10, snapshots=1)
    require_equal(fa.simulate(after, continue_from=before), fa.simulate(after))
    longer = after.with_settings({"schedule.phases": [{"steps": 30}]})
    with pytest.raises(ArchiveError, match="updates remember earlier ones"):
        fa.simulate(longer, continue_from=before)


def test_a_diverged_run_stays_so():
    asked = SHORT.with_settings({"rules.feedback_alignment.learning_rate": 1e6})
    with pytest.warns(fa.errors.DivergedWarning):
        before = fa.simulate(asked)
    with pytest.warns(fa.errors.DivergedWarning):
        after = fa.simulate(asked.lengthened(10), continue_from=before)
    np.testing.assert_array_equal(after["diverged_at"], before["diverged_at"])
    assert np.isnan(after["loss"].isel(step=-1)).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rules.feedback_alignment.learning_rate": 0.1}, "rules is another"),
        (
            {"rules.feedback_alignment.learning_rate": 0.1},
            r"another: rules.feedback_alignment.learning_rate was [0-9.e-]+, and is 0.1$",
        ),
        ({"seeds": 3}, "seeds is another"),
        ({"task.noise": 0.5}, "task is another"),
        ({"schedule.batch_size": 3}, "schedule.batch_size was 2, and is 3"),
        ({"schedule.phases": [{"steps": 10}, {"steps": 40}]}, "phases are others within the first"),
        (
            {"schedule.phases": [{"steps": 20}], "record.steps": [20]},
            "20 steps are done, and 20 are asked for",
        ),
        ({"schedule.phases": [{"steps": 50, "frozen": [1]}]}, "phases are others"),
        ({"schedule.decay": {"kind": "exponential", "factor": 0.9, "every": 5}}, "schedule.decay"),
        ({"record.quantities": ["weights"]}, "record.quantities was"),
        ({"record.steps": [7, 20]}, r"1 of the steps asked for are past .*\(7\)"),
        ({"record.probe_samples": 7}, "record.probe_samples was 100, and is 7"),
    ],
)
def test_a_past_that_would_change_is_refused(short, changes, words):
    with pytest.raises(ArchiveError, match=words):
        fa.simulate(LONG.with_settings(changes), continue_from=short)


def test_what_lacks_a_part_is_refused(short):
    with pytest.raises(ArchiveError, match="it lacks the seed 1"):
        fa.simulate(LONG, continue_from=short.sel(seed=[0]))
    with pytest.raises(ArchiveError, match="not recorded"):
        fa.simulate(LONG, continue_from=short.isel(step=[0, 1]))
    with pytest.raises(ArchiveError, match="nothing to go on from"):
        fa.simulate(LONG, continue_from=short.drop_attrs())
    theory = short.assign_attrs(source="theory/flow")
    with pytest.raises(ArchiveError, match="no simulation"):
        fa.simulate(LONG, continue_from=theory)


def test_at_its_path_a_past_that_would_change_is_refused_and_kept(tmp_path):
    path = tmp_path / "run.zarr"
    fa.simulate(SHORT, path=path)
    with pytest.raises(ArchiveWriteError, match=r"record\.steps.*\n.*restart=True"):
        fa.simulate(LONG.with_settings({"record.steps": [7]}), path=path)
    with pytest.raises(
        ArchiveWriteError,
        match=r"another archive; .*restart=True.*\n  task\.noise was 0\.0, and is 0\.5",
    ):
        fa.simulate(LONG.with_settings({"task.noise": 0.5}), path=path)
    assert fa.load(path).sizes["step"] == 5


def test_at_its_path_no_recorded_step_is_lost(tmp_path):
    path = tmp_path / "run.zarr"
    fa.simulate(SHORT, path=path)
    # Steps 0, 10, ... 40: all that are past were recorded, and 5 and 15, too.
    fewer = LONG.with_settings(
        {"schedule.phases": [{"steps": 40}], "record.steps": [0, 10, 20, 30]}
    )
    with pytest.raises(ArchiveWriteError, match=r"2 of its recorded steps .* lost \(5, 15\)"):
        fa.simulate(fewer, path=path)
    assert fa.load(path).sizes["step"] == 5
    # Beside it nothing is lost.
    found = fa.simulate(fewer, path=tmp_path / "longer.zarr", continue_from=path)
    assert found["step"].values.tolist() == [0, 10, 20, 30, 40]


def test_one_rule_and_seed_without_their_axes_go_on(short, whole):
    one = {"seeds": (1,)}
    alone = fa.simulate(SHORT.replaced(**one)).isel(rule=0, seed=0)
    found = fa.simulate(LONG.replaced(**one), continue_from=alone)
    np.testing.assert_array_equal(found["weight_1"], whole["weight_1"].sel(seed=[1]))
    with pytest.raises(ArchiveError, match="no labels along 'seed'"):
        fa.simulate(LONG.replaced(**one), continue_from=alone.drop_vars("seed"))


def test_neither_sweeps_nor_losses_measured_otherwise_are_gone_on_with(short):
    text = fa.Sweep(experiment=SHORT, axes={"rules.*.learning_rate": [0.1, 0.2]}).to_json()
    swept = short.drop_attrs().assign_attrs(sweep=text)
    with pytest.raises(ArchiveError, match=r"this is a sweep: .*fatheory\.sweep\.cell"):
        fa.simulate(LONG, continue_from=swept)
    noisy = SHORT.with_settings({"task.samples": 6, "task.noise": 0.1})
    first = json.loads(noisy.to_json()) | {"version": 1}
    run = fa.simulate(noisy).assign_attrs(experiment=json.dumps(first))
    with pytest.raises(ArchiveError, match="losses of noisy samples otherwise"):
        fa.simulate(noisy.lengthened(5), continue_from=run)


def test_what_another_process_did_since_it_was_read_is_not_replaced(tmp_path, monkeypatch):
    """A path is read before it is locked; whoever went on there meanwhile keeps what it did."""
    path, longer = tmp_path / "run.zarr", SHORT.lengthened(60, snapshots=6)
    fa.simulate(SHORT, path=path)
    module = sys.modules["fatheory.train.simulate"]
    begin = module.begin_from

    def late(*args, **options):
        with monkeypatch.context() as patch:
            patch.setattr(module, "begin_from", begin)
            fa.simulate(longer, path=path)
        return begin(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(module, "begin_from", late)
        with pytest.raises(ArchiveWriteError, match=r"another process has gone on .* call again"):
            fa.simulate(LONG, path=path)
    assert fa.load(path)["step"].values[-1] == 80


def test_a_run_goes_on_from_labels_and_not_from_places(short, whole):
    """Weights of an archive in another order were taken by place, as far as shapes allowed."""
    numbered = short.assign_coords(
        {dim: range(short.sizes[dim]) for dim in ("unit_0", "unit_1", "unit_2")}
    )
    turned = [numbered.isel({dim: slice(None, None, -1)}) for dim in ("unit_0", "unit_1", "unit_2")]
    for one in (*turned, short.transpose(*reversed(list(map(str, short.dims))))):
        require_equal(fa.simulate(LONG, continue_from=one), whole)
    with pytest.raises(ArchiveError, match="repeats labels of steps"):
        fa.simulate(LONG, continue_from=short.isel(step=[0, 1, 2, 3, 4, 4]))
