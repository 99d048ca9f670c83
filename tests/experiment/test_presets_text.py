"""The presets of Lillicrap et al. 2016 hold what the text says, value by value.

Every row is a statement of the Methods and where an experiment keeps it. What the text leaves open
is an assumption, and the preset's docstring names it as one.
"""

import importlib

import numpy as np
import pytest

import fatheory as fa
from fatheory.initial import draw_initial_state

DIGITS = ("fig3ab", "sparse", "features", "pseudo")
RULED = (*DIGITS, "depth")
"""Where feedback alignment passes units that bend."""
FUNCTIONS = ("fig3d/4-layer", "fig3d/3-layer")


def reach(experiment, key):
    """Follow a dotted key through a description."""
    value = experiment
    for part in key.split("."):
        value = dict(value.rules)[part] if part in dict(experiment.rules) else getattr(value, part)
    return value


def of_rules(experiment, key):
    return {label: getattr(choice, key) for label, choice in experiment.rules}


TEXT = [
    # "a 30-20-10 linear network", T "from the range [-1, 1]", W_0 and W "[-0.01, 0.01]"
    ("fig2", "sizes", (30, 20, 10)),
    ("fig2", "task.target", fa.Uniform(bound=1.0)),
    ("fig2", "network.activation", "linear"),
    ("fig2", "network.start", fa.Uniform(bound=0.01)),
    ("fig2", "network.output", "linear"),
    # "trained with 60,000 images", "tested on a held-aside set of 10,000", one-hot targets
    ("fig3ab", "task.samples", 60_000),
    ("fig3ab", "task.held_out", 10_000),
    ("fig3ab", "sizes", (784, 1000, 10)),
    ("fig3ab", "network.activation", "sigmoid"),
    ("fig3ab", "network.output", "sigmoid"),
    ("fig3ab", "update.weight_decay", 1e-6),
    ("fig3ab", "update.momentum", 0.0),
    ("fig3ab", "schedule.decay", None),  # "we used fixed learning rates"
    # "the n = 20 simulations"
    *((name, "seeds", tuple(range(20))) for name in ("fig2", "fig3ab", "sparse", *FUNCTIONS)),
    # "50% of the weights in W and B were removed", "from the same uniform distributions"
    ("sparse", "network.sparsity.forward", 0.5),
    ("sparse", "network.sparsity.feedback", 0.5),
    ("sparse", "network.sparsity.shared", False),
    # "a 30-20-10 and a 30-20-10-10 network learned ... a 30-20-10-10 target network"
    ("fig3d/4-layer", "sizes", (30, 20, 10, 10)),
    ("fig3d/3-layer", "sizes", (30, 20, 10)),
    *((name, "task.hidden", (20, 10)) for name in FUNCTIONS),
    # "a range (-alpha, alpha) with alpha = 0.5"
    *((name, "task.weights", fa.Uniform(bound=0.5)) for name in FUNCTIONS),
    *((name, "network.activation", "tanh") for name in FUNCTIONS),
    *((name, "network.output", "linear") for name in FUNCTIONS),
    # "x from a uniform distribution over [-2, 2]", Q_k "from the interval [-0.5, 0.5]"
    *((name, "sizes", (20, 1000, 20)) for name in ("fig5a", "fig5c")),
    *((name, "task.input", fa.Uniform(bound=2.0)) for name in ("fig5a", "fig5c")),
    *((name, "task.coefficients", fa.Uniform(bound=0.5)) for name in ("fig5a", "fig5c")),
    *((name, "network.activation", "tanh") for name in ("fig5a", "fig5c")),
    *((name, "network.output", "linear") for name in ("fig5a", "fig5c")),
    # One example at a time: updates are those of e h^T.
    *((name, "schedule.batch_size", 1) for name in ("fig2", *DIGITS, *FUNCTIONS, "fig5a", "fig5c")),
]


@pytest.mark.parametrize(("name", "key", "value"), TEXT)
def test_what_the_text_says(name, key, value):
    assert reach(fa.presets[f"lillicrap2016/{name}"], key) == value


@pytest.mark.parametrize("name", [*RULED, *FUNCTIONS])
def test_feedback_alignment_sends_b_e_and_no_slopes(name):
    """Derivatives "are used only locally", and "delta_FA = B e" (Methods)."""
    rules = dict(fa.presets[f"lillicrap2016/{name}"].rules)
    choice = rules["feedback_alignment"]
    assert (choice.rule, choice.slopes, choice.derivative) == (
        "feedback_alignment",
        "local",
        "exact",
    )
    for label in set(rules) - {"feedback_alignment"}:
        assert rules[label].slopes == "transmitted"


def test_where_outputs_are_linear_and_there_is_one_hidden_layer_slopes_make_no_difference():
    for name in ("fig2", "fig5a", "fig5c"):
        network = fa.presets[f"lillicrap2016/{name}"].network
        assert network.layers == 2
        assert network.output == "linear"


@pytest.mark.parametrize("name", [*RULED, *FUNCTIONS])
def test_both_rules_have_the_same_learning_parameters(name):
    """They "were used with feedback alignment" as well; only beta is its own."""
    asked = fa.presets[f"lillicrap2016/{name}"]
    assert len(set(asked.learning_rates)) == 1


def test_rates_are_the_same_at_both_depths():
    assert len({fa.presets[f"lillicrap2016/{name}"].learning_rates for name in FUNCTIONS}) == 1


@pytest.mark.parametrize("name", [*FUNCTIONS, "fig5a", "fig5c"])
def test_biases_are_drawn_at_random_with_the_weights(name):
    """Methods: "a new set of random forward weights and biases", "initial weights and biases"."""
    asked = fa.presets[f"lillicrap2016/{name}"].replaced(seeds=(0, 1))
    assert asked.network.biases.bound > 0
    first, other = (draw_initial_state(asked, seed).biases for seed in (0, 1))
    for b, c in zip(first, other, strict=True):
        assert (b != c).all()


@pytest.mark.parametrize("name", ["fig2", *FUNCTIONS, "fig5a"])
def test_entries_are_uniform_over_their_ranges(name):
    asked = fa.presets[f"lillicrap2016/{name}"]
    assert asked.network.start.distribution == "uniform"
    scale = dict(asked.rules)["feedback_alignment"].make().scale
    feedback = draw_initial_state(asked, 3).states["feedback_alignment"]
    for B in feedback[1:]:
        assert np.abs(B).max() <= scale
        assert np.abs(B).max() > 0.9 * scale


@pytest.mark.parametrize("name", FUNCTIONS)
def test_feedback_is_new_in_every_run_or_fixed_across_them(name):
    """The text says both of B_1 and B_2; new ones are the preset's, fixed ones a setting."""
    asked = fa.presets[f"lillicrap2016/{name}"]
    fixed = asked.with_settings({"rules.feedback_alignment.feedback_seed": 0})

    def feedback(experiment, seed):
        return draw_initial_state(experiment, seed).states["feedback_alignment"][1:]

    for B, C in zip(feedback(asked, 1), feedback(asked, 2), strict=True):
        assert (B != C).all()
    for B, C, first in zip(feedback(fixed, 1), feedback(fixed, 2), feedback(asked, 0), strict=True):
        np.testing.assert_array_equal(B, C)
        np.testing.assert_array_equal(B, first)
    # Nothing else is shared.
    ours, theirs = draw_initial_state(fixed, 1), draw_initial_state(asked, 1)
    for W, same in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(W, same)


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("fig3ab", "digits.lillicrap2016_fig3ab"),
        ("fig3d/4-layer", "functions.lillicrap2016_fig3d"),
        ("fig5a", "functions.lillicrap2016_fig5a"),
        ("fig2", "linear.lillicrap2016_fig2"),
        ("depth", "digits.lillicrap2016_depth"),
    ],
)
def test_assumptions_are_named(name, maker):
    module, function = maker.split(".")
    made = getattr(importlib.import_module(f"fatheory.experiment.papers.{module}"), function)
    assert made() == fa.presets[f"lillicrap2016/{name}"]
    assert "Assumptions" in made.__doc__
