"""The quantities by name: fatheory's own, those of installed packages, those of a session."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from fatheory import labels
from fatheory.labels import Variable
from fatheory.quantities.classification_error import ClassificationError
from fatheory.quantities.delta_angle import DeltaAngle
from fatheory.quantities.delta_angle_flattened import DeltaAngleFlattened
from fatheory.quantities.firing_rate import FiringRate
from fatheory.quantities.gradient_norm import GradientNorm
from fatheory.quantities.pseudobackprop_angles import PseudobackpropAngles
from fatheory.quantities.pseudoinverse_alignment import PseudoinverseAlignment
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.receptive_fields import ReceptiveFields
from fatheory.quantities.sign_concordance import SignConcordance
from fatheory.quantities.teaching_signals import TeachingSignals
from fatheory.quantities.traces import Traces
from fatheory.quantities.training_error import TrainingError
from fatheory.quantities.unit_angle import UnitAngle
from fatheory.quantities.update_sign_agreement import UpdateSignAgreement
from fatheory.quantities.weight_angle import WeightAngle
from fatheory.quantities.weight_norm import WeightNorm
from fatheory.quantities.weights import Weights
from fatheory.registry import Registry

Registered = TypeVar("Registered")

_BUILT_IN: tuple[type[Quantity], ...] = (
    Weights,
    TeachingSignals,
    DeltaAngle,
    DeltaAngleFlattened,
    WeightAngle,
    SignConcordance,
    PseudobackpropAngles,
    PseudoinverseAlignment,
    UnitAngle,
    WeightNorm,
    GradientNorm,
    UpdateSignAgreement,
    ReceptiveFields,
    ClassificationError,
    TrainingError,
    FiringRate,
    Traces,
)


def _unfit(part: object) -> str:
    if isinstance(part, type) and issubclass(part, Quantity):
        return "is a class; name an instance of it"
    if not isinstance(part, Quantity):
        return "is no instance of a subclass of fatheory.quantities.Quantity"
    return part.unfit()


QUANTITIES: Registry[Quantity] = Registry(
    "quantity", "fatheory.quantities", [kind() for kind in _BUILT_IN], unfit=_unfit
)
"""All quantities. A package adds one by an entry point of the group ``fatheory.quantities`` that
names an instance of a `Quantity`, a notebook by `register`."""

find_quantity = QUANTITIES.find
known_quantities = QUANTITIES.known

_OWN_VARIABLES = {name: variable for kind in _BUILT_IN for name, variable in kind.variables.items()}


def register(part: Registered) -> Registered:
    """Add a quantity for as long as this process lives: an instance, or a class as a decorator.

    Raises
    ------
    PluginError
        If it is no quantity, or its name is fatheory's or an installed package's.
    """
    if isinstance(part, type) and issubclass(part, Quantity):
        QUANTITIES.register(part())
    else:
        QUANTITIES.register(part)
    return part


def find_quantities(names: Iterable[str]) -> tuple[Quantity, ...]:
    """Return the quantities of these names, in this order."""
    return tuple(QUANTITIES.find(name) for name in names)


def describe(name: str) -> Variable | None:
    """Return how a variable of any quantity is labelled; None if none has it."""
    own = labels.described_in(_OWN_VARIABLES, name)
    if own is not None:
        return own
    # Packages are only loaded for names that are not fatheory's own.
    found = (quantity.describe(name) for quantity in known_quantities().values())
    return next((variable for variable in found if variable is not None), None)


def variable_names() -> Iterator[str]:
    """Yield the names of all variables, as quantities declare them."""
    for quantity in known_quantities().values():
        yield from quantity.variables
