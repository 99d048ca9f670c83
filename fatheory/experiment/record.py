"""What is recorded, and when."""

from functools import lru_cache
from operator import index
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    field_validator,
    model_serializer,
)

from fatheory.experiment.description import AS_MAPPING, AS_SET, Count, Description, Size
from fatheory.quantities import Quantity, find_quantity, of_function, register, source_of


def _quantity_name(value: Any) -> Any:
    """Name a quantity; a quantity or a function of one's own is registered for this session."""
    if isinstance(value, str):
        return find_quantity(value).name
    if not callable(value) and not isinstance(value, Quantity):
        return value
    part = value if isinstance(value, Quantity) else of_function(value)
    return register(part).name


QuantityName = Annotated[str, BeforeValidator(_quantity_name)]
MAX_SNAPSHOTS = 1_000_000
"""More than any figure shows; their grid is computed whole."""


class Record(Description):
    """Which quantities are stored at which steps. The loss is always stored.

    Attributes
    ----------
    quantities : tuple of str
        Names of quantities: those of `fatheory.quantities` (``fatheory list`` shows them, with
        what they are and need), those of installed packages, and one's own, which may be given
        themselves: a `fatheory.quantities.Quantity`, or a function that
        `fatheory.quantities.of_function` makes one of.
    sources : mapping of str to str
        Digests of quantities that are not fatheory's own: of their source and of what they compute
        with (`fatheory.quantities.of_function` says what that is). They are filled in, so that what
        another source computes is another experiment. An archive is read with the ones that it
        was written with; a quantity that has changed since is not computed for it.
    spacing : str
        ``linear`` or ``logarithmic`` in the step.
    snapshots : int
        How many steps at least, the first (0) and the last included; ends of phases are added
        and rounding to whole steps can merge early logarithmic ones.
    steps : tuple of int
        Explicit steps instead of `spacing` and `snapshots`; 0, the last, and ends of phases are
        added.
    keep_weights : str or tuple of int
        At which recorded steps the quantity ``weights`` is kept: ``"all"``, ``"last"``, or steps,
        which are then recorded, too; the last one is always kept, so that a run can go on. At
        others weights are NaN, which take no room on disk, and metrics that need them refuse.
        Other quantities, such as ``weight_angle``, are recorded at all steps.
    probe_samples : int
        Number of examples on which losses and teaching signals are measured, apart from the
        training examples when these are drawn online. For images, teaching signals are measured
        on the first `probe_samples` of the evaluation images, losses and errors on all of them.
    receptive_units : int
        Number of hidden units whose receptive fields are stored.
    """

    quantities: tuple[QuantityName, ...] = ("weights",)
    sources: Annotated[tuple[tuple[str, str], ...], AS_MAPPING] = ()
    spacing: Literal["linear", "logarithmic"] = "linear"
    snapshots: Annotated[Size, Field(ge=2, le=MAX_SNAPSHOTS)] = 51
    steps: Annotated[tuple[Count, ...], AS_SET] = ()
    keep_weights: Literal["all", "last"] | Annotated[tuple[Count, ...], AS_SET] = "all"
    probe_samples: Size = 100
    receptive_units: Size = 16

    @field_validator("keep_weights", mode="before")
    @classmethod
    def _steps_or_a_word(cls, value: Any) -> Any:
        """Say in one sentence what is allowed, for two kinds of values."""
        try:
            known = (
                value in ("all", "last") if isinstance(value, str) else min(value, default=0) >= 0
            )
            steps = value if isinstance(value, str) else tuple(map(index, value))
            # True is the number 1 to Python, and no step to anybody.
            known = known and not any(isinstance(step, bool) for step in value)
        except (TypeError, ValueError):
            known, steps = False, value
        if not known:
            raise ValueError(f"is 'all', 'last' or a list of steps; got {value!r:.60}")
        return steps

    @field_validator("quantities")
    @classmethod
    def _in_one_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Sort: the order of quantities means nothing, so it must not change the content hash."""
        return tuple(sorted(set(value)))

    @field_validator("sources", mode="before")
    @classmethod
    def _of_quantities(cls, value: Any, info: Any) -> Any:
        """Fill in the sources of one's own quantities that were not described."""
        given = dict(value)
        # Pydantic validates fields in their order, so the quantities are known by now.
        here = {name: source_of(name) for name in info.data.get("quantities", ())}
        found = {name: source for name, source in here.items() if source}
        # As described, be it another than here: archives are read whatever became of a quantity,
        # and what computes it refuses by itself.
        found |= {name: str(given[name]) for name in found if name in given}
        return tuple(found.items())

    @model_serializer(mode="wrap")
    def _without_sources(self, handler: Any) -> dict[str, Any]:
        """Write sources where there are some, as a mapping."""
        written = handler(self)
        sources = dict(written.pop("sources"))
        return written | {"sources": sources} if sources else written

    def grid(self, total: int, phase_ends: tuple[int, ...]) -> tuple[int, ...]:
        """Return the recorded steps for a run of `total` steps, increasing from 0 to `total`."""
        steps = _grid(self.steps, self.spacing, self.snapshots, total, phase_ends)
        return steps if isinstance(self.keep_weights, str) else _with(steps, self.keep_weights)

    def weight_steps(self, recorded: tuple[int, ...]) -> tuple[int, ...]:
        """Return at which of the recorded steps weights are kept."""
        if self.keep_weights == "all":
            return recorded
        chosen = frozenset(() if self.keep_weights == "last" else self.keep_weights)
        # The last step always: a run can go on from nothing else.
        return tuple(step for step in recorded if step in chosen or step == recorded[-1])


@lru_cache(maxsize=64)
def _with(steps: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({*steps, *more}))


@lru_cache(maxsize=64)  # asked for again and again, and the same in all cells of most sweeps
def _grid(
    steps: tuple[int, ...], spacing: str, snapshots: int, total: int, phase_ends: tuple[int, ...]
) -> tuple[int, ...]:
    if steps:
        chosen = np.asarray(steps)
    elif spacing == "linear":
        # Rounded, not cut off, so that steps lie evenly about the even grid; `union1d` drops
        # repetitions.
        chosen = np.linspace(0, total, snapshots).round().astype(int)
    else:
        # From 1 on, for 0 has no logarithm; it is among those that are always recorded.
        chosen = np.geomspace(1, total, snapshots - 1).round().astype(int)
    # Ends of phases always: figures of phases compare what is there.
    return tuple(int(step) for step in np.union1d(chosen, (0, total, *phase_ends)))
