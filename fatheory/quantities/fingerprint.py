"""What tells own quantities of one name apart: their source, and whatever else they compute with.

`Fingerprint` says what is covered.
"""

import ast
import contextlib
import dis
import enum
import functools
import hashlib
import inspect
import logging
import re
import sys
import sysconfig
import textwrap
import types
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from fatheory.errors import PluginError

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), range, types.UnionType)
_NAMED = (types.MethodDescriptorType, types.WrapperDescriptorType, np.ufunc, logging.Logger)
_BY_REPR = ("datetime", "decimal", "fractions", "uuid", "typing")
_PART = "the quantity itself"
_DECLARED = frozenset({"name", "summary", "source", "needs", "variables"})
"""What a quantity declares: labels, which archives hold themselves."""


class Fingerprint:
    """Takes a quantity apart into source and values, and digests them.

    Covered are, of functions, their source; the values that closures captured, and those of
    defaults and of `functools.partial`; the global names that they use. Of classes, their source,
    that of their bases, and the values of their attributes; of objects, their attributes. Of
    those, functions, classes and modules are followed in the same way if they are the user's: of
    the quantity's own package, or of none that is installed. What other packages have, fatheory
    included, is known by name alone; archives note versions. Arrays are known by their content, so
    are numbers, texts, paths, enumerations, dates, and lists, tuples, sets and mappings of these.
    Whatever else a quantity computes with cannot be told from others of its kind, such as an open
    file or a generator of random numbers, and is refused.

    Not covered is what no name leads to: what a function reads from files, or looks up by a text
    (``getattr``, ``globals``, ``importlib``).

    Parameters
    ----------
    owner : str
        Whose it is, for messages.
    module : str
        Where it was written; other modules of that package are followed, too.
    former : bool
        Whether texts are put together as earlier versions did, of which some are the same for
        values nested otherwise; to know again what they digested.
    """

    def __init__(self, owner: str, module: str, *, former: bool = False) -> None:
        self._owner, self._former = owner, former
        package = module.partition(".")[0]
        self._package = "" if package == "fatheory" else package
        self._texts: dict[int, str] = {}
        self._under_way: list[int] = []
        # What is met only while it is taken apart keeps its id for as long.
        self._held: list[Any] = []

    def beside_source(self, part: Any) -> list[str]:
        """Return what a function, a class or a callable computes with beside its own source."""
        found = self._apart(_PART, part)
        if self._former:
            found = "\0".join(found).split("\0")
        return found[1:] if found[0] == source_text(part) else found

    def told(self, where: str, value: Any) -> str:
        """Return a text that is the same for equal values only.

        Raises
        ------
        PluginError
            If it is of a kind of which that cannot be said; the message names it and the place.
        """
        if isinstance(value, enum.Enum):
            return f"{type(value).__qualname__}.{value.name}"
        if type(value) in _PLAIN or isinstance(value, PurePath):
            return f"{type(value).__name__} {value!r}"
        if type(value).__module__ in _BY_REPR:
            return f"{value!r}"
        if isinstance(value, np.dtype | np.generic):
            return f"{type(value).__name__} {value!r}"
        if id(value) in self._under_way:  # a circle, as of functions that call each other
            return f"met {self._under_way.index(id(value))}"
        if id(value) not in self._texts:
            # With their lengths: [[1], 2] and [[1, 2]] would else be one text.
            parts = self._apart(where, value)
            self._texts[id(value)] = (
                "\0".join(parts)
                if self._former
                else "".join(f"{len(part)}:{part}" for part in parts)
            )
        return self._texts[id(value)]

    def _apart(self, where: str, value: Any) -> list[str]:
        self._held.append(value)
        self._under_way.append(id(value))
        parts = list(self._parts(where, value))
        self._under_way.pop()
        return parts

    def _parts(self, where: str, value: Any) -> Iterator[str]:
        if isinstance(value, np.ndarray) or hasattr(type(value), "__array__"):
            yield from self._array(where, value)
        elif isinstance(value, tuple | list):
            yield type(value).__name__
            yield from (self.told(f"{where}[{i}]", own) for i, own in enumerate(value))
        elif isinstance(value, set | frozenset):
            yield type(value).__name__
            yield from sorted(self.told(f"an element of {where}", own) for own in value)
        elif isinstance(value, Mapping) and _is_standard(type(value)):
            yield type(value).__name__
            for key, own in value.items():
                yield self.told(f"a key of {where}", key)
                yield self.told(f"{where}[{key!r:.40}]", own)
        elif isinstance(value, functools.partial):
            yield "partial"
            pieces = (value.func, value.args, value.keywords)
            yield from (self.told(f"a part of {where}", own) for own in pieces)
        elif isinstance(value, types.MethodType):
            yield self.told(where, value.__func__)
            yield self.told(f"the object of {where}", value.__self__)
        elif isinstance(value, types.BuiltinFunctionType):
            yield value.__qualname__
            if not isinstance(value.__self__, types.ModuleType | None):
                yield self.told(f"the object of {where}", value.__self__)
        elif isinstance(value, re.Pattern):
            yield f"pattern {value.pattern!r} {value.flags}"
        elif isinstance(value, types.ModuleType):
            # Which of its names are used, the function that uses them says.
            yield f"module {value.__name__}"
        elif isinstance(value, type):
            yield from self._class(value)
        elif isinstance(value, types.FunctionType) or hasattr(value, "__wrapped__"):
            yield from self._function(value)
        elif isinstance(value, _NAMED) or self._is_foreign_name(value):
            yield f"{type(value).__name__} {getattr(value, '__name__', value)}"
        else:
            yield from self._object(where, value)

    def _array(self, where: str, value: Any) -> Iterator[str]:
        if hasattr(value, "coords") and hasattr(value, "dims"):  # labelled
            yield f"{value.dims}"
            for name in sorted(map(str, value.coords)):
                yield self.told(f"{name} of {where}", value.coords[name].values)
        try:
            array = np.asarray(value)
        except Exception:  # whatever a kind of arrays raises that is none
            raise self._refused(where, value) from None
        yield f"array {array.dtype.str} {array.shape}"
        if array.dtype.hasobject:
            yield self.told(f"the entries of {where}", array.ravel().tolist())
        else:
            yield hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()

    def _class(self, kind: type) -> Iterator[str]:
        if not self._is_own(kind):
            yield f"{kind.__module__}.{kind.__qualname__}"
            return
        yield source_text(kind)
        written = {} if self._former else _written_values(kind)
        for base in kind.__bases__:
            if self._is_own(base):
                yield self.told(f"the class {base.__name__}", base)
        for name, value in vars(kind).items():
            value = getattr(value, "__func__", value)  # static and class methods
            value = value.fget if isinstance(value, property) else value
            value = value.func if isinstance(value, functools.cached_property) else value
            if isinstance(value, types.FunctionType):
                yield from self._used(value)
            elif name in written and type(value) in _PLAIN and repr(value) == written[name]:
                continue  # its source says so, which is all that earlier versions digested
            elif name not in _DECLARED and not name.startswith(("__", "_abc")):
                yield name
                yield self.told(f"{kind.__name__}.{name}", value)

    def _function(self, function: Any) -> Iterator[str]:
        function = inspect.unwrap(function)
        if not isinstance(function, types.FunctionType):
            yield from self._parts("the function", function)
        elif not self._is_own(function):
            yield f"{function.__module__}.{function.__qualname__}"
        else:
            yield source_text(function)
            yield from self._used(function)

    def _used(self, function: types.FunctionType) -> Iterator[str]:
        """Yield the values of what a function was given, captured and looks up."""
        name = function.__qualname__
        for own in function.__defaults__ or ():
            yield self.told(f"a default of {name}", own)
        for key, own in (function.__kwdefaults__ or {}).items():
            yield f"{key} {self.told(f'the default of {key} of {name}', own)}"
        for key, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            try:
                held = cell.cell_contents
            except ValueError:
                continue  # not yet bound: it cannot have been used
            # Of a method, the class that it stands in.
            if key != "__class__":
                yield f"{key} {self.told(f'{key}, which {name} captured', held)}"
        attributes: set[str] = set()
        names = dict.fromkeys(_looked_up(function.__code__, attributes))
        for key in names:
            if key in function.__globals__:
                yield from self._global(key, function.__globals__[key], attributes, name)

    def _global(self, key: str, value: Any, attributes: set[str], user: str) -> Iterator[str]:
        if isinstance(value, types.ModuleType) and self._is_own(value):
            for attribute in sorted(attributes & vars(value).keys()):
                own = vars(value)[attribute]
                yield from self._global(f"{key}.{attribute}", own, attributes - {attribute}, user)
        elif not self._is_foreign_name(value):
            yield f"{key} {self.told(f'{key}, which {user} uses', value)}"

    def _object(self, where: str, value: Any) -> Iterator[str]:
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        state = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        state = getattr(value, "__dict__", {}) | {
            name: own for name, own in state.items() if not name.startswith("__")
        }
        if not (state or self._is_own(type(value))) or _keeps_elsewhere(type(value)):
            raise self._refused(where, value)
        yield self.told(f"the type of {where}", type(value))
        for name, own in state.items():
            yield f"{name} {self.told(f'{where}.{name}', own)}"

    def _refused(self, where: str, value: Any) -> PluginError:
        return PluginError(
            f"{self._owner} computes with {where}, of type {type(value).__name__}, by which it "
            f"cannot be told from others: use numbers, text, arrays, functions or objects made of "
            f"those, and make what is random or open within the function"
        )

    def _is_foreign_name(self, value: Any) -> bool:
        """Whether it is a module, a class or a function of another package."""
        named = isinstance(value, types.ModuleType | type | types.FunctionType) or callable(value)
        if isinstance(value, functools.partial | types.MethodType) or not named:
            return False
        is_instance = not hasattr(value, "__qualname__") and not isinstance(value, types.ModuleType)
        return not is_instance and not self._is_own(inspect.unwrap(value))

    def _is_own(self, value: Any) -> bool:
        """Whether a module, class or function was written by who wrote the quantity, or a user."""
        attribute = "__name__" if isinstance(value, types.ModuleType) else "__module__"
        package = str(getattr(value, attribute, None) or "builtins").partition(".")[0]
        if package in ("fatheory", "builtins"):
            return False
        return package == "__main__" or package == self._package or not _is_installed(package)


def source_text(code: Any) -> str:
    """Return the source of a class or function; what it was compiled to where there is none."""
    try:
        return inspect.getsource(code)
    except (OSError, TypeError):  # typed into a console
        functions = [code, *vars(code).values()] if isinstance(code, type) else [code]
        return repr([_compiled(f.__code__) for f in functions if hasattr(f, "__code__")])


def _written_values(kind: type) -> dict[str, str]:
    """Return the plain values that stand in the body of a class, as Python writes them."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    found: dict[str, str] = {}
    for line in getattr(body, "body", ()):
        targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        given = getattr(line, "value", None)
        with contextlib.suppress(ValueError, TypeError):
            said = repr(ast.literal_eval(given)) if given is not None else None
            found |= {one.id: said for one in targets if isinstance(one, ast.Name) and said}
    return found


def digest(text: str) -> str:
    """Return sixteen hexadecimal digits that change with a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _compiled(code: types.CodeType) -> tuple[Any, ...]:
    # Functions within functions say where in memory they are, which differs every time.
    constants = tuple(_compiled(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.co_code, code.co_names, constants


def _looked_up(code: types.CodeType, attributes: set[str]) -> Iterator[str]:
    """Yield the global names that code looks up, and add the attributes that it asks for."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
        elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            attributes.add(str(instruction.argval))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _looked_up(constant, attributes)


def _is_standard(kind: type) -> bool:
    return kind.__module__ in ("builtins", "collections", "types")


def _keeps_elsewhere(kind: type) -> bool:
    """Whether what objects of a class are is not in their attributes: files, locks, generators."""
    return kind.__module__.partition(".")[0] in ("_io", "io", "_thread", "threading", "random")


@functools.cache
def _is_installed(package: str) -> bool:
    """Whether a package is Python's or one that was installed, by where it stands."""
    if package in sys.stdlib_module_names:
        return True
    module = sys.modules.get(package)
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    if file is None:
        return False  # a notebook, a console
    paths = sysconfig.get_paths()
    places = {
        Path(paths[name]).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    return any(
        one in places or one.name in ("site-packages", "dist-packages")
        for one in Path(file).resolve().parents
    )
