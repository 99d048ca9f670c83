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
from fatheory.theory.wide.lazy_steps import growth_after, largest_stable_rate, lazy_steps
from fatheory.theory.wide.network_kernel import (
    bias_variances,
    network_outputs,
    network_terms,
    of_rule,
)
from fatheory.theory.wide.points import require_scaled_points
from fatheory.theory.wide.unit_function import unit_function

_SCOPE = replace(SCOPE, tasks=TASKS | GIVEN, features=SCOPE.features | {"biases"})
ERROR = "classification_error"
_NOTED = 1.01
"""Growth of an error by the last step that is worth a warning: at finite widths eigenvalues that
are nearly 0 come out slightly negative."""


class LazyMethod(Method):
    """Follow the outputs of a wide network whose hidden activities hardly change.

    Full-batch steps on finite samples move the outputs by (eta / batch) K e, with the kernel K of
    the network's own start at its own widths and scaling (`network_kernel`), from the network's
    own outputs. What is left out is of the order of width^-1/2, and the motion of the kernel,
    which small steps or a large start keep small. Of images and own arrays, losses and
    classification errors are those of the held-out ones.

    A run has diverged from the first recorded step on at which an error is a million times the
    largest target or first output. A learning rate above 2 batch / (largest eigenvalue of K) lets
    errors grow without bound, and is warned of before they do. A kernel with a negative eigenvalue,
    as feedback against the weights has, lets some error grow at every rate: that is warned of where
    it makes one per cent by the last step.

    The scaling is the description's own start, at its own widths. With ``network.start``
    `Scaled` of gain g, all hidden layers of width n and n_i inputs, a learning rate eta
    in batches of P samples is the rate eta n / (P g^2) of weights ~ N(0, 1) behind factors
    g / sqrt(fan-in) (NTK parametrisation, `fatheory.theory.lazy_kernel` with g = 1), but for the
    first layer, whose rate there is n_i / n of the others'. So rates in proportion to 1 / width
    learn alike fast at all widths, and the first layer's share of the kernel, as that of the
    biases, falls as 1 / width. NTK parametrisation itself, in which these shares stay, is left
    out: a description has one learning rate for all of a rule's weights and biases, and its
    simulation moves them alike.

    Biases, of hidden and output units, start from their own draws and learn at the rate of the
    weights. They add their variance to the covariance of preactivations, and to the kernel what
    the weights of one more input add that is always 1.
    """

    name = "lazy"
    summary = "wide networks that hardly move: kernel learning under fixed rules, full batch"
    source = "Jacot et al. 2018; Bordelon & Pehlevan 2022; sign-concordant rules: own"
    regime = "wide dense networks, linear at the output, on all samples at once"

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
        loss, wrong, stable, growth = (
            np.stack([one[i] for one in columns], axis=1) for i in range(4)
        )
        _warn_of_rates(experiment, stable, growth)
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


def _warn_of_rates(experiment: Experiment, stable: np.ndarray, growth: np.ndarray) -> None:
    """Say which rules learn at rates at which errors grow; arrays of shape (rule, seed)."""
    rows = zip(experiment.rules, stable, growth, strict=True)
    for (label, choice), rates, factors in rows:
        never = (rates == 0) & (factors > _NOTED)
        unstable = (rates > 0) & (choice.learning_rate >= rates)
        for found, why in (
            (
                unstable,
                f"the largest stable rate in the lazy limit, 2 batch / (largest eigenvalue of the "
                f"kernel), is {rates[unstable].min(initial=np.inf):.4g}",
            ),
            (
                never,
                f"no rate is stable in the lazy limit, as the kernel has a negative eigenvalue: "
                f"by the last step an error has grown "
                f"{factors[never].max(initial=1.0):.4g}-fold",
            ),
        ):
            if found.any():
                warnings.warn(
                    f"rules.{label}: at the learning rate {choice.learning_rate:g} errors grow "
                    f"from step to step in {int(found.sum())} of {len(rates)} seeds; {why}",
                    LearningRateWarning,
                    stacklevel=4,
                )


def _measured(
    experiment: Experiment, start: InitialState
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Follow one seed.

    Returns
    -------
    loss, classification_error : arrays of shape (rule, step)
        Where it is evaluated.
    stable : array of shape (rule,)
        The largest stable learning rates, 0 where none is.
    growth : array of shape (rule,)
        Where none is, by how much the error that grows most has grown at the last step; else 1.
    """
    network, samples, shown = experiment.network, start.samples, start.evaluation
    assert isinstance(network, DenseNetwork)
    assert samples is not None
    function, weights, biases = unit_function(network.activation), start.weights, start.biases
    X, targets = (np.asarray(a, np.float64) for a in (samples.inputs, samples.targets))
    shift = bias_variances(weights, biases)[0] if biases else None
    require_scaled_points("the task's training inputs", X, shift)
    first = network_outputs(X, weights, function, biases)
    # What rules differ in are the weights of these terms.
    terms = network_terms(X, X, weights, function, biases)
    shown_terms, shown_first = None, first
    if shown.inputs is not samples.inputs:
        Z = np.asarray(shown.inputs, np.float64)
        require_scaled_points("the task's held-out inputs", Z, shift)
        shown_terms = network_terms(Z, X, weights, function, biases)
        shown_first = network_outputs(Z, weights, function, biases)
    steps = np.asarray(experiment.snapshot_steps)
    losses, errors, stable, growth = [], [], [], []
    bound = LARGEST * max(float(np.abs(targets).max()), float(np.abs(first).max()))
    for label, choice in experiment.rules:
        backward = _backward(start, label, choice)
        kernel = of_rule(terms, weights, backward)
        rate = choice.learning_rate / len(samples)
        stable.append(len(samples) * largest_stable_rate(kernel))
        growth.append(1.0 if stable[-1] else growth_after(kernel, rate, int(steps[-1])))
        with np.errstate(over="ignore", invalid="ignore"):
            left, changes = lazy_steps(
                kernel,
                targets - first,
                rate,
                steps,
                None if shown_terms is None else of_rule(shown_terms, weights, backward),
            )
            output = targets - left if changes is None else shown_first + changes
            loss = 0.5 * np.sum((shown.targets - output) ** 2, axis=(1, 2)) / len(shown)
        loss[~(np.abs(left).max(axis=(1, 2)) <= bound)] = np.nan
        losses.append(loss)
        wrong = np.argmax(output, axis=-1) != np.argmax(shown.targets, axis=-1)
        errors.append(100 * np.mean(wrong, axis=-1))
    return np.array(losses), np.array(errors), np.array(stable), np.array(growth)


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
