"""How well training examples are answered, whether or not their targets are classes."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View

TRAINING_LOSS = "training_loss"
TRAINING_LOSS_LABEL = labels.per_run(
    labels.DIMENSIONLESS, "loss on training examples", "L = 1/2 <e^T e>", labels.NOT_NEGATIVE
)


class TrainingLoss(Quantity):
    """Loss on as many training examples as are held out, with the noise that their targets have.

    As many, so that both losses cost and vary alike. Of examples that are drawn once, where none
    are held out, it differs from the loss by the noise of the targets alone.
    """

    name = TRAINING_LOSS
    summary = "loss on training examples, beside the loss on held-out ones"
    needs = frozenset({Need.TRAINING})
    same_in_any_basis = True
    variables: ClassVar = {TRAINING_LOSS: TRAINING_LOSS_LABEL}

    def compute(self, view: View) -> Mapping[str, Array]:
        """Return the losses, (*runs,)."""
        return {TRAINING_LOSS: view.training.loss}
