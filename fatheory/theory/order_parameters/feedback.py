"""What carries the error back to the hidden units, as a function of the state."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import real_array
from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.rules import (
    Backprop,
    DirectFeedbackAlignment,
    FixedFeedback,
    FixedRandomSignFeedback,
    KolenPollack,
    LayeredRule,
    NodePerturbation,
    Pseudobackprop,
    Rule,
    Shallow,
    UniformSignFeedback,
    known_rules,
    make_rule,
)
from fatheory.theory.order_parameters.state import OrderParameters

ADAPTIVE_FEEDBACK = "adaptive_feedback"
"""V = R_F, the overlaps of the students with the last n_o teacher vectors, whose readout is 0."""


@dataclass(frozen=True)
class Feedback:
    """The feedback V (K, n_o) of a rule.

    Attributes
    ----------
    name : str
        The rule's.
    rule : Rule or None
        None for adaptive feedback, which is no rule of layers.
    B : array of shape (K, n_o) or None
        The rule's fixed state, or the start of one that learns, oriented like B.
    perturbation : float or None
        Standard deviation of node perturbation; None for other rules.
    """

    name: str
    rule: Rule | None
    B: Float[np.ndarray, "K n_o"] | None
    perturbation: float | None = None

    @property
    def learns(self) -> bool:
        """Whether B is part of the state."""
        return isinstance(self.rule, KolenPollack)

    def weights(self, state: OrderParameters) -> Float[np.ndarray, "*batch K n_o"]:
        """Return V."""
        if self.rule is None:
            return state.R[..., -state.W.shape[-2] :]
        if self.learns:
            assert state.B is not None
            return state.B
        if isinstance(self.rule, FixedFeedback):
            assert self.B is not None
            return np.broadcast_to(self.B, state.W.mT.shape)
        assert isinstance(self.rule, LayeredRule)
        held = None if self.B is None else self.B.T
        return self.rule.backward_weights(state.W, held).mT


def resolve_feedback(
    rule: str | Rule, B: ArrayLike | None, A: Float[np.ndarray, "n_o M"], K: int
) -> Feedback:
    """Return the feedback of a rule, with the state that it is given or has by itself.

    Parameters
    ----------
    rule : str or Rule
        Name or object.
    B : array of shape (K, n_o) or None
        As of `order_parameters`.
    A : array of shape (n_o, M)
        The teacher's readout.
    K : int
        Students.

    Raises
    ------
    UnknownNameError
        If there is no such rule.
    RegimeError
        If the rule has no order parameters, needs a B or has no use for one.
    ArrayError
        If B has another shape.
    """
    n_o = len(A)
    if rule == ADAPTIVE_FEEDBACK:
        if A.shape[1] < n_o or A[:, -n_o:].any():
            raise RegimeError(
                f"adaptive feedback needs the {n_o} rows of the projection from output to input "
                f"as the last {n_o} teacher vectors, with zero readout in A; A is of shape "
                f"{A.shape} and those columns are {A[:, -n_o:].tolist()!r:.80}"
            )
        _refuse(ADAPTIVE_FEEDBACK, B)
        return Feedback(ADAPTIVE_FEEDBACK, None, None)
    made = _made(rule)
    # With one hidden layer it is feedback alignment.
    if isinstance(made, DirectFeedbackAlignment):
        return Feedback(made.name, FixedFeedback(), _needed(made.name, B, (K, n_o)))
    if isinstance(made, NodePerturbation | Backprop | Pseudobackprop):
        _refuse(made.name, B)
        # Its mean is backprop's signal; perturbations enter second moments alone.
        if isinstance(made, NodePerturbation):
            return Feedback(made.name, Backprop(), None, made.perturbation)
        return Feedback(made.name, made, None)
    if isinstance(made, Shallow | UniformSignFeedback):
        _refuse(made.name, B)
        # These draw constants, so that a caller need not give them.
        size = made.scale if isinstance(made, UniformSignFeedback) else 0.0
        return Feedback(made.name, made, np.full((K, n_o), size))
    # Exactly frsf: brsf is derived from it, and draws its magnitudes at every step.
    if isinstance(made, FixedFeedback | KolenPollack) or type(made) is FixedRandomSignFeedback:
        return Feedback(made.name, made, _needed(made.name, B, (K, n_o)))
    raise RegimeError(
        f"no dynamics of order parameters is known for the rule {made.name!r}; known are backprop, "
        f"pseudobackprop, rules of fixed feedback, shallow, usf, frsf, kolen_pollack, "
        f"node_perturbation and {ADAPTIVE_FEEDBACK}"
    )


def _made(rule: str | Rule) -> Rule:
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, str) or rule not in known_rules():
        raise UnknownNameError("rule", rule, (*known_rules(), ADAPTIVE_FEEDBACK))
    return make_rule(rule)


def _refuse(name: str, B: ArrayLike | None) -> None:
    if B is not None:
        raise RegimeError(
            f"the rule {name!r} takes no feedback B, and one of shape {np.shape(B)} is given: "
            f"leave it out"
        )


def _needed(name: str, B: ArrayLike | None, shape: tuple[int, int]) -> Float[np.ndarray, "K n_o"]:
    if B is None:
        raise RegimeError(f"the rule {name!r} needs its feedback B of shape (K, n_o) = {shape}")
    given = real_array("B", B, 2)
    if given.shape != shape:
        raise ArrayError(f"B must have shape (K, n_o) = {shape}; its shape is {given.shape}")
    return given
