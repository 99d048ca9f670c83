"""What the gradient flow sees of a learning rule: its mean motion and its fixed state."""

import numpy as np

from fatheory.errors import RegimeError
from fatheory.rules import (
    Backprop,
    DirectFeedbackAlignment,
    LayeredRule,
    NodePerturbation,
    Rule,
)


def mean_layered_rule(rule: Rule) -> LayeredRule:
    """Return the layered rule whose flow is the mean motion under `rule`.

    A layered rule is its own. Node perturbation of a quadratic loss has backprop's teaching
    signal as its mean, so backprop's flow is its limit at small learning rates (Werfel, Xie &
    Seung 2005).

    Raises
    ------
    RegimeError
        For another direct rule: its mean is not known. For a rule whose feedback learns.
    """
    if rule.adaptive:
        raise RegimeError(
            f"the feedback of the rule {rule.name!r} learns, and no equation here has it as an "
            f"unknown: leave the rule out"
        )
    if isinstance(rule, LayeredRule):
        return rule
    if isinstance(rule, NodePerturbation):
        return Backprop()
    advice = (
        "with two layers it is 'feedback_alignment', of the same draws: ask for that"
        if isinstance(rule, DirectFeedbackAlignment)
        else "leave the rule out"
    )
    raise RegimeError(f"no mean flow is known for the direct rule {rule.name!r}: {advice}")


def mean_state(
    rule: LayeredRule, B: np.ndarray | None, shape: tuple[int, ...]
) -> np.ndarray | None:
    """Return the rule's state at a layer with weights of this shape, given B oriented (in, out).

    Without B, the state that the rule has by itself: the mean over its draws, a constant, or none.

    Raises
    ------
    RegimeError
        If the rule's state is random and fixed, so that B must be given.
    """
    if B is not None:
        return B.T
    constant = rule.mean_state(None, shape)
    if constant is None:
        constant = rule.draw(_NoRandomness(rule.name), shape)
    return constant


class _NoRandomness:
    """Stands in for a generator: a rule that draws from it needed B."""

    def __init__(self, rule: str) -> None:
        self.message = f"the rule {rule!r} needs its fixed feedback B of shape (n_h, n_o); got None"

    def uniform(self, low: float, high: float, size: tuple[int, ...]) -> np.ndarray:
        del low, high, size
        raise RegimeError(self.message)

    def normal(self, loc: float, scale: float, size: tuple[int, ...]) -> np.ndarray:
        del loc, scale, size
        raise RegimeError(self.message)
