"""The methods of `solve`: how one seed of one rule is answered."""

from collections.abc import Callable, Mapping

import numpy as np

from fatheory import labels
from fatheory.errors import RegimeError
from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import Start, examples
from fatheory.rules import FixedFeedback, Shallow
from fatheory.theory.closed_form import closed_form_solution
from fatheory.theory.fields import linear_flow_field
from fatheory.theory.integrate import Phase, Trajectory, integrate
from fatheory.theory.linear_phases import phases_closed_form
from fatheory.theory.mean_rule import mean_layered_rule
from fatheory.theory.reduced_sgd import reduced_sgd
from fatheory.theory.reduction import reduced

Method = Callable[[Experiment, int, Start, str, RuleChoice], Trajectory]
"""From an experiment, a seed, its start, a rule's label and choice to the weights at the recorded
steps. Raises RegimeError where the method's assumptions do not hold."""


def solve_flow(
    experiment: Experiment, seed: int, start: Start, label: str, choice: RuleChoice
) -> Trajectory:
    """Integrate the gradient flow adaptively: any rule, Sigma, start, depth and phases.

    Rules that are random given weights and data (node perturbation, brsf) move by their mean.

    Raises
    ------
    RegimeError
        For momentum or weight decay, which this flow does not have.
    """
    del seed
    _refuse_memory(experiment, "the gradient flow")
    rule = mean_layered_rule(choice.make())
    states = [
        rule.mean_state(state, W.shape)
        for state, W in zip(start.states[label], start.weights, strict=True)
    ]
    field = linear_flow_field(rule.backward_weights, states, start.T, start.Sigma)
    rate = choice.learning_rate
    phases = [Phase(rate * p.steps, frozenset(p.frozen)) for p in experiment.schedule.phases]
    times = rate * np.asarray(experiment.snapshot_steps)
    return integrate(field, start.weights, times, phases)


def solve_reduced(
    experiment: Experiment, seed: int, start: Start, label: str, choice: RuleChoice
) -> Trajectory:
    """Integrate the gradient flow in the reduced state: two layers, fixed feedback, one phase.

    Raises
    ------
    RegimeError
        If the experiment is not of that kind; the message says in which way.
    """
    del seed
    B = _two_layer_feedback(experiment, start, label, choice, "the reduction")
    times = choice.learning_rate * np.asarray(experiment.snapshot_steps)
    W0, W = start.weights
    solution = reduced(W0, W, B, start.T, start.Sigma, times=times)
    return Trajectory(solution.weights(), solution.diverged_at)


def solve_reduced_sgd(
    experiment: Experiment, seed: int, start: Start, label: str, choice: RuleChoice
) -> Trajectory:
    """Carry out the simulation's own updates in the reduced state: two layers, fixed feedback.

    Raises
    ------
    RegimeError
        If the experiment is not of that kind; the message says in which way.
    """
    B = _two_layer_feedback(experiment, start, label, choice, "the reduction")
    drawn = examples(experiment, seed, start, 0, experiment.schedule.steps)
    W0, W = start.weights
    solution = reduced_sgd(
        W0,
        W,
        B,
        start.T,
        drawn.inputs,
        learning_rate=choice.learning_rate,
        noise=drawn.targets - drawn.inputs @ start.T.T,
        snapshot_steps=np.asarray(experiment.snapshot_steps),
        Sigma=start.Sigma,
    )
    return Trajectory(solution.weights(), solution.diverged_at)


def solve_closed_form(
    experiment: Experiment, seed: int, start: Start, label: str, choice: RuleChoice
) -> Trajectory:
    """Evaluate the closed form: two layers, white input, orthogonal feedback, spectral start.

    Raises
    ------
    RegimeError
        If an assumption fails; the message names it and says by how much.
    """
    del seed
    B = _two_layer_feedback(experiment, start, label, choice, "the closed form")
    times = choice.learning_rate * np.asarray(experiment.snapshot_steps)
    W0, W = start.weights
    return Trajectory(closed_form_solution(W0, W, B, start.T, start.Sigma).weights(times))


def solve_phases(
    experiment: Experiment, seed: int, start: Start, label: str, choice: RuleChoice
) -> Trajectory:
    """Evaluate the closed form of phases that freeze one of two layers, and of shallow learning.

    Raises
    ------
    RegimeError
        If the network is deeper, or a phase leaves both layers free.
    """
    del seed
    _refuse_memory(experiment, "the closed form of phases")
    _refuse_depth(experiment, "the closed form of phases")
    rule = mean_layered_rule(choice.make())
    # Shallow learning leaves W0 where it is, as freezing it would.
    still = frozenset({1}) if isinstance(rule, Shallow) else frozenset[int]()
    rate = choice.learning_rate
    phases = [Phase(rate * p.steps, still | set(p.frozen)) for p in experiment.schedule.phases]
    state = rule.mean_state(start.states[label][1], start.weights[1].shape)
    W0, W = start.weights
    solution = phases_closed_form(
        W0,
        W,
        None if state is None else state.T,
        start.T,
        start.Sigma,
        times=rate * np.asarray(experiment.snapshot_steps),
        phases=phases,
        rule=rule,
    )
    return Trajectory((solution[labels.weight(1)].values, solution[labels.weight(2)].values))


METHODS: Mapping[str, Method] = {
    "flow": solve_flow,
    "reduced": solve_reduced,
    "reduced-sgd": solve_reduced_sgd,
    "closed_form": solve_closed_form,
    "phases": solve_phases,
}


def _refuse_memory(experiment: Experiment, method: str) -> None:
    update = experiment.update
    if update.momentum or update.weight_decay:
        raise RegimeError(
            f"{method} knows neither momentum nor weight decay; the experiment has "
            f"momentum {update.momentum} and weight decay {update.weight_decay}: set both to 0"
        )


def _refuse_depth(experiment: Experiment, method: str) -> None:
    if experiment.layers != 2:
        raise RegimeError(f"{method} is of two-layer networks; this one has {experiment.layers}")


def _two_layer_feedback(
    experiment: Experiment, start: Start, label: str, choice: RuleChoice, method: str
) -> np.ndarray:
    """Return B of a two-layer experiment under fixed feedback in one phase, or say what it is."""
    _refuse_memory(experiment, method)
    _refuse_depth(experiment, method)
    if not isinstance(choice.make(), FixedFeedback):
        raise RegimeError(
            f"{method} is of rules with fixed feedback (feedback_alignment, rndf, ...); "
            f"{label!r} is {choice.rule}: leave it out, or use method 'flow'"
        )
    phases = experiment.schedule.phases
    if any(phase.frozen for phase in phases):
        raise RegimeError(f"{method} has no frozen layers; use method 'flow' for these phases")
    state = start.states[label][1]
    assert state is not None  # rules with fixed feedback draw it
    return state.T
