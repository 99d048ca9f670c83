"""Wide nonlinear networks that learn their features under random feedback: the mean field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from fatheory import labels
from fatheory.experiment import ArrayTask, DenseNetwork, Experiment, RuleChoice, Uniform
from fatheory.initial import InitialState
from fatheory.rules import (
    DirectFeedbackAlignment,
    DirectRule,
    FeedbackAlignment,
    LayeredRule,
    RandomFeedback,
    Rule,
    Shallow,
)
from fatheory.rules.fixed_feedback import FeedbackOfDistribution
from fatheory.theory.methods.full_batch import SCOPE, TASKS, full_batch_refusals
from fatheory.theory.methods.method import Method
from fatheory.theory.methods.scope import GIVEN
from fatheory.theory.wide.dmft.causal_pass import Problem, memory_of_pass
from fatheory.theory.wide.dmft.record import Record
from fatheory.theory.wide.dmft.replicas import pass_with_errors
from fatheory.theory.wide.dmft.scaling import network_scaling
from fatheory.theory.wide.network_kernel import network_outputs
from fatheory.theory.wide.points import whole_number
from fatheory.theory.wide.unit_function import unit_function

_SCOPE = replace(SCOPE, tasks=TASKS | {"arrays": GIVEN["arrays"]})
ANGLE = "delta_angle_flattened"
LOSS_ERROR, ANGLE_ERROR = "loss_sampling_error", f"{ANGLE}_sampling_error"
_INDEPENDENT = (
    FeedbackAlignment,
    RandomFeedback,
    FeedbackOfDistribution,
    Shallow,
    DirectFeedbackAlignment,
)
"""Rules whose feedback has independent entries. Told apart exactly: a rule derived from one of
them may draw otherwise."""


class DMFTMethod(Method):
    """Follow the mean field of a network at its own widths, rates and sizes of start and feedback.

    Full-batch steps on finite samples, from the network's own outputs; exact as the widths grow at
    fixed width x learning rate, for every learning rate, up to the Monte Carlo error of `samples`
    copies of a unit, which stands beside every number (``loss_sampling_error``,
    ``delta_angle_flattened_sampling_error``). Where the readout starts so large that it answers
    noticeably, what it makes of activities that have moved is drawn given what it answered
    before: the answer is then one network of the limit, and not their mean.

    Parameters
    ----------
    samples : int
        Copies of a unit, at least 64. By name (``"dmft"``) 4000; for others give `solve` an object.

    Raises
    ------
    RegimeError
        If the number is smaller or none.

    Examples
    --------
    ``fatheory.solve(experiment, fatheory.theory.DMFTMethod(samples=20_000))``
    """

    name = "dmft"
    summary = "wide networks that learn features: fixed random feedback, full batch, any depth"
    source = "Bordelon & Pehlevan 2022; one causal pass: own"
    regime = "wide dense networks without biases, linear at the output, on all samples at once"

    def __init__(self, samples: int = 4000) -> None:
        self._samples = whole_number("samples", samples, 64)

    def covers(self, experiment: Experiment) -> list[str]:
        """Say what is outside; see `Method.covers`."""
        problems = [*_SCOPE.problems(experiment)] or [*_held_out_refusals(experiment)]
        problems = problems or [*full_batch_refusals(experiment)]
        return problems or [*_rule_refusals(experiment)]

    def answer(
        self, experiment: Experiment, starts: Sequence[InitialState]
    ) -> dict[str, np.ndarray]:
        """Follow every rule and seed."""
        rows = [
            [self._run(experiment, start, label, choice) for start in starts]
            for label, choice in experiment.rules
        ]
        wanted = {labels.LOSS, LOSS_ERROR, labels.DIVERGED_AT}
        if not self.absent(experiment).get(ANGLE) and ANGLE in experiment.record.quantities:
            wanted |= {ANGLE, ANGLE_ERROR}
        return {name: np.array([[run[name] for run in row] for row in rows]) for name in wanted}

    def absent(self, experiment: Experiment) -> dict[str, str]:
        """Name everything but losses and flattened angles."""
        reason = "the mean field has losses and flattened angles of signals; no single weights"
        told = dict.fromkeys(set(experiment.record.quantities) - {ANGLE}, reason)
        if experiment.task.noise:
            told[ANGLE] = "signals are measured without the targets' noise, by which they are sent"
        return told

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate one pass."""
        needed = memory_of_pass(
            self._samples,
            experiment.schedule.steps,
            experiment.task.samples,
            experiment.layers - 1,
            ANGLE in experiment.record.quantities,
        )
        return {"mean field": needed}

    def _run(
        self, experiment: Experiment, start: InitialState, label: str, choice: RuleChoice
    ) -> dict[str, np.ndarray]:
        """Follow one seed under one rule and measure what archives hold."""
        with np.errstate(over="ignore", invalid="ignore"):
            record = _pass(experiment, start, label, choice, self._samples)
        steps, P = np.asarray(experiment.snapshot_steps), experiment.task.samples
        # Both rules hand the output the error itself.
        top = np.where(np.isfinite(record.loss[steps, None]), 0.0, np.nan)
        lost = record.diverged_at
        since = -1 if lost < 0 else steps[np.searchsorted(steps, lost)]
        return {
            labels.LOSS: record.loss[steps] / P,
            LOSS_ERROR: record.loss_error[steps] / P,
            # What archives call teaching signals has not met the unit's own slope.
            ANGLE: np.hstack([record.delta_angle(gated=False)[steps], top]),
            ANGLE_ERROR: np.hstack([record.ungated_angle_error[steps], top]),
            labels.DIVERGED_AT: np.asarray(since, dtype=np.int64),
        }


def _held_out_refusals(experiment: Experiment) -> Iterator[str]:
    task = experiment.task
    if isinstance(task, ArrayTask) and task.contents.held_out:
        yield (
            f"{task.contents.held_out} of the examples are held out, and the mean field has the "
            f"losses of training examples: leave validation out (method 'lazy' has held-out losses)"
        )


def _rule_refusals(experiment: Experiment) -> Iterator[str]:
    for label, choice in experiment.rules:
        for layer in range(2, experiment.layers + 1):
            own = choice.at(layer, experiment.layers)
            rule = own.make()
            if type(rule) not in _INDEPENDENT or (
                isinstance(rule, FeedbackOfDistribution)
                and rule.distribution not in ("uniform", "normal")
            ):
                yield (
                    f"rules.{label}: {own.rule} has no causal mean field, whose feedback is fixed, "
                    f"of independent entries: leave the rule out (backprop and sign-concordant "
                    f"rules need response functions; method 'lazy' has their lazy limit)"
                )
                break
            if own.initial_concordance is not None:
                yield (
                    f"rules.{label}: feedback that shares signs with the start is not independent "
                    f"of it: leave rules.{label}.initial_concordance out"
                )
                break


def _pass(
    experiment: Experiment, start: InitialState, label: str, choice: RuleChoice, samples: int
) -> Record:
    """Carry out the pass of one seed under one rule."""
    network, points = experiment.network, start.samples
    assert isinstance(network, DenseNetwork)
    assert points is not None
    L, P = experiment.layers - 1, len(points)
    inputs = points.inputs.astype(np.float64)  # own arrays may be in single precision
    # Copies of all seeds differ, those of all rules agree: rules are compared pair by pair.
    streams = np.random.SeedSequence([experiment.root_seed, start.seed]).spawn(L + 2)
    rules = [choice.at(layer, experiment.layers).make() for layer in range(2, L + 2)]
    direct = isinstance(rules[0], DirectRule)
    states = [state for state in start.states[label] if state is not None]
    function = unit_function(network.activation)

    def problem_of(count: int, generators: Sequence[np.random.Generator]) -> Problem:
        return Problem(
            kernel=inputs @ inputs.T,
            targets=points.targets.astype(np.float64),
            function=function,
            scaling=network_scaling(
                network.hidden,
                [_mean_square(W) for W in start.weights],
                [] if direct else [_mean_square(V) for V in states],
                choice.learning_rate / P,
            ),
            direct=direct,
            feedback=[
                _feedback(rule, generator, count, points.targets.shape[1])
                for rule, generator in zip(rules, generators, strict=False)
            ],
            steps=experiment.schedule.steps,
            first_preactivations=_first_preactivations(experiment, start, generators[0], count),
            start_outputs=network_outputs(points.inputs, start.weights, function),
            alignment=ANGLE in experiment.record.quantities,
            measured=start.evaluation.targets,
        )

    return pass_with_errors(problem_of, samples, streams)


def _feedback(
    rule: Rule, generator: np.random.Generator, samples: int, outputs: int
) -> Float[np.ndarray, "sample unit"]:
    """Draw what reaches units from the output, by the rule's own distribution.

    It need not be normal: random feedback is fixed, and no sum over many units evens it out.
    """
    assert isinstance(rule, LayeredRule | DirectRule)
    drawn = rule.draw(generator, (outputs, samples))
    assert drawn is not None  # rules with fixed feedback draw it
    return np.asarray(drawn).T


def _first_preactivations(
    experiment: Experiment, start: InitialState, generator: np.random.Generator, samples: int
) -> Float[np.ndarray, "sample point"]:
    """Draw those of layer 1 at the start from the distribution of its weights.

    They are sums over few inputs, so they are not normal where the weights are not; above, sums
    over wide layers are.
    """
    assert start.samples is not None
    distribution, size = experiment.network.start, np.sqrt(_mean_square(start.weights[0]))
    shape = (samples, start.samples.inputs.shape[1])
    if isinstance(distribution, Uniform) or getattr(distribution, "shape", "normal") == "uniform":
        rows = generator.uniform(-np.sqrt(3), np.sqrt(3), shape)
    else:
        rows = generator.standard_normal(shape)
    return size * rows @ start.samples.inputs.T


def _mean_square(W: np.ndarray) -> float:
    return float(np.mean(W**2))
