"""What networks start from where it is given, and not drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fatheory import labels
from fatheory.errors import ArrayError
from fatheory.experiment import Experiment
from fatheory.rules import DirectRule


def given_weights(
    experiment: Experiment, label: str, seed: int, drawn: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return start weights: given ones, and drawn ones where none are given."""
    return [
        _given(experiment, label, seed, labels.weight if W.ndim == 2 else labels.kernel, layer, W)
        for layer, W in enumerate(drawn, start=1)
    ]


def given_biases(
    experiment: Experiment, label: str, seed: int, drawn: Sequence[Any]
) -> tuple[Any, ...]:
    """Return start biases, alike."""
    shapes = experiment.weight_shapes
    names = [labels.bias if len(shape) == 2 else labels.channel_bias for shape in shapes]
    return tuple(
        None if b is None else _given(experiment, label, seed, names[layer - 1], layer, b)
        for layer, b in enumerate(drawn, start=1)
    )


def given_states(experiment: Experiment, label: str, seed: int, drawn: Sequence[Any]) -> list[Any]:
    """Return feedback of a rule, alike; rules that draw none use none.

    Raises
    ------
    ArrayError
        If what is given for a rule that needs it is not a number.
    """
    direct = isinstance(dict(experiment.rules)[label].make(), DirectRule)
    found = []
    for layer, state in enumerate(drawn, start=1):
        if state is None or experiment.initial is None:
            found.append(state)
            continue
        matrix = state.ndim == 2
        name = (
            labels.direct_feedback(layer)
            if direct
            else labels.feedback(layer)
            if matrix
            else labels.feedback_kernel(layer)
        )
        own = experiment.initial.find(name, label, seed)
        if own is None:
            found.append(state)
            continue
        # Archives hold NaN for rules that draw nothing; given to one that needs feedback it would
        # spread.
        if not np.isfinite(own).all():
            raise ArrayError(f"the rule {label!r} needs {name}, which is NaN where it is given")
        # Archives orient feedback like B, and rules like W.
        found.append(own.T if matrix else own)
    return found


def _given(
    experiment: Experiment, label: str, seed: int, named: Any, layer: int, drawn: np.ndarray
) -> np.ndarray:
    start = experiment.initial
    own = None if start is None else start.find(named(layer), label, seed)
    # Drawn even where it is given: streams are keyed, and what is given may be of some layers only.
    return drawn if own is None else own
