"""What figures write on axes: long names with units, out of the attributes of archives."""

import textwrap
from collections.abc import Mapping

import xarray as xr

from fatheory import labels

_UNITS = {
    labels.DEGREES: "°",
    labels.PERCENT: "%",
    labels.DIMENSIONLESS: "",
    "": "",
    "learning rate x step": "learning rate × step",
    "step": "",
}
"""How figures write units; those of nothing are left out, and of steps, as the long name says."""

_LONGEST_LINE = 44


def axis_label(values: xr.DataArray) -> str:
    """Return what stands on the axis of values: their long name, and their units.

    Names come from files: ``$``, which would begin a formula, is shown as it is.
    """
    told = with_units(str(values.attrs.get("long_name", values.name or "")), values.attrs)
    # Matplotlib breaks no lines, and a long name would run out of the figure.
    return textwrap.fill(told, _LONGEST_LINE)


def with_units(name: str, attrs: Mapping[str, object]) -> str:
    """Put the units of attributes behind a name."""
    units = str(attrs.get("units", ""))
    shown = _UNITS.get(units, units)
    return plain(f"{name} ({shown})" if shown else name)


def plain(text: str) -> str:
    """Return text of which matplotlib makes no formula."""
    return text.replace("$", r"\$")
