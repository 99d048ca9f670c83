"""Methods as objects: what they refuse, what they may leave out, and methods that are not ours."""

import json

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import PluginError, RegimeError, UnknownNameError
from fatheory.initial import draw_initial_state
from fatheory.sweep.run import run_sweep
from fatheory.theory import (
    METHODS,
    Method,
    find_method,
    known_methods,
    reduced_infinite_width,
    register_method,
    solve,
)
from fatheory.theory.methods import LINEAR

ASKED = fa.Experiment(
    task=fa.LinearTask(inputs=5, outputs=3),
    network=fa.DenseNetwork(hidden=(7,), start=fa.Uniform(bound=0.2)),
    rules={"feedback_alignment": 0.02, "rndf": {"learning_rate": 0.02, "std": 0.3}},
    schedule=fa.Schedule(phases=(fa.Phase(steps=200),)),
    record=fa.Record(snapshots=5, quantities=("weights", "delta_angle", "weight_angle")),
    precision="float64",
    seeds=2,
)


@pytest.fixture
def forgetful():
    yield
    METHODS.forget()


class OddNetwork(fa.DenseNetwork):
    gating: bool = False


class OddTask(fa.LinearTask):
    drift: float = 0.0


class OddUpdate(fa.Update):
    averaging: float = 0.0


class OddSchedule(fa.Schedule):
    warm_up: int = 0


class OddPhase(fa.Phase):
    clamped: bool = False


def with_part(**parts):
    return ASKED.model_copy(update=parts)


ODD = {
    "network": lambda on: with_part(network=OddNetwork(hidden=(7,), gating=on)),
    "task": lambda on: with_part(task=OddTask(inputs=5, outputs=3, drift=0.5 * on)),
    "update": lambda on: with_part(update=OddUpdate(averaging=0.5 * on)),
    "schedule": lambda on: with_part(
        schedule=OddSchedule(phases=(fa.Phase(steps=200),), warm_up=5 * on)
    ),
    "phase": lambda on: with_part(schedule=fa.Schedule(phases=(OddPhase(steps=200, clamped=on),))),
}
FEATURES = {
    "network": "gating",
    "task": "drift",
    "update": "averaging",
    "schedule": "warm_up",
    "phase": "clamped",
}


@pytest.mark.parametrize("part", ODD)
@pytest.mark.parametrize("method", known_methods())
def test_a_feature_of_next_year_is_refused_by_every_method(method, part):
    """A made-up feature is a problem when it is used, and none at its default."""
    used, unused = (find_method(method).covers(ODD[part](on)) for on in (True, False))
    assert any(FEATURES[part] in problem for problem in used)
    assert not any(FEATURES[part] in problem for problem in unused)


def test_the_refusal_names_method_regime_and_everything_outside():
    odd = ASKED.with_settings({"network.activation": "tanh", "update.momentum": 0.5})
    with pytest.raises(RegimeError, match=r"(?s)'reduced' covers linear .*'tanh'.*momentum 0.5"):
        solve(odd, "reduced")


def test_the_old_spelling_is_accepted_and_warns():
    with pytest.warns(DeprecationWarning, match="'reduced-sgd' is called 'reduced_sgd'"):
        old = solve(ASKED, "reduced-sgd")
    assert old.attrs["source"] == "theory/reduced_sgd"
    assert old.identical(solve(ASKED, "reduced_sgd").assign_attrs(old.attrs))


@pytest.mark.parametrize(
    "method", ["closed-form", "infinite-width", "order-parameters", "reduced-sgd"]
)
def test_every_name_may_be_spelled_with_hyphens_and_warns(method):
    now = method.replace("-", "_")
    with pytest.warns(DeprecationWarning, match=f"'{method}' is called '{now}'"):
        assert find_method(method) is find_method(now)


def test_infinite_width_answers_losses_and_angles_and_says_what_it_lacks():
    answer = solve(ASKED, "infinite_width")
    assert answer.attrs["source"] == "theory/infinite_width"
    assert "weight_1" not in answer
    assert list(json.loads(answer.attrs["absent_quantities"])) == ["weights"]
    start = draw_initial_state(ASKED, 1)
    limit = reduced_infinite_width(
        start.T,
        start.Sigma,
        input_variance=7 * 0.2**2 / 3,
        output_variance=7 * 0.2**2 / 3,
        feedback_variance=7 * 0.3**2,
        times=answer.time.sel(rule="rndf").values,
    )
    ours = answer.sel(rule="rndf", seed=1)
    np.testing.assert_allclose(ours.loss, limit.loss(), rtol=1e-9)
    angles = ours.weight_angle.sel(layer=2)
    np.testing.assert_allclose(angles, limit.weight_angle(), rtol=0, atol=1e-9)


def test_wide_networks_approach_the_method_of_infinite_width():
    """The loss of a network of n hidden units differs from the limit by n^-1/2."""
    gaps = []
    widths = (100, 400, 1600)
    for n in widths:
        wide = ASKED.with_settings(
            {
                "network.hidden": [n],
                "network.start.bound": 0.5 * n**-0.5,
                "rules": {"rndf": {"learning_rate": 0.02, "std": n**-0.5}},
                "seeds": 40,
                "record.quantities": ["delta_angle"],
            }
        )
        one, limit = solve(wide, "reduced"), solve(wide, "infinite_width")
        # In the logarithm, of which the scatter is normal for longer than that of the loss.
        apart = np.log(one.loss / limit.loss).isel(step=2)
        gaps.append(float(np.sqrt((apart**2).mean())))
        difference = (one.delta_angle - limit.delta_angle).isel(step=2).sel(layer=1)
        assert abs(float(difference.mean())) < 20 * n**-0.5
    slope = np.polyfit(np.log(widths), np.log(gaps), 1)[0]
    assert abs(slope + 0.5) < 0.12


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rules": {"backprop": 0.1}}, "fixed feedback"),
        (
            {"rules": {"rndf": {"learning_rate": 0.1, "initial_concordance": 0.9}}},
            "shares signs",
        ),
    ],
)
def test_infinite_width_refuses(settings, words):
    with pytest.raises(RegimeError, match=words):
        solve(ASKED.with_settings(settings), "infinite_width")


@pytest.mark.parametrize("method", ["reduced", "reduced_sgd"])
def test_losses_and_angles_need_no_weights(method):
    """Read off the small network, they are those of the weights."""
    wide = ASKED.with_settings({"network.hidden": [60], "network.start.bound": 0.3})
    names = (
        "delta_angle",
        "delta_angle_flattened",
        "weight_angle",
        "weight_norm",
        "pseudobackprop_angles",
        "pseudoinverse_alignment",
    )
    small = solve(wide.with_settings({"record.quantities": names}), method)
    full = solve(wide.with_settings({"record.quantities": (*names, "weights")}), method)
    assert "weight_1" not in small
    assert "absent_quantities" not in small.attrs
    for name in {"loss", *small.data_vars} - {"diverged", "diverged_at"}:
        np.testing.assert_allclose(small[name], full[name], rtol=1e-9, atol=1e-9, err_msg=name)


class Constant(Method):
    name = "constant"
    summary = "nothing is learned"
    regime = "networks that do not learn"

    def covers(self, experiment):
        return list(LINEAR.problems(experiment))

    def answer(self, experiment, starts):
        first = np.array([np.sum(start.T**2) / 2 for start in starts])
        shape = (len(experiment.rules), len(starts), len(experiment.snapshot_steps))
        return {"loss": np.broadcast_to(first[:, None], shape)}

    def absent(self, experiment):
        return dict.fromkeys(experiment.record.quantities, "nothing moves")


def test_a_method_of_a_notebook_is_a_method(forgetful, tmp_path):
    register_method(Constant)
    answer = solve(ASKED, "constant")
    assert answer.attrs["source"] == "theory/constant"
    assert set(json.loads(answer.attrs["absent_quantities"])) == set(ASKED.record.quantities)
    assert not answer.diverged.any()
    fa.save(answer, tmp_path / "constant")
    assert fa.load(tmp_path / "constant").identical(answer)
    with pytest.raises(UnknownNameError, match="did you mean 'constant'"):
        solve(ASKED, "constnt")


def test_names_of_ours_cannot_be_taken(forgetful):
    class Flow(Constant):
        name = "flow"

    with pytest.raises(PluginError, match="'flow', a name that fatheory has"):
        register_method(Flow)
    with pytest.raises(PluginError, match="is no instance of a subclass of"):
        register_method(object())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, "gives no loss"),
        ({"loss": np.zeros((2, 2))}, "no valid answer: loss must have the dimensions"),
        ({"loss": np.zeros((3, 2, 5))}, "2 rules and 2 seeds first"),
        ({"loss": np.zeros((2, 2, 9))}, "step is 9"),
        ({"loss": np.zeros((2, 2, 5)), "los": np.zeros((2, 2, 5))}, "unknown archive variable"),
        ({"loss": np.full((2, 2, 5), "x")}, "as numbers"),
    ],
)
def test_what_is_no_answer_names_the_method(answer, words):
    class Odd(Constant):
        name = "odd"

        def answer(self, experiment, starts):
            return answer

    with pytest.raises(PluginError, match=f"'odd'.*{words}"):
        solve(ASKED, Odd())


@pytest.mark.parametrize("function", ["covers", "answer"])
def test_a_method_that_fails_is_named(function):
    def fail(self, *given):
        raise ZeroDivisionError("no such number")

    odd = type("Odd", (Constant,), {"name": "odd", function: fail})()
    with pytest.raises(PluginError, match=f"'odd' of .* fails in {function}: ZeroDivisionError"):
        solve(ASKED, odd)


def test_losses_that_are_lost_must_be_called_diverged():
    loss = np.ones((2, 2, 5))
    loss[1, 0, 3:] = np.nan

    class Odd(Constant):
        name = "odd"

        def answer(self, experiment, starts):
            return {"loss": loss}

    with pytest.raises(PluginError, match=r"'odd'.*NaN in 1 of 4 runs.*'diverged_at'"):
        solve(ASKED, Odd())


@pytest.mark.parametrize(
    ("function", "found", "words"),
    [
        ("covers", None, "returns None from covers; it must return a sequence of lines"),
        ("covers", "rates decay", "returns 'rates decay' from covers"),
        ("covers", [1], r"returns \[1\] from covers"),
        ("covers", True, "returns True from covers"),
        ("memory", None, "returns None from memory; it must return a mapping from parts"),
        ("memory", {"kernels": "much"}, "'much'} from memory"),
        ("memory", {"kernels": float("nan")}, "nan} from memory"),
        ("memory", {"kernels": -1}, "-1} from memory"),
        ("answer", None, "returns None from answer; it must return a mapping from names"),
        ("answer", np.zeros(3), "from answer; it must return a mapping from names"),
        ("absent", ["weights"], "from absent; it must return a mapping from names"),
    ],
)
def test_a_method_that_returns_something_else_is_named(function, found, words):
    odd = type("Odd", (Constant,), {"name": "odd", function: lambda self, *given: found})()
    with pytest.raises(PluginError, match=f"the method 'odd' of {__name__} .*{words}"):
        solve(ASKED, odd)


def failing(self, *given):
    raise ZeroDivisionError("no such number")


def failing_generator(self, experiment):
    yield from [1 / 0]


@pytest.mark.parametrize(
    ("function", "own"),
    [("memory", failing), ("absent", failing), ("covers", failing_generator)],
)
def test_a_method_that_fails_elsewhere_is_named(function, own):
    odd = type("Odd", (Constant,), {"name": "odd", function: own})()
    with pytest.raises(PluginError, match=f"'odd' of .* fails in {function}: Zero") as told:
        solve(ASKED, odd)
    assert isinstance(told.value.__cause__, ZeroDivisionError)


def test_a_sweep_by_a_method_that_returns_something_else_names_it(forgetful, tmp_path):
    register_method(type("Odd", (Constant,), {"name": "odd", "covers": lambda *given: None})())
    swept = fa.Sweep(experiment=ASKED, axes={"seeds": [1, 2]})
    with pytest.raises(PluginError, match=r"'odd' of .* returns None from covers"):
        run_sweep(swept, tmp_path / "sweep", answer="theory/odd")
