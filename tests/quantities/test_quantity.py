"""Quantities declare what they are, and are held to it."""

from typing import ClassVar

import numpy as np
import pytest

from fatheory import labels
from fatheory.errors import NotOfferedError, PluginError, QuantityError
from fatheory.quantities import QUANTITIES, Need, Quantity, View, known_quantities


class OfWeights(View):
    """A view that has weights and nothing else."""

    source = "a view of weights"
    offers = frozenset({Need.WEIGHTS})

    @property
    def weights(self):
        return (np.ones((2, 3)), np.full((1, 2), 3.0))


class Mean(Quantity):
    """The mean weight of every layer."""

    name = "mean_weight"
    summary = "mean weight"
    needs = frozenset({Need.WEIGHTS})
    variables: ClassVar = {name: labels.per_layer("1", "mean weight")}

    def compute(self, view):
        return {self.name: np.stack([np.mean(W, axis=(-2, -1)) for W in view.weights], axis=-1)}


def test_every_variable_is_described_by_one_quantity():
    """And dimensions begin with rule, seed and step, as all that is recorded does."""
    names = [name for quantity in known_quantities().values() for name in quantity.variables]
    assert len(set(names)) == len(names)
    for quantity in known_quantities().values():
        assert quantity.unfit() == ""
        assert quantity.summary
        for name in quantity.variables:
            described = labels.variable(name.format(layer=2))
            assert described.dims[:3] == labels.RUN
            assert "{" not in "".join(described.dims) + described.long_name


def test_a_quantity_measures_what_it_declares():
    np.testing.assert_array_equal(Mean().measure(OfWeights())["mean_weight"], [1, 3])


def test_what_is_not_declared_is_not_looked_at():
    class Nosy(Mean):
        def compute(self, view):
            return {self.name: view.signals}

    with pytest.raises(QuantityError, match=r"'mean_weight' .*looks at signals.*\(declared: weig"):
        Nosy().measure(OfWeights())


def test_what_is_not_offered_is_said_by_whom():
    class Hungry(Mean):
        needs = frozenset({Need.WEIGHTS, Need.SIGNALS})

        def compute(self, view):
            return {self.name: view.signals}

    with pytest.raises(NotOfferedError, match="a view of weights does not offer signals"):
        Hungry().measure(OfWeights())


def test_other_variables_than_declared_are_refused():
    class Other(Mean):
        def compute(self, view):
            return {"median_weight": view.weights[0]}

    with pytest.raises(QuantityError, match="returns 'median_weight'; it declares mean_weight"):
        Other().measure(OfWeights())


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Mean, "is a class; name an instance of it"),
        (abs, "is no instance of a subclass"),
        (type("Nameless", (Mean,), {"name": ""})(), "has no name"),
        (type("Odd", (Mean,), {"needs": {"weights"}})(), "needs 'weights', which is none of"),
        (
            type(
                "Short",
                (Mean,),
                {"variables": {"mean_weight_a": labels.Variable(("rule",), "1", "a")}},
            )(),
            "do not begin with",
        ),
    ],
)
def test_what_is_no_quantity_is_not_registered(part, message):
    with pytest.raises(PluginError, match=message):
        QUANTITIES.register(part)


def test_names_of_ours_are_taken():
    variables = {"weight_norm": labels.per_layer("1", "mean weight")}
    taken = type("Taken", (Mean,), {"name": "weight_norm", "variables": variables})()
    with pytest.raises(PluginError, match="'weight_norm', a name that fatheory has already"):
        QUANTITIES.register(taken)
