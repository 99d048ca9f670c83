"""Learning rates chosen on validation images."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.train import choose_learning_rates

ASKED = fa.Experiment(
    task=fa.ImageTask(dataset="synthetic-digits", train="train+validation", evaluation="test"),
    network=fa.DenseNetwork(
        hidden=(16,), activation="relu", output="softmax", start=fa.Scaled(gain=2**0.5)
    ),
    rules={"backprop": 1.0, "usf": {"learning_rate": 1.0, "scale": 0.1}},
    schedule=fa.Schedule(phases=(fa.Phase(steps=200),), batch_size=20),
    record=fa.Record(quantities=("classification_error",), snapshots=2),
    seeds=2,
)


def test_the_best_candidate_of_every_rule_is_found():
    rates, tried = choose_learning_rates(ASKED, [1e-6, 0.2, 1e-4])
    assert rates == {"backprop": 0.2, "usf": 0.2}
    assert tried.dims == ("rule", "candidate")
    assert tried["candidate"].values.tolist() == [1e-6, 1e-4, 0.2]
    assert float(tried.sel(candidate=0.2).max()) < 40 < float(tried.sel(candidate=1e-6).min())
    assert ASKED.with_learning_rates(rates).learning_rates == (0.2, 0.2)


def test_errors_are_those_of_training_without_the_validation_images():
    _, tried = choose_learning_rates(ASKED, [0.2], seed=7)
    task = ASKED.task.replaced(train="train", evaluation="validation")
    alone = fa.simulate(
        ASKED.replaced(task=task, seeds=(7,)).with_learning_rates({"backprop": 0.2, "usf": 0.2})
    )
    np.testing.assert_array_equal(
        tried.squeeze(), alone["classification_error"].isel(seed=0, step=-1)
    )


def test_a_rule_that_always_diverges_gets_the_smallest_rate():
    linear = fa.presets["lillicrap2016/fig2"].with_settings(
        {"schedule.phases": [{"steps": 300}], "seeds": 1}
    )
    lost = linear.replaced(rules={"backprop": dict(linear.rules)["backprop"]})
    rates, tried = choose_learning_rates(lost, [10.0, 1e9])
    assert rates == {"backprop": 10.0}
    assert np.isinf(tried).all()


def test_candidates_are_needed():
    with pytest.raises(ValueError, match="at least one candidate"):
        choose_learning_rates(ASKED, [])


def test_candidates_that_agree_in_six_digits_are_told_apart():
    candidates = [0.01, 0.01000001]
    chosen, tried = choose_learning_rates(ASKED, candidates)
    assert tried["candidate"].values.tolist() == candidates
    assert tried["rule"].values.tolist() == list(ASKED.rule_labels)
    assert tried.notnull().all()
    assert set(chosen.values()) <= set(candidates)
