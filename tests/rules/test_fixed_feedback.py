"""Fixed feedback whose distribution is a parameter."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArrayError
from fatheory.initial import draw_initial_state
from fatheory.rules import make_rule

SHAPE = (5, 300)


def drawn(**parameters):
    rule = make_rule("fixed_feedback", **parameters)
    return rule.draw(np.random.default_rng(3), SHAPE)


def asked(*choices, hidden=(4,), **changes):
    return fa.Experiment(
        task=fa.LinearTask(inputs=3, outputs=2),
        network=fa.DenseNetwork(hidden=hidden, start=fa.Normal(std=0.3)),
        rules={str(i): {"learning_rate": 0.05} | choice for i, choice in enumerate(choices)},
        schedule=fa.Schedule(phases=(fa.Phase(steps=30),)),
        record=fa.Record(quantities=("weights",), snapshots=2),
        precision="float64",
        **changes,
    )


@pytest.mark.parametrize(
    ("distribution", "other"),
    [
        ("uniform", {"rule": "feedback_alignment", "scale": 0.7}),
        ("normal", {"rule": "rndf", "std": 0.7}),
        ("orthogonal", {"rule": "orthogonal_feedback", "scale": 0.7}),
    ],
)
def test_laws_are_those_of_the_rules_that_have_only_one(distribution, other):
    """The same draws, so the same runs bit by bit."""
    experiment = asked(
        {"rule": "fixed_feedback", "distribution": distribution, "scale": 0.7}, other
    )
    start = draw_initial_state(experiment, 0)
    np.testing.assert_array_equal(start.states["0"][1], start.states["1"][1])
    run = fa.simulate(experiment)
    for name in ("weight_1", "weight_2"):
        np.testing.assert_array_equal(run[name].sel(rule="0"), run[name].sel(rule="1"))


def test_sizes_are_what_the_law_says():
    uniform, normal, orthogonal = (
        drawn(distribution=distribution, scale=0.5)
        for distribution in ("uniform", "normal", "orthogonal")
    )
    assert 0.495 < np.abs(uniform).max() <= 0.5
    assert abs(normal.std() - 0.5) < 0.02
    np.testing.assert_allclose(orthogonal @ orthogonal.T, 0.25 * np.eye(5), atol=1e-12)


@pytest.mark.parametrize("distribution", ["uniform", "normal", "orthogonal"])
def test_columns_of_b_shrink_geometrically(distribution):
    ratio = drawn(distribution=distribution, column_spread=10.0) / drawn(distribution=distribution)
    expected = np.broadcast_to(10.0 ** -np.linspace(0, 1, 5)[:, None], SHAPE)
    np.testing.assert_allclose(ratio, expected, rtol=1e-12)


def test_with_spread_columns_the_pseudoinverse_of_b_is_another_direction_than_its_transpose():
    """Tall i.i.d. B: B+ is nearly B^T over a number; with columns of other sizes it is not."""

    def apart(**parameters):
        B = drawn(distribution="normal", **parameters).T
        return float(fa.geometry.angle(np.linalg.pinv(B), B.T, axis=(-2, -1)))

    assert apart() < 10
    assert apart(column_spread=10.0) > 40


def test_an_array_of_ones_own_is_b_at_every_seed():
    B = np.arange(8.0).reshape(4, 2) - 3
    choice = {"rule": "fixed_feedback", "distribution": "array", "array": B, "scale": 0.1}
    experiment = asked(choice, seeds=2)
    for seed in (0, 1):
        np.testing.assert_allclose(draw_initial_state(experiment, seed).states["0"][1], 0.1 * B.T)
    run = fa.simulate(experiment)
    np.testing.assert_allclose(run.feedback_2.sel(rule="0", seed=1), 0.1 * B)
    solved = fa.solve(experiment)
    np.testing.assert_allclose(solved.feedback_2.sel(rule="0", seed=0), 0.1 * B)


def test_an_array_of_another_shape_names_both():
    choice = {"rule": "fixed_feedback", "distribution": "array", "array": np.ones((2, 4))}
    with pytest.raises(ArrayError, match=r"shape \(2, 4\), and B of this layer \(4, 2\)"):
        draw_initial_state(asked(choice), 0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"distribution": "array"}, "an array was not given"),
        ({"array": [[1.0]]}, "the distribution is 'uniform', and an array was given"),
        ({"column_spread": 0.5}, "column_spread of at least 1; got 0.5"),
        ({"scale": 0.0}, "positive, finite scale"),
        (
            {"distribution": "cauchy"},
            "distribution must be one of 'uniform', 'normal', 'orthogonal', 'array'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_rule("fixed_feedback", **parameters)


def test_the_former_name_of_the_distribution_is_read_and_changes_no_hash():
    inner = {"last": {"rule": "fixed_feedback", "distribution": "orthogonal"}}
    choices = {"rule": "fixed_feedback", "distribution": "normal"}, {"rule": "usf", "layers": inner}
    now = asked(*choices)
    # What version 2 of descriptions, which had the former name, called and stored this one.
    assert (now.content_hash, now.former_hashes) == ("7678171bd465123b", ("3c6aa41da8b842dc",))
    stored = (
        now.to_json().replace('"distribution"', '"law"').replace('"version": 4', '"version": 2')
    )
    assert stored.count('"law": "normal"') == 2
    assert fa.Experiment.from_json(stored) == now
    with pytest.warns(DeprecationWarning, match="'law' of fixed_feedback is called 'distribution'"):
        assert asked({"rule": "fixed_feedback", "law": "normal"}, choices[1]) == now
    with pytest.warns(DeprecationWarning, match="is called 'distribution'"):
        changed = now.with_settings({"rules.0.law": "uniform"})
    assert dict(changed.rules)["0"].make().distribution == "uniform"
