"""How well training examples are answered."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.labels import Variable
from fatheory.quantities.experiment_like import ExperimentLike, ExperimentParts
from fatheory.quantities.need import OF_CLASSES, Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.training_loss import TRAINING_LOSS, TRAINING_LOSS_LABEL
from fatheory.quantities.view import View


class TrainingError(Quantity):
    """Loss, and percentage in the wrong class, of as many training examples as are held out.

    As many, so that both errors cost and vary alike.
    """

    name = "training_error"
    summary = "percentage of training examples in the wrong class, and their loss"
    needs = frozenset({Need.TRAINING})
    same_in_any_basis = True
    variables: ClassVar = {
        name: labels.per_run(labels.PERCENT, "classification error on training examples"),
    }

    def names(self, experiment: ExperimentLike) -> Iterator[str]:
        """Name the loss beside it, which the quantity `training_loss` describes."""
        yield TRAINING_LOSS
        yield from super().names(experiment)

    def describe(self, name: str) -> Variable | None:
        """Return how either variable is labelled."""
        return TRAINING_LOSS_LABEL if name == TRAINING_LOSS else super().describe(name)

    def undefined_for(self, experiment: ExperimentParts) -> tuple[str, ...]:
        """Say why an experiment has no such quantity: its targets are no classes."""
        if not experiment.task.of_classes:
            return (OF_CLASSES,)  # which says all; `training_loss` is for any targets
        return super().undefined_for(experiment)

    def compute(self, view: View) -> Mapping[str, Array]:
        """Return losses and errors, (*runs,)."""
        return {TRAINING_LOSS: view.training.loss, self.name: view.training.error}
