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


def unfit(part: object) -> str:
    """Say why something is no quantity that archives can hold; empty if it is one."""
    if isinstance(part, type) and issubclass(part, Quantity):
        return "is a class; name an instance of it"
    if not isinstance(part, Quantity):
        return "is no instance of a subclass of fatheory.quantities.Quantity"
    wrong = part.unfit()
    if wrong or type(part) in _BUILT_IN:
        return wrong
    strange = [name for name in part.variables if not name.startswith(part.name)]
    if strange:
        # So that no two quantities have a variable of one name.
        return f"has a variable {strange[0]!r}, whose name does not begin with {part.name!r}"
    for name in part.variables:
        of_ours = labels.described_in(_OWN_VARIABLES, name.format(layer=1))
        # A name of ours the registry refuses, in its own words.
        if of_ours is not None and not is_ours(part.name):
            return f"has a variable {name!r}, which a quantity of fatheory has: {of_ours.long_name}"
    return _undigested(part)


def is_ours(name: str) -> bool:
    """Whether a quantity of fatheory has the name."""
    return any(kind.name == name for kind in _BUILT_IN)


def _undigested(part: Quantity) -> str:
    """Say why the source of a quantity cannot be told from others; empty if it can."""
    try:
        return "" if part.digest else "has no digest"
    except PluginError as error:
        return f"({error})"


_OWN_VARIABLES = {name: variable for kind in _BUILT_IN for name, variable in kind.variables.items()}

QUANTITIES: Registry[Quantity] = Registry(
    "quantity", "fatheory.quantities", [kind() for kind in _BUILT_IN], unfit=unfit
)
"""All quantities. A package adds one by an entry point of the group ``fatheory.quantities`` that
names an instance of a `Quantity`, a notebook by `register`."""

find_quantity = QUANTITIES.find
known_quantities = QUANTITIES.known


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


def require_source(quantity: Quantity, described: str) -> None:
    """Refuse to compute a quantity that is another than the one described.

    Parameters
    ----------
    quantity : Quantity
        The one at hand.
    described : str
        The digest in a description, of this version or an earlier one; empty for any.

    Raises
    ------
    PluginError
        If its digest is another.
    """
    here = source_of(quantity.name) if described else ""
    if here and described != here and described not in quantity.former_digests:
        raise PluginError(
            f"{quantity.whose} is another than when the experiment was described: what it computes "
            f"with had the digest {described}, and has {here}. What was recorded can be read; to "
            f"compute it, go back to what it was, or describe the experiment anew (without "
            f"record.sources), or give it another name"
        )


def of_now(sources: Mapping[str, str]) -> dict[str, str]:
    """Return described digests, those of earlier versions of what is here as they are now."""
    found = dict(sources)
    for name, described in sources.items():
        here = source_of(name)
        if here and described != here and described in QUANTITIES.find(name).former_digests:
            found[name] = here
    return found


def former_sources(sources: Mapping[str, str]) -> list[dict[str, str]]:
    """Return described digests of quantities that are here as each earlier version had them."""
    here = {name: source_of(name) for name in sources}
    mine = [name for name, digest in sources.items() if digest and digest == here[name]]
    # One version wrote all digests of a description: the first ones go together, and so on.
    versions = zip(*(QUANTITIES.find(name).former_digests for name in mine), strict=True)
    found = [dict(sources) | dict(zip(mine, former, strict=True)) for former in versions]
    return [former for i, former in enumerate(found) if former not in [sources, *found[:i]]]


def recorded_quantities(names: Iterable[str], sources: Mapping[str, str]) -> tuple[Quantity, ...]:
    """Return the quantities of a record, if they are those that were described.

    Raises
    ------
    PluginError
        If one has another source than it had when the experiment was described.
    """
    chosen = find_quantities(names)
    for quantity in chosen:
        require_source(quantity, sources.get(quantity.name, ""))
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
