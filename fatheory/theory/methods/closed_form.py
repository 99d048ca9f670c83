"""The closed form: white input, orthogonal feedback, a spectral start."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import InitialState
from fatheory.theory.closed_form import ClosedForm, closed_form_solution
from fatheory.theory.methods.fixed_feedback import feedback_of
from fatheory.theory.methods.linear import LinearMethod, LinearPath, Weights, times_of
from fatheory.theory.methods.two_layers import feedback_refusals


class ClosedFormMethod(LinearMethod):
    """Evaluate the closed form: two layers, white input, orthogonal feedback, spectral start.

    Whether B^T B is a multiple of the identity and the start is spectral is seen when both are
    drawn; the refusal names what is not, and by how much.
    """

    name = "closed_form"
    summary = "the solution mode by mode: white input, orthogonal feedback, spectral start"

    def refusals(self, experiment: Experiment) -> Iterator[str]:
        """Yield what is not two layers under fixed feedback in one phase."""
        yield from feedback_refusals(experiment, "the closed form")

    def paths(
        self, experiment: Experiment, starts: Sequence[InitialState], label: str, choice: RuleChoice
    ) -> list[LinearPath]:
        """Evaluate the weights and the error map."""
        times = times_of(experiment, choice)
        paths = []
        for start in starts:
            W0, W = start.weights
            B = feedback_of(start, label)
            solution = closed_form_solution(W0, W, B, start.T, start.Sigma)
            # Built where they are asked for: losses and angles need none.
            weights = partial(_weights, solution, times)
            paths.append(LinearPath(start, solution.error_map(times), weights))
        return paths


def _weights(solution: ClosedForm, times: np.ndarray, steps: slice) -> Weights:
    return solution.weights(times[steps])
