"""Drift of the law that every hidden unit obeys under a rule whose feedback is a gradient."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment
from fatheory.metrics.archive_view import ArchiveView
from fatheory.metrics.conserving import breaking_network, breaking_updates
from fatheory.metrics.direct_law import layered_equivalent
from fatheory.metrics.labelled_archive import RUN
from fatheory.metrics.metric import metric
from fatheory.metrics.quantity import read_or_computed
from fatheory.rules import (
    Backprop,
    FixedFeedback,
    KolenPollack,
    Rule,
    SignConcordant,
)
from fatheory.rules.direct import is_direct_feedback

_ALLOWED = frozenset({"output", "biases", "dropout", "sparsity.feedback"})
"""Departures from a linear network under which the law holds: a bias is a weight from a constant
input, a dropped unit neither learns nor teaches at that step, and V with zeros is a V."""
_HOMOGENEOUS = frozenset({"linear", "relu"})


@metric
def unit_law_drift(view: ArchiveView) -> xr.DataArray:
    r"""Measure how far the law of every rule's hidden units has moved since the start.

    .. math:: c_i = \|w^{in}_i\|^2 + b_i^2 - 2 \psi_i(w^{out}_i)

    is conserved by the flow where feedback is the gradient of psi: 2 psi_i is the squared length of
    the outgoing weights under backprop, and 2 <v_i, w_i> with the feedback v_i under fixed feedback
    and usf and frsf at any concordance; under Kolen-Pollack feedback, the squared length of v_i
    stands there. Under direct feedback alignment the last hidden layer obeys that of fixed
    feedback; below it slopes of the layers between stand in the way. Discrete updates, with
    momentum or without, make it drift by O(learning rate).
    Unlike `fatheory.metrics.invariant_drift` it holds of ReLU units, with biases, and of
    sign-concordant rules.

    Parameters
    ----------
    archive : Dataset
        A run archive of linear or ReLU hidden units that recorded ``unit_balance``, or weights, or
        a selection that holds step 0. Any task and loss.

    Returns
    -------
    DataArray
        ``(rule, seed, step, layer)``: the norm of c - c(0) over the units of a layer, divided by
        that of what enters c at that step, sqrt(sum_i (|w_in|^2 + b^2)^2). NaN at the output layer
        and for rules without such a law; of those the attribute ``comment`` says why. Direct
        feedback alignment needs recorded weights.

    Raises
    ------
    ArchiveError
        If neither was recorded, the start is not among the steps, or nothing is conserved: where
        hidden units are not positively homogeneous, are normalised, or lack connections, where
        weights decay, under Batch Manhattan, where a phase freezes some layers only, and where
        slopes are local and units on the way have some.

    References
    ----------
    Derived for this project; `fatheory.theory.laws`.
    """
    experiment = view.experiment
    _require_law(experiment)
    start = np.flatnonzero(view.steps == 0)
    if not start.size:
        raise ArchiveError(
            f"drift is measured from the start, and step 0 is not among the archive's steps "
            f"({view.steps.min()} to {view.steps.max()}); compute it first and select then"
        )
    recorded = read_or_computed(view, "unit_balance")
    drift, gaps = None, []
    for hidden in range(1, experiment.layers):
        parts = {
            part: _full(recorded[f"unit_balance_{part}_{hidden}"])
            for part in ("incoming", "outgoing", "overlap", "feedback")
        }
        if drift is None:
            drift = np.full((*parts["incoming"].shape[:3], experiment.layers), np.nan)
        for place, label in enumerate(view.rules):
            # The law of two layers is that of the rule by which the upper one sends errors back.
            rule = view.choice(label).at(hidden + 1, experiment.layers).make()
            own = {part: values[place] for part, values in parts.items()}
            if why := _lacking(view, rule, hidden):
                gaps.append(f"NaN for {label} at layer {hidden}, {why}")
                continue
            if is_direct_feedback(rule):
                V = np.swapaxes(layered_equivalent(view, hidden, place), -1, -2)
                own["overlap"] = np.sum(V * view.weights[hidden][place], axis=-2)
            law = _law(rule, own)
            moved = np.linalg.norm(law - law[:, start[:1]], axis=-1)
            # Relative to the incoming part alone, which no sign can cancel.
            size = np.linalg.norm(parts["incoming"][place], axis=-1)
            # A start at zero has not moved yet, whatever the scale.
            drift[place, ..., hidden - 1] = np.divide(
                moved, size, out=np.zeros_like(moved), where=(size > 0) | np.isnan(size)
            )
    assert drift is not None  # every network here has a hidden layer
    return view.labelled(
        "unit_law_drift",
        drift,
        (*RUN, labels.LAYER),
        units=labels.DIMENSIONLESS,
        long_name="relative drift of the law of hidden units",
        equation="|c - c(0)| / ||w_in|^2 + b^2|",
        **({"comment": "; ".join(gaps)} if gaps else {}),
    )


def _full(values: xr.DataArray) -> np.ndarray:
    """Return values with the axes (rule, seed, step) in front, of length 1 where they are not."""
    missing = [axis for axis, dim in enumerate(RUN) if dim not in values.dims]
    return np.expand_dims(values.values, missing)


def _lacking(view: ArchiveView, rule: Rule, hidden: int) -> str:
    """Say why a rule has no law at a hidden layer, or the archive not what it needs."""
    # Before the kinds, as brsf is a rule of signs, too.
    if rule.stochastic:
        return "whose signals are random"
    if is_direct_feedback(rule):
        if hidden < view.experiment.layers - 1:
            return "whose law holds in the last hidden layer only"
        lacking = labels.weight(hidden + 1) not in view
        return "whose law needs weights: add 'weights' to record.quantities" if lacking else ""
    # An allow-list: a rule that is added later claims no law until somebody proves one.
    lawful = isinstance(rule, Backprop | FixedFeedback | SignConcordant | KolenPollack)
    return "" if lawful else "whose feedback is the gradient of nothing"


def _law(rule: Rule, parts: dict[str, np.ndarray]) -> np.ndarray:
    """Return c of all units, (seed, step, unit), under a rule that has a law."""
    if isinstance(rule, Backprop):
        return parts["incoming"] - parts["outgoing"]
    if isinstance(rule, KolenPollack):
        return parts["incoming"] - parts["feedback"]
    return parts["incoming"] - 2 * parts["overlap"]


def _require_law(experiment: Experiment) -> None:
    """Refuse an experiment whose updates conserve nothing."""
    differences = [
        *breaking_network(experiment, _ALLOWED, _HOMOGENEOUS),
        *breaking_updates(experiment),
        *_of_slopes(experiment),
    ]
    if differences:
        raise ArchiveError(
            f"what is conserved is conserved at linear and ReLU units whose updates follow "
            f"gradients alone; in this experiment, {', '.join(differences)}"
        )


def _of_slopes(experiment: Experiment) -> Iterator[str]:
    deep = experiment.layers > 2 and experiment.network.activation != "linear"
    # With softmax and cross-entropy the error is sent as it is, either way.
    shaped = experiment.network.output not in ("linear", "softmax")
    for label, choice in experiment.rules:
        if choice.slopes == "local" and (deep or shaped):
            yield f"rules.{label} sends errors without the slopes by which layers above learn"
