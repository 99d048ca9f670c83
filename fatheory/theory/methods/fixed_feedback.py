"""Fixed feedback, layered or direct: what methods ask of it, and where a start holds it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from fatheory.experiment import Experiment
from fatheory.initial import InitialState
from fatheory.rules import FixedFeedback
from fatheory.rules.direct import is_direct_feedback


def fixed_feedback_refusals(
    experiment: Experiment, what: str, *, direct: bool = False
) -> Iterator[str]:
    """Yield rules without fixed feedback, layered or also `direct`, and frozen layers."""
    for label, choice in experiment.rules:
        rule = choice.make()
        if not (isinstance(rule, FixedFeedback) or (direct and is_direct_feedback(rule))):
            yield (
                f"{what} is of rules with fixed feedback (feedback_alignment, rndf, ...); "
                f"{label!r} is {choice.rule}: leave it out, or use method 'flow'"
            )
    if any(phase.frozen for phase in experiment.schedule.phases):
        yield f"{what} has no frozen layers; use method 'flow' for these phases"


def feedback_of(start: InitialState, label: str) -> np.ndarray:
    """Return B, (n_h, n_o), of a rule with fixed feedback, layered or direct."""
    (B,) = drawn_feedback(start, label)
    return B


def drawn_feedback(start: InitialState, label: str) -> list[np.ndarray]:
    """Return B_2 ... B_L of a rule with fixed feedback, or F_1 ... F_{L-1} of a direct one."""
    states = start.states[label]
    # A layered rule has none at the first layer of weights, a direct one none at the last.
    drawn = states[:-1] if has_direct_feedback(start, label) else states[1:]
    assert all(state is not None for state in drawn)  # rules with fixed feedback draw them
    # Starts hold V, of the shape of W; equations are written in B.
    return [state.T for state in drawn if state is not None]


def with_feedback(
    start: InitialState, label: str, weights: Sequence[np.ndarray], feedback: Sequence[np.ndarray]
) -> InitialState:
    """Return the start with other weights, and other matrices in the place of the rule's own."""
    drawn = [B.T for B in feedback]
    states = (*drawn, None) if has_direct_feedback(start, label) else (None, *drawn)
    return replace(start, weights=tuple(weights), states={label: states})


def has_direct_feedback(start: InitialState, label: str) -> bool:
    """Whether the rule of this label sends errors from the output to every hidden layer."""
    return is_direct_feedback(dict(start.experiment.rules)[label].make())
