"""How the test run checks types: whole numbers pass for floats, as PEP 484 has it.

jaxtyping binds every call of every function anew, twice, to compare shapes: some 50 microseconds,
which was most of what planning a sweep or reading a description took here. Only functions that
have shapes in their signature need that. All others are checked by beartype alone, as strictly.
"""

import inspect
import types
import typing

import jaxtyping
from beartype import BeartypeConf, beartype

# The same error either way.
check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError))
_with_shapes = jaxtyping.jaxtyped


def _has_shapes(hint: object) -> bool:
    """Whether a hint names an array's shape, or is not known before it is used."""
    if isinstance(hint, str | typing.ForwardRef | typing.TypeVar):
        return True
    if inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    if isinstance(hint, list):  # the arguments of a Callable
        return any(map(_has_shapes, hint))
    return any(map(_has_shapes, typing.get_args(hint)))


def _checked(function: typing.Any = None, *, typechecker: typing.Any = None) -> typing.Any:
    """Stand in for `jaxtyping.jaxtyped`, which the import hook puts at every function."""
    if function is None:
        return lambda function: _checked(function, typechecker=typechecker)
    plain = isinstance(function, types.FunctionType) and typechecker is not None
    if not plain or any(map(_has_shapes, function.__annotations__.values())):
        return _with_shapes(function, typechecker=typechecker)
    return typechecker(function)


jaxtyping.jaxtyped = _checked
