"""A run archive by its labels: arrays of known axes, in whatever order it stands."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import require_version, without_axis
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment, RuleChoice
from fatheory.quantities import WEIGHTS, dimension_sizes

RUN = (labels.RULE, labels.SEED, labels.STEP)


class LabelledArchive:
    """A run archive of which everything is found by its label, whatever was done to it.

    Rules are found by their labels in the experiment, axes by name. So an archive may be
    transposed, permuted, put together again from parts, or be a selection of rules, seeds, steps
    or layers, single ones included: equal labels have equal values. What a selection has made
    unknowable is refused.

    Parameters
    ----------
    archive : Dataset
        A run archive of either source, or what was selected from one.

    Raises
    ------
    ArchiveError
        If something is asked of it that it does not hold.
    SchemaError
        If it is of another version, in memory as on disk.
    """

    def __init__(self, archive: xr.Dataset) -> None:
        # Selections may have lost it with their attributes; those say nothing else either.
        if labels.ATTR_SCHEMA in archive.attrs:
            require_version(archive)
        self._archive = archive

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment that the archive answers."""
        if labels.ATTR_EXPERIMENT not in self._archive.attrs:
            raise ArchiveError(
                f"the dataset has no attribute {labels.ATTR_EXPERIMENT!r}; metrics read run "
                f"archives, as fatheory.simulate, fatheory.solve and fatheory.load return them; of "
                f"sweeps, cell by cell: fatheory.sweep.over_cells(fatheory.metrics.angle, sweep)"
            )
        return Experiment.from_json(self._archive.attrs[labels.ATTR_EXPERIMENT])

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """Labels along the axis of rules.

        Raises
        ------
        ArchiveError
            If the archive does not say, or names a rule that its experiment does not have.
        """
        known = self.experiment.rule_labels
        # By label, whatever the experiment's order: archives are permuted, and put together anew.
        if labels.RULE in self._archive.coords:
            found = tuple(map(str, np.atleast_1d(self._archive[labels.RULE].values)))
        elif labels.RULE not in self._archive.dims and len(known) == 1:
            found = known
        else:
            raise ArchiveError(
                f"the archive does not say of which rules it is (its experiment has "
                f"{', '.join(known)}); keep the labels, as archive.sel(rule='{known[0]}') does"
            )
        strange = sorted(set(found) - set(known))
        if strange:
            raise ArchiveError(
                f"the archive has the rules {', '.join(strange)}, which its experiment does not "
                f"describe (it has {', '.join(known)}); rules are found by their labels: give them "
                f"those of the experiment, and new names to results only"
            )
        return found

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """Numbers of the layers that the archive speaks of, as a selection left them.

        Raises
        ------
        ArchiveError
            If it does not say, or names a layer that its experiment does not have.
        """
        known = range(1, self.experiment.layers + 1)
        coordinate = self._archive.coords.get(labels.LAYER)
        found = [] if coordinate is None else np.atleast_1d(coordinate.values).tolist()
        if coordinate is None or not set(found) <= set(known):
            raise ArchiveError(
                f"the archive has the layers {found} and its experiment {list(known)}; keep the "
                f"labels of layers, as archive.sel(layer=1) does"
            )
        return tuple(found)

    @property
    def steps(self) -> np.ndarray:
        """Labels along the axis of steps.

        Raises
        ------
        ArchiveError
            If the archive does not say.
        """
        if labels.STEP not in self._archive.coords:
            raise ArchiveError(
                f"the archive does not say which steps it is of; it has the coordinates "
                f"{', '.join(map(str, self._archive.coords))}"
            )
        return np.atleast_1d(self._archive[labels.STEP].values)

    @property
    def run_shape(self) -> tuple[int, int, int]:
        """Numbers of rules, seeds and steps, 1 where a selection took the axis away."""
        rules, seeds, steps = (self._archive.sizes.get(dim, 1) for dim in RUN)
        return rules, seeds, steps

    def __contains__(self, name: str) -> bool:
        return name in self._archive

    def choice(self, label: str) -> RuleChoice:
        """Return how the experiment describes the rule of a label."""
        return dict(self.experiment.rules)[label]

    def variable(self, name: str, quantity: str | None = None) -> xr.DataArray:
        """Return a variable with its axes in the order of archives.

        Axes of runs that a selection took away stay away; others that concatenation has added are
        there no more where nothing varies along them.

        Parameters
        ----------
        name : str
            An archive name.
        quantity : str, optional
            What to record to have it, where that is not its name.

        Raises
        ------
        ArchiveError
            If it was not recorded, varies along an axis that it does not have, or lacks part of
            an axis over which metrics sum.
        """
        if name not in self._archive:
            raise ArchiveError(
                f"the archive has no {name!r}; add {quantity or name!r} to the experiment's "
                f"record.quantities (recorded: "
                f"{', '.join(sorted(map(str, self._archive.data_vars)))})"
            )
        values = self._archive[name]
        dims = labels.output_dims(labels.variable(name).dims, self.experiment.layers)
        own = (*RUN, *(dim for dim in dims if dim not in RUN))
        for dim in [dim for dim in values.dims if dim not in own]:
            values = without_axis(values, str(dim))
        if quantity == WEIGHTS:
            self._require_kept(name, values)
        self._require_whole(name, values, [dim for dim in dims if dim not in RUN])
        return values.transpose(*(dim for dim in own if dim in values.dims))

    def _require_kept(self, name: str, values: xr.DataArray) -> None:
        """Refuse steps at which the experiment keeps no weights: there they are no numbers."""
        if self.experiment.record.keep_weights == "all" or labels.STEP not in values.coords:
            return
        kept = self.experiment.weight_steps
        gone = np.setdiff1d(values[labels.STEP].values, kept)
        if gone.size:
            few = ", ".join(map(str, kept[:5])) + (", ..." if len(kept) > 5 else "")
            raise ArchiveError(
                f"{name!r} was kept at the steps {few} only (record.keep_weights), and not at "
                f"{len(gone)} others: select those, as archive.sel(step=[{few}]) does, or record "
                f"the quantity itself, such as 'weight_angle', which has all steps"
            )

    def _require_whole(self, name: str, values: xr.DataArray, dims: Sequence[str]) -> None:
        # The experiment's sizes and not the archive's: a selection of units leaves no trace in the
        # archive.
        expected = dimension_sizes(self.experiment)
        for dim in dims:
            found = values.sizes.get(dim, 1)
            if dim == labels.LAYER:
                continue  # single layers are values of their own, over which no metric sums
            if dim not in values.dims or found != expected.get(dim, found):
                raise ArchiveError(
                    f"{name!r} has {found} of {expected.get(dim, 'the')} entries along {dim!r}, "
                    f"which a selection took away; compute first and select then"
                )

    def array(self, name: str, quantity: str | None = None) -> np.ndarray:
        """Return a variable's values, with the axes (rule, seed, step) first.

        An axis is of length 1 where the variable does not have it.
        """
        values = self.variable(name, quantity)
        missing = [axis for axis, dim in enumerate(RUN) if dim not in values.dims]
        return np.expand_dims(values.values, missing)

    def labelled(
        self, name: str, values: np.ndarray, dims: tuple[str, ...], **attrs: str
    ) -> xr.DataArray:
        """Return values as a named DataArray with the archive's coordinates along `dims`.

        Parameters
        ----------
        name : str
            Of the result.
        values : array
            Along (rule, seed, step) first, of length 1 where a selection took the axis away. An
            axis of layers holds all of 1 ... L; those of the archive are kept.
        dims : tuple of str
            Names of all axes.
        **attrs : str
            Attributes.
        """
        kept = []
        # From the last axis on: taking one moves none of those still to come.
        for axis, dim in reversed(list(enumerate(dims))):
            if dim in RUN and dim not in self._archive.dims:
                values = np.take(values, 0, axis)
            elif dim == labels.LAYER:
                places = [layer - 1 for layer in self.layers]
                scalar = labels.LAYER not in self._archive.dims
                values = np.take(values, places[0] if scalar else places, axis)
                kept += [] if scalar else [dim]
            else:
                kept.append(dim)
        coords = {
            key: coordinate
            for key, coordinate in self._archive.coords.items()
            if set(coordinate.dims) <= set(kept)
        }
        return xr.DataArray(values, coords, kept[::-1], name, attrs)
