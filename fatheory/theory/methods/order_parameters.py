"""Order parameters: two layers that learn online from white input, many inputs."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fatheory import labels
from fatheory.errors import RegimeError
from fatheory.experiment import Experiment, RuleChoice, TeacherTask
from fatheory.initial import InitialState
from fatheory.rules import Rule
from fatheory.theory.methods.method import Method
from fatheory.theory.methods.scope import Scope
from fatheory.theory.methods.two_layers import depth_refusals
from fatheory.theory.order_parameters.activation import ACTIVATIONS
from fatheory.theory.order_parameters.alignment import delta_angle, weight_angle
from fatheory.theory.order_parameters.averages import Averages
from fatheory.theory.order_parameters.feedback import resolve_feedback
from fatheory.theory.order_parameters.labelled import resolved_error
from fatheory.theory.order_parameters.mapping import overlaps_of
from fatheory.theory.order_parameters.path import follow

_SCOPE = Scope(
    features=frozenset({"activation"}),
    tasks={
        # Finite samples and coloured input are refused by what is left out.
        "linear": frozenset({"kind", "inputs", "outputs", "target", "noise"}),
        "teacher": frozenset(
            {"kind", "inputs", "outputs", "hidden", "activation", "weights", "input", "noise"}
        ),
    },
    update=frozenset({"weight_decay"}),
    schedule=frozenset({"phases"}),
    phase=frozenset({"steps"}),
)
_GIVEN = frozenset({"delta_angle_flattened", "weight_angle", "weight_norm"})


class OrderParametersMethod(Method):
    """Follow the overlaps of the drawn weights, from each seed's own start.

    Learning rates and n_i are the experiment's own (`fatheory.theory.order_parameters.mapping`
    has the scaling); spread over examples and shifts of order 1 / n_i are left out, so the answer
    is exact only as n_i grows at fixed n_i x learning rate. Inputs that are white but not normal
    count as normal, which is exact in that limit, too.
    """

    name = "order_parameters"
    summary = "online learning from white input at any rate, linear or not; exact as n_i grows"
    source = "Saad & Solla 1995; Goldt et al. 2019; Refinetti et al. 2021; derived for this project"
    regime = (
        "two-layer networks without biases that learn online from white input, of a linear task "
        "or a teacher with the same hidden units"
    )

    def covers(self, experiment: Experiment) -> list[str]:
        """Say what is outside; see `Method.covers`."""
        problems = [*_SCOPE.problems(experiment), *depth_refusals(experiment, "this method")]
        return problems or [*_unit_refusals(experiment), *_rule_refusals(experiment)]

    def answer(
        self, experiment: Experiment, starts: Sequence[InitialState]
    ) -> dict[str, np.ndarray]:
        """Follow the overlaps of every seed under every rule."""
        rows = [
            [_run(experiment, start, label, choice) for start in starts]
            for label, choice in experiment.rules
        ]
        wanted = {labels.LOSS, labels.DIVERGED_AT, *experiment.record.quantities}
        return {
            name: np.array([[run[name] for run in row] for row in rows])
            for name in rows[0][0]
            if name in wanted
        }

    def absent(self, experiment: Experiment) -> dict[str, str]:
        """Name recorded quantities that do not follow from overlaps."""
        reason = "it does not follow from overlaps, readout and feedback in closed form"
        return dict.fromkeys(sorted(set(experiment.record.quantities) - _GIVEN), reason)

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate the averages over four fields."""
        task = experiment.task
        n_h = experiment.sizes[1]
        # A linear map is as many linear teachers as it has outputs.
        teachers = task.hidden[0] if isinstance(task, TeacherTask) else task.outputs
        steps = len(experiment.snapshot_steps)
        return {"averages over four fields": 8 * steps * n_h**2 * (n_h + teachers) ** 2}


def _unit_refusals(experiment: Experiment) -> Iterator[str]:
    task, activation = experiment.task, experiment.network.activation
    if activation not in ACTIVATIONS:
        yield (
            f"the averages of {activation!r} units are not known: set network.activation to "
            f"{', '.join(map(repr, ACTIVATIONS))}"
        )
    if not isinstance(task, TeacherTask):
        if activation != "linear":
            yield (
                f"the task is linear and the hidden units are {activation!r}: set "
                f"network.activation to 'linear', or task.kind to 'teacher'"
            )
        return
    if len(task.hidden) != 1:
        yield (f"the teacher has {len(task.hidden)} hidden layers: give task.hidden one number")
    if task.activation != activation:
        yield (
            f"the teacher's units are {task.activation!r} and the network's {activation!r}: set "
            f"network.activation to {task.activation!r}"
        )
    if task.hidden[0] > task.inputs:
        yield (
            f"the teacher has more units ({task.hidden[0]}) than inputs ({task.inputs}), so its "
            f"vectors depend on each other: set task.hidden to {task.inputs} or fewer"
        )


def _rule_refusals(experiment: Experiment) -> Iterator[str]:
    for label, choice in experiment.rules:
        refused = _refused(choice.make())
        if refused:
            yield f"rules.{label}: {refused}: leave the rule out"


def _refused(rule: Rule) -> str:
    """Return why a rule has no order parameters; empty if it has."""
    said = ""
    # Rules with feedback and rules without: one is refused if it is so either way.
    for B in (None, np.ones((1, 1))):
        try:
            resolve_feedback(rule, B, np.ones((1, 1)), 1)
        except RegimeError as error:
            said = str(error)
        else:
            return ""
    return said


def _run(
    experiment: Experiment, start: InitialState, label: str, choice: RuleChoice
) -> dict[str, np.ndarray]:
    """Follow one seed under one rule and measure what archives hold."""
    overlaps = overlaps_of(start, label, choice)
    steps = np.asarray(experiment.snapshot_steps)
    # In the limit's own time, examples per input.
    states, lost = follow(overlaps.problem, overlaps.start, steps / overlaps.inputs)
    means = Averages(overlaps.problem, states)
    nothing = np.full(len(steps), np.nan)
    # States behind a divergence are NaN, and so is all that is made of them.
    with np.errstate(all="ignore"):
        loss = np.asarray(resolved_error(means))
        # Both rules hand the output the error itself.
        hidden = delta_angle(means, gated=False)
        signals = np.stack([hidden, np.where(np.isfinite(loss), 0.0, np.nan)], axis=1)
        norms = [
            np.sqrt(np.trace(states.Q, axis1=1, axis2=2)) / overlaps.sigma,
            np.linalg.norm(states.W, axis=(1, 2)),
        ]
        angles = np.stack([nothing, np.asarray(weight_angle(means))], axis=1)
    return {
        labels.LOSS: loss,
        "delta_angle_flattened": signals,
        "weight_angle": angles,
        "weight_norm": np.stack(norms, axis=1),
        labels.DIVERGED_AT: np.asarray(steps[lost] if lost >= 0 else -1, dtype=np.int64),
    }
