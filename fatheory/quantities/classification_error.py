"""How many held-out examples are put into the wrong class."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.quantities.experiment_like import ExperimentParts
from fatheory.quantities.need import OF_CLASSES, Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class ClassificationError(Quantity):
    """The percentage of held-out examples whose largest output is not their class."""

    name = "classification_error"
    summary = "percentage of held-out examples in the wrong class"
    needs = frozenset({Need.HELD_OUT})
    same_in_any_basis = True
    variables: ClassVar = {
        name: labels.per_run(labels.PERCENT, "classification error on held-out examples"),
    }

    def undefined_for(self, experiment: ExperimentParts) -> tuple[str, ...]:
        """Say why an experiment has no such quantity: its targets are no classes."""
        classes = () if experiment.task.of_classes else (OF_CLASSES,)
        return (*super().undefined_for(experiment), *classes)

    def compute(self, view: View) -> Mapping[str, Array]:
        """Return the errors, (*runs,)."""
        return {self.name: view.held_out.error}
