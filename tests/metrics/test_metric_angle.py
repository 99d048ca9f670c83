import inspect

import numpy as np
import pytest
import xarray as xr
from metric_archives import ONLINE, experiment, runs, without

from fatheory import labels
from fatheory.errors import ArchiveError, SchemaError, UnknownNameError
from fatheory.experiment import (
    DenseNetwork,
    LinearTask,
    Normal,
    QuadraticTask,
    Record,
    Uniform,
)
from fatheory.metrics import angle
from fatheory.theory import solve

RUN = ("rule", "seed", "step")
TOLERANCE = 1e-8  # degrees; the averaged online angle passes through 1e-16 differences of signals


def arccos_angle(a, b):
    """The definition, entry by entry."""
    a, b = np.ravel(a), np.ravel(b)
    return np.degrees(np.arccos(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1)))


def stand_in(archive, rule, place, layer):
    """V_l of a rule in this run, from its definition."""
    i, j, k = place
    W = archive[f"weight_{layer}"].values[i, j, k]
    B = archive[f"feedback_{layer}"].values[i, j]
    return {
        "backprop": W,
        "feedback_alignment": B.T,
        "shallow": np.zeros_like(W),
        "usf": np.sign(W),
        "frsf": np.abs(B.T) * np.sign(W),
        "pseudobackprop": np.linalg.pinv(W).T,
    }[rule]


def literal_signals(archive, rule, place):
    """Teaching signals of the rule at layers 1 to 3, per sample, from the recorded weights."""
    i, j, k = place
    W = [archive[f"weight_{layer}"].values[i, j, k] for layer in (1, 2, 3)]
    answers = []
    for x in archive["probe_input"].values[j]:
        e = archive["target_map"].values[j] @ x - W[2] @ (W[1] @ (W[0] @ x))
        second = stand_in(archive, rule, place, 3).T @ e
        answers.append([stand_in(archive, rule, place, 2).T @ second, second, e])
    return [np.array(layer) for layer in zip(*answers, strict=True)]


def has_stand_in(rule):
    return rule not in ("brsf", "node_perturbation")


def test_weight_angle_is_a_literal_loop(archive):
    found = angle(without(archive, *ONLINE)).values
    for rule, place in runs(archive):
        assert np.isnan(found[place][0])
        for layer in (2, 3):
            if not has_stand_in(rule) or rule == "shallow":
                assert np.isnan(found[place][layer - 1])
                continue
            W = archive[f"weight_{layer}"].values[place]
            expected = arccos_angle(W, stand_in(archive, rule, place, layer))
            assert found[place][layer - 1] == pytest.approx(expected, abs=2e-6)
            if rule == "backprop":
                assert found[place][layer - 1] == 0


@pytest.mark.parametrize("signals", ["recorded", "from weights"])
def test_delta_angles_are_a_literal_loop(archive, signals):
    gone = ("teaching_signal", "backprop_signal") if signals == "from weights" else ()
    stripped = without(archive, *ONLINE, *gone)
    averaged, flattened = angle(stripped, "delta").values, angle(stripped, "delta_flattened").values
    for rule, place in runs(archive):
        if not has_stand_in(rule):
            assert np.isnan(averaged[place][:2]).all()
            assert averaged[place][2] == flattened[place][2] == 0
            continue
        ours, backprops = (literal_signals(archive, r, place) for r in (rule, "backprop"))
        for layer in (0, 1, 2):
            if rule == "shallow" and layer < 2:
                assert np.isnan(averaged[place][layer])
                assert np.isnan(flattened[place][layer])
                continue
            pairs = zip(ours[layer], backprops[layer], strict=True)
            mean = np.mean([arccos_angle(a, b) for a, b in pairs])
            assert averaged[place][layer] == pytest.approx(mean, abs=2e-6)
            whole = arccos_angle(ours[layer], backprops[layer])
            assert flattened[place][layer] == pytest.approx(whole, abs=2e-6)


@pytest.mark.parametrize("layer", [2, 3])
def test_unit_angle_is_a_literal_loop(archive, layer):
    found = angle(archive, "unit", layer=layer)
    assert found.dims == (*RUN, f"unit_{layer - 1}")
    for rule, place in runs(archive):
        if not has_stand_in(rule) or rule == "shallow":
            assert np.isnan(found.values[place]).all()
            continue
        W = archive[f"weight_{layer}"].values[place]
        V = stand_in(archive, rule, place, layer)
        for j in range(W.shape[1]):
            expected = arccos_angle(W[:, j], V[:, j])
            assert found.values[place][j] == pytest.approx(expected, abs=2e-6)


def test_unit_angle_is_of_the_output_layer_by_default(simulated):
    xr.testing.assert_identical(angle(simulated, "unit"), angle(simulated, "unit", layer=3))


@pytest.mark.parametrize("of", ["weight", "delta", "delta_flattened"])
def test_online_is_offline(archive, of):
    """What was recorded while training is what the metric computes from weights and signals."""
    name = {"weight": "weight_angle", "delta": "delta_angle"}.get(of, "delta_angle_flattened")
    online, offline = angle(archive, of), angle(without(archive, *ONLINE), of)
    xr.testing.assert_identical(online, archive[name])
    xr.testing.assert_allclose(offline, online, rtol=0, atol=TOLERANCE)
    # Of weights alone one also sees why some rules have none.
    assert "comment" not in offline.attrs or np.isnan(offline).any()
    assert {key: told for key, told in offline.attrs.items() if key != "comment"} == online.attrs
    assert offline.name == online.name


@pytest.mark.parametrize(
    ("of", "long_name"),
    [
        ("weight", "forward weights and transposed feedback weights"),
        ("delta", "averaged over samples"),
        ("delta_flattened", "all samples as one vector"),
        ("unit", "each unit's outgoing weights and feedback, layer 3"),
    ],
)
def test_labels(archive, of, long_name):
    found = angle(without(archive, *ONLINE), of)
    assert found.dims == (*RUN, "unit_2" if of == "unit" else "layer")
    assert found.attrs["units"] == "degree"
    assert long_name in found.attrs["long_name"]
    for coordinate in (*RUN, "time", "learning_rate"):
        xr.testing.assert_identical(found[coordinate].variable, archive[coordinate].variable)


def test_one_layer_is_the_selection_without_the_dimension(simulated):
    whole, one = angle(simulated), angle(simulated, layer=2)
    assert one.dims == RUN
    xr.testing.assert_identical(one, whole.sel(layer=2, drop=True))


@pytest.mark.parametrize(
    ("law", "rule", "degrees"),
    [
        (Uniform(bound=0.7), "usf", 30.00),
        (Normal(std=2.0), "usf", 37.07),
        (Uniform(bound=0.7), "frsf", 41.41),
        (Normal(std=2.0), "frsf", 46.30),
        (Uniform(bound=0.7), "feedback_alignment", 90.00),
        (Normal(std=2.0), "feedback_alignment", 90.00),
    ],
)
def test_known_angles_of_large_random_weights(law, rule, degrees):
    """arccos of E|W|V / sqrt(E W^2 E V^2): sqrt(3)/2, sqrt(2/pi), 3/4, sqrt(3/(2 pi)), 0."""
    start = solve(
        experiment(
            (rule,),
            steps=1,
            rate=1e-9,
            task=LinearTask(inputs=1, outputs=200),
            network=DenseNetwork(hidden=(400,), start=law),
            record=Record(snapshots=2, probe_samples=2),
            seeds=2,
        )
    )
    found = angle(start, layer=2).isel(step=0).values
    # The cosine of n independent entries scatters by at most 1/sqrt(n), 0.2 degrees here.
    np.testing.assert_allclose(found, degrees, atol=4 * np.degrees(1 / np.sqrt(200 * 400)))


def test_an_unknown_subject_is_refused_with_the_known_ones(simulated):
    # beartype would refuse it first; a caller without it meets our error.
    raw = inspect.unwrap(angle)
    with pytest.raises(UnknownNameError, match=r"unknown angle 'weigth'; did you mean 'weight'"):
        raw(simulated, "weigth")


@pytest.mark.parametrize("of", ["weight", "delta", "unit"])
@pytest.mark.parametrize("layer", [0, 4, -1])
def test_a_layer_that_is_not_there_is_refused(simulated, of, layer):
    with pytest.raises(ArchiveError, match=rf"layers \[1, 2, 3\]; got layer {layer}"):
        angle(simulated, of, layer=layer)


def test_units_below_the_first_layer_have_no_feedback(simulated):
    with pytest.raises(ArchiveError, match="layer 1 sends no errors back"):
        angle(simulated, "unit", layer=1)


@pytest.mark.parametrize("of", ["weight", "delta", "delta_flattened", "unit"])
def test_what_was_not_recorded_is_named(simulated, of):
    gone = without(simulated, *ONLINE, "weight", "teaching_signal", "backprop_signal")
    with pytest.raises(
        ArchiveError, match=r"add 'weights' to .*record\.quantities \(recorded: .*l"
    ):
        angle(gone, of)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"network.activation": "tanh"}, "the hidden units are tanh"),
        ({"network.output": "sigmoid"}, "the output units are sigmoid"),
        ({"network.biases": {"distribution": "normal", "std": 0}}, "units have biases"),
        ({"task": QuadraticTask(inputs=4, outputs=2)}, "the task is of kind 'quadratic'"),
    ],
)
def test_where_anything_is_nonlinear_signals_must_be_recorded(simulated, changes, named):
    asked = experiment().with_settings(changes)
    other = simulated.assign_attrs({labels.ATTR_EXPERIMENT: asked.to_json()})
    xr.testing.assert_identical(
        angle(without(other, *ONLINE), "delta"), angle(without(simulated, *ONLINE), "delta")
    )
    with pytest.raises(ArchiveError, match=rf"here, {named}: add 'teaching_signals' to"):
        angle(without(other, *ONLINE, "teaching_signal", "backprop_signal"), "delta")


def test_an_archive_of_another_version_is_refused_in_memory_too(simulated):
    newer = simulated.assign_attrs({labels.ATTR_SCHEMA: 99})
    with pytest.raises(SchemaError, match="schema version is 99"):
        angle(newer)
    unversioned = simulated.assign_attrs({labels.ATTR_SCHEMA: "1"})
    with pytest.raises(SchemaError, match="must be an integer"):
        angle(unversioned)
