"""Networks that start from arrays of one's own: by rule and seed, from archives and back."""

import numpy as np
import pytest
import xarray as xr

import fatheory as fa
from fatheory.errors import ArrayError, DataError, InvalidExperimentError, RegimeError
from fatheory.initial import draw_initial_state
from fatheory.tasks import own_arrays

RNG = np.random.default_rng(3)
W1, W2 = 0.3 * RNG.normal(size=(3, 4)), 0.3 * RNG.normal(size=(2, 3))
B = RNG.normal(size=(3, 2))


def asked(initial=None, **changes):
    parts = {
        "task": fa.LinearTask(inputs=4, outputs=2),
        "network": fa.DenseNetwork(hidden=(3,)),
        "rules": {"backprop": 0.02, "feedback_alignment": 0.02},
        "schedule": fa.Schedule(phases=(fa.Phase(steps=20),), batch_size=2),
        "record": fa.Record(quantities=("weights",), snapshots=3),
        "seeds": 2,
        "precision": "float64",
    }
    return fa.Experiment(initial=initial, **(parts | changes))


@pytest.fixture(scope="module")
def drawn():
    return fa.simulate(asked())


def start_of(archive, name, **labels):
    return archive[name].sel(step=0, **labels).values


def test_one_start_for_all_rules_and_seeds():
    start = fa.OwnStart({"weight_1": W1, "weight_2": W2, "feedback_2": B})
    run = fa.simulate(asked(start))
    for rule in run["rule"].values:
        for seed in (0, 1):
            np.testing.assert_array_equal(start_of(run, "weight_1", rule=rule, seed=seed), W1)
            np.testing.assert_array_equal(start_of(run, "weight_2", rule=rule, seed=seed), W2)
    np.testing.assert_array_equal(run["feedback_2"].sel(rule="feedback_alignment", seed=1), B)
    assert run["feedback_2"].sel(rule="backprop").isnull().all()
    # Once, as they were given.
    assert run["initial_weight_1"].dims == ("unit_1", "unit_0")
    # Another start draws no other examples.
    np.testing.assert_array_equal(run["probe_input"], fa.simulate(asked())["probe_input"])


def test_starts_by_rule_and_seed():
    own = {
        "weight_1": {"backprop": {0: W1, 1: 2 * W1}, "feedback_alignment": {0: -W1, 1: 3 * W1}},
        "weight_2": {0: W2, 1: 5 * W2},
    }
    run = fa.simulate(asked(fa.OwnStart(own)))
    for rule, factors in (("backprop", (1, 2)), ("feedback_alignment", (-1, 3))):
        for seed, factor in enumerate(factors):
            first = start_of(run, "weight_1", rule=rule, seed=seed)
            np.testing.assert_array_equal(first, factor * W1)
            second = start_of(run, "weight_2", rule=rule, seed=seed)
            np.testing.assert_array_equal(second, (1, 5)[seed] * W2)
    assert run["initial_run_weight_1"].dims == ("rule", "seed", "unit_1", "unit_0")
    assert run["initial_seed_weight_2"].dims == ("seed", "unit_2", "unit_1")


def test_theory_and_simulation_start_alike_by_rule():
    own = {"weight_1": {"large": W1, "small": 0.1 * W1}, "feedback_2": B}
    rules = {
        label: {"rule": "feedback_alignment", "learning_rate": 0.02} for label in ("large", "small")
    }
    experiment = asked(fa.OwnStart(own), rules=rules)
    theory, run = fa.solve(experiment, method="reduced_sgd"), fa.simulate(experiment)
    for rule in ("large", "small"):
        assert theory["loss"].sel(rule=rule).values == pytest.approx(
            run["loss"].sel(rule=rule).values, rel=1e-10
        )
    assert fa.compare(theory, run)["relative_error"].max() < 1e-10
    with pytest.raises(RegimeError, match="leave initial out"):
        fa.solve(experiment, method="online")


def test_the_start_of_an_archive_draws_the_same_run(drawn):
    start = fa.OwnStart.from_archive(drawn, step=0)
    again = fa.simulate(asked(start))
    for name in ("loss", "weight_1", "weight_2", "feedback_2"):
        np.testing.assert_array_equal(again[name].values, drawn[name].values)
    turned = drawn.transpose("unit_0", "unit_1", "seed", ...).isel(seed=[1, 0])
    same = fa.simulate(asked(fa.OwnStart.from_archive(turned, step=0)))
    np.testing.assert_array_equal(same["loss"].values, drawn["loss"].values)


def test_all_rules_may_start_where_one_ended(drawn):
    start = fa.OwnStart.from_archive(drawn.sel(rule="backprop"), feedback=False)
    run = fa.simulate(asked(start))
    for rule in run["rule"].values:
        np.testing.assert_array_equal(
            run["weight_1"].sel(step=0, rule=rule), drawn["weight_1"].sel(step=20, rule="backprop")
        )
    np.testing.assert_array_equal(run["feedback_2"], drawn["feedback_2"])


def test_biases_and_kernels_and_direct_feedback():
    own = {
        "kernel_1": RNG.normal(size=(2, 1, 3, 3)),
        "channel_bias_1": np.array([0.5, -0.5]),
        "direct_feedback_2": RNG.normal(size=(4, 2)),
    }
    experiment = asked(
        fa.OwnStart(own),
        task=fa.ArrayTask(inputs=RNG.normal(size=(6, 4, 4)), targets=[0, 1] * 3),
        network=fa.ConvolutionalNetwork(blocks=(fa.Block(channels=2, kernel=3),), hidden=(4,)),
        rules={"direct_feedback_alignment": 0.1},
    )
    state = draw_initial_state(experiment, 1)
    np.testing.assert_array_equal(state.weights[0], own["kernel_1"])
    np.testing.assert_array_equal(state.biases[0], own["channel_bias_1"])
    # Rules orient their states like weights.
    np.testing.assert_array_equal(
        state.states["direct_feedback_alignment"][1], own["direct_feedback_2"].T
    )


def test_it_comes_back_from_its_archive(tmp_path):
    experiment = asked(fa.OwnStart({"weight_1": {0: W1, 1: 2 * W1}, "feedback_2": B}))
    run = fa.simulate(experiment, path=tmp_path / "run.zarr")
    text = experiment.to_json()
    own_arrays._AT_HAND.clear()
    alone = fa.Experiment.from_json(text)
    assert alone == experiment
    with pytest.raises(DataError, match=r"not at hand.*from_archive"):
        fa.simulate(alone)
    back = fa.Experiment.from_archive(fa.load(tmp_path / "run.zarr"))
    np.testing.assert_array_equal(fa.simulate(back)["loss"], run["loss"])
    one = back.with_settings({"seeds": [1]})
    np.testing.assert_array_equal(fa.simulate(one)["loss"][:, 0], run["loss"][:, 1])


def test_a_sweep_of_a_given_start(tmp_path):
    experiment = asked(fa.OwnStart({"weight_1": W1, "feedback_2": B}))
    sweep = fa.Sweep(experiment=experiment, axes={"rules.*.learning_rate": [0.01, 0.02]})
    swept = sweep.run(tmp_path / "sweep.zarr")
    assert swept["initial_weight_1"].dims == ("unit_1", "unit_0")
    own = fa.sweep.cell(swept, {"rules.*.learning_rate": 0.02})
    np.testing.assert_allclose(own["loss"], fa.simulate(experiment)["loss"], rtol=1e-12)


def test_the_hash_is_of_the_content():
    first = asked(fa.OwnStart({"weight_1": W1}))
    assert first.content_hash == asked(fa.OwnStart({"weight_1": W1.copy()})).content_hash
    other = W1.copy()
    other[0, 0] += 1e-12
    assert first.content_hash != asked(fa.OwnStart({"weight_1": other})).content_hash
    assert "initial" not in asked().to_json()


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"weight_1": W1.T}, r"weight_1 must have the shape \(3, 4\); got \(4, 3\): it is trans"),
        ({"feedback_2": B.T}, r"feedback_2 must have the shape \(3, 2\); got \(2, 3\): it is tra"),
        ({"weight_3": W1}, "the network has no weight_3"),
        ({"bias_1": np.zeros(3)}, "the network has no bias_1"),
        ({"weight_1": {0: W1, 5: W1}}, r"weight_1 is given for \(0, 5\), and not for seed \[1\]"),
        ({"weight_1": {"backprop": W1}}, "not for rule .*feedback_alignment"),
    ],
)
def test_what_does_not_fit_the_network_is_refused(own, words):
    with pytest.raises(InvalidExperimentError, match=words):
        asked(fa.OwnStart(own))


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({}, "mapping of names to arrays"),
        ({"weights_1": W1}, "no 'weights_1'; did you mean 'weight_1'"),
        ({"weight_1": np.where(W1 > 0, np.nan, W1)}, "weight_1 must be finite"),
        ({"weight_1": np.array([["a"]])}, "strings"),
        ({"weight_1": {0: W1, "backprop": W1}}, "by rule, with labels as keys, or by seed"),
        ({"weight_1": {0: {1: W1}}}, "by rule and then by seed"),
        ({"weight_1": {0: W1, 1: W1.T}}, r"weight_1\[1\] is of shape \(4, 3\)"),
        ({"weight_1": xr.DataArray(W1, dims=("unit_1", "unit_9"))}, "unit_1, unit_0"),
        ({"weight_1": xr.DataArray(W1[None], dims=("seed", "unit_1", "unit_0"))}, "without labels"),
    ],
)
def test_what_is_no_start_is_refused(own, words):
    with pytest.raises(ArrayError, match=words):
        fa.OwnStart(own)


def test_archives_that_hold_no_start_are_refused(drawn):
    with pytest.raises(ArrayError, match="record 'weights'"):
        fa.OwnStart.from_archive(drawn[["loss"]])
    with pytest.raises(ArrayError, match="step 7 was not recorded"):
        fa.OwnStart.from_archive(drawn, step=7)


def test_direct_feedback_is_read_by_the_names_of_its_axes():
    own = RNG.normal(size=(4, 2))
    named = xr.DataArray(own.T, dims=("unit_3", "unit_2"))
    (held,) = fa.OwnStart({"direct_feedback_2": named}).belongings
    np.testing.assert_array_equal(held.values, own)
    for dims in (("out", "unit_2"), ("unit_1", "unit_3"), ("a", "b")):
        with pytest.raises(ArrayError, match=r"must have the dimensions \(unit_2, "):
            fa.OwnStart({"direct_feedback_2": xr.DataArray(own.T, dims=dims)})
