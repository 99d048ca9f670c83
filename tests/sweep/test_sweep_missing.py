"""Whether a run diverged is not known where there is no run: never False, never a step."""

import math

import numpy as np
import pytest
import xarray as xr
from interrupted import interrupted_after
from stored_archives import unpacked
from sweep_examples import AXES, RATES, small, sweep

import fatheory as fa
from fatheory.archive import describe_divergence
from fatheory.errors import DivergedWarning
from fatheory.sweep import result

WILD = {RATES: [0.01, 1e6, -1.0]}
RUN = ("rule", "seed")


def test_the_share_of_diverged_runs_is_unknown_where_there_are_none(tmp_path):
    with pytest.warns(DivergedWarning, match="4 of 8 runs diverged"):
        stored = sweep(WILD).run(tmp_path / "x.zarr")
    for found in (stored, fa.load(tmp_path / "x.zarr")):
        np.testing.assert_array_equal(found["diverged"].mean(RUN), [0, 1, math.nan])
        np.testing.assert_array_equal(found["diverged"].mean(RATES).values.ravel(), [0.5] * 4)
        since = found["diverged_at"]
        assert (since[0] == -1).all()
        assert (since[1] > 0).all()
        assert since[2].isnull().all()


def test_of_cells_that_failed_nothing_is_known(tmp_path, monkeypatch):
    def failing(experiments, **options):
        raise MemoryError("no room")

    monkeypatch.setattr(result, "train_many", failing)
    stored = sweep({RATES: [0.01]}).run(tmp_path / "x.zarr")
    assert stored["status"].values.tolist() == [3]
    assert stored["diverged"].isnull().all()
    assert stored["diverged_at"].isnull().all()
    assert describe_divergence(stored) == ""


def test_of_cells_to_come_nothing_is_known(tmp_path, monkeypatch):
    interrupted_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        sweep(AXES).run(tmp_path / "x.zarr")
    so_far = fa.load(tmp_path / "x.zarr")
    pending = so_far["status"] == 0
    assert pending.sum() == 5
    for name in ("diverged", "diverged_at"):
        known = so_far[name].notnull().all(RUN)
        assert (known == ~pending).all()
        assert (so_far[name].notnull().any(RUN) == known).all()


UNIONS = {
    "rules": ({}, {"rules": {"usf": {"learning_rate": 0.02}}}),
    "seeds": ({"seeds": [0, 3]}, {"seeds": [3, 4]}),
}


@pytest.mark.parametrize("case", UNIONS)
def test_of_rules_and_seeds_that_a_cell_lacks_nothing_is_known(case, tmp_path):
    one, two = UNIONS[case]
    axes = {"choice": {"one": one, "two": two}, RATES: [0.01, 1e6]}
    with pytest.warns(DivergedWarning):
        stored = sweep(axes).run(tmp_path / "x.zarr")
    for i, settings in enumerate((one, two)):
        own = small().with_settings(settings)
        there = {"rule": list(own.rule_labels), "seed": list(own.seeds)}
        for rate, share in ((0.01, 0.0), (1e6, 1.0)):
            cell = stored["diverged"].isel(choice=i).sel({RATES: rate})
            assert (cell.sel(there) == share).all()
            assert cell.notnull().sum() == len(own.rules) * len(own.seeds)
            assert float(cell.mean()) == share


def test_what_is_told_of_a_sweep_counts_runs_that_there_are():
    lost = xr.DataArray(
        [[1.0, 0.0, math.nan]], dims=RUN, coords={"rule": ["usf"], "seed": [0, 1, 2]}
    )
    archive = xr.Dataset({"diverged": lost, "diverged_at": lost.where(lost != 1, 7)})
    text = describe_divergence(archive)
    assert text == "1 of 2 runs diverged: usf (seed 0, since step 7)"


def test_a_sweep_of_an_earlier_version_is_read_with_its_gaps(tmp_path):
    found = fa.load(unpacked("sweep", tmp_path))
    assert found["status"].values.tolist() == [1, 1, 2, 3]
    np.testing.assert_array_equal(found["diverged"].mean(RUN), [0, 0, 1, math.nan])
    assert (found["diverged_at"][:2] == -1).all()
    assert (found["diverged_at"][2] > 0).all()
    assert found["diverged_at"][3].isnull().all()
    pending = fa.load(unpacked("unfinished_sweep", tmp_path))
    assert (pending["diverged"].isnull().any(RUN) == (pending["status"] == 0)).all()
    # Asked for again it is found as it is, and told of by the runs that it has.
    with pytest.warns(DivergedWarning, match="4 of 12 runs"):
        again = fa.Sweep.from_json(found.attrs["sweep"]).run(tmp_path / "sweep")
    assert again.identical(found)


def test_a_sweep_that_an_earlier_version_began_ends_with_gaps_too(tmp_path, monkeypatch):
    path = unpacked("unfinished_sweep", tmp_path)
    asked = fa.Sweep.from_json(fa.load(path).attrs["sweep"])
    interrupted_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        asked.run(path)
    found = fa.load(path)
    pending = found["status"] == 0
    assert 0 < pending.sum() < pending.size
    assert (found["diverged"].isnull().all(RUN) == pending).all()


def test_earlier_gaps_of_rules_and_seeds_are_gaps(tmp_path):
    """As an earlier version stored them: False and -1 wherever there is no run."""
    axes = {"choice": {"one": UNIONS["rules"][0], "two": UNIONS["rules"][1]}, RATES: [0.01, 1e6]}
    with pytest.warns(DivergedWarning):
        stored = sweep(axes).run(tmp_path / "x.zarr")
    from fatheory.archive.schema import with_gaps

    old = stored.assign(
        diverged=stored["diverged"].fillna(0).astype(bool).assign_attrs(stored["diverged"].attrs),
        diverged_at=stored["diverged_at"]
        .fillna(-1)
        .astype(np.int64)
        .assign_attrs(stored["diverged_at"].attrs),
    )
    assert not old["diverged"].identical(stored["diverged"])
    xr.testing.assert_identical(with_gaps(old), stored)
