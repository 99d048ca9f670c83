"""The gradient flow, integrated as it stands: layered rules and direct feedback, any depth."""

from collections.abc import Sequence

import numpy as np

from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import InitialState
from fatheory.rules.direct import is_direct_feedback
from fatheory.theory.fields import Descent, direct_descent, error_flow, layered_descent
from fatheory.theory.integrate_error import integrate_error_flow
from fatheory.theory.mean_rule import mean_layered_rule
from fatheory.theory.methods.fixed_feedback import drawn_feedback
from fatheory.theory.methods.linear import LinearMethod, LinearPath, phases_of, times_of


class FlowMethod(LinearMethod):
    """Integrate the gradient flow adaptively, all seeds of a rule side by side.

    Rules that are random given weights and data (node perturbation, brsf) move by their mean. A
    run that blows up, or changes too fast to be followed, is lost from there on by itself.
    """

    name = "flow"
    direct_feedback = True
    summary = "the gradient flow, integrated: any rule, input covariance, start, depth and phases"
    source = "Lillicrap et al. 2016, Supplementary Notes 10-11; Liao, Leibo & Poggio 2016"

    def paths(
        self, experiment: Experiment, starts: Sequence[InitialState], label: str, choice: RuleChoice
    ) -> list[LinearPath]:
        """Integrate the weights and the error map of all seeds."""
        # All seeds at once: for small networks calling NumPy costs more than its products.
        runs = integrate_error_flow(
            error_flow(_descent(experiment, starts, label, choice), second_moments(starts)),
            [np.stack(layer) for layer in zip(*(start.weights for start in starts), strict=True)],
            np.stack([start.T for start in starts]),
            times_of(experiment, choice),
            phases_of(experiment, choice),
        )
        *weights, E = runs.blocks
        return [
            LinearPath.of(start, [W[run] for W in weights], E[run])
            for run, start in enumerate(starts)
        ]


def _descent(
    experiment: Experiment, starts: Sequence[InitialState], label: str, choice: RuleChoice
) -> Descent:
    """Return how the rule carries the error down, with the states of all seeds."""
    drawn = choice.make()
    if is_direct_feedback(drawn):
        of_seeds = zip(*(drawn_feedback(start, label) for start in starts), strict=True)
        return direct_descent([np.stack(layer) for layer in of_seeds])
    rule = mean_layered_rule(drawn)
    states = [
        _stacked([rule.mean_state(start.states[label][at], tuple(shape)) for start in starts])
        for at, shape in enumerate(experiment.weight_shapes)
    ]
    return layered_descent(rule.backward_weights, states)


def second_moments(starts: Sequence[InitialState]) -> np.ndarray | None:
    """Stack Sigma over the seeds; None where it is the identity for all of them."""
    stacked = np.stack([start.Sigma for start in starts])
    # Exactly: what is the identity but for rounding is multiplied with.
    return None if (stacked == np.eye(stacked.shape[-1])).all() else stacked


def _stacked(states: Sequence[np.ndarray | None]) -> np.ndarray | None:
    return None if states[0] is None else np.stack([np.asarray(state) for state in states])
