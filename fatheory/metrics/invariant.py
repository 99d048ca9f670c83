"""Drift of the conserved quantity along a run."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment
from fatheory.geometry import balance, feedback_invariant
from fatheory.metrics.archive_view import ArchiveView
from fatheory.metrics.conserving import breaking_network, breaking_updates
from fatheory.metrics.direct_law import layered_equivalent
from fatheory.metrics.labelled_archive import RUN
from fatheory.metrics.metric import metric
from fatheory.rules import Backprop, FixedFeedback, Rule
from fatheory.rules.direct import is_direct_feedback

_ALLOWED = frozenset({"sparsity.feedback"})
"""Departures from a linear network under which the law holds: B with zeros is a B."""


@metric
def invariant_drift(view: ArchiveView) -> xr.DataArray:
    """Measure how far the conserved quantity of each pair of layers has moved since the start.

    The quantity is C = B W + (B W)^T - W0 W0^T for rules with fixed feedback and
    W^T W - W0 W0^T for backprop, with W0 and W the weights into and out of hidden layer l. Under
    direct feedback alignment B is F_l F_{l+1}^+, and F_l itself at the last hidden layer. The flow
    conserves it; discrete updates, with momentum or without, make it drift by O(learning rate).

    Parameters
    ----------
    archive : Dataset
        A run archive of a linear network without biases, fully connected, with recorded weights,
        or a selection that holds step 0. Any task: the law holds whatever the targets are.

    Returns
    -------
    DataArray
        ``(rule, seed, step, layer)``: Frobenius norm of the change of the quantity divided by the
        norm of W0 W0^T at that step. NaN at the output layer and for rules without such a law; of
        those the attribute ``comment`` says why. Under direct feedback alignment a layer below
        one of fewer units than outputs has none.

    Raises
    ------
    ArchiveError
        If the weights were not recorded, the start is not among the steps, or nothing is
        conserved: where units are not linear, have biases, are dropped, or lack connections,
        where weights decay, under Batch Manhattan, and where a phase freezes some layers only.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Note 11; Saxe, McClelland & Ganguli 2013.
    """
    experiment = view.experiment
    _require_law(experiment)
    weights, start = view.weights, _start_of(view)
    # NaN where no law holds: a drift of zero would claim that one does.
    drift, gaps = np.full((*weights[0].shape[:3], len(weights)), np.nan), []
    for place, label in enumerate(view.rules):
        for hidden in range(1, len(weights)):
            # The law of two layers is that of the rule by which the upper one sends errors back.
            rule = view.choice(label).at(hidden + 1, len(weights)).make()
            C = _conserved(view, rule, hidden, place)
            if C is None:
                gaps.append(f"NaN for {label} at layer {hidden}, whose feedback is not fixed")
                continue
            if is_direct_feedback(rule) and np.isnan(C[:, start]).any():
                gaps.append(
                    f"NaN for {label} at layer {hidden}, where the direct feedback F_{hidden} is "
                    f"no B F_{hidden + 1}: F_{hidden + 1} lacks full column rank"
                )
            W0 = weights[hidden - 1][place]
            # As a slice, so that the axis of steps stays for the subtraction.
            moved = np.linalg.norm(C - C[:, start : start + 1], axis=(-2, -1))
            scale = np.linalg.norm(W0 @ np.swapaxes(W0, -1, -2), axis=(-2, -1))
            # A start at zero has not moved yet, whatever the scale.
            drift[place, ..., hidden - 1] = np.divide(
                moved, scale, out=np.zeros_like(moved), where=(scale > 0) | np.isnan(scale)
            )
    return view.labelled(
        "invariant_drift",
        drift,
        (*RUN, labels.LAYER),
        units=labels.DIMENSIONLESS,
        long_name="relative drift of the conserved quantity",
        equation="|C - C(0)| / |W0 W0^T|",
        **({"comment": "; ".join(gaps)} if gaps else {}),
    )


def _start_of(view: ArchiveView) -> int:
    """Return where step 0 stands."""
    found = np.flatnonzero(view.steps == 0)
    if not found.size:
        raise ArchiveError(
            f"drift is measured from the start, and step 0 is not among the archive's steps "
            f"({view.steps.min()} to {view.steps.max()}); compute it first and select then"
        )
    return int(found[0])


def _conserved(view: ArchiveView, rule: Rule, hidden: int, place: int) -> np.ndarray | None:
    """Return what a rule conserves, (seed, step, unit_l, unit_l); None if it has no law."""
    W0, W = view.weights[hidden - 1][place], view.weights[hidden][place]
    if isinstance(rule, FixedFeedback):
        state = view.drawn(rule, hidden + 1, place)
        assert state is not None  # fixed feedback is what the rule has drawn
        return feedback_invariant(W0, W, np.swapaxes(state, -1, -2))
    if is_direct_feedback(rule):
        return feedback_invariant(W0, W, layered_equivalent(view, hidden, place))
    return balance(W0, W) if isinstance(rule, Backprop) else None


def _require_law(experiment: Experiment) -> None:
    """Refuse an experiment whose updates conserve nothing."""
    differences = [*breaking_network(experiment, _ALLOWED), *breaking_updates(experiment)]
    if differences:
        raise ArchiveError(
            f"what is conserved is conserved in linear networks without biases, fully connected, "
            f"whose updates follow gradients alone; in this one, {', '.join(differences)}"
        )
