"""What theory and simulation both start from, for one seed."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fatheory.arrays import Covariance, TargetMap
from fatheory.experiment import Experiment
from fatheory.initial.streams import stream
from fatheory.rules import LayeredRule
from fatheory.tasks.linear import (
    gaussian_inputs,
    matched_inputs,
    power_law_covariance,
    symmetric_root,
)


@dataclass(frozen=True)
class Samples:
    """A finite training set.

    Attributes
    ----------
    inputs : array of shape (sample, n_i)
        x.
    targets : array of shape (sample, n_o)
        y*, with noise where the task has any.
    """

    inputs: Float[np.ndarray, "sample n_i"]
    targets: Float[np.ndarray, "sample n_o"]


@dataclass(frozen=True)
class Start:
    """The draws of one seed, in float64.

    Attributes
    ----------
    weights : tuple of arrays
        W_1 ... W_L, of shape (n_out, n_in).
    states : mapping
        From a rule's label to its states at layers 1 ... L, of the shapes of the weights; None
        where a rule needs none. Layer 1 sends nothing back and has none.
    T : array of shape (n_o, n_i)
        The map that the examples teach: the drawn target, or its least-squares estimate from
        noisy finite samples.
    Sigma : array of shape (n_i, n_i)
        Second moment of the inputs: of their law, or of the finite samples.
    root : array of shape (n_i, n_i) or None
        Symmetric root of the law's second moment; None for the identity.
    probe : array of shape (sample, n_i)
        Inputs on which losses and teaching signals are measured, of second moment Sigma. The
        finite samples themselves where there are any.
    samples : Samples or None
        The training set; None for online learning.
    """

    weights: tuple[np.ndarray, ...]
    states: Mapping[str, tuple[np.ndarray | None, ...]]
    T: TargetMap
    Sigma: Covariance
    root: Covariance | None
    probe: Float[np.ndarray, "sample n_i"]
    samples: Samples | None

    @property
    def probe_target(self) -> Float[np.ndarray, "sample n_o"]:
        """Targets of the probe, without noise."""
        return self.probe @ self.T.T


def draw_start(experiment: Experiment, seed: int) -> Start:
    """Draw target, start weights, feedback, covariance, samples and probe of one seed."""
    task, root_seed = experiment.task, experiment.root_seed
    sizes = experiment.sizes
    shapes = [(n_out, n_in) for n_in, n_out in itertools.pairwise(sizes)]
    weights = tuple(
        experiment.network.start.draw(stream(root_seed, seed, "start", layer), shape)
        for layer, shape in enumerate(shapes, start=1)
    )
    T = task.target.draw(stream(root_seed, seed, "target"), (task.outputs, task.inputs))
    covariance_stream = stream(root_seed, seed, "covariance")
    Sigma = power_law_covariance(covariance_stream, task.inputs, task.spectrum_decay)
    root = symmetric_root(Sigma) if task.spectrum_decay else None
    samples = None
    if task.samples:
        inputs = gaussian_inputs(stream(root_seed, seed, "inputs"), task.samples, task.inputs, root)
        noise = stream(root_seed, seed, "noise").normal(size=(task.samples, task.outputs))
        samples = Samples(inputs, inputs @ T.T + task.noise * noise)
        Sigma = inputs.T @ inputs / task.samples
        if task.noise:
            T = (np.linalg.pinv(inputs) @ samples.targets).T
        probe = inputs
    else:
        probe_stream = stream(root_seed, seed, "probe")
        probe = matched_inputs(probe_stream, experiment.record.probe_samples, task.inputs, root)
    states = {
        label: _states(experiment, seed, choice.make(), shapes)
        for label, choice in experiment.rules
    }
    return Start(weights, states, T, Sigma, root, probe, samples)


def _states(
    experiment: Experiment, seed: int, rule: object, shapes: list[tuple[int, int]]
) -> tuple[np.ndarray | None, ...]:
    """Draw a rule's states.

    Rules draw from the same streams, so feedback that differs only in scale is the same matrix up
    to that scale, and comparisons are paired.
    """
    if not isinstance(rule, LayeredRule):
        return (None,) * len(shapes)
    return (
        None,
        *(
            rule.draw(stream(experiment.root_seed, seed, "feedback", layer), shape)
            for layer, shape in enumerate(shapes[1:], start=2)
        ),
    )
