"""What the gradient flow sees of a learning rule: its mean motion and its fixed state."""

import numpy as np

from fatheory.errors import RegimeError
from fatheory.rules import (
    Backprop,
    LayeredRule,
    NodePerturbation,
    Rule,
)
from fatheory.rules.direct import is_direct_feedback
from fatheory.rules.drawing import DrawnError, NoRandomness


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
        "with two layers it is 'feedback_alignment', of the same draws: ask for that; 'flow' and "
        "the reductions of `fatheory.solve` and `deep_reduced` know it at any depth"
        if is_direct_feedback(rule)
        else "leave the rule out"
    )
    raise RegimeError(f"no mean flow is known for the direct rule {rule.name!r}: {advice}")


def mean_state(
    rule: LayeredRule, B: np.ndarray | None, shape: tuple[int, ...]
) -> np.ndarray | None:
    """Return the rule's state at a layer with weights of this shape, given B oriented (in, out).

    B is the state of rules that draw theirs. The others have one by themselves, or none: the mean
    over draws (brsf), a constant (usf, shallow), nothing (backprop). B is not used for those.

    Raises
    ------
    RegimeError
        If the rule's state is random and fixed, and B is None.
    """
    own = rule.mean_state(None, shape)
    if own is not None:
        return own
    try:
        # Tried and not asked by kind: rules that draw nothing at random have their state, the
        # others say so.
        return rule.draw(NoRandomness(), shape)
    except DrawnError:
        if B is None:
            raise RegimeError(
                f"the rule {rule.name!r} needs its fixed feedback B of shape (n_h, n_o); got None"
            ) from None
        return B.T
