"""What theory and simulation both start from, for one seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fatheory.arrays import Array, Covariance, TargetMap
from fatheory.errors import PluginError, RegimeError
from fatheory.experiment import DrawnTask, Experiment
from fatheory.initial.connections import (
    Connections,
    connected,
    draw_connections,
    draw_direct_connections,
)
from fatheory.initial.given import given_biases, given_states, given_weights
from fatheory.initial.problem import LinearProblem, Problem, draw_problem
from fatheory.initial.samples import Samples
from fatheory.initial.stored_samples import stored_samples
from fatheory.initial.streams import stream
from fatheory.rules import RULES, DirectRule, LayeredRule, Rule, with_concordance

Layers = tuple[Any, ...]
"""One array a layer, or None."""


@dataclass(frozen=True)
class InitialState:
    """The draws of one seed, in float64; images are in float32.

    Attributes
    ----------
    experiment : Experiment
        Whose start it is.
    seed : int
        Of which of its seeds.
    weights : tuple of arrays
        W_1 ... W_L, zero where a connection is missing.
    biases : tuple of arrays or None
        b_1 ... b_L, None where a layer is normalised; empty for a network without biases. Those of
        a convolution are one a channel.
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
    least_squares : array of shape (n_o, n_i) or None
        The linear map that fits noisy finite samples best; None where there are none.
    of_rules : mapping
        From a rule's label to its own weights and biases, where given ones differ from rule to
        rule; `weights` and `biases` are then those of the first rule.
    """

    experiment: Experiment
    seed: int
    weights: tuple[np.ndarray, ...]
    biases: Layers
    states: Mapping[str, Layers]
    connections: Connections
    problem: Problem | None
    probe: Samples
    evaluation: Samples
    samples: Samples | None
    least_squares: TargetMap | None = None
    of_rules: Mapping[str, tuple[tuple[np.ndarray, ...], Layers]] = field(default_factory=dict)

    def of_rule(self, label: str) -> "InitialState":
        """Return what one rule starts from, which is the same for all unless it was given."""
        if label not in self.of_rules:
            return self
        weights, biases = self.of_rules[label]
        return replace(self, weights=weights, biases=biases)

    @property
    def linear(self) -> LinearProblem:
        """The linear task.

        Raises
        ------
        RegimeError
            If the task is of another kind.
        """
        if not isinstance(self.problem, LinearProblem):
            raise RegimeError("the task is not linear, so it has neither T nor Sigma")
        return self.problem

    @property
    def _given_examples(self) -> Samples | None:
        """Arrays of one's own, which archives hold; None for drawn tasks and for images."""
        own = self.problem is None and self.experiment.task.archived
        return self.samples if own else None

    @property
    def T(self) -> TargetMap:
        """The linear map that the examples teach, of shape (n_o, n_i); learning moves towards it.

        The drawn target, or the least-squares fit of noisy finite samples and of given examples.
        """
        if self._given_examples is not None:
            return self._given_examples.linear_fit
        return self.target_map if self.least_squares is None else self.least_squares

    @property
    def target_map(self) -> TargetMap:
        """The drawn target of a linear task, of shape (n_o, n_i); losses are measured by it.

        So a network that has learned noisy finite samples by heart has a loss: on the samples'
        inputs, n_i n_o sigma^2 / (2 n) on average over the noise, where n_i <= n.
        """
        return self.linear.T

    @property
    def Sigma(self) -> Covariance:
        """Second moment of the inputs: as they are drawn, or of the samples."""
        if self._given_examples is not None:
            return self._given_examples.second_moment
        return self.linear.Sigma

    def beyond_linear_fit(self, shown: Samples) -> np.ndarray | None:
        """Return what targets have beyond T x, of shape (sample, n_o); None where that is nothing.

        The errors of a linear network are (T - W_L ... W_1) x and this, which no learning reduces.
        """
        if self._given_examples is None and self.least_squares is None:
            return None
        if self._given_examples is not None or shown is self.samples:
            # Of the training examples of a drawn task it is the noise, less what was fitted to it.
            return shown.targets - shown.inputs @ self.T.T
        # By the difference of the maps: exact, however small the noise is.
        return shown.inputs @ (self.target_map - self.least_squares).T


def draw_initial_state(experiment: Experiment, seed: int) -> InitialState:
    """Draw target, start weights, feedback, connections, samples and probe of one seed.

    Raises
    ------
    DataError
        If the task's images are missing or damaged.
    InvalidExperimentError
        If missing connections cut a unit off.
    """
    root_seed, network = experiment.root_seed, experiment.network
    shapes = experiment.weight_shapes
    drawn = [
        network.start.draw(stream(root_seed, seed, "start", layer), shape)
        for layer, shape in enumerate(shapes, start=1)
    ]
    connections = draw_connections(experiment, seed, shapes)
    drawn_biases = _draw_biases(experiment, seed)
    # One start for all rules, unless they were given their own: comparisons are paired.
    apart = experiment.initial is not None and experiment.initial.by_rule
    of_rules = {
        label: (
            connected(given_weights(experiment, label, seed, drawn), connections.forward),
            given_biases(experiment, label, seed, drawn_biases),
        )
        for label in experiment.rule_labels[: None if apart else 1]
    }
    first = of_rules[experiment.rule_labels[0]]
    weights, biases = first
    problem, probe, evaluation, samples = _draw_examples(experiment, seed)
    least_squares = None
    if isinstance(problem, LinearProblem) and samples is not None and experiment.task.noise:
        # By the pseudoinverse: with fewer samples than inputs many maps fit, and gradient descent
        # leaves what no sample shows alone, as the smallest of them does.
        least_squares = (np.linalg.pinv(samples.inputs) @ samples.targets).T
    return InitialState(
        experiment=experiment,
        seed=seed,
        weights=weights,
        biases=biases,
        states={
            label: _draw_states(experiment, seed, label, of_rules.get(label, first)[0], connections)
            for label in experiment.rule_labels
        },
        connections=connections,
        problem=problem,
        probe=probe,
        evaluation=evaluation,
        samples=samples,
        least_squares=least_squares,
        of_rules=of_rules if apart else {},
    )


def _draw_biases(experiment: Experiment, seed: int) -> Layers:
    """Draw b_1 ... b_L; normalised layers have none."""
    biases, normalised = experiment.network.biases, experiment.network.normalization is not None
    if biases is None:
        return ()
    last = experiment.layers
    return tuple(
        None
        if normalised and layer < last
        else biases.draw(stream(experiment.root_seed, seed, "bias", layer), shape[:1])
        for layer, shape in enumerate(experiment.weight_shapes, start=1)
    )


def _draw_examples(
    experiment: Experiment, seed: int
) -> tuple[Problem | None, Samples, Samples, Samples | None]:
    """Return problem, probe, evaluation and training samples."""
    task, root_seed = experiment.task, experiment.root_seed
    if task.stored:
        train, held_out, probe = stored_samples(task, experiment.record.probe_samples)
        return None, probe, held_out, train
    if task.each_seeds:
        pairs = task.examples_of(root_seed, seed, stream(root_seed, seed, "inputs"))
        train, held_out = (Samples(*pair) for pair in pairs)
        return None, held_out.first(experiment.record.probe_samples), held_out, train
    assert isinstance(task, DrawnTask)  # for type checkers: the others are stored
    problem = draw_problem(task, root_seed, seed)
    if not task.samples:
        source = stream(root_seed, seed, "probe")
        inputs = problem.probe_inputs(source, experiment.record.probe_samples)
        probe = Samples(inputs, problem.targets(inputs))
        return problem, probe, probe, None
    inputs = problem.inputs(stream(root_seed, seed, "inputs"), task.samples)
    # Scaled behind the draw, so that levels of noise differ in size alone.
    noise = stream(root_seed, seed, "noise").normal(size=(task.samples, task.outputs))
    samples = Samples(inputs, problem.targets(inputs) + task.noise * noise)
    if isinstance(problem, LinearProblem):
        # Learning from finite samples follows their own second moment, not that of what drew them.
        problem = LinearProblem(problem.T, inputs.T @ inputs / task.samples, problem.root)
    probe = Samples(inputs, problem.targets(inputs))
    return problem, probe, probe, samples


def _draw_states(
    experiment: Experiment,
    seed: int,
    label: str,
    weights: Layers,
    connections: Connections,
) -> Layers:
    """Draw a rule's states.

    Rules draw from the same streams, so feedback that differs only in scale is the same matrix up
    to that scale, and comparisons are paired.
    """
    choice = dict(experiment.rules)[label]
    root_seed, rule = experiment.root_seed, choice.make()
    of_feedback = seed if choice.feedback_seed is None else choice.feedback_seed

    def source(layer: int) -> np.random.Generator:
        return stream(root_seed, of_feedback, "feedback", layer)

    if isinstance(rule, DirectRule):
        *hidden, outputs = experiment.sizes[1:]
        drawn = [
            _of_shape(rule, rule.draw(source(layer), (outputs, n)), (outputs, n))
            # Layer l draws from stream l + 1, from which a layered rule draws V_{l+1}: with two
            # layers direct feedback is feedback alignment's B, number by number.
            for layer, n in enumerate(hidden, start=2)
        ]
        drawn = given_states(experiment, label, seed, drawn)
        return connected([*drawn, None], draw_direct_connections(experiment, seed, connections))
    states: list[Any] = [None]
    for layer, W in enumerate(weights[1:], start=2):
        own = choice.at(layer, experiment.layers)
        layered = own.make()
        assert isinstance(layered, LayeredRule)
        state = _of_shape(layered, layered.draw(source(layer), W.shape), W.shape)
        _require_sound(layered, W, state)
        if own.initial_concordance is not None:
            # By the seed itself, even where feedback has another: W, whose signs are meant, is its
            # own.
            signs = stream(root_seed, seed, "concordance", layer)
            state = with_concordance(state, W, own.initial_concordance, signs)
        states.append(state)
    states = given_states(experiment, label, seed, states)
    return connected(states, connections.feedback)


def _require_sound(rule: LayeredRule, W: np.ndarray, state: Array | None) -> None:
    """Ask a rule of one's own for V once, before anything learns from it.

    Raises
    ------
    PluginError
        If V is of another shape than W, or is not finite: within a compiled program that would be
        told of as a run that diverged.
    """
    if RULES.package_of(rule.name) is None:
        return
    try:
        rule.backward_weights(W, state)
    except NotImplementedError as error:
        package = RULES.package_of(rule.name)
        raise PluginError(f"the rule {rule.name!r} of {package} does not work: {error}") from error
    except PluginError as error:
        # What raises with NumPy's arrays may be meant for JAX's; whoever uses it will say so.
        if error.__cause__ is None:
            raise


def _of_shape(rule: Rule, state: Array | None, shape: tuple[int, ...]) -> Array | None:
    """Return what a rule drew, if it is what was asked for.

    Raises
    ------
    PluginError
        If it has another shape or is not finite: it would be broadcast, or read as divergence.
    """
    if state is None or (np.shape(state) == shape and np.isfinite(state).all()):
        return state
    what = f"shape {np.shape(state)}" if np.shape(state) != shape else "entries that are not finite"
    raise PluginError(
        f"the rule {rule.name!r} of {RULES.package_of(rule.name) or 'fatheory'} drew feedback with "
        f"{what}; its method draw must return finite numbers of shape {shape}, or None"
    )
