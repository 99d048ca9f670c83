"""Wide nonlinear networks that learn without moving far: the lazy limit of any fixed rule."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fatheory import labels
from fatheory.errors import LearningRateWarning
from fatheory.experiment import DenseNetwork, Experiment, RuleChoice
from fatheory.initial import InitialState
from fatheory.rules import DirectFeedbackAlignment, LayeredRule
from fatheory.theory.mean_rule import mean_layered_rule
from fatheory.theory.methods.full_batch import SCOPE, TASKS, full_batch_refusals
from fatheory.theory.methods.method import Method
from fatheory.theory.methods.scope import GIVEN
from fatheory.theory.wide.dmft.causal_pass import LARGEST
from fatheory.theory.wide.lazy_steps import largest_stable_rate, lazy_steps
from fatheory.theory.wide.network_kernel import network_outputs, network_terms, of_rule
from fatheory.theory.wide.points import require_scaled_points
from fatheory.theory.wide.unit_function import unit_function

_SCOPE = replace(SCOPE, tasks=TASKS | GIVEN)
ERROR = "classification_error"


class LazyMethod(Method):
    """Follow the outputs of a wide network whose hidden activities hardly change.

    Full-batch steps on finite samples move the outputs by (eta / batch) K e, with the kernel K of
    the network's own start at its own widths and scaling (`network_kernel`), from the network's
    own outputs. What is left out is of the order of width^-1/2, and the motion of the kernel,
    which small steps or a large start keep small. Of images and own arrays, losses and
    classification errors are those of the held-out ones.

    A run has diverged from the first recorded step on at which an error is a million times the
    largest target or first output. A learning rate above 2 batch / (largest eigenvalue of K) lets
    errors grow without bound, and is warned of before they do.

    The lazy scaling is the description's own: rates in proportion to 1 / width and starts of a
    gain of order 1 (``network.start`` `Scaled`) are the NTK's parametrisation, entries of
    N(0, 1) with a factor width^{-1/2} in front, written into weights and rates. Biases are
    refused: their start would be a kernel of its own, which no description of a start scales
    with the weights' (`fatheory.theory.lazy_kernel` has ``bias_scale``).
    """

    name = "lazy"
    summary = "wide networks that hardly move: kernel learning under fixed rules, full batch"
    source = "Jacot et al. 2018; Bordelon & Pehlevan 2022; sign-concordant rules: own"
    regime = "wide dense networks without biases, linear at the output, on all samples at once"

    def covers(self, experiment: Experiment) -> list[str]:
        """Say what is outside; see `Method.covers`."""
        return [*_SCOPE.problems(experiment)] or [*self._refusals(experiment)]

    def _refusals(self, experiment: Experiment) -> Iterator[str]:
        yield from full_batch_refusals(experiment)
        for label, choice in experiment.rules:
            for layer in range(2, experiment.layers + 1):
                own = choice.at(layer, experiment.layers)
                rule = own.make()
                layered = isinstance(rule, LayeredRule) and not rule.adaptive
                # Exactly this one: a rule derived from it may send errors otherwise.
                if not layered and type(rule) is not DirectFeedbackAlignment:
                    yield (
                        f"rules.{label}: {own.rule} does not send errors layer by layer through "
                        f"feedback that stays, nor through fixed direct feedback: use a layered "
                        f"rule or direct_feedback_alignment"
                    )
                    break

    def answer(
        self, experiment: Experiment, starts: Sequence[InitialState]
    ) -> dict[str, np.ndarray]:
        """Follow the outputs of every rule and seed."""
        columns = [_measured(experiment, start) for start in starts]
        loss, wrong, stable = (np.stack([one[i] for one in columns], axis=1) for i in range(3))
        _warn_of_rates(experiment, stable)
        lost = ~np.isfinite(loss)
        gone = np.maximum.accumulate(lost, axis=-1)
        loss[gone], wrong[gone] = np.nan, np.nan
        steps = np.asarray(experiment.snapshot_steps)
        since = np.where(lost.any(axis=-1), steps[np.argmax(lost, axis=-1)], -1)
        found = {labels.LOSS: loss, labels.DIVERGED_AT: since}
        return found | ({ERROR: wrong} if ERROR in experiment.record.quantities else {})

    def absent(self, experiment: Experiment) -> dict[str, str]:
        """Name everything but the loss and the classification error."""
        reason = "the lazy limit has outputs and losses; weights and activities stand still in it"
        return dict.fromkeys(set(experiment.record.quantities) - {ERROR}, reason)

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate the kernels of one seed."""
        task = experiment.task
        others = task.held_out if task.stored or task.each_seeds else 0
        pairs = task.samples * (task.samples + others)
        return {"kernels": 8 * pairs * (2 * experiment.layers + 8)}


def _warn_of_rates(experiment: Experiment, stable: np.ndarray) -> None:
    """Say which rules learn at rates at which errors grow; `stable` is (rule, seed)."""
    for (label, choice), rates in zip(experiment.rules, stable, strict=True):
        unstable = choice.learning_rate >= rates
        if unstable.any():
            warnings.warn(
                f"rules.{label}: at the learning rate {choice.learning_rate:g} errors grow from "
                f"step to step in {int(unstable.sum())} of {len(rates)} seeds; the largest stable "
                f"rate in the lazy limit, 2 batch / (largest eigenvalue of the kernel), is "
                f"{rates.min():.4g}",
                LearningRateWarning,
                stacklevel=4,
            )


def _measured(
    experiment: Experiment, start: InitialState
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follow one seed.

    Returns
    -------
    loss, classification_error : arrays of shape (rule, step)
        Where it is evaluated.
    stable : array of shape (rule,)
        The largest stable learning rates.
    """
    network, samples, shown = experiment.network, start.samples, start.evaluation
    assert isinstance(network, DenseNetwork)
    assert samples is not None
    function, weights = unit_function(network.activation), start.weights
    X, targets = (np.asarray(a, np.float64) for a in (samples.inputs, samples.targets))
    require_scaled_points("the task's training inputs", X)
    first = network_outputs(X, weights, function)
    # What rules differ in are the weights of these terms.
    terms, shown_terms, shown_first = network_terms(X, X, weights, function), None, first
    if shown.inputs is not samples.inputs:
        Z = np.asarray(shown.inputs, np.float64)
        require_scaled_points("the task's held-out inputs", Z)
        shown_terms = network_terms(Z, X, weights, function)
        shown_first = network_outputs(Z, weights, function)
    steps = np.asarray(experiment.snapshot_steps)
    losses, errors, stable = [], [], []
    bound = LARGEST * max(float(np.abs(targets).max()), float(np.abs(first).max()))
    for label, choice in experiment.rules:
        backward = _backward(start, label, choice)
        kernel = of_rule(terms, weights, backward)
        stable.append(len(samples) * largest_stable_rate(kernel))
        with np.errstate(over="ignore", invalid="ignore"):
            left, changes = lazy_steps(
                kernel,
                targets - first,
                choice.learning_rate / len(samples),
                steps,
                None if shown_terms is None else of_rule(shown_terms, weights, backward),
            )
            output = targets - left if changes is None else shown_first + changes
            loss = 0.5 * np.sum((shown.targets - output) ** 2, axis=(1, 2)) / len(shown)
        loss[~(np.abs(left).max(axis=(1, 2)) <= bound)] = np.nan
        losses.append(loss)
        wrong = np.argmax(output, axis=-1) != np.argmax(shown.targets, axis=-1)
        errors.append(100 * np.mean(wrong, axis=-1))
    return np.array(losses), np.array(errors), np.array(stable)


def _backward(start: InitialState, label: str, choice: RuleChoice) -> list[np.ndarray | None]:
    """Return what stands in for W_2 ... W_L, where it meets them in the kernel."""
    weights, states = start.weights, start.states[label]
    layers = len(weights)
    if isinstance(choice.make(), DirectFeedbackAlignment):
        # A signal that skips layers meets none of the weights that it skips: only the readout.
        return [*(None for _ in range(layers - 2)), states[layers - 2]]
    backward: list[np.ndarray | None] = []
    for layer, (W, state) in enumerate(zip(weights[1:], states[1:], strict=True), start=2):
        rule = mean_layered_rule(choice.at(layer, layers).make())
        V = rule.backward_weights(W, rule.mean_state(state, W.shape))
        backward.append(None if V is None else np.broadcast_to(V, W.shape))
    return backward
