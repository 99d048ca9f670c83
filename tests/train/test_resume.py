"""Runs that are stopped anywhere and continued end as if they had never been stopped."""

import jax
import numpy as np
import pytest
from default_run import slow_but
from resumable import CASES, EVERY_CASE, QUICK_TO_COMPILE, asked, same, segments_of_four

import fatheory as fa
from fatheory.errors import (
    ArchiveError,
    ArchiveWriteError,
    DamagedArchiveError,
    StoppedRun,
)
from fatheory.train import run as running
from fatheory.train.group import Group
from fatheory.train.many import start_run
from fatheory.train.run import Run
from fatheory.train.segment_length import SegmentLength
from fatheory.train.sinks import InMemory, StopRequest


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    segments_of_four(monkeypatch)


def fresh(experiment: fa.Experiment) -> Run:
    return start_run([experiment])


class Notes(InMemory):
    """A sink that notes the state at the end of every segment."""

    def __init__(self, steps):
        super().__init__(steps)
        self.seen = []

    def reached(self, step, diverged_at, state):
        self.seen.append((step, diverged_at.copy(), state()))


class Bar:
    def advance(self, steps):
        pass


@pytest.mark.parametrize("case", EVERY_CASE)
def test_a_run_restored_at_any_segment_goes_on_bit_by_bit(case):
    experiment = asked(case)
    steps = len(experiment.snapshot_steps)
    with jax.default_matmul_precision("float32"):
        whole, notes = fresh(experiment), Notes(steps)
        whole.go(notes, Bar())
        assert len(notes.seen) >= 7
        assert notes.seen[-1][0] == experiment.schedule.steps
        for step, diverged_at, state in notes.seen[:-1]:
            again, after = fresh(experiment), Notes(steps)
            again.restore(step, state, diverged_at)
            again.go(after, Bar())
            assert [note[0] for note in after.seen] == [s for s, *_ in notes.seen if s > step]
            late = [i for i, at in enumerate(experiment.snapshot_steps) if at > step]
            for name, values in after.variables.items():
                np.testing.assert_array_equal(
                    values[:, :, late], notes.variables[name][:, :, late], strict=True
                )
            for rule, arrays in notes.seen[-1][2].items():
                for name, array in arrays.items():
                    np.testing.assert_array_equal(after.seen[-1][2][rule][name], array)


def test_a_state_does_not_depend_on_how_runs_are_grouped(monkeypatch):
    experiment = asked("blocks of online examples", seeds=8)
    with jax.default_matmul_precision("float32"):
        joined = fresh(experiment)
        monkeypatch.setattr("fatheory.train.device.CACHE_BYTES", 1)
        parted = fresh(experiment)
        assert len(parted._groups) > len(joined._groups)
        notes = Notes(len(experiment.snapshot_steps))
        joined.go(notes, Bar())
        step, diverged_at, state = notes.seen[2]
        parted.restore(step, state, diverged_at)
        for rule, arrays in parted.state().items():
            for name, array in arrays.items():
                np.testing.assert_array_equal(array, state[rule][name])


# However it is cut.


def cut_at_random(monkeypatch, rng):
    """Let segments end anywhere that a machine of any speed could end them."""
    stop = SegmentLength.stop

    def drawn(self, *where):
        self._steps = rng.integers(1, 9)
        return stop(self, *where)

    monkeypatch.setattr(SegmentLength, "stop", drawn)


@pytest.mark.parametrize("case", EVERY_CASE)
def test_cuts_by_time_change_nothing(case, monkeypatch):
    monkeypatch.setattr(running, "LONGEST_SEGMENT", 4096)
    longer = {"phases": [{"steps": 200}]} if "blocks" in case else CASES[case]["schedule"]
    experiment = asked(case, schedule=longer)
    whole = fa.simulate(experiment)
    cut_at_random(monkeypatch, np.random.default_rng(0))
    same(fa.simulate(experiment), whole)


def gone(experiment, since=()):
    """Carry out a run, from its start or from where another was, and return what it noted."""
    notes = Notes(len(experiment.snapshot_steps))
    with jax.default_matmul_precision("float32"):
        run = fresh(experiment)
        if since:
            step, diverged_at, state = since
            run.restore(step, state, diverged_at)
        run.go(notes, Bar())
    return notes


@pytest.mark.parametrize("case", EVERY_CASE)
def test_a_run_goes_on_at_its_position_however_it_was_cut(case, monkeypatch):
    """A run that was stopped with other segments, as another version may have cut them."""
    experiment = asked(case)
    monkeypatch.setattr(running, "LONGEST_SEGMENT", 3)
    parted = gone(experiment)
    assert {step for step, *_ in parted.seen} > set(range(3, 25, 3))
    monkeypatch.setattr(running, "LONGEST_SEGMENT", 4096)
    whole = gone(experiment)
    # In blocks, of examples or of time steps, sums round by where blocks begin.
    in_blocks = "blocks" in case or "spikes" in case
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if in_blocks else {"rtol": 0, "atol": 0}
    for i in np.random.default_rng(0).choice(len(parted.seen) - 1, 4, replace=False):
        again = gone(experiment, parted.seen[i])
        late = [k for k, at in enumerate(experiment.snapshot_steps) if at > parted.seen[i][0]]
        for name, values in again.variables.items():
            wanted = whole.variables[name][:, :, late]
            np.testing.assert_allclose(values[:, :, late], wanted, **tolerance)


# NaN goes on bit by bit, too.
@pytest.mark.filterwarnings("ignore::fatheory.errors.DivergedWarning")
def test_a_stored_run_of_short_segments_goes_on_in_long_ones(tmp_path, monkeypatch):
    """Stopped at step 64 of segments of 64, it goes on in segments of 4,096."""
    experiment = asked(
        "momentum, two phases, rates that fall",
        schedule={"phases": [{"steps": 200}]},
        record={"snapshots": 2},
    )
    wanted = fa.simulate(experiment)
    monkeypatch.setattr(running, "LONGEST_SEGMENT", 64)
    monkeypatch.setattr(StopRequest, "asked", True)
    with pytest.raises(StoppedRun, match="stopped after 64 of 200 steps"):
        fa.simulate(experiment, path=tmp_path / "a")
    monkeypatch.setattr(StopRequest, "asked", False)
    monkeypatch.setattr(running, "LONGEST_SEGMENT", 4096)
    same(fa.simulate(experiment, path=tmp_path / "a"), wanted)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda arrays: arrays.clear(), "found nothing"),
        (lambda arrays: arrays.update({k: a[:1] for k, a in arrays.items()}), r"of shape \(1, "),
        (lambda arrays: arrays.update({k: a > 0 for k, a in arrays.items()}), "found bool of"),
    ],
)
def test_a_state_of_something_else_is_refused(spoil, message):
    run = fresh(asked("spikes"))
    state = run.state()
    spoil(state["feedback_alignment"])
    with pytest.raises(
        DamagedArchiveError, match=rf"the state of 'feedback_alignment' must hold .*{message}"
    ):
        run.restore(4, state, run.diverged_at)


# Through archives.


@pytest.mark.parametrize("case", slow_but(QUICK_TO_COMPILE, CASES))
def test_the_archive_is_what_would_have_been_returned(case, tmp_path):
    experiment = asked(case, precision="float64")
    found = fa.simulate(experiment, path=tmp_path / "a")
    wanted = fa.simulate(experiment)
    same(found, wanted)
    assert found.attrs.keys() == wanted.attrs.keys()
    same(fa.load(tmp_path / "a"), found)


def test_a_run_that_is_done_is_not_done_again(tmp_path, monkeypatch):
    experiment = asked("spikes")
    done = fa.simulate(experiment, path=tmp_path / "a")
    monkeypatch.setattr(Group, "advance", None)
    renamed = experiment.replaced(name="other")
    same(fa.simulate(renamed, path=tmp_path / "a"), done)
    other = experiment.with_settings({"seeds": 1})
    with pytest.raises(ArchiveWriteError, match="holds another archive"):
        fa.simulate(other, path=tmp_path / "a")
    monkeypatch.setattr(Run, "go", None)
    with pytest.raises(TypeError):  # nothing is replaced before there is something to write
        fa.simulate(other, path=tmp_path / "a", restart=True)
    same(fa.load(tmp_path / "a"), done)


def test_something_else_at_the_place_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(running.Run, "go", None)
    experiment = asked("spikes")
    theory = fa.solve(fa.presets["lillicrap2016/fig2"].with_settings({"record.snapshots": 2}))
    fa.save(theory, tmp_path / "theory")
    with pytest.raises(ArchiveWriteError, match=r"holds another archive .*restart=True"):
        fa.simulate(experiment, path=tmp_path / "theory")
    (tmp_path / "mine").mkdir()
    for restart in (False, True):
        with pytest.raises(ArchiveError, match="mine"):
            fa.simulate(experiment, path=tmp_path / "mine", restart=restart)
