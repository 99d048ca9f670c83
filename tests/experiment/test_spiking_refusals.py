"""Spiking networks that cannot be, or cannot be asked for, are refused with the reason."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import InvalidExperimentError, MemoryEstimateError, RegimeError
from fatheory.train import many


def asked(network=None, task=None, rules=None, **changes):
    parts = {
        "task": {"kind": "images", "dataset": "synthetic-digits"} | (task or {}),
        "network": {"kind": "spiking", "hidden": [8], "group": 2} | (network or {}),
        "rules": rules or {"feedback_alignment": 0.1},
        "schedule": {"phases": [{"steps": 4}]},
        "record": {"quantities": ["weights"]},
    }
    return fa.Experiment(**(parts | changes))


REFUSED = {
    "no leak": ({"network": {"leak": 0}}, "network.leak", "greater than 0; got 0"),
    "a leak above 1": ({"network": {"leak": 1.1}}, "network.leak", "less than or equal to 1"),
    "no steps": ({"network": {"steps_per_image": 0}}, "network.steps_per_image", "greater than 0"),
    "negative steps": ({"network": {"steps_per_image": -5}}, "network.steps_per_image", "got -5"),
    "a class without neurons": ({"network": {"group": 0}}, "network.group", "greater than 0"),
    "a ceiling above 1": ({"network": {"ceiling": 2.0}}, "network.ceiling", "got 2.0"),
    "no hidden layer": ({"network": {"hidden": []}}, "network.hidden", "must not be empty"),
    "another integration": ({"network": {"integration": "sum"}}, "network.integration", "'leaky'"),
    "pixels beyond [0, 1]": (
        {"task": {"preprocessing": "standardized"}},
        "task.preprocessing",
        "lie in [0, 1]: 'none'; got 'standardized'",
    ),
    "momentum": ({"update": {"momentum": 0.5}}, "update.momentum", "got 0.5"),
    "Batch Manhattan": ({"update": {"manhattan": 1}}, "update.manhattan", "got 1"),
    "a direct rule": (
        {"rules": {"direct_feedback_alignment": 0.1}},
        "rules.direct_feedback_alignment",
        "layer by layer",
    ),
    "feedback that learns": (
        {"rules": {"kolen_pollack": 0.1}},
        "rules.kolen_pollack",
        "feedback that does not learn",
    ),
    "decay of more than everything": (
        {"update": {"weight_decay": 10.0}},
        "rules.feedback_alignment.learning_rate",
        "below 0.5; got 0.1 x 10",
    ),
    "teaching signals": (
        {"record": {"quantities": ["delta_angle", "gradient_norm"]}},
        "record.quantities",
        "delta_angle, gradient_norm",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(name):
    changes, where, what = REFUSED[name]
    with pytest.raises(InvalidExperimentError) as caught:
        asked(**changes)
    assert what in dict(caught.value.problems)[where]


def test_a_task_without_classes_is_refused():
    linear = fa.LinearTask(inputs=3, outputs=2)
    plain = asked()
    with pytest.raises(InvalidExperimentError, match="a spiking network needs a task with classes"):
        plain.replaced(task=linear)


@pytest.mark.parametrize("quantity", ["firing_rate", "traces"])
def test_spikes_are_of_spiking_networks(quantity):
    dense = asked().replaced(network=fa.DenseNetwork(hidden=(8,)))
    with pytest.raises(InvalidExperimentError, match=f"only for spiking networks: {quantity}"):
        dense.replaced(record=fa.Record(quantities=(quantity,)))


def test_layers_too_large_for_memory_are_refused_before_anything_is_drawn(monkeypatch):
    fa.simulate  # noqa: B018  # loads the module

    def drawn(*_):
        raise AssertionError("something was drawn")

    monkeypatch.setattr(many, "draw_initial_state", drawn)
    with pytest.raises(MemoryEstimateError, match="narrower hidden layers"):
        fa.simulate(asked(network={"hidden": [1_000_000, 1_000_000]}))


def test_theory_does_not_cover_spikes():
    with pytest.raises(RegimeError, match="the network is spiking"):
        fa.solve(asked())
    features = {departure.feature for departure in asked().network.departures_from_linear()}
    assert "spikes" in features


def test_a_description_survives_json_and_knows_its_sizes():
    one = asked(network={"spikes": "expected", "biases": None, "integration": "average"})
    again = fa.Experiment.from_json(one.to_json())
    assert again == one
    assert again.content_hash == one.content_hash
    assert isinstance(again.network, fa.SpikingNetwork)
    assert one.sizes == (64, 8, 20)
    assert one.weight_shapes == [(8, 64), (20, 8)]


def test_the_preset_is_the_papers_experiment():
    one = fa.presets["lillicrap2016/fig4"]
    assert one.sizes == (784, 1500, 1500, 1500, 1000)
    assert one.task.samples == 60_000
    network = one.network
    assert (network.leak, network.ceiling, network.steps_per_image) == (0.9, 0.95, 5)
    assert network.start == fa.Uniform(bound=0.05)
    assert dict(one.rules)["feedback_alignment"].make().scale == 0.1
    assert set(one.learning_rates) == {1e-3}
    assert one.schedule.batch_size == 1
    lost = np.array(one.learning_rates) * one.update.weight_decay
    np.testing.assert_allclose(lost, 1e-8, rtol=1e-12)
