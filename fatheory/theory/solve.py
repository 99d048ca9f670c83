"""Answer an experiment from equations, in the shape in which simulation answers it."""

import time
from collections.abc import Sequence

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
from fatheory.theory.methods import METHODS, Method


def solve(experiment: Experiment, method: str = "flow") -> xr.Dataset:
    """Solve the experiment from theory and return it in the shape of `fatheory.simulate`.

    Parameters
    ----------
    experiment : Experiment
        What to solve: a linear network on a linear task.
    method : str
        ``"flow"`` integrates the gradient flow, time = learning rate x step; ``"reduced"`` does so
        in the reduced state whose size does not depend on hidden width; ``"reduced-sgd"`` carries
        out the very updates of the simulation in that state; ``"closed_form"`` evaluates the
        solution for white input, orthogonal feedback and a spectral start; ``"phases"`` that of
        phases in which one of two layers is frozen, and of shallow learning.

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
    reference = linear_signals(weights, weights, start.T, start.probe.inputs)
    measured = {labels.LOSS: squared_loss(reference[-1])}
    if "weights" in quantities:
        measured |= {labels.weight(i): W for i, W in enumerate(weights, start=1)}
    if not set(quantities) - {"weights"}:
        return measured
    rule = choice.make()
    if isinstance(rule, LayeredRule) and not rule.stochastic:
        V: list[np.ndarray | None] = [None]
        above = zip(weights[1:], start.states[label][1:], strict=True)
        V += [np.broadcast_to(rule.backward_weights(W, state), W.shape) for W, state in above]
        signals = linear_signals(weights, V, start.T, start.probe.inputs)
    else:
        V = [None] * len(weights)
        signals = [np.full_like(delta, np.nan) for delta in reference[:-1]] + [reference[-1]]
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
