"""Fig. 3d of Lillicrap et al. 2016, frozen layers, deep and wide networks."""

import math
from functools import partial

from fatheory.claims.entry import Entry
from fatheory.claims.measured import Measured, difference, ratio, smallest
from fatheory.claims.results import NotMeasuredError, Results
from fatheory.metrics import t_test

DEEP, FROZEN = "lillicrap2016/fig3d", "lillicrap2016/supp_frozen"
SHAPES = "lillicrap2016/supp_depth_width"
_PLACE = "Results, 'Feedback alignment learns under a variety of conditions', paragraph 2"
_SETTINGS = (
    "assumptions: learning rate 0.0025 for both rules and depths, B ~ U[-1, 1], new in every run, "
    "400,000 steps"
)
_FA = "feedback_alignment"


def depth_p(results: Results, rule: str) -> Measured:
    """Return log10 of P that four layers are no better than three; 0 where they are no better."""
    last = results[DEEP]["last_nse"].sel(rule=rule, drop=True)
    # The paper says no more than "t-test, n = 20"; it is read as the usual one, of independent
    # samples.
    test = t_test(last.sel(depth=4, drop=True), last.sel(depth=3, drop=True), paired=False)
    seeds = last.sizes["seed"]
    gain = float(test["difference"])
    if math.isnan(gain):
        raise NotMeasuredError("a run of three or four layers diverged, so their means are NaN")
    # A two-sided P is small for a loss as well as for a gain, so the sign is asked first.
    if gain >= 0:
        return Measured(0.0, seeds=seeds, note="four layers are no better")
    # A P value below the smallest number is that number.
    return Measured(math.log10(max(float(test["p_value"]), 5e-324)), seeds=seeds)


def rules_difference(results: Results) -> Measured:
    """Return the last error of feedback alignment minus backprop, four layers."""
    last = results[DEEP]["last_nse"].sel(depth=4, drop=True)
    return difference(last.sel(rule=_FA, drop=True), last.sel(rule="backprop", drop=True))


def rules_ratio(results: Results, step: int | None) -> Measured:
    """Return the error of feedback alignment over backprop, four layers; None is the last step."""
    curves = results[DEEP]["nse_of_seeds"].sel(depth=4, drop=True)
    at = int(curves["step"][-1]) if step is None else step
    one = curves.sel(step=at, drop=True)
    return ratio(one.sel(rule=_FA, drop=True), one.sel(rule="backprop", drop=True))


def cost_of_freezing(results: Results, rule: str) -> Measured:
    """Return what freezing layer 1 of four costs: of both learning rates the smaller cost."""
    last = results[FROZEN]["last_nse"].sel(depth=4, rule=rule, drop=True)
    learns = last.sel(layer_1="learns", drop=True)
    costs = [
        difference(last.sel(layer_1=frozen, drop=True), learns)
        for frozen in ("frozen", "frozen, slow")
    ]
    # A single rate could make freezing look costly only because it suits a net without layer 1
    # badly.
    return smallest(costs)


def second_layer(results: Results) -> Measured:
    """Return what learning in hidden layer 2 is worth where layer 1 is frozen."""
    last = results[FROZEN]["last_nse"].sel(depth=4, layer_1="frozen", drop=True)
    return difference(last.sel(rule="shallow", drop=True), last.sel(rule=_FA, drop=True))


def worst_depth(results: Results) -> Measured:
    """Return the error relative to the output layer alone, worst of 2 to 5 hidden layers."""
    data = results[SHAPES]["depth_classification_error"].sel(depth=slice(2, None))
    # Relative to what a network with the same random hidden layers does: alone the error would
    # credit features that nobody learned.
    relative = data.sel(rule=_FA, drop=True) / data.sel(rule="shallow", drop=True)
    return Measured(float(relative.max(skipna=False)), seeds=_seeds(results))


def gain_of_width(results: Results) -> Measured:
    """Return the error of the narrowest minus that of the widest network."""
    error = results[SHAPES]["width_classification_error"].sel(rule=_FA)
    return Measured(float(error.isel(width=0) - error.isel(width=-1)), seeds=_seeds(results))


def _seeds(results: Results) -> int:
    return int(results[SHAPES]["depth_classification_error_interval"].attrs["n_seeds"])


def _deep(name: str, claim: str, measure: partial[Measured]) -> Entry:
    place = f"{_PLACE}; Fig. 3d"
    return Entry(name, place, claim, DEEP, measure, scales=("paper",), note=_SETTINGS)


def _frozen(name: str, claim: str, measure: partial[Measured]) -> Entry:
    place = f"{_PLACE}; Supplementary Fig. 6"
    return Entry(name, place, claim, FROZEN, measure, scales=("paper",), note=_SETTINGS)


ENTRIES = (
    _deep(
        "l16.fig3d.as_good",
        "With four layers feedback alignment performs as well as backprop.",
        partial(rules_difference),
    ),
    _deep(
        "l16.fig3d.ratio_early",
        "The same as a ratio of errors, early in learning.",
        partial(rules_ratio, step=100_000),
    ),
    _deep(
        "l16.fig3d.ratio_late",
        "The same as a ratio of errors, late in learning.",
        partial(rules_ratio, step=None),
    ),
    _deep(
        "l16.fig3d.depth_feedback_alignment",
        "Feedback alignment is better with four layers than with three (t-test, n = 20, "
        "P = 9e-13).",
        partial(depth_p, rule=_FA),
    ),
    _deep(
        "l16.fig3d.depth_backprop",
        "Backprop is better with four layers than with three (P = 3e-12).",
        partial(depth_p, rule="backprop"),
    ),
    _frozen(
        "l16.frozen.feedback_alignment",
        "Freezing W0 confirms that feedback alignment makes effective updates in deeper layers.",
        partial(cost_of_freezing, rule=_FA),
    ),
    _frozen(
        "l16.frozen.backprop",
        "Freezing W0 costs backprop, too.",
        partial(cost_of_freezing, rule="backprop"),
    ),
    _frozen(
        "l16.frozen.second_layer",
        "With W0 frozen, hidden layer 2 alone still learns through B_2.",
        partial(second_layer),
    ),
    Entry(
        "l16.depth.trains",
        "Results, 'Feedback alignment learns under a variety of conditions', end; Supplementary "
        "Notes 2-9",
        "The mechanism also trains deeper networks.",
        SHAPES,
        worst_depth,
        scales=("paper",),
        note="sizes, batches and rates are ours: the notes are not in the text at hand",
    ),
    Entry(
        "l16.depth.wider",
        "Results, 'Feedback alignment learns under a variety of conditions', end; Supplementary "
        "Notes 2-9",
        "The mechanism also trains wider networks.",
        SHAPES,
        gain_of_width,
        scales=("paper",),
        note="sizes, batches and rates are ours: the notes are not in the text at hand",
    ),
)
