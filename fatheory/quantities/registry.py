"""The quantities by name: fatheory's own, those of installed packages, those of a session."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from fatheory import labels
from fatheory.errors import PluginError
from fatheory.labels import Variable
from fatheory.quantities.alignment_count import AlignmentCount
from fatheory.quantities.classification_error import ClassificationError
from fatheory.quantities.delta_angle import DeltaAngle
from fatheory.quantities.delta_angle_flattened import DeltaAngleFlattened
from fatheory.quantities.effective_rank import EffectiveRank
from fatheory.quantities.firing_rate import FiringRate
from fatheory.quantities.gradient_norm import GradientNorm
from fatheory.quantities.norm_ratio import NormRatio
from fatheory.quantities.pseudobackprop_angles import PseudobackpropAngles
from fatheory.quantities.pseudoinverse_alignment import PseudoinverseAlignment
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.receptive_fields import ReceptiveFields
from fatheory.quantities.sign_concordance import SignConcordance
from fatheory.quantities.teaching_signals import TeachingSignals
from fatheory.quantities.traces import Traces
from fatheory.quantities.training_error import TrainingError
from fatheory.quantities.training_loss import TrainingLoss
from fatheory.quantities.unit_angle import UnitAngle
from fatheory.quantities.unit_balance import UnitBalance
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
    AlignmentCount,
    WeightAngle,
    SignConcordance,
    PseudobackpropAngles,
    PseudoinverseAlignment,
    UnitAngle,
    UnitBalance,
    WeightNorm,
    NormRatio,
    EffectiveRank,
    GradientNorm,
    UpdateSignAgreement,
    ReceptiveFields,
    ClassificationError,
    TrainingLoss,
    TrainingError,
    FiringRate,
    Traces,
)


def _unfit(part: object) -> str:
    if isinstance(part, type) and issubclass(part, Quantity):
        return "is a class; name an instance of it"
    if not isinstance(part, Quantity):
        return "is no instance of a subclass of fatheory.quantities.Quantity"
    strange = [name for name in part.variables if not name.startswith(part.name)]
    if strange and type(part) not in _BUILT_IN:
        # So that no two quantities have a variable of one name.
        return f"has a variable {strange[0]!r}, whose name does not begin with {part.name!r}"
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


def source_of(name: str) -> str:
    """Return the digest of the source of a quantity; empty for fatheory's own."""
    if QUANTITIES.package_of(name) is None:
        return ""
    return QUANTITIES.find(name).digest


def recorded_quantities(names: Iterable[str], sources: Mapping[str, str]) -> tuple[Quantity, ...]:
    """Return the quantities of a record, if they are those that were described.

    Raises
    ------
    PluginError
        If one has another source than it had when the experiment was described.
    """
    chosen = find_quantities(names)
    for quantity in chosen:
        source = source_of(quantity.name)
        if source != sources.get(quantity.name, source):
            raise PluginError(
                f"{quantity.whose} is another than when the experiment was described (its source "
                f"was {sources[quantity.name]} and is {source}): describe the experiment anew"
            )
    return chosen


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


def quantity_table() -> list[tuple[str, str, str, str]]:
    """Return a row for every quantity, for lists: name, what it is, units, what it needs."""
    return [
        (
            name,
            quantity.summary,
            ", ".join(dict.fromkeys(variable.units for variable in quantity.variables.values())),
            ", ".join(sorted(quantity.needs)),
        )
        for name, quantity in known_quantities().items()
    ]
