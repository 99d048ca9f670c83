"""`solve` by the flow: any depth, every rule, the shape of a simulation."""

import sys

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import DivergedWarning, RegimeError, UnknownNameError
from fatheory.geometry import angle
from fatheory.initial import draw_initial_state
from fatheory.theory import FlowPhase, flow, solve
from fatheory.theory.methods import LinearMethod, known_methods
from fatheory.theory.methods.flow import FlowMethod

RULES = {
    "backprop": 0.01,
    "feedback_alignment": 0.02,
    "shallow": 0.01,
    "node_perturbation": 0.01,
    "usf": 0.005,
    "frsf": {"learning_rate": 0.005, "scale": 0.5},
    "brsf": {"learning_rate": 0.005, "concordance": 0.9},
    "rndf": 0.02,
    "pseudobackprop": 0.01,
}
QUANTITIES = (
    "weights",
    "teaching_signals",
    "delta_angle",
    "delta_angle_flattened",
    "weight_angle",
    "sign_concordance",
    "pseudobackprop_angles",
    "pseudoinverse_alignment",
    "unit_angle",
    "weight_norm",
    "receptive_fields",
)


def asked(hidden=(5,), **changes):
    parts = {
        "task": fa.LinearTask(inputs=4, outputs=3, spectrum_decay=0.7),
        "network": fa.DenseNetwork(hidden=hidden, start=fa.Normal(std=0.5)),
        "rules": RULES,
        "schedule": fa.Schedule(phases=(fa.Phase(steps=40), fa.Phase(steps=20, frozen=(1,)))),
        "record": fa.Record(quantities=QUANTITIES, snapshots=4, probe_samples=8, receptive_units=2),
        "seeds": (0, 4),
        "precision": "float64",
    }
    return fa.Experiment(**(parts | changes))


@pytest.fixture(scope="module")
def theory():
    return solve(asked())


@pytest.mark.parametrize("label", RULES)
def test_two_layers_are_the_flow_of_the_arrays(theory, label):
    """`flow` and the depth-general field, from the start that every answer shares."""
    choice = dict(asked().rules)[label]
    rate = choice.learning_rate
    phases = (FlowPhase(40 * rate), FlowPhase(20 * rate, frozenset({1})))
    for seed in (0, 4):
        start = draw_initial_state(asked(), seed)
        state = start.states[label][1]
        needs = label in ("feedback_alignment", "rndf", "frsf")
        path = flow(
            *start.weights,
            state.T if needs else None,
            start.T,
            start.Sigma,
            times=rate * theory.step.values,
            rule=choice.make(),
            phases=phases,
        )
        ours = theory.sel(rule=label, seed=seed)
        # Where signs change, a time that differs by rounding places the integrator's steps anew.
        tolerance = 1e-7 if label in ("usf", "frsf", "brsf") else 1e-12
        for name in ("weight_1", "weight_2", "loss"):
            gap = np.abs(ours[name].values - path[name].values).max()
            assert gap < tolerance


@pytest.mark.parametrize("hidden", [(5, 6), (4, 5, 3)])
def test_deeper_networks_follow_the_literal_field(hidden):
    """Runge-Kutta steps of the chain of errors, written out layer by layer."""
    rules = {"backprop": 0.01, "feedback_alignment": 0.02, "pseudobackprop": 0.001}
    experiment = asked(hidden, rules=rules, seeds=1)
    answer = solve(experiment)
    start = draw_initial_state(experiment, 0)

    def change(label, weights, frozen):
        h = [np.eye(4)]
        for W in weights:
            h.append(W @ h[-1])
        delta = start.T - h[-1]
        moved = [None] * len(weights)
        for i in reversed(range(len(weights))):
            moved[i] = (i + 1 not in frozen) * (delta @ start.Sigma @ h[i].T)
            if i:
                V = {
                    "backprop": weights[i],
                    "feedback_alignment": start.states[label][i],
                    "pseudobackprop": np.linalg.pinv(weights[i]).T,
                }[label]
                delta = V.T @ delta
        return moved

    for label, rate in rules.items():
        weights = list(start.weights)
        for step in range(60):
            frozen = () if step < 40 else (1,)
            for _ in range(4):
                h, k = rate / 4, []
                for scale in (0, 0.5, 0.5, 1):
                    at = [W + h * scale * (k[-1][i] if k else 0) for i, W in enumerate(weights)]
                    k.append(change(label, at, frozen))
                weights = [
                    W + h / 6 * (a + 2 * b + 2 * c + d)
                    for W, a, b, c, d in zip(weights, *k, strict=True)
                ]
        for layer, W in enumerate(weights, start=1):
            ours = answer[f"weight_{layer}"].sel(rule=label, seed=0, step=60)
            np.testing.assert_allclose(ours, W, atol=1e-8)


def test_it_has_the_shape_of_a_simulation(theory):
    run = fa.simulate(asked(rules={"backprop": 0.01, "usf": 0.01}))
    both = solve(asked(rules={"backprop": 0.01, "usf": 0.01}))
    assert set(both.variables) == set(run.variables)
    for name in run.variables:
        assert both[name].dims == run[name].dims
        assert both[name].dtype == run[name].dtype
        assert both[name].attrs == run[name].attrs
    first = {"step": 0, "drop": True}
    for name in set(run.data_vars) - {"diverged", "diverged_at"}:
        if "step" in run[name].dims:
            ours, theirs = both[name].sel(**first), run[name].sel(**first)
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-7)
    assert theory.attrs["source"] == "theory/flow"
    assert theory.attrs["precision"] == "float64"


def test_signals_and_angles_follow_from_the_weights(theory):
    x, target = theory.probe_input.values, theory.probe_target.values
    for label in ("feedback_alignment", "rndf"):
        one = theory.sel(rule=label)
        W0, W = one.weight_1.values, one.weight_2.values
        e = target[:, None] - x[:, None] @ np.swapaxes(W @ W0, -1, -2)
        B = one.feedback_2.values[:, None]
        delta, backprop = e @ np.swapaxes(B, -1, -2), e @ W
        np.testing.assert_allclose(one.teaching_signal_2, e, atol=1e-12)
        np.testing.assert_allclose(one.teaching_signal_1, delta, atol=1e-12)
        np.testing.assert_allclose(one.backprop_signal_1, backprop, atol=1e-12)
        top = one.sel(layer=1)
        np.testing.assert_allclose(top.delta_angle, angle(delta, backprop).mean(-1), atol=1e-9)
        np.testing.assert_allclose(
            top.delta_angle_flattened, angle(delta, backprop, axis=(-2, -1)), atol=1e-9
        )
        weight_angle = angle(W, np.swapaxes(B, -1, -2), axis=(-2, -1))
        np.testing.assert_allclose(one.weight_angle.sel(layer=2), weight_angle, atol=1e-9)
        np.testing.assert_allclose(one.unit_angle, angle(W, np.swapaxes(B, -1, -2), axis=-2))
        np.testing.assert_allclose(
            one.pseudoinverse_alignment.sel(layer=2),
            angle(W, np.linalg.pinv(B), axis=(-2, -1)),
        )
        pseudo = e @ np.swapaxes(np.linalg.pinv(W), -1, -2)
        np.testing.assert_allclose(top.pseudobackprop_angle, angle(delta, pseudo).mean(-1))
        np.testing.assert_allclose(
            top.backprop_to_pseudobackprop_angle, angle(backprop, pseudo).mean(-1)
        )
        np.testing.assert_allclose(
            one.weight_norm.sel(layer=1), np.sqrt((W0**2).sum((-2, -1))), rtol=1e-14
        )
        np.testing.assert_array_equal(one.receptive_field, W0[..., :2, :])
    assert (theory.delta_angle.sel(rule="backprop") == 0).all()
    assert (theory.sign_concordance.sel(rule=["usf", "frsf"], layer=2) == 1).all()


def test_random_rules_have_no_single_signal(theory):
    random = theory.sel(rule=["node_perturbation", "brsf"])
    assert np.isnan(random.teaching_signal_1).all()
    assert np.isnan(random.delta_angle.sel(layer=1)).all()
    for name in ("weight_angle", "unit_angle", "pseudoinverse_alignment"):
        assert np.isnan(random[name]).all()
    assert np.isnan(random.pseudobackprop_angle.sel(layer=1)).all()
    assert np.isfinite(random.backprop_to_pseudobackprop_angle).all()
    assert np.isfinite(random.teaching_signal_2).all()
    assert np.isfinite(random.loss).all()


def test_time_is_rate_times_step(theory):
    """The same flow at twice the learning rate is reached in half the steps."""
    rules = {
        "one": {"rule": "feedback_alignment", "learning_rate": 0.02},
        "two": {"rule": "feedback_alignment", "learning_rate": 0.04},
    }
    schedule = fa.Schedule(phases=(fa.Phase(steps=40),))
    answer = solve(asked(rules=rules, schedule=schedule, record=fa.Record(steps=(10, 20))))
    np.testing.assert_allclose(
        answer.weight_1.sel(rule="one", step=[20, 40]),
        answer.weight_1.sel(rule="two", step=[10, 20]),
        atol=1e-9,
    )
    np.testing.assert_allclose(theory.time, theory.learning_rate * theory.step, rtol=1e-15)


def test_the_loss_is_that_of_the_whole_input_law(theory):
    """The probe's second moment is Sigma, so its loss is the population's."""
    one = theory.sel(rule="backprop", seed=0)
    T, Sigma = one.target_map.values, one.input_covariance.values
    for step in theory.step.values:
        now = one.sel(step=step)
        E = T - now.weight_2.values @ now.weight_1.values
        np.testing.assert_allclose(now.loss, 0.5 * np.trace(E @ Sigma @ E.T), rtol=1e-10)


class Stops(FlowMethod):
    """A method that gets no further than the third recorded step, whatever it solves."""

    name = "stops"

    def paths(self, experiment, starts, label, choice):
        paths = super().paths(experiment, starts, label, choice)
        for path in paths:
            path.error_map[3:] = np.nan
        return paths


def test_divergence_is_marked():
    with pytest.warns(DivergedWarning, match="runs diverged: .*since step"):
        answer = solve(asked(), Stops())
    assert answer.diverged.all()
    assert (answer.diverged_at == answer.step[3]).all()
    for name in ("weight_1", "loss", "delta_angle", "weight_angle", "teaching_signal_1"):
        assert np.isnan(answer[name].isel(step=slice(3, None))).all()
    assert np.isfinite(answer.loss.isel(step=slice(0, 3))).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"update.momentum": 0.5}, "neither momentum nor weight decay.*momentum 0.5"),
        ({"update.weight_decay": 0.1}, "weight decay 0.1: set both to 0"),
    ],
)
def test_regimes_outside_the_flow_are_refused(settings, message):
    with pytest.raises(RegimeError, match=message):
        solve(asked().with_settings(settings))


IMAGES = {"task": {"kind": "images", "dataset": "mnist"}}


@pytest.fixture
def nothing_is_drawn(monkeypatch):
    """Images that are not here need not be fetched to be told that theory has no use for them."""
    monkeypatch.setattr(
        sys.modules["fatheory.theory.solve"], "draw_initial_state", lambda *_: pytest.fail("drawn")
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network.activation": "tanh"}, "hidden units are 'tanh': set network.activation to 'l"),
        ({"network.output": "sigmoid"}, "output units are 'sigmoid': set network.output to 'lin"),
        (
            {"network.biases": {"distribution": "uniform", "bound": 0}},
            "biases: set network.biases to null",
        ),
        (
            {"network.sparsity": {"forward": 0.5, "layers": [1]}},
            r"missing \(forward 0.5\): set network.sparsity to {}",
        ),
        ({"network.sparsity.feedback": 0.25}, r"missing \(feedback 0.25\)"),
        (
            {"task": {"kind": "quadratic", "inputs": 4, "outputs": 3}},
            "the task is of kind 'quadratic': theory knows y\\* = T x",
        ),
        ({"task": {"kind": "images", "dataset": "mnist"}}, "the task is of kind 'images'"),
        (
            IMAGES | {"network": {"kind": "convolutional"}, "record.quantities": []},
            "the network is convolutional: set network.kind to 'dense'",
        ),
        (
            IMAGES | {"network.output": "softmax"},
            "output units are 'softmax': set network.output to 'linear'",
        ),
        (
            {"network.normalization": {}, "schedule.batch_size": 2},
            "hidden units are normalised: set network.normalization to null",
        ),
        (
            {"network.dropout": 0.25},
            r"dropped \(a fraction 0.25\): set network.dropout to 0",
        ),
        *(
            ({"update.manhattan": setting}, "Batch Manhattan: set update.manhattan to 0")
            for setting in (1, 2, 3)
        ),
        (
            {"schedule.decay": {"kind": "cosine"}},
            "learning rates decay: set schedule.decay to null",
        ),
        (
            {
                "rules.usf": {
                    "rule": "usf",
                    "learning_rate": 1,
                    "layers": {"last": {"rule": "backprop"}},
                }
            },
            "rules.usf: layers differ in their rule: set rules.usf.layers to {}",
        ),
        ({"rules.kolen_pollack": 0.1}, "rules.kolen_pollack: the feedback of .* learns"),
        ({"rules.mirror": {"rule": "weight_mirror", "learning_rate": 1}}, "rules.mirror: the feed"),
        (
            {"rules.direct_random_target_projection": 0.1},
            "no mean flow is known for the direct rule 'direct_random_target_projection'",
        ),
    ],
)
@pytest.mark.usefixtures("nothing_is_drawn")
def test_regimes_outside_the_theory_are_refused(settings, message):
    with pytest.raises(RegimeError, match=message):
        solve(asked(rules={"feedback_alignment": 0.1}).with_settings(settings))


@pytest.mark.parametrize(
    "method", [name for name, m in known_methods().items() if isinstance(m, LinearMethod)]
)
@pytest.mark.usefixtures("nothing_is_drawn")
def test_no_method_takes_what_is_outside_the_theory(method):
    nonlinear = {"network.activation": "tanh"}
    with pytest.raises(RegimeError, match=f"theory's method '{method}' covers .*linear"):
        solve(asked(rules={"feedback_alignment": 0.1}).with_settings(nonlinear), method)


@pytest.mark.usefixtures("nothing_is_drawn")
def test_direct_feedback_is_refused_where_it_is_not_known():
    with pytest.raises(RegimeError, match="with two layers it is 'feedback_alignment'"):
        solve(asked(rules={"direct_feedback_alignment": 0.1}), "closed_form")


def test_everything_outside_the_theory_is_told_at_once():
    settings = {"network.activation": "tanh", "network.output": "relu", "rules.kolen_pollack": 1}
    with pytest.raises(RegimeError, match=r"(?s)'tanh'.*'relu'.*kolen_pollack.*learns"):
        solve(asked().with_settings(settings))


def test_signs_that_start_concordant_are_covered():
    """Fixed feedback of any draw is the same theory, from the start that the trainer has too."""
    rules = {
        f"{p}": {"rule": "rndf", "learning_rate": 0.01, "std": 0.5, "initial_concordance": p}
        for p in (0.0, 1.0)
    }
    described = asked(rules=rules, network=fa.DenseNetwork(hidden=(30,), start=fa.Normal(std=0.2)))
    theory, run = solve(described), fa.simulate(described)
    np.testing.assert_array_equal(theory.feedback_2, run.feedback_2)
    np.testing.assert_array_equal(theory.feedback_2[0], -theory.feedback_2[1])
    assert (theory.sign_concordance.isel(step=0).sel(layer=2) == [[0.0], [1.0]]).all()
    angles = theory.weight_angle.isel(step=0).sel(layer=2)
    np.testing.assert_allclose(angles.sum("rule"), 180, atol=1e-9)


def test_sparse_layers_that_lose_nothing_are_whole():
    asked_of = {"rules": {"backprop": 0.1}, "seeds": 1, "record": fa.Record(snapshots=2)}
    whole = fa.DenseNetwork(hidden=(5,), sparsity=fa.Sparsity(layers=(1, 2)))
    assert np.isfinite(solve(asked(network=whole, **asked_of)).loss).all()


def test_unknown_methods_are_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown method 'flw'; did you mean 'flow'"):
        solve(asked(), "flw")
    assert "flow" in known_methods()
