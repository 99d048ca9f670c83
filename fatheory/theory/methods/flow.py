"""The gradient flow, integrated as it stands: any layered rule, any depth, any phases."""

from collections.abc import Sequence

import numpy as np

from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import InitialState
from fatheory.theory.fields import error_flow, layered_descent
from fatheory.theory.integrate_error import integrate_error_flow
from fatheory.theory.mean_rule import mean_layered_rule
from fatheory.theory.methods.linear import LinearMethod, LinearPath, phases_of, times_of


class FlowMethod(LinearMethod):
    """Integrate the gradient flow adaptively, all seeds of a rule side by side.

    Rules that are random given weights and data (node perturbation, brsf) move by their mean. A
    run that blows up, or changes too fast to be followed, is lost from there on by itself.
    """

    name = "flow"
    summary = "the gradient flow, integrated: any rule, input covariance, start, depth and phases"
    source = "Lillicrap et al. 2016, Supplementary Notes 10-11; Liao, Leibo & Poggio 2016"

    def paths(
        self, experiment: Experiment, starts: Sequence[InitialState], label: str, choice: RuleChoice
    ) -> list[LinearPath]:
        """Integrate the weights and the error map of all seeds."""
        rule = mean_layered_rule(choice.make())
        shapes, layers = experiment.weight_shapes, range(experiment.layers)
        states = [
            _stacked([rule.mean_state(s.states[label][at], tuple(shapes[at])) for s in starts])
            for at in layers
        ]
        runs = integrate_error_flow(
            error_flow(layered_descent(rule.backward_weights, states), second_moments(starts)),
            [np.stack([start.weights[layer] for start in starts]) for layer in layers],
            np.stack([start.T for start in starts]),
            times_of(experiment, choice),
            phases_of(experiment, choice),
        )
        *weights, E = runs.blocks
        return [
            LinearPath.of(start, [W[run] for W in weights], E[run])
            for run, start in enumerate(starts)
        ]


def second_moments(starts: Sequence[InitialState]) -> np.ndarray | None:
    """Stack Sigma over the seeds; None where it is the identity for all of them."""
    stacked = np.stack([start.Sigma for start in starts])
    return None if (stacked == np.eye(stacked.shape[-1])).all() else stacked


def _stacked(states: Sequence[np.ndarray | None]) -> np.ndarray | None:
    return None if states[0] is None else np.stack([np.asarray(state) for state in states])
