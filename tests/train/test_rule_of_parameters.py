"""Rules whose backward_weights looks at the rule's own parameters."""

from dataclasses import dataclass

import numpy as np
import pytest
from halved import Halved

import fatheory as fa
from fatheory.rules import RULES, LayeredRule, register


@dataclass(frozen=True)
class ByParameter(LayeredRule):
    """As `Halved`, from its parameter."""

    name, summary, source = "by_parameter", "V = share W", "this test"
    share: float = 0.5

    def backward_weights(self, W, state):
        return self.share * W


@pytest.fixture(autouse=True)
def _registered():
    register(Halved)
    register(ByParameter)
    yield
    RULES.forget()


def test_parameters_in_backward_weights_are_those_of_each_rule():
    def asked(rule):
        choices = {
            f"{rule} {share}": {"rule": rule, "share": share, "learning_rate": 0.1}
            for share in (0.2, 0.9)
        }
        return fa.Experiment(
            task=fa.LinearTask(inputs=3, outputs=2),
            network=fa.DenseNetwork(hidden=(4,), start=fa.Uniform(bound=0.5)),
            rules=choices,
            schedule=fa.Schedule(phases=(fa.Phase(steps=20),)),
            record=fa.Record(quantities=("delta_angle",), snapshots=3, probe_samples=5),
            precision="float64",
            seeds=2,
        )

    halved, by_parameter = (
        fa.simulate(asked(rule), progress=False) for rule in ("halved", "by_parameter")
    )
    np.testing.assert_allclose(by_parameter["loss"], halved["loss"], rtol=1e-12)
    first, last = by_parameter["loss"].values[..., -1]
    assert (first != last).all()
    flow = fa.solve(asked("by_parameter"), method="flow")
    assert flow["loss"].shape == by_parameter["loss"].shape
