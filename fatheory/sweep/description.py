"""What a sweep asks: an experiment and the axes along which it is changed."""

import inspect
import itertools
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, model_serializer, model_validator

from fatheory.archive import level_of_user
from fatheory.errors import FatheoryError, InvalidExperimentError, OverwrittenAxisWarning
from fatheory.experiment import Experiment
from fatheory.experiment.description import NOT_EMPTY, Description
from fatheory.experiment.json_text import text_digest, written
from fatheory.experiment.migration import VERSION, of_sweep, read_description
from fatheory.experiment.packages import packages_of
from fatheory.experiment.pairs import AxisPairs
from fatheory.markup import folded, heading, table
from fatheory.sweep.axis import Axis, read_axes
from fatheory.sweep.cell import Cell
from fatheory.sweep.overwritten import overwritten
from fatheory.sweep.settings import with_all_settings

MAX_CELLS = 100_000
"""More than any study asks for; a slip of the keyboard should not fill the memory."""
_PROBLEMS_LISTED = 5

Asked = TypeVar("Asked", bound="SweepDescription")


class SweepDescription(Description):
    """What a `fatheory.sweep.Sweep` is beside being carried out: its fields are described there.

    What carries sweeps out stands on this, and `Sweep.run` on that.
    """

    experiment: Experiment
    axes: Annotated[
        tuple[tuple[str, Axis], ...],
        NOT_EMPTY,
        BeforeValidator(read_axes),
        AfterValidator(AxisPairs),
    ]

    @model_validator(mode="after")
    def _can_be_carried_out(self) -> "SweepDescription":
        cells = math.prod(self.shape)
        if cells > MAX_CELLS:
            raise ValueError(f"a sweep has {MAX_CELLS} cells at most; got {cells}")
        errors: dict[str, None] = {}
        # Until one is valid, which is nearly always the first: a sweep can have 100,000.
        for cell in self.cells():
            if cell.experiment is not None:
                self._warn_of_labels()
                return self
            errors[cell.error] = None
        listed = list(errors)[:_PROBLEMS_LISTED]
        problems = [("axes", f"no cell is a valid experiment: {error}") for error in listed]
        starred = [key for _, axis in self.axes for key in axis.keys if "*" in key.split(".")]
        if starred:
            names = ", ".join(map(repr, starred))
            hint = f"* stands for every entry, in {names}: name one where others lack the key"
            problems.append(("axes", hint))
        raise InvalidExperimentError("Sweep", problems)

    def _warn_of_labels(self) -> None:
        for (name, label), (later, at), key in overwritten(self.axes, self.cell_at):
            warnings.warn(
                f"the axis {name!r} comes before {later!r}, which sets {key!r} again: where "
                f"{later!r} is {str(at)!r:.60}, cells labelled {str(label)!r:.60} along {name!r} "
                f"are not run with it. Put {name!r} after {later!r}, or leave one of them out",
                OverwrittenAxisWarning,
                stacklevel=level_of_user(inspect.currentframe()),
            )

    @model_serializer(mode="wrap")
    def _axes_as_mapping(self, handler: Any) -> dict[str, Any]:
        return handler(self) | {"axes": {name: axis.model_dump() for name, axis in self.axes}}

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes, in order."""
        return tuple(name for name, _ in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of points along the axes."""
        return tuple(len(axis.values) for _, axis in self.axes)

    def cells(self) -> Iterator[Cell]:
        """Make all cells, the last axis running fastest."""
        yield from map(self.cell_at, itertools.product(*map(range, self.shape)))

    def cell_at(self, place: tuple[int, ...]) -> Cell:
        """Make the cell of one place: an index along every axis."""
        settings: dict[str, Any] = {}
        for (_, axis), point in zip(self.axes, place, strict=True):
            for key, value in axis.at(point).items():
                settings.pop(key, None)  # so that it comes after what it is made on top of
                settings[key] = value
        try:
            experiment = with_all_settings(self.experiment, settings)
        except FatheoryError as error:
            # One combination that is no experiment must not keep the others from being carried out.
            return Cell(place, None, error=str(error))
        return Cell(place, experiment, experiment.content_hash)

    @property
    def content_hash(self) -> str:
        """Sixteen hexadecimal digits; equal sweeps have equal ones, as with `Experiment`.

        The order of axes is that of the results' dimensions, and means something.
        """
        return text_digest(written(self.canonical()))

    def to_json(self, indent: int | None = None) -> str:
        """Write the sweep as JSON, complete with defaults, as `Experiment.to_json` does."""
        packages = packages_of(self.experiment)
        head = {"version": VERSION} | ({"packages": packages} if packages else {})
        return json.dumps(head | self.model_dump(mode="json"), indent=indent)

    @classmethod
    def from_json(cls: type[Asked], text: str | bytes) -> Asked:
        """Read what `to_json` wrote.

        Raises
        ------
        InvalidExperimentError
            If the text is not JSON, gives a key twice, does not describe a sweep, is of a later
            version, or names parts of packages that are not here.
        """
        return cls(**read_description("Sweep", text))

    @model_validator(mode="before")
    @classmethod
    def _of_any_version(cls, data: Any) -> Any:
        return of_sweep(data) if isinstance(data, Mapping) else data

    def with_axes(self: Asked, axes: Mapping[str, Any]) -> Asked:
        """Return a copy with these axes added, or in the place of those of the same names."""
        return self.replaced(axes=dict(self.axes) | dict(axes))

    def __repr__(self) -> str:
        name = f" {self.experiment.name!r}" if self.experiment.name else ""
        sizes = " x ".join(map(str, self.shape))
        head = f"Sweep{name} [{self.content_hash}]: {sizes} cells"
        lines = [f"  {axis_name}: {_listed(axis)}" for axis_name, axis in self.axes]
        return "\n".join([head, *lines, f"  of {self.experiment}".replace("\n", "\n  ")])

    __str__ = __repr__

    def _repr_html_(self) -> str:
        sizes = " × ".join(map(str, self.shape))
        head = heading("Sweep", self.experiment.name, f"{sizes} cells", code=self.content_hash)
        axes = table(((name, _listed(axis)) for name, axis in self.axes), ("axis", "points"))
        return head + axes + folded("the experiment", self.experiment._repr_html_())


def _listed(axis: Axis) -> str:
    labels = [str(label) for label in axis.coordinate]
    shown = labels if len(labels) <= 6 else [*labels[:3], "…", labels[-1]]
    return f"{', '.join(shown)} ({len(labels)})"
