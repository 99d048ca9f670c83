"""Batch Manhattan is warned of steps that are larger than the weights."""

import warnings

import pytest

import fatheory as fa
from fatheory.errors import LearningRateWarning
from fatheory.initial import draw_initial_state
from fatheory.train.step_size import warn_of_step_size


def asked(rate, setting=1, frozen=()):
    return fa.Experiment(
        task=fa.LinearTask(inputs=4, outputs=2),
        # Uniform on [-0.3, 0.3]: a root mean square of about 0.17 in both layers.
        network=fa.DenseNetwork(hidden=(50,), start=fa.Uniform(bound=0.3)),
        rules={"backprop": 0.001, "usf": rate},
        schedule=fa.Schedule(phases=(fa.Phase(steps=2, frozen=frozen),), batch_size=2),
        update=fa.Update(manhattan=setting),
        record=fa.Record(snapshots=2),
    )


def test_a_rate_above_the_size_of_the_weights_is_warned_of():
    with pytest.warns(LearningRateWarning, match=r"of usf \(0.3\) exceeds .* 0.17"):
        fa.simulate(asked(0.3))


@pytest.mark.parametrize("harmless", [asked(0.1), asked(0.3, setting=0), asked(0.3, frozen=(1, 2))])
def test_other_runs_are_not(harmless):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_step_size(harmless, [draw_initial_state(harmless, 0)])
