"""Answer an experiment from equations, in the shape in which simulation answers it."""

import time

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import assemble, provenance
from fatheory.errors import UnknownNameError
from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import Start, coordinates, draw_start, drawn_variables
from fatheory.theory.measurement import measure
from fatheory.theory.methods import METHODS, Method
from fatheory.theory.regime import require_regime


def solve(experiment: Experiment, method: str = "flow") -> xr.Dataset:
    """Solve the experiment from theory and return it in the shape of `fatheory.simulate`.

    Parameters
    ----------
    experiment : Experiment
        What to solve: a linear network without biases, fully connected, on a linear task.
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
        If the network or the task is not linear, connections are missing, a rule's feedback
        learns or its mean motion is not known, or an assumption of the method does not hold.
    """
    began = time.perf_counter()
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    require_regime(experiment)
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
    measured = measure(path.weights, start, label, choice, experiment.record)
    return measured | {
        labels.DIVERGED: np.asarray(since >= 0),
        labels.DIVERGED_AT: np.asarray(since, dtype=np.int64),
    }
