"""Drawing: panels take data and axes and return artists; nothing is computed here."""

from warnings import warn as _warn

from fatheory.figures.cells import cells_figure as cells_figure
from fatheory.figures.cells import draw_cells as draw_cells
from fatheory.figures.colours import label_colours as label_colours
from fatheory.figures.colours import shades as shades
from fatheory.figures.curves import draw_course as draw_course
from fatheory.figures.curves import interval_note as interval_note
from fatheory.figures.curves import learning_curves as learning_curves
from fatheory.figures.curves import rule_legend as rule_legend
from fatheory.figures.curves import source_line as source_line
from fatheory.figures.rasters import draw_raster as draw_raster
from fatheory.figures.rasters import draw_trace as draw_trace
from fatheory.figures.style import rule_colour as rule_colour
from fatheory.figures.style import rule_name as rule_name
from fatheory.figures.style import save_figure as save_figure
from fatheory.figures.style import style as style
from fatheory.figures.wording import axis_label as axis_label
from fatheory.figures.wording import plain as plain
from fatheory.listing import public_names as _public_names
from fatheory.rules import known_rules as _known_rules

__dir__ = _public_names(__name__)


def __getattr__(name: str) -> object:
    if name == "RULE_COLOURS":  # a table once, before rules brought their colours
        what = "is called rule_colour, a function; the former name will go with version 0.2"
        _warn(f"{__name__}.RULE_COLOURS {what}", DeprecationWarning, stacklevel=2)
        return {name: rule_colour(name) for name in _known_rules()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
