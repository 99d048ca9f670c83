"""The shape of a sweep's archive: what all its cells have room for."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import Template, assemble, provenance
from fatheory.experiment import Experiment
from fatheory.initial import coordinates, draw_initial_state, drawn_variables
from fatheory.sweep import labels as sweep_labels
from fatheory.sweep.answer import SIMULATION, precision_of
from fatheory.sweep.cell import Cell
from fatheory.sweep.description import SweepDescription
from fatheory.sweep.schema import EXAMPLES, dtype, own_examples, sizes, variable_dims
from fatheory.train.answer import equations
from fatheory.updates import schedule_factors

_OF_TIME = (labels.TIME, labels.WEIGHTED_STEP, labels.LEARNING_RATE)


@dataclass(frozen=True)
class Grid:
    """What a sweep's archive holds.

    Attributes
    ----------
    sweep : SweepDescription
        Whose archive.
    source : str
        What answers its cells.
    cells : tuple of Cell
        All of them, the last axis running fastest.
    static : Dataset
        What is known from the start: coordinates, hashes and attributes.
    templates : mapping of str to Template
        The variables that cells fill.
    examples : tuple of str
        Variables that are the same in all cells, and stored once.
    filled : mapping of str to tuple of str
        From the content hash of an experiment to the variables that it fills.
    """

    sweep: SweepDescription
    source: str
    cells: tuple[Cell, ...]
    static: xr.Dataset
    templates: Mapping[str, Template]
    examples: tuple[str, ...]
    filled: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, sweep: SweepDescription, source: str = SIMULATION) -> "Grid":
        """Work out what the archive of a sweep will hold."""
        cells = tuple(sweep.cells())
        # Once for equal cells: sizes and variables of a description take time to work out.
        by_hash = {cell.content_hash: cell.experiment for cell in cells if cell.experiment}
        experiments = list(by_hash.values())
        held = {content_hash: variable_dims(own) for content_hash, own in by_hash.items()}
        extents = _extents(experiments)
        kept, left_out = _variables(extents, held.values())
        alike = (
            *(EXAMPLES if _learn_alike(experiments) else ()),
            *_own_alike(experiments),
            *_starts_alike(experiments),
        )
        examples = tuple(name for name in alike if name in kept)
        static = _static(sweep, source, cells, experiments, left_out)
        # Of any cell that has it, for deep ones have more: what has other sizes in others was left
        # out, or is labelled in `static`.
        extent = {dim: min(found) for dim, found in extents.items()}
        extent |= {str(dim): size for dim, size in static.sizes.items()}
        precision = precision_of(source, experiments)
        templates = {
            name: Template(
                dims=(*sweep.dims, *kept[name]),
                shape=(*sweep.shape, *(extent[dim] for dim in kept[name])),
                dtype=_with_room_for_nan(dtype(name, precision)),
                attrs=_attrs(name, experiments),
                fill=math.nan,
            )
            for name in kept
            if name not in examples
        }
        of_cells = {
            name: Template(sweep.dims, sweep.shape, kind, sweep_labels.OF_CELLS[name], _fill(kind))
            for name, kind in sweep_labels.DTYPES.items()
            # Simulation gives all that it is asked for.
            if name != sweep_labels.ABSENT or source != SIMULATION
        }
        filled = {
            content_hash: tuple(name for name in own if name in templates)
            for content_hash, own in held.items()
        }
        return cls(sweep, source, cells, static, templates | of_cells, examples, filled)

    def fitted(
        self, experiment: Experiment | None, values: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Put what a cell's experiment found where its labels belong, among those of all cells.

        Where it has none, and in variables that it lacks, are fill values.
        """
        among = {} if experiment is None else self._among(experiment)
        inner = len(self.sweep.shape)
        return {
            name: _placed(template, inner, values.get(name), among)
            for name, template in self.templates.items()
        }

    def _among(self, experiment: Experiment) -> dict[str, np.ndarray]:
        """Return where an experiment's labels stand, along dimensions where others have more."""
        own = coordinates_of(experiment)
        of_all = {dim: self.static.variables[dim].values for dim in sweep_labels.SHARED}
        return {
            dim: _places(labels_there, own[dim])
            for dim, labels_there in of_all.items()
            if not np.array_equal(labels_there, own[dim])
        }

    def alike(self, experiment: Experiment) -> xr.Dataset:
        """Draw the variables that are the same in all cells, from one that was carried out."""
        if not self.examples:
            return xr.Dataset()
        starts = [draw_initial_state(experiment, seed) for seed in experiment.seeds]
        drawn = drawn_variables(experiment, starts)
        precision = precision_of(self.source, [experiment])
        return assemble(
            {name: drawn[name].astype(dtype(name, precision)) for name in self.examples},
            {},
            {},
            n_layers=experiment.layers,
        )


def _placed(
    template: Template, inner: int, values: np.ndarray | None, among: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Put a cell's values of a variable, if it has any, among the labels of all cells."""
    dims, shape = template.dims[inner:], template.shape[inner:]
    if values is not None and among.keys().isdisjoint(dims):
        return values.astype(template.dtype, copy=False)
    whole = np.full(shape, template.fill, template.dtype)
    if values is not None:
        sized = zip(dims, shape, strict=True)
        whole[np.ix_(*(among.get(dim, np.arange(size)) for dim, size in sized))] = values
    return whole


def _extents(experiments: Iterable[Experiment]) -> dict[str, set[int]]:
    """Return the sizes that cells have of every dimension that some of them have."""
    extents: dict[str, set[int]] = {}
    for experiment in experiments:
        for dim, size in sizes(experiment).items():
            extents.setdefault(dim, set()).add(size)
    return extents


def _variables(
    extents: Mapping[str, set[int]], held: Iterable[Mapping[str, tuple[str, ...]]]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the variables with room in one array, with their dimensions, and those without.

    Cells may differ in labels of the dimensions that they share, in no other size.
    """
    dims_of: dict[str, set[tuple[str, ...]]] = {}
    for own in held:
        for name, dims in own.items():
            dims_of.setdefault(name, set()).add(dims)
    kept, left_out = {}, []
    for name in sorted(dims_of):
        first, *others = dims_of[name]
        # What all cells share is filled up with NaN; a size that differs would mean other units.
        if others or any(len(extents[dim]) > 1 for dim in first if dim not in sweep_labels.SHARED):
            left_out.append(name)
        else:
            kept[name] = first
    return kept, left_out


def _learn_alike(experiments: Sequence[Experiment]) -> bool:
    """Whether all cells learn the same from the same examples, images aside."""
    same: set[Hashable] = {
        (e.task, e.root_seed, e.seeds, e.record.probe_samples, e.precision) for e in experiments
    }
    return len(same) == 1 and not experiments[0].task.stored


def _starts_alike(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """Name the given starts that are the same in all cells, and so stored once."""
    alike = len({(e.initial, e.rule_labels, e.seeds) for e in experiments}) == 1
    first = experiments[0].initial
    return first.stored_names if alike and first is not None else ()


def _own_alike(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """Name the arrays of one's own that are the same in all cells, and so stored once."""
    if len({e.task for e in experiments}) > 1:
        return ()
    drawn_alike = len({(e.root_seed, e.seeds) for e in experiments}) == 1
    return own_examples(experiments[0]) if experiments[0].task.stored or drawn_alike else ()


def _static(
    sweep: SweepDescription,
    source: str,
    cells: Sequence[Cell],
    experiments: Sequence[Experiment],
    left_out: Sequence[str],
) -> xr.Dataset:
    shared = _shared_labels([coordinates_of(experiment) for experiment in experiments])
    hashes = np.array([cell.content_hash for cell in cells]).reshape(sweep.shape)
    coords: dict[str, xr.Variable] = {
        name: xr.Variable((name,), axis.coordinate, {"long_name": ", ".join(axis.keys) or name})
        for name, axis in sweep.axes
    }
    for name, axis in sweep.axes:
        for key, values in axis.beside.items():
            coords[key] = xr.Variable((name,), values, {"long_name": key})
    for dim, values in shared.items():
        coords[dim] = xr.Variable((dim,), values, labels.variable(dim).attrs)
    attrs = provenance(
        source=source,
        experiment_json=sweep.experiment.to_json(),
        experiment_hash=sweep.experiment.content_hash,
        precision=precision_of(source, experiments),
        # Not known yet: cells may be computed on several, whose names are joined in the end.
        device="",
        wall_time_s=0.0,
    )
    stamped = (labels.ATTR_SOURCE, labels.ATTR_PRECISION, labels.ATTR_CREATED)
    return xr.Dataset(
        {
            sweep_labels.EXPERIMENT_HASH: xr.Variable(
                sweep.dims, hashes, sweep_labels.OF_CELLS[sweep_labels.EXPERIMENT_HASH]
            )
        },
        coords=coords | _times(sweep, cells, shared),
        attrs={name: attrs[name] for name in stamped}
        | {
            sweep_labels.ATTR_FORM: sweep_labels.FORM,
            sweep_labels.ATTR_SWEEP: sweep.to_json(),
            sweep_labels.ATTR_HASH: sweep.content_hash,
            sweep_labels.ATTR_LEFT_OUT: list(left_out),
        },
    )


def _shared_labels(of_cells: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the union of the cells' labels: of rules as they first occur, of others in order."""
    found: dict[str, np.ndarray] = {}
    for dim in sweep_labels.SHARED:
        first = of_cells[0][dim]
        if all(np.array_equal(own[dim], first) for own in of_cells):
            found[dim] = first
        else:
            union = dict.fromkeys(label for own in of_cells for label in own[dim].tolist())
            # Rules have an order that somebody chose; numbers have their own.
            found[dim] = np.array(list(union) if dim == labels.RULE else sorted(union))
    return found


def coordinates_of(experiment: Experiment) -> dict[str, np.ndarray]:
    """Return the coordinates of the experiment's archive."""
    return coordinates(experiment, schedule_factors(experiment.schedule))


def _times(
    sweep: SweepDescription, cells: Sequence[Cell], shared: Mapping[str, np.ndarray]
) -> dict[str, xr.Variable]:
    """Return times and learning rates, with the axes along which they differ."""
    found: dict[str, xr.Variable] = {}
    of_cells = [
        {} if cell.experiment is None else coordinates_of(cell.experiment) for cell in cells
    ]
    for name in _OF_TIME:
        dims = labels.variable(name).dims
        # NaN is also how a cell says that it has no such step.
        whole = np.full((len(cells), *(len(shared[dim]) for dim in dims)), math.nan)
        for row, own in zip(whole, of_cells, strict=True):
            if name in own:
                row[np.ix_(*(_places(shared[dim], own[dim]) for dim in dims))] = own[name]
        if np.isnan(whole).all():
            continue  # no cell has any, as weighted steps where no rate decays
        values = whole.reshape(*sweep.shape, *whole.shape[1:])
        variable = xr.Variable((*sweep.dims, *dims), values, labels.variable(name).attrs)
        found[name] = _without_constant(variable, sweep.dims)
    return found


def _without_constant(variable: xr.Variable, dims: Iterable[str]) -> xr.Variable:
    """Drop those of some dimensions along which nothing changes."""
    for dim in dims:
        first = variable.isel({dim: 0})
        # Times that are the same along an axis are labels of a step; else every selection along it
        # would have times of its own.
        if variable.broadcast_equals(first):
            variable = first
    return variable


def _places(among: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return where labels stand among others."""
    # By a dictionary and not by `searchsorted`: labels of rules are in no order.
    where = {label: i for i, label in enumerate(among.tolist())}
    return np.array([where[label] for label in own.tolist()], dtype=np.intp)


def _attrs(name: str, experiments: Iterable[Experiment]) -> dict[str, str]:
    attrs = labels.variable(name).attrs
    if labels.variable(name).kind != "real":
        attrs["comment"] = "NaN where a cell has no such run, or none that was carried out"
    unusual = {equations(experiment).get(name) for experiment in experiments}
    if unusual == {None}:
        return attrs
    del attrs["equation"]  # not that of every cell
    return attrs | ({"equation": str(*unusual)} if len(unusual) == 1 else {})


def _with_room_for_nan(kind: np.dtype) -> np.dtype:
    """Return the kind of values of a variable that may be unknown in some cells.

    Whatever stood for unknown among booleans and integers would count as a value in a mean.
    Double precision holds all steps and counts, which are at most 2^53, exactly.
    """
    return kind if kind.kind == "f" else np.dtype(np.float64)


def _fill(kind: np.dtype) -> object:
    return {"f": math.nan, "U": "", "i": sweep_labels.PENDING}[kind.kind]
