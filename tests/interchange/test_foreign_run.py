"""Runs of other programs as archives: what metrics make of them, and what is refused."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArrayError, DataError, DivergedWarning, SchemaError

RNG = np.random.default_rng(5)
W1, W2 = RNG.normal(size=(5, 8)), RNG.normal(size=(3, 5))
B = RNG.normal(size=(5, 3))


def state(step, seed=0):
    """A state dict as PyTorch's Sequential(Linear, ReLU, Linear) has it, weights (out, in)."""
    rng = np.random.default_rng([step, seed])
    return {
        "0.weight": W1 + 0.1 * step * rng.normal(size=W1.shape),
        "0.bias": np.full(5, 0.1 * step),
        "2.weight": W2 + step * B.T,
        "2.bias": np.zeros(3),
    }


def imported(weights=None, **changes):
    parts = {
        "weights": {step: state(step) for step in (0, 10, 100)} if weights is None else weights,
        "learning_rate": 0.01,
        "activation": "relu",
        "feedback": {2: B},
    }
    return fa.interchange.from_arrays(**(parts | changes))


def test_the_room_of_archives_has_it_under_its_first_name():
    assert fa.archive.from_arrays is fa.interchange.from_arrays
    with pytest.raises(AttributeError, match=r"'fatheory.archive' has no attribute 'from_nothing'"):
        _ = fa.archive.from_nothing


def degrees(a, b):
    return np.degrees(np.arccos(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)))


def test_state_dicts_along_a_training_give_angles_and_concordance():
    archive = imported(program="PyTorch 2.4", losses={0: 3.0, 10: 2.0, 100: 1.0})
    assert archive.attrs["source"] == "not simulated here: PyTorch 2.4"
    np.testing.assert_allclose(archive["time"].values, [[0, 0.1, 1.0]])
    np.testing.assert_array_equal(archive["loss"].values, [[[3, 2, 1]]])
    angle = fa.metrics.angle(archive, "weight", layer=2).squeeze()
    expected = [degrees(state(step)["2.weight"], B.T) for step in (0, 10, 100)]
    assert angle.values == pytest.approx(expected, abs=1e-9)
    signs = fa.metrics.sign_concordance(archive)["sign_concordance"].sel(layer=2).squeeze()
    same = [np.mean(np.sign(state(step)["2.weight"]) == np.sign(B.T)) for step in (0, 10, 100)]
    assert signs.values == pytest.approx(same, abs=1e-12)


def test_feedback_that_one_seed_lacks_is_named():
    weights = {("mine", seed): {step: state(step, seed) for step in (0, 5)} for seed in (1, 3)}
    with pytest.raises(ArrayError, match=r"feedback of \('mine', 3\) lacks layer 2"):
        imported(
            weights,
            rules={"mine": "feedback_alignment"},
            learning_rate={"mine": 0.1},
            feedback={("mine", 1): {2: B}},
        )


def test_predictions_are_those_of_the_network():
    X = RNG.normal(size=(4, 8))
    found = fa.predict(imported(), X, step=10)["output"].squeeze()
    own = state(10)
    hidden = np.maximum(X @ own["0.weight"].T + own["0.bias"], 0)
    assert found.values == pytest.approx(hidden @ own["2.weight"].T + own["2.bias"], abs=1e-12)


def test_runs_by_rule_and_seed():
    weights = {
        (rule, seed): {step: state(step, seed) for step in (0, 5)}
        for rule in ("mine", "theirs")
        for seed in (3, 1)
    }
    archive = imported(
        weights,
        rules={"mine": "feedback_alignment", "theirs": "backprop"},
        learning_rate={"mine": 0.1, "theirs": 0.2},
        feedback={("mine", 1): {2: B}, ("mine", 3): {2: 2 * B}},
    )
    assert archive["seed"].values.tolist() == [1, 3]
    np.testing.assert_array_equal(
        archive["weight_1"].sel(rule="theirs", seed=3, step=5), state(5, 3)["0.weight"]
    )
    np.testing.assert_array_equal(archive["feedback_2"].sel(rule="mine", seed=3), 2 * B)
    assert archive["feedback_2"].sel(rule="theirs").isnull().all()
    angle = fa.metrics.angle(archive, "weight", layer=2)
    assert (angle.sel(rule="theirs") < 1e-5).all()


def test_it_is_stored_and_read_like_any_archive(tmp_path):
    archive = imported({0: [W1, W2], 7: [W1 + 1, W2]})
    fa.save(archive, tmp_path / "own.zarr")
    assert fa.load(tmp_path / "own.zarr").identical(archive)
    assert archive["loss"].isnull().all()
    assert not archive["diverged"].any()


def test_single_precision_stays():
    single = {step: [W1.astype(np.float32), W2.astype(np.float32)] for step in (0, 1)}
    archive = imported(single)
    assert archive["weight_1"].dtype == np.float32
    assert archive.attrs["precision"] == "float32"
    mixed = imported({step: [W1.astype(np.float32), W2] for step in (0, 1)})
    assert mixed["weight_1"].dtype == mixed["weight_2"].dtype == np.float64
    assert mixed.attrs["precision"] == "float64"


def test_a_run_that_diverged_says_since_when():
    lost = {step: state(step) for step in (0, 10, 100)}
    lost[10]["0.weight"][0, 0] = np.inf
    lost[100]["0.weight"][:] = np.nan
    with pytest.warns(DivergedWarning, match="1 of 1 runs diverged: feedback_alignment"):
        assert imported(lost)["diverged_at"].item() == 10
    with pytest.warns(DivergedWarning, match="since step 100"):
        nan = imported(losses={0: 1.0, 10: 2.0, 100: np.nan})
    assert nan["diverged_at"].item() == 100


@pytest.mark.parametrize("where", ["0.weight", "2.bias", "loss"])
def test_nothing_stands_behind_a_divergence(where):
    """Other programs write on: losses of an infinite network, weights that were reset."""
    runs = {("mine", seed): {step: state(step) for step in (0, 10, 100)} for seed in (1, 2)}
    losses = {run: {0: 3.0, 10: 2.0, 100: 1.0} for run in runs}
    if where == "loss":
        losses["mine", 2][10] = np.inf
    else:
        runs["mine", 2][10][where].flat[1] = np.nan
    with pytest.warns(DivergedWarning, match=r"1 of 2 runs diverged: mine \(seed 2, since step 10"):
        archive = imported(runs, losses=losses, rules={"mine": "feedback_alignment"})
    recorded = [name for name in archive.data_vars if "step" in archive[name].dims]
    assert {"weight_1", "weight_2", "bias_1", "bias_2", "loss"} == set(recorded)
    for name in recorded:
        of_seeds = archive[name].isel(rule=0).transpose("seed", "step", ...).values
        assert np.isfinite(of_seeds[0]).all(), name
        assert np.isfinite(of_seeds[1, 0]).all(), name
        assert np.isnan(of_seeds[1, 1:]).all(), name
    assert archive["diverged_at"].values.tolist() == [[-1, 10]]


def test_its_experiment_is_not_one_to_simulate():
    asked = fa.Experiment.from_archive(imported())
    assert asked.sizes == (8, 5, 3)
    with pytest.raises(DataError, match="come from another program"):
        fa.simulate(asked)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": {0: [W1, W2.T], 1: [W1, W2.T]}},
         r"W_2 of shape \(5, 3\) does not follow W_1 of shape \(5, 8\).*5 outputs.*transposed"),
        ({"weights": {0: [W1.T, W2], 1: [W1.T, W2]}}, r"W_1 of shape \(8, 5\).*transposed"),
        ({"weights": {0: [W1.T, W2.T], 1: [W1.T, W2.T]}},
         r"W_2 of shape \(5, 3\) does not follow W_1 of shape \(8, 5\).*both are transposed"),
        ({"feedback": {2: B.T}}, r"feedback\[2\].*\(5, 3\); got \(3, 5\), so pass its transpose"),
        ({"feedback": {("typo", 0): {2: B}}},
         r"feedback is given for \('typo', 0\), which weights lack"),
        ({"feedback": {1: B}}, "feedback is of layers 2 to 2; got 1"),
        ({"weights": {("a", 0): {0: [W1, W2], 5: [W1, W2]}, ("a", 1): {0: [W1, W2]}},
          "rules": {"a": "backprop"}, "feedback": None},
         r"weights\['a', 1\] lacks the steps \[5\]"),
        ({"losses": {0: 1.0}}, r"lack the steps \[10, 100\], at which weights are"),
        ({"weights": {0: [W1, W2], 5: [W1[:, :4], W2]}}, r"has the arrays.*\(5, 4\).*\(5, 8\)"),
        ({"weights": {0: [W1], 1: [W1]}}, "two layers at least"),
        ({"weights": {0: [W1, W2]}}, "hold one step"),
        ({"weights": {0.5: [W1, W2]}}, "whole numbers from 0"),
        ({"weights": {0: [W1, W2], 1: [W1, np.zeros((3, 5, 3, 3))]}}, "dense layer; its shape is"),
        ({"weights": {0: [W1, W2], 1: {"0.weight": W1, "1.running_mean": W2}}},
         "end in weight, and bias"),
        ({"weights": {}}, "must be a mapping by step"),
        ({"learning_rate": -1.0}, "positive and finite; got -1"),
        ({"learning_rate": {"other": 1.0}}, "says nothing of 'feedback_alignment'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_shape(changes, words):
    with pytest.raises(ArrayError, match=words):
        imported(**changes)


def test_losses_that_no_network_has_are_refused():
    with pytest.raises(SchemaError, match=r"loss must be finite, 0 or larger; at .* step 10 it is"):
        imported(losses={0: 1.0, 10: -2.0, 100: 1.0})
    with pytest.raises(SchemaError, match=r"step 100 it is -inf"):
        imported(losses={0: 1.0, 10: 2.0, 100: -np.inf})
