"""The announcement of a divergence gives the rate that theory predicts, where it predicts one."""

import re
import warnings

import pytest

import fatheory as fa
from fatheory import stable_rates
from fatheory.archive import warn_of_divergence
from fatheory.errors import DivergedWarning
from fatheory.initial import draw_initial_state
from fatheory.rules import FeedbackAlignment
from fatheory.theory import largest_stable_learning_rate, predicted_rate
from fatheory.theory.solve import solved


def experiment(**changed):
    described = {
        "task": fa.LinearTask(inputs=5, outputs=3, spectrum_decay=0.5),
        "network": fa.DenseNetwork(hidden=(4,), start=fa.Normal(std=0.5)),
        "rules": {"backprop": 50.0, "feedback_alignment": 50.0},
        "schedule": fa.Schedule(phases=(fa.Phase(steps=60),)),
        "record": fa.Record(snapshots=3),
        "seeds": (4, 7),
    }
    return fa.Experiment(**described | changed)


def told(asked):
    with pytest.warns(DivergedWarning) as warned:
        fa.simulate(asked)
    return str(warned[0].message)


def numbers(text):
    return {
        rule: float(rate) for rate, rule in re.findall(r"([\d.e+-]+) per step for (\w+) \(", text)
    }


def test_the_rate_is_that_of_the_function_at_the_end_of_the_flow():
    asked = experiment()
    text = told(asked)
    assert "(seed 4)" in text
    # Another rate, for longer: where the flow ends is a matter of neither.
    slow = asked.with_settings(
        {
            "rules": {label: {"learning_rate": 0.5} for label in asked.rule_labels},
            "schedule.phases": [{"steps": 2_000}],
        }
    )
    end = fa.solve(slow).isel(step=-1).sel(seed=4)
    start = draw_initial_state(slow, 4)
    expected = {
        rule: largest_stable_learning_rate(
            end["weight_1"].sel(rule=rule),
            end["weight_2"].sel(rule=rule),
            None if rule == "backprop" else start.states[rule][-1].T,
            start.Sigma,
            rule=rule,
        )
        for rule in asked.rule_labels
    }
    assert numbers(text) == {rule: float(f"{rate:.3g}") for rule, rate in expected.items()}


@pytest.mark.parametrize(
    "changed",
    [
        {"network": fa.DenseNetwork(hidden=(4,), activation="relu", start=fa.Normal(std=0.5))},
        {"network": fa.DenseNetwork(hidden=(4, 4), start=fa.Normal(std=0.5))},
        {"schedule": fa.Schedule(phases=(fa.Phase(steps=60),), batch_size=2)},
        {"update": fa.Update(momentum=0.5)},
    ],
)
def test_no_rate_where_theory_knows_none(changed):
    text = told(experiment(**changed))
    assert numbers(text) == {}
    assert text.endswith("predicts the largest of a linear network")


def test_what_fails_to_predict_does_not_fail_the_run(monkeypatch):
    def broken(archive, runs):
        raise ZeroDivisionError

    monkeypatch.setattr(stable_rates, "_predict", [broken])
    assert numbers(told(experiment())) == {}


def test_what_fails_as_nothing_should_is_told_and_does_not_fail_the_run(monkeypatch):
    def mistaken(archive, runs):
        return archive.no_such_thing

    monkeypatch.setattr(stable_rates, "_predict", [mistaken])
    with (
        pytest.warns(DivergedWarning),
        pytest.warns(RuntimeWarning, match="prediction fails by AttributeError"),
    ):
        run = fa.simulate(experiment())
    assert run["diverged"].all()


def test_filters_of_warnings_are_left_alone(monkeypatch):
    """They are the process's: another thread's warnings would be lost meanwhile."""
    seen = []

    def watching(*args):
        seen.append(list(warnings.filters))
        return solved(*args)

    monkeypatch.setattr(predicted_rate, "solved", watching)
    before = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DivergedWarning)
        before = list(warnings.filters)
        fa.simulate(experiment(root_seed=77, rules={"backprop": 50.0}))
    assert len(seen) == 1
    assert all(filters == before for filters in seen)


def test_a_rule_that_is_registered_anew_is_asked_anew():
    """The text of an experiment names its rule, and says nothing of what the name means."""
    text = experiment(root_seed=5).to_json()
    first = predicted_rate._rate_of(text, "feedback_alignment", 4, FeedbackAlignment)

    class Weaker(FeedbackAlignment):
        name = "weaker"

        def backward_weights(self, W, state):
            return 0.01 * super().backward_weights(W, state)

    weaker = predicted_rate._rate_of(text, "feedback_alignment", 4, Weaker)
    assert first != weaker


def test_archives_without_their_description_are_announced():
    with pytest.warns(DivergedWarning):
        run = fa.simulate(experiment())
    run.attrs.pop("experiment")
    assert predicted_rate.predicted_rates(run, [("backprop", 4)]) == {}


def test_selections_and_theory_are_announced_as_before():
    with pytest.warns(DivergedWarning):
        run = fa.simulate(experiment())
    for part in (run.sel(rule="backprop"), run.sel(seed=4), run.drop_attrs()):
        with pytest.warns(DivergedWarning) as warned:
            warn_of_divergence(part)
        assert numbers(str(warned[0].message)) == {}
