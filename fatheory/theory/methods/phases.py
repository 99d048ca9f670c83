"""Phases that freeze one of two layers, and shallow learning, by matrix exponentials."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import InitialState
from fatheory.rules import LayeredRule, Shallow
from fatheory.theory.linear_phases import frozen_path
from fatheory.theory.mean_rule import mean_layered_rule
from fatheory.theory.methods.linear import LinearMethod, LinearPath, phases_of, times_of
from fatheory.theory.methods.two_layers import depth_refusals
from fatheory.theory.phase import FlowPhase


class PhasesMethod(LinearMethod):
    """Evaluate the closed form of phases that freeze one of two layers, and of shallow learning."""

    name = "phases"
    summary = "two layers, one of them frozen in every phase, and shallow learning, in closed form"

    def refusals(self, experiment: Experiment) -> Iterator[str]:
        """Yield deeper networks, and phases that leave both layers free."""
        yield from depth_refusals(experiment, "the closed form of phases")
        if experiment.layers == 2:
            for label, choice in experiment.rules:
                for number, phase in enumerate(_phases(experiment, choice), start=1):
                    if not phase.frozen:
                        yield (
                            f"rules.{label}: phase {number} freezes no layer; the closed form "
                            f"needs layer 1 or 2 frozen: use method 'flow'"
                        )

    def paths(
        self, experiment: Experiment, starts: Sequence[InitialState], label: str, choice: RuleChoice
    ) -> list[LinearPath]:
        """Evaluate the weights and the error map."""
        rule, times = mean_layered_rule(choice.make()), times_of(experiment, choice)
        phases = _phases(experiment, choice)
        paths = []
        for start in starts:
            W0, W = start.weights
            state = rule.mean_state(start.states[label][1], W.shape)
            carrier = partial(_carrier, rule, state)
            *weights, E = frozen_path(W0, W, start.T, start.Sigma, carrier, times, phases)
            paths.append(LinearPath.of(start, weights, E))
        return paths


def _carrier(rule: LayeredRule, state: np.ndarray | None, W: np.ndarray) -> np.ndarray:
    """Return P = V^T, which carries the error back."""
    return rule.backward_weights(W, state).T


def _phases(experiment: Experiment, choice: RuleChoice) -> list[FlowPhase]:
    """Return the phases; shallow learning leaves W0 where it is, as freezing it would."""
    still = isinstance(mean_layered_rule(choice.make()), Shallow)
    more = frozenset({1}) if still else frozenset[int]()
    return [FlowPhase(p.duration, p.frozen | more) for p in phases_of(experiment, choice)]
