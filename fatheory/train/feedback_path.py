"""Feedback paths: how layered rules make V."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import NamedTuple

import jax

from fatheory.arrays import Array
from fatheory.experiment import RuleChoice
from fatheory.initial import connected
from fatheory.networks import Parameters
from fatheory.rules import LayeredRule
from fatheory.train.parameters import RuleStates
from fatheory.train.sampler import KeySampler

Weights = tuple[jax.Array, ...]


@dataclass(frozen=True)
class _OfRule:
    """`backward_weights` of a rule that looks at its own parameters there."""

    rule: LayeredRule

    def __call__(self, W: Array, state: Array | None) -> Array:
        return self.rule.backward_weights(W, state)


def _function(rule: LayeredRule) -> Callable[[Array, Array | None], Array]:
    """Return a rule's (W, state) -> V, equal for equal rules."""
    function = rule.backward_weights
    # Methods are equal if they are of one object, and a choice makes its rule anew each time.
    if isinstance(function, MethodType) and function.__self__ is rule:
        return _OfRule(rule)
    return function


class FeedbackPath(NamedTuple):
    """How a layered rule makes V_2 ... V_L. Hashable: rules that differ only in arrays are equal.

    Attributes
    ----------
    functions : tuple of callables
        (W, state) -> V of every layer.
    redrawn : tuple of LayeredRule or None
        The rules that draw their state anew at every update.
    learnt : bool
        Whether V is a parameter that learns.
    """

    functions: tuple[Callable[[Array, Array | None], Array], ...]
    redrawn: tuple[LayeredRule | None, ...]
    learnt: bool

    @classmethod
    def of(cls, choice: RuleChoice, layers: int) -> "FeedbackPath":
        """Return the feedback path of a chosen layered rule in a network of so many layers."""
        rules = [choice.at(layer, layers).make() for layer in range(2, layers + 1)]
        layered = [rule for rule in rules if isinstance(rule, LayeredRule)]
        return cls(
            tuple(_function(rule) for rule in layered),
            tuple(rule if rule.stochastic else None for rule in layered),
            any(rule.adaptive for rule in layered),
        )

    def backward(self, upper: Parameters, states: RuleStates, key: jax.Array) -> Weights:
        """Return V_2 ... V_L."""
        if self.learnt:
            drawn = upper.feedback
        else:
            sampler = KeySampler(key, upper.weights[0].dtype)
            # Only what is redrawn needs its mask; other states were masked when they were drawn.
            drawn = connected(
                [
                    state if rule is None else rule.draw(sampler, W.shape)
                    for W, state, rule in zip(
                        upper.weights, states.drawn[1:], self.redrawn, strict=True
                    )
                ],
                [
                    None if rule is None else mask
                    for mask, rule in zip(states.connections[1:], self.redrawn, strict=True)
                ],
            )
        trio = zip(self.functions, upper.weights, drawn, strict=True)
        return tuple(function(W, state) for function, W, state in trio)
