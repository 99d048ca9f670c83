"""What methods about two layers under fixed feedback have in common."""

from collections.abc import Iterator

from fatheory.experiment import Experiment
from fatheory.theory.methods.fixed_feedback import fixed_feedback_refusals


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
