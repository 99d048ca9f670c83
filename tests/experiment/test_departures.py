"""What networks say of themselves: how they are not linear, and what they conflict with."""

import pytest
from small_experiment import small

from fatheory import ConvolutionalNetwork, DenseNetwork, SpikingNetwork
from fatheory.errors import InvalidExperimentError
from fatheory.experiment import Normal
from fatheory.experiment.departure import Departure, NetworkDescription

NOT_NEUTRAL = {
    "activation": ({"activation": "tanh"}, "the hidden units are 'tanh'"),
    "output": ({"output": "sigmoid"}, "the output units are 'sigmoid'"),
    "biases": ({"biases": Normal(std=0.0)}, "units have biases"),
    "normalization": ({"normalization": {}}, "hidden units are normalised"),
    "dropout": ({"dropout": 0.25}, "activities are dropped (a fraction 0.25)"),
    "sparsity.forward": ({"sparsity": {"forward": 0.5}}, "connections are missing (forward 0.5)"),
    "sparsity.feedback": ({"sparsity": {"feedback": 0.5}}, "connections are missing (feedback 0.5"),
}


def features(network):
    return [one.feature for one in network.departures_from_linear()]


def test_a_linear_network_departs_in_nothing():
    assert DenseNetwork(hidden=(3, 4)).departures_from_linear() == ()
    # Connections of a layer that the network does not lose are all there.
    assert features(DenseNetwork(hidden=(3,), sparsity={"forward": 0.5, "layers": (2,)})) == [
        "sparsity.forward"
    ]
    assert features(DenseNetwork(hidden=(3,), start=Normal(std=3.0))) == []


@pytest.mark.parametrize("feature", NOT_NEUTRAL)
def test_every_feature_of_a_dense_network_is_told(feature):
    given, what = NOT_NEUTRAL[feature]
    (found,) = DenseNetwork(hidden=(3,), **given).departures_from_linear()
    assert found.feature == feature
    assert what in found.what
    assert found.cure.startswith("set network.")


def test_features_of_other_networks_are_told():
    assert set(features(ConvolutionalNetwork())) == {
        "convolutions",
        "activation",
        "output",
        "biases",
    }
    assert features(SpikingNetwork()) == ["spikes", "biases"]
    assert features(SpikingNetwork(biases=None, leak=0.5)) == ["spikes"]


class Delayed(DenseNetwork):
    """A network with a feature of next year, of which nobody has said anything."""

    delay: int = 0


class Quantised(NetworkDescription):
    """A network that says nothing of itself."""

    kind: str = "quantised"
    levels: int
    noise: float = 0.0


def test_a_feature_that_nobody_knows_is_a_departure_by_itself():
    assert Delayed(hidden=(3,)).departures_from_linear() == ()
    assert Delayed(hidden=(3,), delay=2).departures_from_linear() == (
        Departure("delay", "its delay is 2", "leave network.delay out"),
    )
    assert features(Quantised(levels=3)) == ["levels"]
    assert features(Quantised(levels=3, noise=0.1)) == ["levels", "noise"]
    assert list(Quantised(levels=3).conflicts(small())) == []


def test_every_field_of_a_network_is_told_or_known_to_be_neutral():
    """Seen to fail for a field that is added to a list of neutral ones without thought."""
    neutral = {
        DenseNetwork: {"kind", "hidden", "start"},
        ConvolutionalNetwork: {"kind", "hidden", "start"},
    }
    for kind, expected in neutral.items():
        told = {one.split(".")[0] for one in NOT_NEUTRAL} | {"blocks"}
        assert set(kind.model_fields) - told == expected


def test_networks_say_what_they_conflict_with():
    with pytest.raises(InvalidExperimentError, match="a convolutional network needs a task with"):
        small(network={"kind": "convolutional"})
    with pytest.raises(InvalidExperimentError, match="a spiking network needs a task with classes"):
        small(network={"kind": "spiking", "hidden": (3,)})
    with pytest.raises(InvalidExperimentError, match="only for spiking networks: firing_rate"):
        small(record={"quantities": ["firing_rate"]})
