"""Arrays that this process has at hand, by their digest, as long as someone holds them."""

import hashlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable
from weakref import WeakValueDictionary

import numpy as np

from fatheory.errors import ArrayError
from fatheory.tasks.array_set import ArraySet, array_set
from fatheory.tasks.unscaled import warn_of_unscaled

Draw = Callable[[np.random.Generator], Any]
"""From a generator of random numbers to (inputs, targets), or to a mapping with these and
``validation`` and ``classes``."""


@runtime_checkable
class OwnArrays(Protocol):
    """Where a task's arrays come from."""

    @property
    def digest(self) -> str:
        """What they are known by."""

    def of_seed(self, root_seed: int, seed: int, generator: np.random.Generator) -> ArraySet:
        """Return those of one seed; the generator is the seed's."""


class GivenArrays:
    """The same arrays for every seed."""

    def __init__(self, held: ArraySet) -> None:
        self.example = held
        self.digest = held.digest

    def of_seed(self, root_seed: int, seed: int, generator: np.random.Generator) -> ArraySet:
        """Return the arrays."""
        del root_seed, seed, generator
        return self.example


class DrawnArrays:
    """Arrays that a function draws for every seed.

    Parameters
    ----------
    draw : callable
        As `Draw`. Known by its source, and by what it draws from one generator: what it looks at
        besides its source is noticed, too.

    Attributes
    ----------
    example : ArraySet
        What it draws from that generator.

    Raises
    ------
    ArrayError
        If its source cannot be read, or what it returns is unfit.
    """

    def __init__(self, draw: Draw) -> None:
        self.name = getattr(draw, "__qualname__", type(draw).__name__)
        self._draw = draw
        try:
            source = textwrap.dedent(inspect.getsource(draw))
        except (OSError, TypeError) as error:
            raise ArrayError(
                f"the source of {self.name} cannot be read, by which an experiment knows it: "
                f"define it with def, in a file or a cell of a notebook ({error})"
            ) from None
        self.example = self._drawn(np.random.default_rng(0), told=False)
        # Source and one draw together: the source alone does not show what it refers to.
        self.digest = hashlib.sha256((source + self.example.digest).encode()).hexdigest()

    def of_seed(self, root_seed: int, seed: int, generator: np.random.Generator) -> ArraySet:
        """Draw those of one seed.

        Raises
        ------
        ArrayError
            If they are unfit, or of other shapes than those of another seed.
        """
        del root_seed
        drawn = self._drawn(generator)
        for name, wanted in self.example.arrays.items():
            found = drawn.arrays[name]
            if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
                raise ArrayError(
                    f"{self.name} must draw arrays of one shape and kind for every seed; "
                    f"{name} of seed {seed} is {found.shape} of {found.dtype}, and was "
                    f"{wanted.shape} of {wanted.dtype}: give classes where labels may be missing"
                )
        return drawn

    def _drawn(self, generator: np.random.Generator, *, told: bool = True) -> ArraySet:
        found = self._draw(generator)
        if not isinstance(found, Mapping):
            if not isinstance(found, tuple) or len(found) != 2:
                raise ArrayError(
                    f"{self.name} must return (inputs, targets), or a mapping with these and "
                    f"validation or classes; got {found!r:.60}"
                )
            found = dict(zip(("inputs", "targets"), found, strict=True))
        held = array_set(**found)
        if not told:  # of the example, not of every seed
            warn_of_unscaled(found["inputs"], found.get("validation"), stacklevel=4)
        return held


class RecordedArrays:
    """Arrays that were drawn for some seeds, as an archive holds them."""

    def __init__(self, digest: str, drawn: Mapping[tuple[int, int], ArraySet]) -> None:
        self.digest, self._drawn = digest, dict(drawn)

    def of_seed(self, root_seed: int, seed: int, generator: np.random.Generator) -> ArraySet:
        """Return those of a seed.

        Raises
        ------
        ArrayError
            If the archive did not hold them.
        """
        del generator
        if (root_seed, seed) not in self._drawn:
            known = ", ".join(str(own) for root, own in self._drawn if root == root_seed)
            raise ArrayError(
                f"the archive holds no arrays of seed {seed} (root_seed {root_seed}), only of "
                f"{known or 'other root seeds'}; describe the task with the function that draws "
                f"them"
            )
        return self._drawn[root_seed, seed]


# Weak, so that arrays go when the last experiment that names them does.
_AT_HAND: WeakValueDictionary[str, Any] = WeakValueDictionary()


def remember(arrays: Any) -> Any:
    """Let others find arrays by their digest, as long as someone holds what this returns."""
    known = _AT_HAND.get(arrays.digest)
    # What a function draws serves every seed; what an archive holds, those that were asked for.
    if known is not None and not isinstance(known, RecordedArrays):
        return known
    _AT_HAND[arrays.digest] = arrays
    return arrays


def at_hand(digest: str) -> Any:
    """Return the arrays of a digest; None where nobody holds them."""
    return _AT_HAND.get(digest)
