"""Any quantity that can be recorded, from an archive."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.arrays import Array
from fatheory.errors import ArchiveError, NotOfferedError
from fatheory.metrics.archive_view import ArchiveView
from fatheory.metrics.metric import chunked_metric
from fatheory.quantities import find_quantity, require_source


@chunked_metric
def quantity(view: ArchiveView, name: str) -> xr.Dataset:
    """Read a quantity off an archive that recorded it, or compute it from what was recorded.

    It is computed as training and theory do, by the same `fatheory.quantities.Quantity`.

    Parameters
    ----------
    archive : Dataset
        A run archive of either source, or a selection from one.
    name : str
        What descriptions call the quantity; ``fatheory list`` shows all.

    Returns
    -------
    Dataset
        Its variables, ``(rule, seed, step, ...)``. NaN where they are not defined: for rules
        without V, with a random one, or with one that learns and is not stored. The attribute
        ``comment`` says of which rules and why.

    Raises
    ------
    ArchiveError
        If the archive has neither the quantity nor what it follows from, or its experiment no such
        quantity.
    PluginError
        If it is not fatheory's own and another than when the experiment was described, and the
        archive does not hold what it was.
    QuantityError
        If it does not keep what it declares.
    UnknownNameError
        If there is no such quantity.

    Examples
    --------
    >>> import fatheory as fa
    >>> run = fa.simulate(fa.presets["lillicrap2016/fig2"].replaced(seeds=1))
    >>> fa.metrics.quantity(run, "weight_norm").weight_norm.dims
    ('rule', 'seed', 'step', 'layer')
    """
    return read_or_computed(view, name)


def read_or_computed(view: ArchiveView, name: str) -> xr.Dataset:
    """Return the variables of a quantity, as they were recorded or from what was."""
    chosen = find_quantity(name)
    experiment = view.experiment
    reasons = chosen.undefined_for(experiment)
    if reasons:
        raise ArchiveError(f"the archive's experiment has no {name!r}: {'; '.join(reasons)}")
    names = list(chosen.names(experiment))
    if all(variable in view for variable in names):
        return xr.Dataset({variable: view.variable(variable) for variable in names})
    # Only where it is computed anew: what was recorded does not change with the function.
    require_source(chosen, dict(experiment.record.sources).get(name, ""))
    try:
        measured = _of_all_runs(view, chosen.measure(view))
    except NotOfferedError as error:
        raise ArchiveError(
            f"{error}, from which {name!r} follows; add {name!r} to the experiment's "
            f"record.quantities"
        ) from None
    comment = {"comment": gaps} if (gaps := view.gaps(chosen.needs)) else {}
    chosen.require_shapes(measured, view.run_shape, experiment)
    return xr.Dataset(
        {
            variable: view.labelled(
                variable,
                measured[variable],
                chosen.dims(variable, experiment),
                **(labels.variable(variable).attrs | comment),
            )
            for variable in names
        }
    )


def _of_all_runs(view: ArchiveView, measured: dict[str, Array]) -> dict[str, Array]:
    """Give every run what is the same for several, as what follows from inputs alone is."""
    found = {}
    for name, values in measured.items():
        runs = tuple(values.shape[:3])
        alike = len(runs) == 3 and all(
            n in (1, size) for n, size in zip(runs, view.run_shape, strict=True)
        )
        whole = (*view.run_shape, *values.shape[3:])
        found[name] = np.broadcast_to(np.asarray(values), whole) if alike else values
    return found
