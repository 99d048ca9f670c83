"""Training approaches the gradient flow in proportion to the learning rate.

A fixed full batch leaves no sampling noise, so the deviation is that of Euler's method: slope 1.
"""

import numpy as np
import pytest
from default_run import slow_but

import fatheory as fa
from fatheory.initial import draw_initial_state

RULES = ("backprop", "feedback_alignment", "shallow", "rndf", "pseudobackprop")
STEPS = (50, 100, 200, 400)
T_END = 1.0
SIZES = {"4-6-3": (4, (6,), 3), "7-5-2": (7, (5,), 2), "3-9-4": (3, (9,), 4)}
DEEP = (5, (6, 4), 3)


def asked(sizes, steps, phases=(((), 1.0),), rules=RULES):
    """An experiment of fixed duration; `phases` are frozen layers with shares of the time."""
    n_i, hidden, n_o = sizes
    samples = 2 * n_i + 3
    rate = T_END / steps
    choices = {label: {"rule": label, "learning_rate": rate} for label in rules}
    if "rndf" in choices:
        choices["rndf"]["std"] = 0.4
    return fa.Experiment(
        task=fa.LinearTask(inputs=n_i, outputs=n_o, samples=samples, spectrum_decay=0.8),
        network=fa.DenseNetwork(hidden=hidden, start=fa.Normal(std=0.45)),
        rules=choices,
        schedule=fa.Schedule(
            phases=tuple(
                fa.Phase(steps=round(share * steps), frozen=frozen) for frozen, share in phases
            ),
            batch_size=samples,
        ),
        record=fa.Record(steps=tuple(range(0, steps + 1, steps // 10))),
        seeds=3,
        precision="float64",
    )


def rates(sizes, **others):
    """The slope of every variable and rule, as `compare` fits it; theory is solved once."""
    theory = fa.solve(asked(sizes, STEPS[0], **others))
    runs = [fa.simulate(asked(sizes, steps, **others)) for steps in STEPS]
    found = fa.compare([theory] * len(runs), runs)
    assert float(found["relative_error"].isel(run=-1).max()) < 0.05
    return found["rate"]


def assert_slope_one(rate, *without):
    """All variables but the unmoved ones, whose deviation is zero and has no slope."""
    for variable in ("weight_1", "weight_2", "weight_3", "loss"):
        for label in rate.rule.values:
            if variable in rate["variable"].values and (variable, label) not in without:
                slope = float(rate.sel(variable=variable, rule=label))
                assert abs(slope - 1) < 0.1, (variable, label, slope)
    for variable, label in without:
        assert np.isnan(rate.sel(variable=variable, rule=label))


@pytest.mark.parametrize("size", slow_but(list(SIZES)[:1], SIZES))
def test_two_layers(size):
    assert_slope_one(rates(SIZES[size]), ("weight_1", "shallow"))


def test_three_layers():
    assert_slope_one(rates(DEEP), ("weight_1", "shallow"), ("weight_2", "shallow"))


def test_phases_with_frozen_layers():
    phases = (((1,), 0.3), ((2,), 0.3), ((), 0.4))
    assert_slope_one(rates(SIZES["4-6-3"], phases=phases), ("weight_1", "shallow"))


def test_one_layer_frozen_throughout():
    """Reservoir: the hidden layer stays, so feedback plays no part and all rules are one."""
    rate = rates(SIZES["4-6-3"], phases=(((1,), 1.0),))
    assert_slope_one(rate, *(("weight_1", label) for label in RULES))
    values = rate.sel(variable="weight_2").values
    np.testing.assert_allclose(values, values[0], rtol=1e-9)


def test_the_slope_by_hand():
    """The same regression without `compare`: the last weights, straight from the arrays."""
    sizes = SIZES["4-6-3"]
    flow = fa.solve(asked(sizes, STEPS[0]))
    errors = []
    for steps in STEPS:
        run = fa.simulate(asked(sizes, steps))
        gap = run.weight_1.isel(step=-1) - flow.weight_1.isel(step=-1).drop_vars("step")
        errors.append(np.sqrt((gap.drop_vars("step") ** 2).mean(("unit_1", "unit_0", "seed"))))
    for label in ("backprop", "feedback_alignment", "rndf", "pseudobackprop"):
        series = [float(error.sel(rule=label)) for error in errors]
        slope = np.polyfit(np.log([T_END / steps for steps in STEPS]), np.log(series), 1)[0]
        assert abs(slope - 1) < 0.1


def test_the_flow_sees_the_samples():
    """Its covariance is that of the finite samples, not of the law they were drawn from."""
    experiment = asked(SIZES["4-6-3"], 50)
    start = draw_initial_state(experiment, 0)
    theory = fa.solve(experiment)
    x = start.samples.inputs
    np.testing.assert_allclose(theory.input_covariance.sel(seed=0), x.T @ x / len(x), rtol=1e-13)
    assert np.abs(x.T @ x / len(x) - start.linear.root @ start.linear.root).max() > 0.05
