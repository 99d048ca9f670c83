"""Wide nonlinear networks that learn without moving far: the lazy limit of any layered rule."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fatheory import labels
from fatheory.experiment import DenseNetwork, Experiment, RuleChoice
from fatheory.initial import InitialState
from fatheory.rules import LayeredRule
from fatheory.theory.mean_rule import mean_layered_rule
from fatheory.theory.methods.method import Method
from fatheory.theory.methods.scope import Scope
from fatheory.theory.wide.network_kernel import network_kernel, network_outputs
from fatheory.theory.wide.unit_function import UNIT_FUNCTIONS, unit_function

_DRAWN = frozenset({"kind", "inputs", "outputs", "samples", "noise"})
_SCOPE = Scope(
    features=frozenset({"activation"}),
    tasks={
        "linear": _DRAWN | {"target", "spectrum_decay"},
        "quadratic": _DRAWN | {"coefficients", "input"},
        "teacher": _DRAWN | {"hidden", "activation", "weights", "biases", "input"},
    },
    phase=frozenset({"steps"}),
)


class LazyMethod(Method):
    """Follow the outputs of a wide network whose hidden activities hardly change.

    Full-batch steps on finite samples move the outputs by (eta / batch) K e, with the kernel K of
    the network's own start at its own widths and scaling (`network_kernel`), from the network's
    own outputs. What is left out is of the order of width^-1/2, and the motion of the kernel,
    which small steps or a large start keep small.
    """

    name = "lazy"
    any_rate = True
    summary = "wide networks that hardly move: kernel learning under layered rules, full batch"
    source = "Jacot et al. 2018; Bordelon & Pehlevan 2022; sign-concordant rules: own"
    regime = "wide dense networks without biases, linear at the output, on all samples at once"

    def covers(self, experiment: Experiment) -> list[str]:
        """Say what is outside; see `Method.covers`."""
        return [*_SCOPE.problems(experiment)] or [*self._refusals(experiment)]

    def _refusals(self, experiment: Experiment) -> Iterator[str]:
        network, task, schedule = experiment.network, experiment.task, experiment.schedule
        assert isinstance(network, DenseNetwork)  # others are outside the scope
        if network.activation not in UNIT_FUNCTIONS:
            known = ", ".join(UNIT_FUNCTIONS)
            yield f"the hidden units are {network.activation!r}: use one of {known}"
        if not task.samples:
            yield "examples are drawn anew at every step: give task.samples"
        elif schedule.batch_size != task.samples:
            yield (
                f"batches of {schedule.batch_size} are part of the {task.samples} samples: set "
                f"schedule.batch_size to {task.samples}"
            )
        for label, choice in experiment.rules:
            rule = choice.make()
            if not isinstance(rule, LayeredRule) or rule.adaptive:
                yield (
                    f"rules.{label}: {choice.rule} does not send errors layer by layer through "
                    f"feedback that stays: use a layered rule"
                )

    def answer(
        self, experiment: Experiment, starts: Sequence[InitialState]
    ) -> dict[str, np.ndarray]:
        """Follow the outputs of every rule and seed."""
        losses = [
            [_losses(experiment, start, label, choice) for start in starts]
            for label, choice in experiment.rules
        ]
        loss = np.array(losses)
        lost = ~np.isfinite(loss)
        loss[np.maximum.accumulate(lost, axis=-1)] = np.nan
        steps = np.asarray(experiment.snapshot_steps)
        since = np.where(lost.any(axis=-1), steps[np.argmax(lost, axis=-1)], -1)
        return {labels.LOSS: loss, labels.DIVERGED_AT: since}

    def absent(self, experiment: Experiment) -> dict[str, str]:
        """Name everything but the loss."""
        reason = "the lazy limit has outputs and losses; weights and activities stand still in it"
        return dict.fromkeys(experiment.record.quantities, reason)

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate the kernels of one seed and rule."""
        return {"kernels": 8 * experiment.task.samples**2 * (2 * experiment.layers + 8)}


def _losses(
    experiment: Experiment, start: InitialState, label: str, choice: RuleChoice
) -> np.ndarray:
    """Return the loss at the recorded steps, on the samples without their noise."""
    network = experiment.network
    assert isinstance(network, DenseNetwork)
    assert start.samples is not None
    function, samples = unit_function(network.activation), start.samples
    rule = mean_layered_rule(choice.make())
    backward = [
        None if (V := rule.backward_weights(W, rule.mean_state(state, W.shape))) is None
        else np.broadcast_to(V, W.shape)
        for W, state in zip(start.weights[1:], start.states[label][1:], strict=True)
    ]  # fmt: skip
    K = network_kernel(samples.inputs, samples.inputs, start.weights, backward, function)
    eigenvalues, modes = np.linalg.eigh((K + K.T) / 2)
    first = network_outputs(samples.inputs, start.weights, function)
    shift = modes.T @ (samples.targets - first)
    rate = choice.learning_rate / len(samples)
    steps = np.asarray(experiment.snapshot_steps, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        left = (
            np.sign(1 - rate * eigenvalues) ** steps[:, None]
            * np.abs(1 - rate * eigenvalues) ** steps[:, None]
        )
        output = samples.targets - np.einsum("pm,tm,mu->tpu", modes, left, shift, optimize=True)
        return 0.5 * np.sum((start.evaluation.targets - output) ** 2, axis=(1, 2)) / len(samples)
