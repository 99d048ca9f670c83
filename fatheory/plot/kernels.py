"""Kernels of wide networks, and order parameters of those with many inputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.lines import Line2D

from fatheory import labels
from fatheory.checks import require_kind
from fatheory.errors import ArchiveError, FatheoryError
from fatheory.figures import axis_label, plain, rule_name, shades, source_line
from fatheory.plot.canvas import add_legend, canvas, panels
from fatheory.plot.values import in_order, last_word

_PLANE = 2
_LISTED = 12
"""More overlaps of a kind have one entry in the legend."""
_BASES = {"Q": "#0072B2", "R": "#D55E00"}


def kernels(
    data: xr.DataArray | Sequence[xr.DataArray],
    *,
    axes: Axes | Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw kernels, one panel each, in one scale of colours.

    Parameters
    ----------
    data : DataArray, or sequence of them
        Of two axes, as `fatheory.theory.lazy_kernel` returns them for one rule after another.
    axes : Axes, or sequence of Axes, optional
        One for each; new ones by default.

    Returns
    -------
    ndarray of Axes
        The panels, titled by rule. Colours are even around zero where values have both signs.

    Raises
    ------
    ArchiveError
        If values do not have two axes.
    FatheoryError
        If there are no values.

    Examples
    --------
    >>> import numpy as np
    >>> import fatheory as fa
    >>> X = np.random.default_rng(0).standard_normal((5, 3))
    >>> K = fa.theory.lazy_kernel(X, activation="relu", hidden_layers=1, rule="backprop")
    >>> (panel,) = fa.plot.kernels(K)
    """
    require_kind("data", data, (xr.DataArray, Sequence), "fatheory.theory.lazy_kernel returns one")
    given = [data] if isinstance(data, xr.DataArray) else list(data)
    if not given or any(not isinstance(one, xr.DataArray) for one in given):
        raise FatheoryError("kernels are DataArrays, such as fatheory.theory.lazy_kernel returns")
    for one in given:
        if one.ndim != _PLANE:
            raise ArchiveError(
                f"a kernel has two axes; {one.name!r} has {', '.join(map(str, one.dims)) or 'none'}"
            )
    norm, colours = _norm(given)
    with panels(axes, len(given), width=4.0) as drawn:
        for axis, one in zip(drawn, given, strict=True):
            mesh = axis.pcolormesh(one.values, cmap=colours, norm=norm)
            axis.set(xlabel=plain(_spoken(one.dims[1])), ylabel=plain(_spoken(one.dims[0])))
            axis.set(aspect="equal", title=plain(rule_name(str(one.attrs.get(labels.RULE, "")))))
            axis.grid(visible=False)
            # As matrices are written: the first row on top.
            axis.invert_yaxis()
        bar = drawn[0].figure.colorbar(mesh, ax=list(drawn), shrink=0.85)
        bar.set_label(axis_label(given[0]))
    return drawn


def _norm(given: list[xr.DataArray]) -> tuple[Normalize, str]:
    # Of all kernels at once: panels that are set side by side are to be compared.
    values = np.concatenate([one.values.ravel() for one in given])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    # With both signs zero means something, and a scale around it shows which side an entry is on.
    if low < 0 < high:
        # One end for both signs, so that equal sizes have equal depth of colour and zero is white.
        end = max(-low, high)
        return TwoSlopeNorm(0, -end, end), "RdBu_r"
    return Normalize(low, high), "viridis"


def _spoken(dim: Any) -> str:
    return last_word(str(dim).removesuffix("_twin"))


def overlaps(data: xr.Dataset, *, axes: Axes | None = None, legend: bool = True) -> Axes:
    """Draw the order parameters along time: overlaps among students, and with the teachers.

    Parameters
    ----------
    data : Dataset
        What `fatheory.theory.order_parameters` returns.
    axes : Axes, optional
        Where; new ones by default.
    legend : bool
        Whether to add one.

    Returns
    -------
    Axes
        Where it was drawn: Q in blues (drawn through) and R in reds (dashed), and the lengths of
        the teachers as dotted lines, where students that have found them end.

    Raises
    ------
    ArchiveError
        If the dataset has no order parameters.

    Examples
    --------
    >>> import fatheory as fa
    >>> found = fa.theory.order_parameters(
    ...     [[0.2]], [[0.0]], [[1.0]], [[1.0]], [[1.0]], activation="erf", rule="backprop",
    ...     learning_rate=0.5, times=range(20))
    >>> fa.plot.overlaps(found).get_ylabel()
    'overlap'
    """
    missing = [name for name in _BASES if not isinstance(data, xr.Dataset) or name not in data]
    if missing:
        raise ArchiveError(
            f"overlaps are those of fatheory.theory.order_parameters; there is no "
            f"{', '.join(missing)}"
        )
    data = in_order(data, labels.TIME)
    with canvas(axes) as drawn:
        handles: list[Artist] = []
        for name, base in _BASES.items():
            handles += _draw_overlaps(drawn, data, name, base)
        if "T" in data:
            # Teachers of one length share a line; drawn twice it would look bolder.
            for length in np.unique(np.diag(data["T"].values)):
                drawn.axhline(length, color="0.5", linewidth=0.9, linestyle=":", zorder=0)
            handles.append(Line2D([], [], color="0.5", linestyle=":", label="T of a teacher"))
        drawn.set(xlabel=axis_label(data[labels.TIME]), ylabel="overlap")
        if bool(data.get(labels.DIVERGED, False)):
            drawn.set_title("diverged", color="#B2182B")
        if legend:
            add_legend(drawn, handles, fontsize=8, ncols=2 if len(handles) > _LISTED // 2 else 1)
    return drawn


def _draw_overlaps(axes: Axes, data: xr.Dataset, name: str, base: str) -> list[Line2D]:
    """Draw the entries of one matrix; those of a symmetric one once."""
    values = data[name].transpose(labels.TIME, ...)
    rows, columns = values.shape[1:]
    symmetric = str(values.dims[2]).endswith("_twin")
    # Q is symmetric, so its lower half would lie on the upper one.
    pairs = [(i, k) for i in range(rows) for k in range(columns) if k >= i or not symmetric]
    look = source_line("simulation" if symmetric else "theory")
    drawn = []
    for (i, k), colour in zip(pairs, shades(base, len(pairs)), strict=True):
        own = {"color": colour, **look}
        label = f"{name} {i + 1},{k + 1}"
        drawn += axes.plot(data[labels.TIME], values[:, i, k], label=label, **own)
    if len(drawn) <= _LISTED:
        return drawn
    return [Line2D([], [], color=base, label=f"{name} ({len(drawn)} overlaps)", **look)]
