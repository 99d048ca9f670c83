"""Parts by name: the built-in ones, those that packages bring, and those of a notebook.

One registry for each kind of part (rules, quantities, methods, tasks), so that all kinds are
found, added and refused in one way and in the same words.
"""

import re
import threading
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast
from warnings import warn

from fatheory.errors import PluginError, PluginWarning, UnknownNameError
from fatheory.known_parts import KnownParts

Part = TypeVar("Part")
Registered = TypeVar("Registered")

_PLAIN_NAME = re.compile(r"\w[\w.+-]*")


def of_fatheory(kind: type) -> bool:
    """Whether a class is the package's own, and not of a user or another package."""
    return kind.__module__.startswith("fatheory.")


class Registry(Generic[Part]):
    """All parts of one kind, by name.

    Parameters
    ----------
    kind : str
        What the parts are, in the singular, as messages say it: ``"rule"``.
    group : str
        The entry-point group by which packages bring parts: ``"fatheory.rules"``.
    built_in : iterable of parts
        Those of fatheory itself; their names cannot be taken.
    unfit : callable
        From any object to why it is no such part; an empty string for a part.
    name_of : callable, optional
        From a part to its name; by default its attribute ``name``.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> shapes = Registry("shape", "fatheory.shapes", [], unfit=lambda part: "")
    >>> disc = shapes.register(SimpleNamespace(name="disc"))
    >>> shapes.find("disc") is disc
    True
    """

    def __init__(
        self,
        kind: str,
        group: str,
        built_in: Iterable[Part],
        *,
        unfit: Callable[[Any], str],
        name_of: Callable[[Part], str] = attrgetter("name"),
    ) -> None:
        self.kind, self.group = kind, group
        self._unfit, self._name_of = unfit, name_of
        self._built_in = {name_of(part): part for part in built_in}
        self._registered: dict[str, Part] = {}
        self._brought: dict[str, Part] = {}
        self._packages: dict[str, str] = {}
        self._loaded: dict[tuple[str, str], str] = {}
        # Sweeps look parts up from several threads. Never held while a package is imported: another
        # thread may be importing it, and its body wait for this lock to register its part.
        self._lock = threading.RLock()
        self._loading = threading.local()

    def build_in(self, *parts: Part) -> None:
        """Add parts of fatheory's own, whose names cannot be taken; for rooms that bring them."""
        with self._lock:
            self._built_in |= {self._name_of(part): part for part in parts}

    def register(self, part: Registered) -> Registered:
        """Add a part for as long as this process lives, and return it; also a decorator.

        A part that was registered before under the same name is replaced, as when a cell of a
        notebook is run again.

        Parameters
        ----------
        part : part
            What a package would name in its entry point.

        Raises
        ------
        PluginError
            If it is no part of this kind, or fatheory or an installed package has its name.
        """
        owner = f"{getattr(part, '__module__', None) or type(part).__module__} (at run time)"
        name = self._checked(part, f"what {owner.removesuffix(' (at run time)')} registers")
        if name not in self._registered:
            self._load(name)
        with self._lock:
            if name in self._built_in or name in self._brought:
                raise PluginError(self._taken(name, owner))
            self._registered[name] = cast(Part, part)
            self._packages[name] = owner
        return part

    def find(self, name: str) -> Part:
        """Return the part called `name`; packages are loaded when a name of theirs is asked for.

        Raises
        ------
        PluginError
            If the package that brings it fails to load, or brings something else.
        UnknownNameError
            If there is none; the message lists the known ones and the nearest.
        """
        known = self._at_hand()
        if not isinstance(name, str):  # of a list Python cannot look up anything
            raise UnknownNameError(self.kind, name, known)
        if name in known:
            return known[name]
        problem = self._load(name)
        known = self._at_hand()
        if name in known:
            return known[name]
        if problem:
            raise PluginError(problem)
        # The name of a part may be another than that of its entry point.
        broken = self._load()
        known = self._at_hand()
        if name in known:
            return known[name]
        raise UnknownNameError(self.kind, name, known, broken)

    def known(self) -> KnownParts[Part]:
        """Return all parts by name: built-in ones, those of packages, those of this process.

        Warns
        -----
        PluginWarning
            Of every package whose part cannot be had, once; the others are there.
        """
        with self._lock:
            told = set(self._loaded.values())
        for problem in self._load():
            if problem not in told:
                warn(problem, PluginWarning, stacklevel=2)
        return KnownParts(self.kind, self._at_hand())

    def package_of(self, name: str) -> str | None:
        """Return package and version, or module, that a part comes from; None for fatheory's."""
        with self._lock:
            return None if name in self._built_in else self._packages.get(name)

    def forget(self) -> None:
        """Forget what was registered in this process, and which packages were loaded."""
        with self._lock:
            for memory in (self._registered, self._brought, self._packages, self._loaded):
                memory.clear()

    def _at_hand(self) -> dict[str, Part]:
        with self._lock:
            return {**self._built_in, **self._brought, **self._registered}

    def _load(self, name: str | None = None) -> Any:
        """Load the entry points, or those of one name, that were not; return what was wrong."""
        problems = []
        for point in entry_points(group=self.group):
            if name is not None and point.name != name:
                continue
            problem = self._load_one(point)
            if problem:
                problems.append(problem)
        return problems if name is None else next(iter(problems), "")

    def _load_one(self, point: Any) -> str:
        """Load an entry point that was not; return what is, or was, wrong with it, or nothing."""
        key = (point.name, point.value)
        mine = self._loading.__dict__.setdefault("keys", set())
        with self._lock:
            # A module that registers its part while it is loaded asks for itself.
            if key in self._loaded or key in mine:
                return self._loaded.get(key, "")
        mine.add(key)
        try:
            part, name, problem = self._read(point)
        finally:
            mine.discard(key)
        with self._lock:
            # Several threads may get here; one that saw the module half imported has less to say.
            if self._loaded.get(key) != "":
                self._loaded[key] = problem or self._take(part, name, _package(point))
            return self._loaded[key]

    def _read(self, point: Any) -> tuple[Any, str, str]:
        """Return the part that an entry point names, its name, and what is wrong with it if so."""
        package = _package(point)
        try:
            part = point.load()
        except (Exception, SystemExit) as error:  # whatever a stranger's module raises
            return (
                None,
                "",
                f"the {self.kind} {point.name!r} of {package} cannot be loaded ({point.value}): "
                f"{type(error).__name__}: {error}; update or uninstall {package}",
            )
        try:
            name = self._checked(part, f"the entry point {point.name!r} of {package}")
        except PluginError as error:
            return None, "", f"{error}; update or uninstall {package}"
        return part, name, ""

    def _take(self, part: Any, name: str, package: str) -> str:
        """Keep a part that a package brings; return why it cannot be kept, or nothing."""
        if self._at_hand().get(name) is part:
            return ""  # a module that registers its part itself, too
        if name in self._at_hand():
            return f"{self._taken(name, package)}; update or uninstall one of the packages"
        self._brought[name] = part
        self._packages[name] = package
        return ""

    def _checked(self, part: Any, what: str) -> str:
        """Return a part's name.

        Raises
        ------
        PluginError
            If it is no part of this kind, or has no name; the message begins with `what`.
        """
        try:
            wrong = self._unfit(part)
            name = "" if wrong else self._name_of(part)
        except Exception as error:  # a part may compute its name
            wrong, name = f"fails with {type(error).__name__}: {error}", ""
        if not wrong and not (isinstance(name, str) and name):
            wrong = f"has no name; got {name!r:.60}"
        elif not wrong and not _PLAIN_NAME.fullmatch(name):
            wrong = (
                f"has the name {name!r:.60}; names go into paths, tables and attributes, so they "
                "hold letters, digits, '_', '-', '.' and '+', and begin with none of the last three"
            )
        if wrong:
            raise PluginError(f"{what} is no {self.kind} for {self.group}: {part!r:.80} {wrong}")
        return name

    def _taken(self, name: str, package: str) -> str:
        owner = "fatheory" if name in self._built_in else self._packages[name]
        return f"{package} brings a {self.kind} {name!r}, a name that {owner} has already"


def _package(point: Any) -> str:
    """Name the package that an entry point comes from, with its version."""
    dist = getattr(point, "dist", None)
    return f"{dist.name} {dist.version}" if dist is not None else point.value.partition(":")[0]
