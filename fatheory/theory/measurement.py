"""What an experiment records, computed from the weights of a linear network."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fatheory import labels
from fatheory.experiment import Record, RuleChoice
from fatheory.geometry import (
    delta_angles,
    flattened_delta_angles,
    linear_signals,
    pseudoinverse_alignments,
    sign_concordances,
    squared_loss,
    unit_angles,
    weight_angles,
    weight_norms,
)
from fatheory.initial import Start
from fatheory.rules import LayeredRule, Pseudobackprop

Weights = Sequence[np.ndarray]
Signals = Sequence[np.ndarray]


def measure(
    weights: Weights, start: Start, label: str, choice: RuleChoice, record: Record
) -> dict[str, np.ndarray]:
    """Compute the recorded quantities along a trajectory, by their names in the archive.

    Parameters
    ----------
    weights : sequence of arrays of shape (step, unit_l, unit_{l-1})
        W_1 ... W_L at the recorded steps.
    start : Start
        Target, probe and feedback of the seed.
    label, choice : str, RuleChoice
        The rule. Where it is random given weights and data, its V and its signals below the
        output are NaN.
    record : Record
        What is asked for.

    Returns
    -------
    dict
        Arrays that lead with the step axis; the loss always.
    """
    reference = linear_signals(weights, weights, start.T, start.probe.inputs)
    loss = {labels.LOSS: squared_loss(reference[-1])}
    wanted = set(record.quantities)
    V = _backward_weights(weights, start.states[label], choice)
    signals = _signals(weights, V, start, reference) if _OF_SIGNALS & wanted else reference
    behind = [None] * len(weights) if V is None else V
    makers: Mapping[str, Callable[[], dict[str, np.ndarray]]] = {
        "weights": lambda: {labels.weight(i): W for i, W in enumerate(weights, start=1)},
        "teaching_signals": lambda: _named_signals(signals, reference),
        "delta_angle": lambda: {labels.DELTA_ANGLE: delta_angles(signals, reference)},
        "delta_angle_flattened": lambda: {
            labels.DELTA_ANGLE_FLATTENED: flattened_delta_angles(signals, reference)
        },
        "pseudobackprop_angles": lambda: _to_pseudobackprop(weights, start, signals, reference),
        "weight_angle": lambda: {labels.WEIGHT_ANGLE: weight_angles(weights, behind)},
        "sign_concordance": lambda: {labels.SIGN_CONCORDANCE: sign_concordances(weights, behind)},
        "pseudoinverse_alignment": lambda: {
            labels.PSEUDOINVERSE_ALIGNMENT: pseudoinverse_alignments(weights, behind)
        },
        "unit_angle": lambda: {labels.UNIT_ANGLE: unit_angles(weights[-1], behind[-1])},
        "weight_norm": lambda: {labels.WEIGHT_NORM: weight_norms(weights)},
        "receptive_fields": lambda: {
            labels.RECEPTIVE_FIELD: weights[0][:, : record.receptive_units]
        },
    }
    return loss | {
        name: values for key in record.quantities for name, values in makers[key]().items()
    }


_OF_SIGNALS = {"teaching_signals", "delta_angle", "delta_angle_flattened", "pseudobackprop_angles"}


def _backward_weights(
    weights: Weights, states: Sequence, choice: RuleChoice
) -> list[np.ndarray | None] | None:
    """Return V_1 = None, V_2 ... V_L; None for a rule without a V of its own at every step."""
    rule = choice.make()
    if not isinstance(rule, LayeredRule) or rule.stochastic:
        return None
    above = zip(weights[1:], states[1:], strict=True)
    return [
        None,
        *(np.broadcast_to(rule.backward_weights(W, state), W.shape) for W, state in above),
    ]


def _signals(
    weights: Weights, V: list[np.ndarray | None] | None, start: Start, reference: Signals
) -> Signals:
    if V is None:
        return [np.full_like(delta, np.nan) for delta in reference[:-1]] + [reference[-1]]
    return linear_signals(weights, V, start.T, start.probe.inputs)


def _named_signals(signals: Signals, reference: Signals) -> dict[str, np.ndarray]:
    named = {labels.teaching_signal(i): delta for i, delta in enumerate(signals, start=1)}
    return named | {labels.backprop_signal(i): d for i, d in enumerate(reference, start=1)}


def _to_pseudobackprop(
    weights: Weights, start: Start, signals: Signals, reference: Signals
) -> dict[str, np.ndarray]:
    V = [None, *(Pseudobackprop.backward_weights(W, None) for W in weights[1:])]
    pseudo = linear_signals(weights, V, start.T, start.probe.inputs)
    return {
        labels.PSEUDOBACKPROP_ANGLE: delta_angles(signals, pseudo),
        labels.BACKPROP_TO_PSEUDOBACKPROP_ANGLE: delta_angles(reference, pseudo),
    }
