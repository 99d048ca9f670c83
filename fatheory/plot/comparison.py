"""Theory over simulation, with what is left between them."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from fatheory import labels
from fatheory.comparison.compare import compare as compare_archives
from fatheory.errors import UnknownNameError
from fatheory.figures import plain, rule_name
from fatheory.plot.canvas import panels
from fatheory.plot.curves import SIMULATION, Along, draw_curves
from fatheory.plot.seeds import Summary
from fatheory.plot.values import only

_RESIDUAL = "residual_"
_LINE = 76
_INNER = (labels.RULE, labels.SEED, labels.STEP, labels.LAYER)


def compare(
    theory: xr.Dataset,
    simulation: xr.Dataset,
    variable: str = labels.LOSS,
    *,
    x: Along = "step",
    summary: Summary | None = None,
    log: bool | None = None,
    axes: Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw theory over simulation, and below what is left: theory minus simulation, seed by seed.

    Both are of the same seeds, so the residual is that of each seed with itself, at the
    simulation's times; its line and band are over seeds.

    Parameters
    ----------
    theory, simulation : Dataset
        Archives of one experiment, as of `fatheory.compare`.
    variable : str
        What both recorded along ``step``; of variables of units or samples select an entry first.
    x, summary, log
        As of `fatheory.plot.curves`.
    axes : sequence of two Axes, optional
        For the curves, and for the residuals; new ones by default.

    Returns
    -------
    ndarray of Axes
        The two.

    Warns
    -----
    DivergedWarning
        If runs of either diverged.

    Raises
    ------
    ArchiveError
        If the archives answer different questions; it says how.
    UnknownNameError
        If they do not share the variable.

    Examples
    --------
    >>> import fatheory as fa
    >>> asked = fa.presets["lillicrap2016/fig2"].replaced(seeds=2)
    >>> above, below = fa.plot.compare(fa.solve(asked), fa.simulate(asked))
    >>> below.get_ylabel()
    'theory − simulation'
    """
    difference = compare_archives(theory, simulation)
    name = f"{_RESIDUAL}{variable}"
    if name not in difference:
        known = [str(key).removeprefix(_RESIDUAL) for key in difference if key != "relative_error"]
        raise UnknownNameError("variable of both archives", variable, known)
    residual = only(difference[name], _INNER, "a figure of theory and simulation")
    source = str(theory.attrs.get(labels.ATTR_SOURCE, "theory"))
    # Only what both have: curves over other seeds would seem to differ where the residual does not.
    shared = {
        dim: residual[dim].values for dim in (labels.RULE, labels.SEED) if dim in residual.dims
    }
    both = {
        name: only(_shared(one[variable], shared), _INNER, "a figure of theory and simulation")
        for name, one in ((SIMULATION, simulation), (source, theory))
    }
    layout: dict[str, Any] = {"nrows": 2, "ncols": 1, "sharex": True, "height_ratios": (3, 1.4)}
    with panels(axes, 2, figsize=(5.8, 5.4), **layout) as (above, below):
        draw_curves(both, above, data=simulation, x=x, summary=summary, log=log)
        below.axhline(0, color="0.6", linewidth=0.8, zorder=0)
        left = {SIMULATION: residual}
        draw_curves(left, below, data=simulation, x=x, summary=summary, log=False, legend=False)
        below.set_ylabel("theory − simulation")
        below.set_title(_told(difference, variable), fontsize=8, fontweight="normal")
        if axes is None:
            above.set_xlabel("")
    return np.array([above, below])


def _shared(values: xr.DataArray, points: Mapping[str, np.ndarray]) -> xr.DataArray:
    return values.sel({dim: own for dim, own in points.items() if dim in values.dims})


def _told(difference: xr.Dataset, variable: str) -> str:
    """Say how large the residual is, rule by rule: a median over seeds of relative errors."""
    error = difference["relative_error"].sel(variable=variable)
    # The median: a seed that leaves the theory late would be all that a mean shows.
    error = error.median([dim for dim in (labels.SEED,) if dim in error.dims])
    rules = np.atleast_1d(error[labels.RULE].values)
    each = zip(rules, np.atleast_1d(error.values), strict=True)
    told = ", ".join(f"{rule_name(str(rule))} {own:.2g}" for rule, own in each if np.isfinite(own))
    text = f"relative error, median of seeds: {told}" if told else ""
    return plain(textwrap.fill(text, _LINE))
