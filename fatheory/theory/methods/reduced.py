"""The gradient flow in the reduced state: its size and cost do not depend on hidden width."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import InitialState
from fatheory.quantities import find_quantities
from fatheory.theory.deep_reduction import deep_reduced
from fatheory.theory.gram import HiddenGram, hidden_gram
from fatheory.theory.methods.deep_paths import deep_feedback, deep_memory, deep_path
from fatheory.theory.methods.fixed_feedback import (
    feedback_of,
    fixed_feedback_refusals,
    with_feedback,
)
from fatheory.theory.methods.linear import LinearMethod, LinearPath, Weights, times_of
from fatheory.theory.reduction import follow_grams


class ReducedMethod(LinearMethod):
    """Integrate the gradient flow in the reduced state: any depth, one phase.

    Feedback is fixed, layered or direct.

    No weights are built for losses and angles: those are read off a network of at most
    n_i + 2 n_o hidden units that is the same up to a rotation of the hidden layer, if there is
    one hidden layer; of deeper networks weights are built where signals are recorded.
    """

    name = "reduced"
    direct_feedback = True
    summary = "the flow in variables that no hidden width enters, of any depth: fixed feedback"

    def refusals(self, experiment: Experiment) -> Iterator[str]:
        """Yield what is not fixed feedback in one phase."""
        yield from fixed_feedback_refusals(experiment, "the reduction", direct=self.direct_feedback)

    def paths(
        self, experiment: Experiment, starts: Sequence[InitialState], label: str, choice: RuleChoice
    ) -> list[LinearPath]:
        """Integrate the reduced state and E of all seeds."""
        if experiment.layers != 2:
            return [_deep(experiment, start, label, choice) for start in starts]
        begun = [reduced_start(experiment, start, label) for start in starts]
        grams = [hidden_gram(s.weights[0], s.weights[1], feedback_of(s, label)) for s in begun]
        T, Sigma = (np.stack([getattr(s, name) for s in begun]) for name in ("T", "Sigma"))
        times = times_of(experiment, choice)
        K, E = follow_grams(HiddenGram.stack(grams), T, Sigma, times)
        return [reduced_path(s, label, k, e) for s, k, e in zip(begun, K, E, strict=True)]

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate the reduced states, and weights where they are recorded."""
        return reduced_memory(experiment)


def _deep(
    experiment: Experiment, start: InitialState, label: str, choice: RuleChoice
) -> LinearPath:
    times = times_of(experiment, choice)
    solution = deep_reduced(
        start.weights, T=start.T, Sigma=start.Sigma, times=times, **deep_feedback(start, label)
    )
    return deep_path(start, solution)


def reduced_memory(experiment: Experiment) -> dict[str, int]:
    """Estimate the reduced states of all seeds under one rule."""
    if experiment.layers != 2:
        return deep_memory(experiment)
    n_i, *_, n_o = experiment.sizes
    numbers = len(experiment.snapshot_steps) * n_o * (2 * n_i + n_o)
    return {"reduced states": 8 * len(experiment.seeds) * numbers}


def reduced_start(experiment: Experiment, start: InitialState, label: str) -> InitialState:
    """Return the start in the smallest hidden layer that answers what is recorded.

    The columns of A0, Wi^T and B span all that W0 and W ever reach in the hidden layer. In an
    orthonormal basis of that span the network has at most n_i + 2 n_o hidden units and is else
    the same, so that everything that does not name single hidden units can be read off it.
    """
    n_i, n_h, n_o = experiment.sizes
    recorded = find_quantities(experiment.record.quantities)
    # A layer with no more units than R has rows would not shrink.
    if not all(quantity.same_in_any_basis for quantity in recorded) or n_h <= n_i + 2 * n_o:
        return start
    W0, W = start.weights
    # R alone: it has the inner products, and Q would be as wide as the hidden layer.
    R = np.linalg.qr(np.hstack([W0, W.T, feedback_of(start, label)])).R
    small = (R[:, :n_i], R[:, n_i : n_i + n_o].T)
    return with_feedback(start, label, small, [R[:, n_i + n_o :]])


def reduced_path(start: InitialState, label: str, K: np.ndarray, E: np.ndarray) -> LinearPath:
    """Return the path of W0 = A0 + B X and W = Wi + X A0^T + Y B^T, built where it is asked for."""
    A0, Wi = start.weights
    B, n_i = feedback_of(start, label), start.weights[0].shape[1]

    def weights(steps: slice) -> Weights:
        X, Y = K[steps, :, :n_i], K[steps, :, n_i:]
        return A0 + B @ X, Wi + X @ A0.T + Y @ B.T

    return LinearPath(start, E, weights)
