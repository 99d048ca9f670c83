"""Rules without random numbers: which draw a state, and direct ones that draw nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from fatheory.arrays import Array
from fatheory.errors import FatheoryError, PluginError
from fatheory.rules.guard import DrawnError as DrawnError
from fatheory.rules.guard import whose
from fatheory.rules.rule import DirectRule, LayeredRule


class NoRandomness:
    """Stands in for a generator, to find out whether a rule draws."""

    def uniform(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise `DrawnError`, however it is asked."""
        del args, kwargs
        raise DrawnError("asks for random numbers")

    normal = uniform

    def __getattr__(self, name: str) -> object:
        # Rules of one's own may draw by whatever else NumPy's generators have.
        raise DrawnError(f"asks for random numbers (sampler.{name})")


@dataclass(frozen=True)
class PassedTrial:
    """A forward pass that is over, as a `Trial` for direct rules that perturb nothing.

    Attributes
    ----------
    hidden_shapes, output_error, target
        As of `fatheory.rules.Trial`, over any leading axes.
    """

    hidden_shapes: tuple[tuple[int, ...], ...]
    output_error: Array
    target: Array

    def loss(self, perturbations: tuple[Array, ...]) -> NoReturn:
        """Raise `DrawnError`: perturbations are drawn."""
        del perturbations
        raise DrawnError("asks for the loss of perturbed activities (trial.loss)")


def passed_signals(
    rule: DirectRule, trial: PassedTrial, states: Sequence[Array | None]
) -> tuple[Array, ...]:
    """Return the teaching signals that follow from a forward pass that is over.

    Parameters
    ----------
    rule : DirectRule
        One that is not marked ``stochastic``.
    trial : PassedTrial
        The forward pass, over any leading axes.
    states : sequence of arrays or None
        What the rule drew for each hidden layer.

    Raises
    ------
    PluginError
        If it needs more than that: random numbers, or losses of perturbed activities.
    """
    try:
        return rule.teaching_signals(trial, tuple(states), NoRandomness())
    except DrawnError as error:
        raise PluginError(
            f"{whose(type(rule))} {error} in teaching_signals and is not marked as stochastic, so "
            f"its signals would be taken to follow from weights and data: set stochastic = True "
            f"in the class"
        ) from error


def has_state(rule: LayeredRule | DirectRule, shape: tuple[int, ...]) -> bool:
    """Whether the rule has a state, drawn or constant, at a layer of weights of this shape."""
    # At the layer's own shape: a state of one's own numbers has no other. It costs no draw,
    # since the first random number that is asked for is answer enough.
    try:
        return rule.draw(NoRandomness(), shape) is not None
    except DrawnError:
        return True
    except FatheoryError:
        # It cannot be drawn, which whoever draws it says; nothing else is stopped by it.
        return True
