"""Equal labels have equal values, whatever order and parts an archive stands in.

Archives of every kind are permuted, reversed, transposed, selected from, taken apart and put
together again, along every dimension; every public metric and comparison is asked what it says of
the labels that are left.
"""

from contextlib import suppress
from functools import cache

import numpy as np
import pytest
import xarray as xr
from default_run import slow_but
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from metric_archives import DETERMINISTIC, QUANTITIES, experiment, image_experiment, without
from properties import cases

import fatheory as fa
from fatheory import metrics
from fatheory.errors import ArchiveError


def loss(archive):
    """The losses, without the axes that putting parts together gives every variable."""
    values = archive["loss"]
    return values.isel({dim: 0 for dim in values.dims if dim not in ("rule", "seed", "step")})


QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large)
MANY = (*DETERMINISTIC, "pseudobackprop", "brsf", "node_perturbation")
SPIKING = {
    "task": {"kind": "images", "dataset": "synthetic-digits", "limit": 50},
    "network": fa.SpikingNetwork(hidden=(6, 5), group=2, start=fa.Uniform(bound=0.2)),
    "rules": {"feedback_alignment": 0.1, "usf": 0.05},
    "schedule": {"phases": [{"steps": 4}]},
    "record": {"quantities": ["weights", "firing_rate"], "snapshots": 3, "probe_samples": 3},
    "seeds": (1, 4),
}
CONVOLUTIONAL = {
    "task": fa.ImageTask(dataset="synthetic-digits", limit=60),
    "network": fa.ConvolutionalNetwork(
        blocks=(fa.Block(channels=2, kernel=3), fa.Block(channels=3, kernel=3)),
        hidden=(4,),
        output="sigmoid",
    ),
    "schedule": fa.Schedule(phases=(fa.Phase(steps=4),), batch_size=5),
    "record": fa.Record(quantities=("weights", "teaching_signals"), snapshots=3, probe_samples=4),
}
MAKE = {
    "theory": lambda: fa.solve(experiment(MANY)),
    "simulation": lambda: fa.simulate(experiment(), progress=False),
    "images": lambda: fa.simulate(image_experiment(), progress=False),
    "spiking": lambda: fa.simulate(fa.Experiment(**SPIKING), progress=False),
    "convolutional": lambda: fa.simulate(
        experiment(("backprop", "feedback_alignment", "usf"), **CONVOLUTIONAL), progress=False
    ),
}
METRICS = {
    "angle": metrics.angle,
    "angle of layer 2": lambda a: metrics.angle(a, layer=2),
    "unit angle": lambda a: metrics.angle(a, "unit"),
    "unit angle of layer 2": lambda a: metrics.angle(a, "unit", layer=2),
    "delta angle": lambda a: metrics.angle(a, "delta"),
    "flattened delta angle": lambda a: metrics.angle(a, "delta_flattened"),
    "invariant_drift": metrics.invariant_drift,
    "normalized_squared_error": metrics.normalized_squared_error,
    "positive_alignment": metrics.positive_alignment,
    "pseudobackprop_angles": metrics.pseudobackprop_angles,
    "pseudoinverse_alignment": metrics.pseudoinverse_alignment,
    "sign_concordance": metrics.sign_concordance,
    "steps_to": lambda a: metrics.steps_to(a, 0.9),
    "mean_interval": lambda a: metrics.mean_interval(loss(a)),
    "spread": lambda a: metrics.spread(loss(a)),
    "t_test": lambda a: metrics.t_test(loss(a), 2 * loss(a) + a["seed"], paired=True),
}
FROM_START = {"invariant_drift", "steps_to"}
OVER_SEEDS = {"mean_interval", "spread", "t_test"}
RUN = ("rule", "seed", "step", "layer")


@cache
def run_of(kind):
    return MAKE[kind]()


@cache
def archive(kind, stripped):
    """An archive whose units, samples and channels have labels, too; perhaps of weights alone."""
    made = run_of(kind)
    if stripped:
        signals = () if kind in ("images", "convolutional") else ("teaching_signal",)
        online = [name for name in made if str(name) in ALL_ONLINE]
        made = without(made.drop_vars(online), *signals, *("backprop_signal",) * bool(signals))
    unlabelled = [dim for dim in made.dims if dim not in made.coords]
    return made.assign_coords({dim: np.arange(made.sizes[dim]) for dim in unlabelled})


ALL_ONLINE = {*QUANTITIES, "pseudobackprop_angle", "backprop_to_pseudobackprop_angle"}


def permuted(draw, data, selects):
    del selects
    dim = draw(st.sampled_from(sorted(map(str, data.dims))))
    return data.isel({dim: draw(st.permutations(range(data.sizes[dim])))})


def reversed_(draw, data, selects):
    del selects
    dim = draw(st.sampled_from(sorted(map(str, data.dims))))
    return data.isel({dim: slice(None, None, -1)})


def transposed(draw, data, selects):
    del selects
    return data.transpose(*draw(st.permutations(sorted(map(str, data.dims)))))


def selected(draw, data, selects):
    dim = draw(st.sampled_from([dim for dim in selects if dim in data.dims] or ["nothing"]))
    if dim == "nothing":
        return data
    size = data.sizes[dim]
    places = draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=size, unique=True))
    return data.isel({dim: places[0] if draw(st.booleans()) else places})


def concatenated(draw, data, selects):
    """Take apart along a dimension, and put the parts together in another order."""
    del selects
    dim = draw(st.sampled_from(sorted(map(str, data.dims))))
    singles = draw(st.booleans()) and dim in RUN
    if singles:
        parts = [data.isel({dim: i}) for i in range(data.sizes[dim])]
    else:
        cut = draw(st.integers(0, data.sizes[dim]))
        parts = [data.isel({dim: slice(None, cut)}), data.isel({dim: slice(cut, None)})]
        parts = [part for part in parts if part.sizes[dim]]
    everything = draw(st.booleans())
    return xr.concat(
        [parts[i] for i in draw(st.permutations(range(len(parts))))],
        dim,
        # By default every variable gets the axis, whether it had it or not.
        data_vars="all" if everything or singles else "minimal",
        coords="different" if singles else "minimal",
        compat="equals" if singles else "override",
        combine_attrs="override",
        join="outer",
    )


CHANGES = (permuted, reversed_, transposed, selected, concatenated)


def changed(draw, data, selects):
    for change in draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3)):
        data = change(draw, data, selects)
    return data


def assert_equal_at_equal_labels(found, whole):
    """Compare what is left with the same labels of the whole."""
    if isinstance(found, xr.Dataset):
        assert set(found.data_vars) == set(whole.data_vars)
        for name in whole.data_vars:
            assert_equal_at_equal_labels(found[name], whole[name])
        return
    for dim in whole.dims:
        if dim in whole.coords and dim in found.coords:
            whole = whole.sel({dim: found[dim].values})
    assert set(found.dims) == set(whole.dims), (found.dims, whole.dims)
    ours, theirs = found.transpose(*whole.dims).values, whole.values
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@cache
def expected_of(kind, stripped):
    """What each metric says of the whole, those aside that such networks do not have."""
    found = {}
    for name, measure in METRICS.items():
        with suppress(ArchiveError):
            found[name] = measure(archive(kind, stripped))
    return found


def check_metric(data, kind, stripped):
    whole = archive(kind, stripped)
    name = data.draw(st.sampled_from(sorted(expected_of(kind, stripped))))
    expected = expected_of(kind, stripped)[name]
    selects = {"rule", "seed", "layer", "step"}
    selects -= {"step"} if name == "steps_to" else set()
    selects -= {"seed"} if name in OVER_SEEDS else set()
    part = changed(data.draw, whole, sorted(selects))
    try:
        found = METRICS[name](part)
    except ArchiveError:
        cut = {dim for dim in RUN if part.sizes.get(dim, 1) < whole.sizes.get(dim, 1)}
        asked_elsewhere = "layer" in cut and "layer" in name
        from_start = name in FROM_START and 0 not in np.atleast_1d(part["step"])
        if asked_elsewhere or from_start:
            return
        raise
    assert_equal_at_equal_labels(found, expected)


def check_comparison(data):
    pair = [archive(kind, False) for kind in ("theory", "simulation")]
    parts = [changed(data.draw, one, ["rule", "seed"]) for one in pair]
    try:
        found = fa.compare(*parts)
    except ArchiveError as error:
        if "share no" in str(error):
            return
        raise
    assert_equal_at_equal_labels(found, compared())


@cache
def compared():
    return fa.compare(archive("theory", False), archive("simulation", False))


kinds = pytest.mark.parametrize("kind", sorted(MAKE))


@pytest.mark.parametrize("kind", slow_but(["convolutional", "simulation", "theory"], sorted(MAKE)))
@given(data=st.data(), stripped=st.booleans())
@cases(40, QUIET)
def test_every_metric(kind, data, stripped):
    check_metric(data, kind, stripped)


@given(data=st.data())
@cases(12, QUIET)
def test_comparison(data):
    check_comparison(data)


@pytest.mark.slow
@kinds
@given(data=st.data(), stripped=st.booleans())
@cases(2000, QUIET)
def test_every_metric_at_length(kind, data, stripped):
    check_metric(data, kind, stripped)


@pytest.mark.slow
@given(data=st.data())
@cases(1000, QUIET)
def test_comparison_at_length(data):
    check_comparison(data)


@pytest.mark.parametrize("kind", ["theory", "simulation"])
def test_seeds_put_together_again(kind):
    """Two parts of one seed each, as they come out of a loop."""
    whole = archive(kind, True)
    for again in (
        xr.concat(
            [whole.sel(seed=k) for k in whole.seed.values],
            "seed",
            data_vars="all",
            coords="different",
            compat="equals",
            join="outer",
            combine_attrs="override",
        ),
        whole.transpose("seed", "rule", ...),
    ):
        assert again["weight_1"].dims[:2] == ("seed", "rule")
        assert_equal_at_equal_labels(metrics.angle(again), metrics.angle(whole))


def test_what_units_and_samples_were_taken_away_is_named():
    whole = archive("theory", True)
    for dim in ("unit_1", "unit_0"):
        with pytest.raises(ArchiveError, match=rf"'weight_1' has \d of \d entries along '{dim}'"):
            metrics.sign_concordance(whole.isel({dim: slice(1, None)}))
        with pytest.raises(ArchiveError, match=f"has 1 of . entries along '{dim}'"):
            metrics.sign_concordance(whole.isel({dim: 0}))
    with pytest.raises(ArchiveError, match="'probe_target' has 2 of 6 entries along 'sample'"):
        metrics.normalized_squared_error(whole.isel(sample=[0, 1]))


def test_rules_of_other_names_are_named():
    renamed = archive("theory", True).assign_coords(rule=[f"my {rule}" for rule in MANY])
    with pytest.raises(ArchiveError, match=r"rules my backprop, .*which its experiment does not"):
        metrics.angle(renamed)
    nameless = archive("theory", True).drop_vars("rule")
    with pytest.raises(ArchiveError, match=r"does not say of which rules it is"):
        metrics.angle(nameless)


@pytest.mark.parametrize("name", ["normalized_squared_error", "steps_to"])
def test_a_missing_loss_is_named(name):
    with pytest.raises(ArchiveError, match="no 'loss'"):
        METRICS[name](archive("theory", True).drop_vars("loss"))


def test_runs_that_diverged_are_announced_by_every_metric():
    lost = archive("theory", False).copy(deep=True)
    lost["diverged"][0, 1], lost["diverged_at"][0, 1] = True, 20
    for name, measure in METRICS.items():
        if name not in OVER_SEEDS:
            with pytest.warns(fa.errors.DivergedWarning, match="1 of 16 runs diverged: backprop"):
                measure(lost)
