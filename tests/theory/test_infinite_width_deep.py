"""The method of infinite width for networks of more than two layers."""

import json

import numpy as np
import pytest

import fatheory as fa
from fatheory import theory
from fatheory.errors import RegimeError
from fatheory.initial import draw_initial_state
from fatheory.theory import solve
from fatheory.theory.deep_reduction.equivalent import equivalent_network
from fatheory.theory.deep_reduction.grams import deep_grams, hidden_columns
from fatheory.theory.layers import direct_from_layered

WAYS = ("reduced", "infinite_width")
DFA = "direct_feedback_alignment"
FEEDBACK = {"rndf": lambda n: {"std": n**-0.5}, DFA: lambda n: {"scale": (3 / n) ** 0.5}}
"""Parameters by which entries of feedback have variance 1 / n."""


def asked(hidden, seeds=12, quantities=("delta_angle",), rule="rndf", **settings):
    """Describe a network whose start and feedback of a hidden layer scale with its width."""
    n = hidden[0]
    return fa.Experiment(
        task=fa.LinearTask(inputs=4, outputs=2),
        network=fa.DenseNetwork(hidden=hidden, start=fa.Normal(std=0.7 * n**-0.5)),
        rules={rule: {"learning_rate": 0.01, **FEEDBACK[rule](n)}},
        schedule=fa.Schedule(phases=(fa.Phase(steps=100),)),
        record=fa.Record(snapshots=3, quantities=quantities),
        precision="float64",
        seeds=seeds,
    ).with_settings(settings)


@pytest.mark.parametrize(
    ("rule", "variances"),
    # B_2 of 20 and B_3 of 40 rows, or F_1 and F_2, all with entries of variance 1 / 20.
    [("rndf", [1 * 2, 2]), (DFA, [1, 2])],
)
def test_losses_are_those_of_the_array_function(rule, variances):
    wide = asked((20, 40), seeds=2, rule=rule)
    ours = solve(wide, "infinite_width").sel(rule=rule, seed=1)
    start = draw_initial_state(wide, 1)
    limit = theory.deep_infinite_width(
        start.T,
        start.Sigma,
        weight_variances=[0.49, 2 * 0.49],
        feedback_variances=variances,
        times=ours["time"].values,
    )
    np.testing.assert_allclose(ours["loss"], limit.loss(), rtol=1e-9)


@pytest.mark.parametrize(
    ("rule", "shape", "seeds"),
    [
        ("rndf", (1, 3), 12),
        ("rndf", (1, 1, 1), 12),
        # 12 seeds leave the slope of an rms an error of about 0.1, and there are three slopes.
        pytest.param(DFA, (1, 2), 48, marks=pytest.mark.slow),
    ],
)
@pytest.mark.catalogue("deep_reduction.infinite.signals")
def test_networks_approach_losses_and_angles_of_every_layer(rule, shape, seeds, residual):
    """Uneven widths, too: what weights send back is as long as the layer below is wide."""
    widths, gaps, angles = (16, 64, 256), [], []
    for n in widths:
        wide = asked(tuple(n * part for part in shape), seeds, rule=rule)
        one, limit = (solve(wide, method) for method in WAYS)
        gaps.append(float(np.sqrt((np.log(one.loss / limit.loss).isel(step=1) ** 2).mean())))
        hidden = (one.delta_angle - limit.delta_angle).isel(step=1, layer=slice(0, len(shape)))
        angles.append(np.sqrt((hidden**2).mean(("rule", "seed"))).values)
    logs = np.log(widths)
    measured = np.column_stack([gaps, angles])
    residual(np.abs(np.polyfit(logs, np.log(measured), 1)[0] + 0.5).max(), 0.2)
    # Far from 90 degrees, which any angle between wide random vectors would have.
    assert float(np.abs(limit.delta_angle.isel(step=1, layer=0) - 90).min()) > 2


def test_the_equivalent_network_has_the_limits_inner_products():
    a, g = [0.5, 2.0, 0.3], [1.5, 0.4, 3.0]
    weights, feedback = equivalent_network(4, 2, a, [0.7, 1.1, 0.9], g)
    F = direct_from_layered(feedback)
    grams, M = deep_grams(weights, F), np.eye(4)
    np.testing.assert_allclose(grams.N, 0)
    reach = np.cumprod(g[::-1])[::-1]
    for gram, square, feeding in zip(grams.M[1:], a, reach, strict=True):
        M = np.block([
            [square * M, np.zeros((len(M), 2))], [np.zeros((2, len(M))), feeding * np.eye(2)]
        ])  # fmt: skip
        np.testing.assert_allclose(gram, M)
    # Backward, what is not in the span of U is as long as the transposes make it.
    z = np.random.default_rng(0).normal(size=len(weights[2]))
    U = hidden_columns(weights, F)[2]
    below = weights[2].T @ z
    apart = below - U @ np.linalg.lstsq(U, below)[0]
    assert apart @ apart == pytest.approx(1.1 * z @ z)


def test_what_has_no_limit_is_absent_with_the_reason():
    answer = solve(
        asked((8, 8), seeds=1, quantities=("weights", "weight_angle", "delta_angle_flattened")),
        "infinite_width",
    )
    assert set(json.loads(answer.attrs["absent_quantities"])) == {"weights", "weight_angle"}
    assert np.isfinite(answer["delta_angle_flattened"]).all()


def test_what_it_does_not_know_is_refused():
    with pytest.raises(RegimeError, match="fixed feedback"):
        solve(asked((8, 8)).with_settings({"rules": {"backprop": 0.1}}), "infinite_width")
    with pytest.raises(RegimeError, match="size of the feedback of shallow"):
        solve(asked((8, 8)).with_settings({"rules": {"shallow": 0.1}}), "infinite_width")


def test_wide_orthogonal_feedback_projects():
    """Of a wider layer above, the rows of B are orthogonal, and half of a signal is lost."""
    gaps = []
    for n in (16, 256):
        rules = {"orthogonal_feedback": {"learning_rate": 0.01}}
        wide = asked((n, 2 * n)).with_settings({"rules": rules})
        one, limit = (solve(wide, method)["loss"].mean("seed") for method in WAYS)
        gaps.append(float(np.abs(np.log(one / limit)).max()))
    assert gaps[1] < 0.1 < 2 * gaps[0]
