"""The base of all parts of an experiment: frozen, strict about unknown keys, clear errors."""

import inspect
import itertools
import math
import numbers
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from fatheory.errors import InvalidExperimentError, WrongKindError, suggestion, visible
from fatheory.experiment.json_text import written
from fatheory.experiment.signature import own_signature, readable_signature
from fatheory.markup import heading, table


def whole(value: Any) -> Any:
    """Let NumPy integers pass for integers, and nothing else: not 2.0, not True, not "2"."""
    if isinstance(value, bool):
        return value
    try:
        # By `__index__`, which NumPy's integers have and floats do not, not even 2.0.
        return operator.index(value)
    except TypeError:  # also of arrays of several numbers, which have a method for it
        return value


def real(value: Any) -> Any:
    """Let every kind of real number pass for a float, NumPy's too, but neither True nor "2".

    Minus zero becomes zero: they are equal, and would be written differently.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return value
    try:
        # Adding zero turns -0.0 into 0.0.
        return float(value) + 0.0
    except OverflowError:
        # Of integers beyond any float; infinity is then refused with a message of its own.
        return math.inf


def _encodable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        # Here and not when an archive is written, which would be after the run.
        raise ValueError(f"is text that cannot be stored; got {value!r:.60}") from None
    return value


def _not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("must not be empty")
    return value


NOT_EMPTY = AfterValidator(_not_empty)
"""Refuses an empty sequence."""


def _as_sequence(value: Any) -> Any:
    number = whole(value)
    return (number,) if type(number) is int else value


OR_ONE = BeforeValidator(_as_sequence)
"""Takes a single whole number for a sequence of one."""
Whole = Annotated[int, BeforeValidator(whole), Field(strict=True)]
"""An integer."""
MAX_COUNT = 2**53
"""Beyond, floats miss whole numbers, and grids of steps are computed in floats."""
Size = Annotated[Whole, Field(gt=0, le=MAX_COUNT)]
"""A positive integer."""
Count = Annotated[Whole, Field(ge=0, le=MAX_COUNT)]
"""A non-negative integer."""
Seed = Annotated[Whole, Field(ge=0, lt=2**32)]
"""A seed: 32 bits, which every random generator in use takes."""
MAX_NUMBER = 1e30
"""Beyond, products of two leave the range of single precision, and draws that of double."""


def _not_too_large(value: float) -> float:
    if abs(value) > MAX_NUMBER:
        raise ValueError(f"must be of at most {MAX_NUMBER:g} in size; got {value:g}")
    return value


Number = Annotated[
    float,
    BeforeValidator(real),
    Field(strict=True, allow_inf_nan=False),
    AfterValidator(_not_too_large),
]
"""A finite number that one can compute with."""
Positive = Annotated[Number, Field(gt=0)]
"""A positive, finite number."""
NonNegative = Annotated[Number, Field(ge=0)]
"""A finite number, zero or larger."""
Fraction = Annotated[Number, Field(ge=0, lt=1)]
"""A number in [0, 1)."""
Text = Annotated[str, AfterValidator(_encodable)]
"""Text that JSON and files can hold: no half of a surrogate pair."""


AS_SET = "order and repetitions mean nothing"
AS_BAG = "order means nothing"
AS_MAPPING = "pairs whose order means nothing"
"""Notes on fields of a description; they say what is equal, and so what has the same hash."""


Part = TypeVar("Part", bound="Description")


class Description(BaseModel):
    """A frozen part of an experiment. Two are equal if their `canonical` forms are.

    Raises
    ------
    InvalidExperimentError
        If a key is unknown (the nearest known one is named), missing, or its value out of range.
    WrongKindError
        If a setting is given without its name.
    """

    # Unknown keys are refused, as a mistyped setting would otherwise run with its default.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    spellings: ClassVar[Mapping[str, str]] = {}
    """Further keys that a part takes, and the fields that they stand for."""

    def __init__(self, /, *unnamed: Any, **data: Any) -> None:
        if unnamed:
            own = type(self)
            # Those that tell kinds of parts apart have but one value.
            keys = [key for key in own.model_fields if key not in ("kind", "distribution")]
            raise WrongKindError(
                f"{own.__name__} takes its settings by name; got {unnamed[0]!r:.60} without one: "
                f"write {own.__name__}({keys[0] if keys else 'name'}=...); it has {', '.join(keys)}"
            )
        # Pydantic calls this for nested parts too, so each part's problems arrive at the whole
        # as an InvalidExperimentError, and `_problems` puts the path in front.
        try:
            super().__init__(**data)
        except ValidationError as error:
            problems = [p for entry in error.errors() for p in _problems(type(self), entry)]
            raise InvalidExperimentError(type(self).__name__, problems) from None
        except RecursionError:
            problem = ("", "parts are nested too deeply")
            raise InvalidExperimentError(type(self).__name__, [problem]) from None
        except UnicodeEncodeError as error:  # pydantic hands keys on as UTF-8
            problem = ("", f"{error.object!r:.80} holds half of a surrogate pair")
            raise InvalidExperimentError(type(self).__name__, [problem]) from None

    @model_validator(mode="wrap")
    @classmethod
    def _keys_are_strings(cls, data: Any, handler: Any) -> Any:
        """Refuse what Python could not pass to `__init__`, before pydantic tries."""
        if isinstance(data, dict):
            for key in data:
                if not isinstance(key, str):
                    raise ValueError(f"keys are strings; got {key!r}")
        return handler(data)

    def replaced(self: Part, **changes: Any) -> Part:
        """Return a copy with these fields changed, validated like a new one."""
        # Not pydantic's `model_copy`, which validates nothing.
        return type(self)(**(dict(self) | changes))

    def canonical(self) -> dict[str, Any]:
        """Return what differs from the defaults, in the one form in which it is hashed.

        Defaults are left out, so that a field that descriptions gain next year, with a default,
        changes no hash. (A default that changes its value would give two meanings to one hash:
        such a change needs a new `fatheory.experiment.migration.VERSION`, and the new field
        another name.) What means nothing is left out: the order of some lists and of mappings,
        the difference between 1 and 1.0.
        """
        kept = {}
        for name, (notes, default) in _fields(type(self)).items():
            value = canonical(getattr(self, name), notes)
            # Compared in canonical form, in which equal things are written alike.
            if default is _KEPT or value != default:
                kept[name] = value
        return kept

    @property
    def _identity(self) -> str:
        # Not cached: pydantic's copies with changes would keep it.
        return written(self.canonical())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Description):
            return NotImplemented
        return type(self) is type(other) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash((type(self), self._identity))

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        # Pydantic's own writes annotations in full, validators included.
        if cls.__init__ is Description.__init__:
            cls.__signature__ = readable_signature(cls)
        else:  # of a part that takes something else than its fields, as arrays
            cls.__signature__ = own_signature(cls)

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in self)
        return f"{type(self).__name__}({inner})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return heading(type(self).__name__) + table(rows(self))


def canonical(value: Any, notes: Sequence[Any] = ()) -> Any:
    """Write a value of a field in the one form in which it is hashed, as JSON has it.

    Parameters
    ----------
    value : any
        A part, or what parts hold: numbers, strings, sequences, mappings.
    notes : sequence
        The field's metadata, with `AS_SET`, `AS_BAG` or `AS_MAPPING` among them or not.
    """
    if isinstance(value, Description):
        return value.canonical()
    # JSON from elsewhere writes 1 or 1.0 for the same number.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): canonical(inner) for key, inner in value.items()}
    if not isinstance(value, tuple | list):
        return value
    if AS_MAPPING in notes:
        return {str(key): canonical(inner) for key, inner in value}
    inner = [canonical(entry) for entry in value]
    if AS_SET in notes or AS_BAG in notes:
        # Sorted, since a hash must not know in which order somebody wrote them.
        inner.sort()
    return list(dict.fromkeys(inner)) if AS_SET in notes else inner


# A sentinel of its own, as None is the default of many fields.
_KEPT = object()


@cache  # sweeps hash every cell
def _fields(kind: type[Description]) -> dict[str, tuple[Any, Any]]:
    """Return the fields of a class, with their notes and canonical defaults, or `_KEPT`."""
    found = {}
    for name, field in kind.model_fields.items():
        notes = tuple(note for note in field.metadata if isinstance(note, str))
        default = field.get_default(call_default_factory=True)
        # ``kind`` and ``distribution`` say which class it is, whatever their default.
        tag = len(get_args(field.annotation)) == 1 and isinstance(default, str)
        kept = tag or field.is_required()
        found[name] = (notes, _KEPT if kept else canonical(default, notes))
    return found


def of_its_kind(
    what: str, kinds: Mapping[str, type[Description]], default: str
) -> Callable[[Any], Any]:
    """Return a reader of mappings as the description that their ``kind`` names.

    Not by pydantic's tagged unions: they would put the tag into the path of every problem.
    """

    def read(value: Any) -> Any:
        if isinstance(value, tuple(kinds.values())):
            return value
        if not isinstance(value, Mapping):
            raise ValueError(
                f"a {what} is a mapping or one of fatheory's {what}s; got {value!r:.60}"
            )
        unfit = [key for key in value if not isinstance(key, str)]
        if unfit:
            raise ValueError(f"keys are strings; got {unfit[0]!r}")
        kind = value.get("kind", default)
        if not isinstance(kind, str) or kind not in kinds:
            raise ValueError(f"unknown kind of {what} {kind!r}{suggestion(kind, kinds)}")
        return kinds[kind](**value)

    return read


def _problems(model: type[Description], entry: Any) -> list[tuple[str, str]]:
    """Turn one of pydantic's errors into (path, message) pairs in our words."""
    path = ".".join(str(part) for part in entry["loc"])
    cause = entry.get("ctx", {}).get("error")
    if isinstance(cause, InvalidExperimentError):
        return [(".".join(filter(None, (path, inner))), what) for inner, what in cause.problems]
    if cause is not None:
        return [(path, str(cause))]
    if entry["type"] == "extra_forbidden":
        known = [*model.model_fields, *model.spellings, *_own_keys(model)]
        return [(path, f"unknown key{suggestion(entry['loc'][-1], known)}")]
    if entry["type"] == "missing":
        others = [key for key, field in model.spellings.items() if field == path]
        instead = f"; give it, or {' or '.join(others)}" if others else ""
        return [(path, f"is required and has no default{instead}")]
    message = entry["msg"][0].lower() + entry["msg"][1:]
    # Pydantic takes no string for a sequence, and whoever writes "weights" means ["weights"].
    lone_word = entry["type"] == "tuple_type" and isinstance(entry["input"], str)
    meant = f": write [{short(entry['input'])}]" if lone_word else ""
    return [(path, f"{message}; got {short(entry['input'])}{meant}")]


def _own_keys(model: type[BaseModel]) -> list[str]:
    """Name what a part takes beside its fields, such as the arrays of a task."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    taken = inspect.signature(model).parameters.values()
    return [own.name for own in taken if own.kind in named and own.name not in model.model_fields]


def short(value: Any) -> str:
    """Write a value in at most 60 characters."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # of deep nesting, and of integers of many digits
        text = f"a value of type {type(value).__name__} that is too large to be shown"
    return text if len(text) <= 60 else text[:57] + "..."


def rows(part: BaseModel | Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Flatten a description into (dotted key, value) pairs for display."""
    flat: list[tuple[str, str]] = []
    items = part.model_dump(mode="json") if isinstance(part, BaseModel) else part
    for key, value in items.items():
        if isinstance(value, Mapping):
            flat += rows(value, f"{prefix}{key}.")
        elif isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
            flat += rows({str(i): entry for i, entry in enumerate(value)}, f"{prefix}{key}.")
        else:
            flat.append((visible(prefix + key), visible(_brief(value))))
    return flat


def _brief(value: Any) -> str:
    """Write a run of consecutive integers as a range, everything else as it is."""
    is_run = (
        isinstance(value, list)
        # Up to three numbers are shorter written out.
        and len(value) > 3
        and all(isinstance(entry, int) for entry in value)
        and all(later - earlier == 1 for earlier, later in itertools.pairwise(value))
    )
    return f"{value[0]} … {value[-1]} ({len(value)})" if is_run else str(value)
