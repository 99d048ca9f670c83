"""What methods about two layers under fixed feedback have in common."""

from collections.abc import Iterator

import numpy as np

from fatheory.experiment import Experiment
from fatheory.initial import InitialState
from fatheory.rules import FixedFeedback


def depth_refusals(experiment: Experiment, what: str) -> Iterator[str]:
    """Yield that a network is deeper than two layers."""
    if experiment.layers != 2:
        yield (
            f"{what} is of two-layer networks; this one has {experiment.layers}: give "
            f"network.hidden one number"
        )


def feedback_refusals(experiment: Experiment, what: str) -> Iterator[str]:
    """Yield depth, rules without fixed feedback, and frozen layers."""
    yield from depth_refusals(experiment, what)
    yield from fixed_feedback_refusals(experiment, what)


def fixed_feedback_refusals(experiment: Experiment, what: str) -> Iterator[str]:
    """Yield rules without fixed feedback, and frozen layers."""
    for label, choice in experiment.rules:
        if not isinstance(choice.make(), FixedFeedback):
            yield (
                f"{what} is of rules with fixed feedback (feedback_alignment, rndf, ...); "
                f"{label!r} is {choice.rule}: leave it out, or use method 'flow'"
            )
    if any(phase.frozen for phase in experiment.schedule.phases):
        yield f"{what} has no frozen layers; use method 'flow' for these phases"


def feedback_of(start: InitialState, label: str) -> np.ndarray:
    """Return B, (n_h, n_o), of a rule with fixed feedback."""
    state = start.states[label][1]
    assert state is not None  # rules with fixed feedback draw it
    return state.T
