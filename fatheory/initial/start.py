"""What theory and simulation both start from, for one seed."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fatheory.arrays import Covariance, TargetMap
from fatheory.errors import RegimeError
from fatheory.experiment import Experiment, ImageTask
from fatheory.initial.connections import Connections, connected, draw_connections
from fatheory.initial.image_samples import image_samples
from fatheory.initial.problem import LinearProblem, Problem, draw_problem
from fatheory.initial.samples import Samples
from fatheory.initial.streams import stream
from fatheory.rules import DirectRule, LayeredRule, Rule

Layers = tuple[Any, ...]
"""One array a layer, or None."""


@dataclass(frozen=True)
class Start:
    """The draws of one seed, in float64; images are in float32.

    Attributes
    ----------
    weights : tuple of arrays
        W_1 ... W_L, zero where a connection is missing.
    biases : tuple of arrays
        b_1 ... b_L; empty for a network without biases.
    states : mapping
        From a rule's label to its states at layers 1 ... L; None where it needs none. A layered
        rule has one of the shape of W_l at l > 1, a direct rule one of shape (n_o, unit_l) at
        every hidden layer l.
    connections : Connections
        Which connections are missing.
    problem : Problem or None
        What is to be learned; None for images, which are not drawn.
    probe : Samples
        Inputs on which teaching signals are measured, with targets without noise. For linear
        tasks of second moment Sigma; the finite samples themselves where there are any.
    evaluation : Samples
        What losses and errors are measured on: the probe, and for images all held-out ones.
    samples : Samples or None
        The training set, its targets with noise; None for online learning.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    states: Mapping[str, Layers]
    connections: Connections
    problem: Problem | None
    probe: Samples
    evaluation: Samples
    samples: Samples | None

    @property
    def linear(self) -> LinearProblem:
        """The linear task that the examples teach.

        Raises
        ------
        RegimeError
            If the task is of another kind.
        """
        if not isinstance(self.problem, LinearProblem):
            raise RegimeError("the task is not linear, so it has neither T nor Sigma")
        return self.problem

    @property
    def T(self) -> TargetMap:
        """The linear map that the examples teach, of shape (n_o, n_i).

        The drawn target, or its least-squares estimate from noisy finite samples.
        """
        return self.linear.T

    @property
    def Sigma(self) -> Covariance:
        """Second moment of the inputs of a linear task: of their law, or of the finite samples."""
        return self.linear.Sigma


def draw_start(experiment: Experiment, seed: int) -> Start:
    """Draw target, start weights, feedback, connections, samples and probe of one seed.

    Raises
    ------
    DataError
        If the task's images are missing or damaged.
    InvalidExperimentError
        If missing connections cut a unit off.
    """
    root_seed, network = experiment.root_seed, experiment.network
    shapes = [(n_out, n_in) for n_in, n_out in itertools.pairwise(experiment.sizes)]
    numbered = list(enumerate(shapes, start=1))
    weights = [
        network.start.draw(stream(root_seed, seed, "start", layer), shape)
        for layer, shape in numbered
    ]
    biases = network.biases
    connections = draw_connections(experiment, seed, shapes)
    problem, probe, evaluation, samples = _draw_examples(experiment, seed)
    return Start(
        weights=connected(weights, connections.forward),
        biases=()
        if biases is None
        else tuple(
            biases.draw(stream(root_seed, seed, "bias", layer), shape[:1])
            for layer, shape in numbered
        ),
        states={
            label: _states(experiment, seed, choice.make(), shapes, connections)
            for label, choice in experiment.rules
        },
        connections=connections,
        problem=problem,
        probe=probe,
        evaluation=evaluation,
        samples=samples,
    )


def _draw_examples(
    experiment: Experiment, seed: int
) -> tuple[Problem | None, Samples, Samples, Samples | None]:
    """Return problem, probe, evaluation and training samples."""
    task, root_seed = experiment.task, experiment.root_seed
    if isinstance(task, ImageTask):
        train, held_out, probe = image_samples(task, experiment.record.probe_samples)
        return None, probe, held_out, train
    problem = draw_problem(task, root_seed, seed)
    if not task.samples:
        source = stream(root_seed, seed, "probe")
        inputs = problem.probe_inputs(source, experiment.record.probe_samples)
        probe = Samples(inputs, problem.targets(inputs))
        return problem, probe, probe, None
    inputs = problem.inputs(stream(root_seed, seed, "inputs"), task.samples)
    noise = stream(root_seed, seed, "noise").normal(size=(task.samples, task.outputs))
    samples = Samples(inputs, problem.targets(inputs) + task.noise * noise)
    if isinstance(problem, LinearProblem):
        # Noisy finite samples teach their own least-squares map.
        T = (np.linalg.pinv(inputs) @ samples.targets).T if task.noise else problem.T
        problem = LinearProblem(T, inputs.T @ inputs / task.samples, problem.root)
    probe = Samples(inputs, problem.targets(inputs))
    return problem, probe, probe, samples


def _states(
    experiment: Experiment,
    seed: int,
    rule: Rule,
    shapes: list[tuple[int, int]],
    connections: Connections,
) -> Layers:
    """Draw a rule's states.

    Rules draw from the same streams, so feedback that differs only in scale is the same matrix up
    to that scale, and comparisons are paired.
    """

    def source(layer: int) -> np.random.Generator:
        return stream(experiment.root_seed, seed, "feedback", layer)

    if isinstance(rule, DirectRule):
        outputs = shapes[-1][0]
        hidden = enumerate(shapes[:-1], start=2)
        return (*(rule.draw(source(above), (outputs, n)) for above, (n, _) in hidden), None)
    assert isinstance(rule, LayeredRule)
    above = enumerate(shapes[1:], start=2)
    drawn = (None, *(rule.draw(source(layer), shape) for layer, shape in above))
    return connected(drawn, connections.feedback)
