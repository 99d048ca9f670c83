"""What an experiment records, computed from the weights of a linear network."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from fatheory import labels
from fatheory.experiment import Record, RuleChoice
from fatheory.geometry import (
    delta_angles,
    flattened_delta_angles,
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


@runtime_checkable
class Path(Protocol):
    """A linear network at recorded steps; `fatheory.theory.methods.LinearPath` is one."""

    @property
    def start(self) -> Start:
        """Its target, probe and feedback."""

    @property
    def error_map(self) -> np.ndarray:
        """E = T - W_L ... W_1, of shape (step, n_o, n_i)."""

    @property
    def weights(self) -> Callable[[slice], tuple[np.ndarray, ...]]:
        """From some of the steps to W_1 ... W_L there."""


def measure(
    path: Path,
    steps: slice,
    label: str,
    choice: RuleChoice,
    record: Record,
    names: Collection[str],
) -> dict[str, np.ndarray]:
    """Compute recorded quantities along a trajectory, by their names in the archive.

    Errors of the outputs are E x, so that signals and angles keep their accuracy where the
    weights no longer tell E from rounding.

    Parameters
    ----------
    path : Path
        The network. Its weights are asked for only if a quantity needs them.
    steps : slice
        Which of its steps.
    label, choice : str, RuleChoice
        The rule. Where it is random given weights and data, its V and its signals below the
        output are NaN.
    record : Record
        What is asked for.
    names : collection of str
        The quantities to compute, all but the loss, which always is.

    Returns
    -------
    dict
        Arrays that lead with the step axis.
    """
    start = path.start
    error = start.probe.inputs @ path.error_map[steps].mT
    with np.errstate(over="ignore"):  # an error that is too large to be squared has diverged
        loss = {labels.LOSS: squared_loss(error)}
    wanted = set(names) - set(unknown_quantities(record))
    if not wanted:
        return loss
    weights = path.weights(steps)
    # What becomes of a run that has diverged is blanked by the caller.
    with np.errstate(over="ignore", invalid="ignore"):
        return loss | _measured(weights, error, start, label, choice, record, wanted)


def _measured(
    weights: Weights,
    error: np.ndarray,
    start: Start,
    label: str,
    choice: RuleChoice,
    record: Record,
    wanted: Collection[str],
) -> dict[str, np.ndarray]:
    reference = _carried(error, weights)
    V = _backward_weights(weights, start.states[label], choice)
    signals = _signals(error, V, reference) if _OF_SIGNALS & set(wanted) else reference
    behind = [None] * len(weights) if V is None else V
    makers: Mapping[str, Callable[[], dict[str, np.ndarray]]] = {
        "weights": lambda: {labels.weight(i): W for i, W in enumerate(weights, start=1)},
        "teaching_signals": lambda: _named_signals(signals, reference),
        "delta_angle": lambda: {labels.DELTA_ANGLE: delta_angles(signals, reference)},
        "delta_angle_flattened": lambda: {
            labels.DELTA_ANGLE_FLATTENED: flattened_delta_angles(signals, reference)
        },
        "pseudobackprop_angles": lambda: _to_pseudobackprop(weights, error, signals, reference),
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
    assert set(makers) == _MEASURED
    return {
        name: values
        for key in record.quantities
        if key in wanted
        for name, values in makers[key]().items()
    }


_MEASURED = {
    "weights",
    "teaching_signals",
    "delta_angle",
    "delta_angle_flattened",
    "pseudobackprop_angles",
    "weight_angle",
    "sign_concordance",
    "pseudoinverse_alignment",
    "unit_angle",
    "weight_norm",
    "receptive_fields",
}


def unknown_quantities(record: Record) -> list[str]:
    """Return the recorded quantities that are not computed from linear networks."""
    return [name for name in record.quantities if name not in _MEASURED]


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


def _signals(error: np.ndarray, V: list[np.ndarray | None] | None, reference: Signals) -> Signals:
    if V is None:
        return [np.full_like(delta, np.nan) for delta in reference[:-1]] + [reference[-1]]
    return _carried(error, V)


def _carried(error: np.ndarray, V: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    """Carry the errors of the outputs back: delta_{l-1} = V_l^T delta_l."""
    signals = [error]
    for back in reversed(V[1:]):
        signals.append(signals[-1] @ back)
    return signals[::-1]


def _named_signals(signals: Signals, reference: Signals) -> dict[str, np.ndarray]:
    named = {labels.teaching_signal(i): delta for i, delta in enumerate(signals, start=1)}
    return named | {labels.backprop_signal(i): d for i, d in enumerate(reference, start=1)}


def _to_pseudobackprop(
    weights: Weights, error: np.ndarray, signals: Signals, reference: Signals
) -> dict[str, np.ndarray]:
    V = [None, *(Pseudobackprop.backward_weights(W, None) for W in weights[1:])]
    pseudo = _carried(error, V)
    return {
        labels.PSEUDOBACKPROP_ANGLE: delta_angles(signals, pseudo),
        labels.BACKPROP_TO_PSEUDOBACKPROP_ANGLE: delta_angles(reference, pseudo),
    }
