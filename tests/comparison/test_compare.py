import numpy as np
import pytest
import xarray as xr
from comparable import RULES, SEEDS, archive, decay

from fatheory import compare
from fatheory.errors import ArchiveError


def test_residual_is_theory_minus_simulation(theory, simulation):
    found = compare(theory, simulation)
    assert set(found.data_vars) == {"residual_loss", "residual_weight_1", "relative_error"}
    for name in ("loss", "weight_1"):
        residual = found[f"residual_{name}"]
        assert residual.dims == simulation[name].dims
        difference = theory[name].values - simulation[name].values
        np.testing.assert_allclose(residual.values, difference, rtol=1e-14)
        assert residual.attrs["units"] == "1"
        long_name = simulation[name].attrs["long_name"]
        assert residual.attrs["long_name"] == f"theory - simulation: {long_name}"
    np.testing.assert_array_equal(found["time"], simulation["time"])


def test_relative_error_is_a_literal_sum(theory, simulation):
    found = compare(theory, simulation)["relative_error"]
    assert found.dims == ("variable", "rule", "seed")
    assert found["variable"].values.tolist() == ["loss", "weight_1"]
    for name in ("loss", "weight_1"):
        for i, rule in enumerate(RULES):
            for j, seed in enumerate(SEEDS):
                above = below = 0.0
                ours, theirs = (np.ravel(a[name].values[i, j]) for a in (theory, simulation))
                for a, b in zip(ours, theirs, strict=True):
                    above += (a - b) ** 2
                    below += b**2
                value = float(found.sel(variable=name, rule=rule, seed=seed))
                assert value == pytest.approx(np.sqrt(above / below), rel=1e-13)


def test_an_archive_agrees_with_itself(theory):
    found = compare(theory, theory)
    assert (found["relative_error"] == 0).all()
    assert (found["residual_weight_1"] == 0).all()


def test_nan_on_either_side_is_left_out(theory, simulation):
    theory["loss"][0, 0, 1] = np.nan
    simulation["loss"][0, 0, 3] = np.nan
    simulation["loss"][1, 2] = np.nan
    found = compare(theory, simulation)
    assert np.isnan(found["residual_loss"].values[0, 0]).tolist() == [False, True, False, True]
    kept = [0, 2]
    ours, theirs = theory["loss"].values[0, 0, kept], simulation["loss"].values[0, 0, kept]
    expected = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    relative = found["relative_error"].sel(variable="loss").values
    assert relative[0, 0] == pytest.approx(expected, rel=1e-13)
    assert np.isnan(relative).tolist() == [[False, False, False], [False, False, True]]


def test_a_simulation_of_zeros_has_no_relative_error(theory):
    found = compare(theory, archive(lambda rule, seed, t: 0 * t))
    assert np.isnan(found["relative_error"]).all()
    assert np.isfinite(found["residual_loss"]).all()


def test_single_precision_is_compared_in_double(theory, simulation):
    single = simulation.assign(loss=simulation["loss"].astype(np.float32))
    residual = compare(theory, single)["residual_loss"]
    assert residual.dtype == np.float64
    expected = theory["loss"].values - single["loss"].values.astype(np.float64)
    np.testing.assert_array_equal(residual.values, expected)


def test_other_steps_of_the_same_times_are_the_same_times(simulation):
    """Theory at half the learning rate has twice the steps, and needs no interpolation."""
    halves = {rule: rate / 2 for rule, rate in RULES.items()}
    fine = archive(decay, (0, 20, 40, 60), rules=halves)
    same = archive(decay)
    found, expected = compare(fine, simulation), compare(same, simulation)
    np.testing.assert_array_equal(found["residual_loss"], expected["residual_loss"])
    np.testing.assert_array_equal(found["step"], simulation["step"])


def test_a_cubic_in_time_is_interpolated_exactly():
    def cubic(rule, seed, t):
        return t**3 - seed * t

    found = compare(archive(cubic, range(0, 61, 12)), archive(cubic, (7, 13, 55)))
    np.testing.assert_allclose(found["residual_weight_1"], 0, atol=1e-14)


def test_interpolation_error_falls_with_the_fourth_power_of_the_spacing():
    spacings, errors = np.array([12, 18, 24, 36]), []
    for n in spacings:
        coarse = archive(decay, range(0, 721, n), rules={"backprop": 1e-3})
        between = archive(decay, range(n // 2, 720, n), rules={"backprop": 1e-3})
        errors.append(float(np.abs(compare(coarse, between)["residual_loss"]).max()))
    assert errors[0] < 1e-6
    assert np.polyfit(np.log(spacings), np.log(errors), 1)[0] == pytest.approx(4, abs=0.1)


def test_each_rule_is_interpolated_at_its_own_times(simulation):
    dense = archive(decay, range(0, 41, 1))
    found = compare(dense, simulation)["residual_loss"].values
    np.testing.assert_allclose(
        found, compare(archive(decay), simulation)["residual_loss"], atol=1e-6
    )


def test_outside_its_own_times_theory_is_nan(simulation):
    short = archive(decay, (0, 5, 10, 15, 20))
    residual = compare(short, simulation)["residual_loss"]
    np.testing.assert_array_equal(np.isnan(residual[0, 0]), [False, False, False, True])


def test_a_series_with_nan_is_not_interpolated(simulation):
    fine = archive(decay, range(0, 31, 5))
    fine["loss"][1, 1, -1] = np.nan
    lost = np.isnan(compare(fine, simulation)["residual_loss"]).all("step").values
    assert lost.tolist() == [[False] * 3, [False, True, False]]


def test_shared_rules_and_seeds_are_compared_in_the_order_of_simulation(simulation):
    some = archive(
        lambda rule, seed, t: decay(1 - rule, seed, t),
        rules={"feedback_alignment": 0.01, "backprop": 0.02, "usf": 0.01},
        seeds=(7, 4, 0),
    )
    found = compare(some.sel(rule=["feedback_alignment", "backprop"]), simulation)
    assert found["rule"].values.tolist() == list(RULES)
    assert found["seed"].values.tolist() == [0, 7]
    whole = compare(archive(decay), simulation).sel(seed=[0, 7])
    np.testing.assert_array_equal(found["residual_loss"], whole["residual_loss"])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"rules": {"usf": 0.02}}, r"share no rule: theory has \['usf'\], simulation \['backprop'"),
        ({"seeds": (1, 2)}, r"share no seed: theory has \[1, 2\], simulation \[0, 3, 7\]"),
        ({"steps": (0,)}, r"theory at one time, \[0\.0, 0\.0\], cannot be interpolated"),
    ],
)
def test_what_cannot_be_set_side_by_side_is_refused(simulation, other, message):
    with pytest.raises(ArchiveError, match=message):
        compare(archive(decay, **other), simulation)


def test_archives_that_recorded_different_things_are_refused(theory, simulation):
    with pytest.raises(ArchiveError, match="share no variable along 'step'"):
        compare(theory[["loss"]], simulation[["weight_1"]])


def test_another_network_is_refused(theory, simulation):
    with pytest.raises(ArchiveError, match=r"weight_1 has the sizes .*'unit_0': 2.*'unit_0': 3"):
        compare(theory.isel(unit_0=[0, 1]), simulation)


@pytest.mark.parametrize("dim", ["rule", "seed"])
def test_a_selection_that_drops_an_axis_is_compared_by_its_label(theory, simulation, dim):
    whole = compare(theory, simulation)
    kept = compare(theory.isel({dim: 1}), simulation)
    xr.testing.assert_identical(kept, whole.isel({dim: [1]}))
    for ours in (theory, theory.isel({dim: 1})):
        found = compare(ours, simulation.isel({dim: 1}))
        xr.testing.assert_identical(found, whole.isel({dim: 1}))


def test_a_single_step_is_compared_at_its_time(theory, simulation):
    whole = compare(theory, simulation)
    found = compare(theory, simulation.isel(step=2))
    for name in ("residual_loss", "residual_weight_1"):
        np.testing.assert_allclose(found[name], whole[name].isel(step=2), rtol=1e-12, atol=1e-15)
    assert found["step"].item() == 20
    with pytest.raises(ArchiveError, match="theory at one time"):
        compare(theory.isel(step=0), simulation)


@pytest.mark.parametrize("dim", ["rule", "seed", "step"])
def test_a_selection_without_its_label_is_refused(theory, simulation, dim):
    with pytest.raises(ArchiveError, match=rf"theory is not a run archive: it has no {dim}"):
        compare(theory.isel({dim: 0}, drop=True), simulation)
    with pytest.raises(ArchiveError, match=f"simulation is not a run archive: it has no {dim}"):
        compare(theory, simulation.isel({dim: 0}, drop=True))


@pytest.mark.parametrize("dim", ["rule", "seed", "step"])
def test_repeated_labels_are_refused(theory, simulation, dim):
    twice = theory.isel({dim: [0, 0, 1]})
    with pytest.raises(ArchiveError, match=f"theory repeats labels along '{dim}'"):
        compare(twice, simulation)


def test_renamed_rules_are_named(theory, simulation):
    renamed = simulation.assign_coords(rule=["BP", "FA"])
    with pytest.raises(ArchiveError, match=r"share no rule: theory has \['back.*by the labels"):
        compare(theory, renamed)


def test_a_missing_loss_is_no_matter_where_something_else_is_shared(theory, simulation):
    whole = compare(theory, simulation)
    found = compare(theory.drop_vars("loss"), simulation)
    xr.testing.assert_identical(found["residual_weight_1"], whole["residual_weight_1"])
    assert "residual_loss" not in found


def test_origins_are_kept_and_never_looked_at(theory, simulation):
    """With the sources swapped or gone the numbers are the same; only the attributes follow."""
    found = compare(theory, simulation)
    assert found.attrs == {
        "theory_source": "theory/flow",
        "theory_experiment_hash": "hash of theory/flow",
        "simulation_source": "simulation",
        "simulation_experiment_hash": "hash of simulation",
    }
    swapped = compare(theory.assign_attrs(simulation.attrs), simulation.assign_attrs(theory.attrs))
    assert swapped.attrs["theory_source"] == "simulation"
    assert swapped.attrs["simulation_source"] == "theory/flow"
    bare = [a.drop_attrs(deep=False) for a in (theory, simulation)]
    nameless = compare(*bare)
    assert nameless.attrs == {}
    for other in (swapped, nameless):
        xr.testing.assert_identical(other.drop_attrs(deep=False), found.drop_attrs(deep=False))


def test_the_other_way_round_residuals_change_sign(theory, simulation):
    ours, theirs = compare(theory, simulation), compare(simulation, theory)
    np.testing.assert_array_equal(ours["residual_loss"], -theirs["residual_loss"])


def test_the_archives_are_not_changed(theory, simulation):
    before = [a.copy(deep=True) for a in (theory, simulation)]
    compare(theory, simulation)
    compare(archive(decay, range(0, 31, 3)), simulation)
    for left, right in zip(before, (theory, simulation), strict=True):
        xr.testing.assert_identical(left, right)


@pytest.mark.parametrize("times", [np.nan, 1.0])
def test_times_that_do_not_increase_are_refused(theory, simulation, times):
    odd = theory.assign_coords(time=theory["time"] * 0 + times)
    with pytest.raises(ArchiveError, match="theory must have times that increase with its steps"):
        compare(odd, simulation)


@pytest.mark.parametrize("dim", ["seed", "step", "rule"])
@pytest.mark.parametrize("side", [0, 1])
def test_nothing_is_not_compared(theory, simulation, dim, side):
    pair = [theory, simulation]
    pair[side] = pair[side].isel({dim: slice(0)})
    with pytest.raises(ArchiveError, match=f"{('theory', 'simulation')[side]} holds no {dim}"):
        compare(*pair)


def test_a_series_with_infinity_is_not_interpolated(simulation):
    fine = archive(decay, range(0, 31, 5))
    fine["loss"][1, 1, -1] = np.inf
    lost = np.isnan(compare(fine, simulation)["residual_loss"]).all("step").values
    assert lost.tolist() == [[False] * 3, [False, True, False]]
