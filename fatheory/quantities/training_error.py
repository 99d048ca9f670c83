"""How well training examples are answered."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class TrainingError(Quantity):
    """Loss, and percentage in the wrong class, of as many training examples as are held out.

    As many, so that both errors cost and vary alike.
    """

    name = "training_error"
    summary = "percentage of training examples in the wrong class, and their loss"
    needs = frozenset({Need.TRAINING})
    variables: ClassVar = {
        "training_loss": labels.per_run(
            labels.DIMENSIONLESS, "loss on training examples", "L = 1/2 <e^T e>"
        ),
        name: labels.per_run(labels.PERCENT, "classification error on training examples"),
    }

    def compute(self, view: View) -> Mapping[str, Array]:
        """Return losses and errors, (*runs,)."""
        return {"training_loss": view.training.loss, self.name: view.training.error}
