"""What methods about learning on all samples at once have in common."""

from collections.abc import Iterator

from fatheory.experiment import DenseNetwork, Experiment
from fatheory.theory.methods.scope import Scope
from fatheory.theory.wide.unit_function import UNIT_FUNCTIONS

_DRAWN = frozenset({"kind", "inputs", "outputs", "samples", "noise"})
TASKS = {
    "linear": _DRAWN | {"target", "spectrum_decay"},
    "quadratic": _DRAWN | {"coefficients", "input"},
    "teacher": _DRAWN | {"hidden", "activation", "weights", "biases", "input"},
}
"""Tasks whose samples are drawn once, with the fields that only shape the samples."""
SCOPE = Scope(
    features=frozenset({"activation"}),
    tasks=TASKS,
    phase=frozenset({"steps"}),
    choice=frozenset(
        {"rule", "parameters", "learning_rate", "initial_concordance", "feedback_seed", "layers"}
    ),
)
"""Wide dense networks without biases, linear at the output."""


def full_batch_refusals(experiment: Experiment) -> Iterator[str]:
    """Yield unit functions without Gaussian averages, and batches that are not all samples."""
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
