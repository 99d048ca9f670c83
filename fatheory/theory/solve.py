"""Answer an experiment from equations, in the shape in which simulation answers it."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import assemble, provenance
from fatheory.errors import RegimeError, UnknownNameError
from fatheory.experiment import Experiment, RuleChoice
from fatheory.geometry import (
    delta_angles,
    flattened_delta_angles,
    linear_signals,
    sign_concordances,
    squared_loss,
    weight_angles,
)
from fatheory.initial import Start, coordinates, draw_start, drawn_variables
from fatheory.rules import LayeredRule
from fatheory.theory.fields import linear_flow_field
from fatheory.theory.flow import mean_layered_rule
from fatheory.theory.integrate import Phase, Trajectory, integrate

Method = Callable[[Experiment, int, Start, str, RuleChoice], Trajectory]
"""From an experiment, a seed, its start, a rule's label and choice to the weights at the recorded
steps. Raises RegimeError where the method's assumptions do not hold."""


def solve_flow(
    experiment: Experiment, seed: int, start: Start, label: str, choice: RuleChoice
) -> Trajectory:
    """Integrate the gradient flow of one seed and rule; any Sigma, start, depth and phases.

    Rules that are random given weights and data (node perturbation, brsf) move by their mean.

    Raises
    ------
    RegimeError
        For momentum or weight decay, which this flow does not have.
    """
    del seed
    update = experiment.update
    if update.momentum or update.weight_decay:
        raise RegimeError(
            f"the gradient flow knows neither momentum nor weight decay; the experiment has "
            f"momentum {update.momentum} and weight decay {update.weight_decay}: set both to 0"
        )
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


METHODS: Mapping[str, Method] = {"flow": solve_flow}


def solve(experiment: Experiment, method: str = "flow") -> xr.Dataset:
    """Solve the experiment from theory and return it in the shape of `fatheory.simulate`.

    Parameters
    ----------
    experiment : Experiment
        What to solve: a linear network on a linear task.
    method : str
        ``"flow"`` integrates the gradient flow, time = learning rate x step.

    Returns
    -------
    xarray.Dataset
        A run archive of source ``"theory/<method>"`` in float64, with the dimensions, coordinates
        and variables of the simulation. Angles and signals of rules that are random given weights
        and data are NaN: the flow predicts their mean motion, not single draws.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    RegimeError
        If the network is not linear, or an assumption of the method does not hold.
    """
    began = time.perf_counter()
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    if experiment.network.activation != "linear":
        raise RegimeError(
            f"theory of this toolkit solves linear networks; the hidden units are "
            f"{experiment.network.activation!r}: set network.activation to 'linear'"
        )
    starts = [draw_start(experiment, seed) for seed in experiment.seeds]
    answers = [
        [
            _answer(experiment, METHODS[method], seed, start, label, choice)
            for seed, start in zip(experiment.seeds, starts, strict=True)
        ]
        for label, choice in experiment.rules
    ]
    recorded = {
        name: np.array([[answer[name] for answer in row] for row in answers])
        for name in answers[0][0]
    }
    return assemble(
        drawn_variables(experiment, starts) | recorded,
        coordinates(experiment),
        provenance(
            source=f"theory/{method}",
            experiment_json=experiment.to_json(),
            experiment_hash=experiment.content_hash,
            precision="float64",
            device="cpu",
            wall_time_s=time.perf_counter() - began,
        ),
    )


def _answer(
    experiment: Experiment,
    method: Method,
    seed: int,
    start: Start,
    label: str,
    choice: RuleChoice,
) -> dict[str, np.ndarray]:
    """Solve one seed and rule, and measure what the experiment records."""
    path = method(experiment, seed, start, label, choice)
    steps = experiment.snapshot_steps
    since = steps[path.diverged_at] if path.diverged_at >= 0 else -1
    measured = _measure(path.weights, start, label, choice, experiment.record.quantities)
    return measured | {
        labels.DIVERGED: np.asarray(since >= 0),
        labels.DIVERGED_AT: np.asarray(since, dtype=np.int64),
    }


def _measure(
    weights: Sequence[np.ndarray],
    start: Start,
    label: str,
    choice: RuleChoice,
    quantities: Sequence[str],
) -> dict[str, np.ndarray]:
    """Compute the recorded quantities along a trajectory; arrays lead with the step axis."""
    rule = choice.make()
    reference = linear_signals(weights, weights, start.T, start.probe)
    measured = {labels.LOSS: squared_loss(reference[-1])}
    if isinstance(rule, LayeredRule) and not rule.stochastic:
        V: list[np.ndarray | None] = [None]
        for W, state in zip(weights[1:], start.states[label][1:], strict=True):
            # A pseudoinverse cannot be taken of NaN; what is lost becomes NaN again behind it.
            lost = 0 * W
            V.append(rule.backward_weights(np.nan_to_num(W), state) + lost)
        signals = linear_signals(weights, V, start.T, start.probe)
    else:
        V = [None] * len(weights)
        signals = [np.full_like(delta, np.nan) for delta in reference[:-1]] + [reference[-1]]
    if "weights" in quantities:
        measured |= {labels.weight(i): W for i, W in enumerate(weights, start=1)}
    if "teaching_signals" in quantities:
        measured |= {labels.teaching_signal(i): d for i, d in enumerate(signals, start=1)}
        measured |= {labels.backprop_signal(i): d for i, d in enumerate(reference, start=1)}
    per_layer = {
        labels.DELTA_ANGLE: lambda: delta_angles(signals, reference),
        labels.DELTA_ANGLE_FLATTENED: lambda: flattened_delta_angles(signals, reference),
        labels.WEIGHT_ANGLE: lambda: weight_angles(weights, V),
        labels.SIGN_CONCORDANCE: lambda: sign_concordances(weights, V),
    }
    return measured | {name: per_layer[name]() for name in per_layer if name in quantities}
