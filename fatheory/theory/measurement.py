"""What an experiment records, computed along the path of a linear network."""

from collections.abc import Callable, Collection
from typing import Protocol, runtime_checkable

import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import InitialState
from fatheory.quantities import recorded_quantities
from fatheory.theory.linear_view import LinearView


@runtime_checkable
class Path(Protocol):
    """A linear network at recorded steps; `fatheory.theory.methods.LinearPath` is one."""

    @property
    def start(self) -> InitialState:
        """Its target, probe and feedback."""

    @property
    def error_map(self) -> np.ndarray:
        """E = T - W_L ... W_1, of shape (step, n_o, n_i)."""

    @property
    def weights(self) -> Callable[[slice], tuple[np.ndarray, ...]]:
        """From some of the steps to W_1 ... W_L there."""


def measure(
    path: Path,
    steps: slice,
    label: str,
    choice: RuleChoice,
    experiment: Experiment,
    absent: Collection[str] = (),
) -> dict[str, np.ndarray]:
    """Compute what is recorded along a trajectory, by its names in the archive.

    Parameters
    ----------
    path : Path
        The network. Its weights are asked for only if a quantity needs them.
    steps : slice
        Which of its steps.
    label, choice : str, RuleChoice
        The rule.
    experiment : Experiment
        What is asked for.
    absent : collection of str
        Quantities that are left out; those of `not_offered` at least.

    Returns
    -------
    dict
        Arrays that lead with the step axis; the loss always.

    Raises
    ------
    QuantityError
        If a quantity does not keep what it declares.
    """
    record = experiment.record
    start, error_map = path.start, path.error_map[steps]
    seen = LinearView(
        start, error_map, lambda: path.weights(steps), label, choice, record.receptive_units
    )
    # An error that is too large to be squared has diverged, and is blanked by the caller.
    with np.errstate(over="ignore", invalid="ignore"):
        measured = {labels.LOSS: seen.held_out.loss}
        for quantity in recorded_quantities(record.quantities, dict(record.sources)):
            if quantity.name not in absent:
                found = quantity.measure(seen)
                quantity.require_shapes(found, error_map.shape[:1], experiment)
                measured |= found
    return measured


def not_offered(experiment: Experiment) -> dict[str, str]:
    """Say of recorded quantities why they do not follow from the path of a linear network."""
    chosen = recorded_quantities(experiment.record.quantities, dict(experiment.record.sources))
    lacking = {quantity.name: sorted(quantity.needs - LinearView.offers) for quantity in chosen}
    return {
        name: f"{LinearView.source} does not offer {', '.join(needs)}"
        for name, needs in lacking.items()
        if needs
    }
