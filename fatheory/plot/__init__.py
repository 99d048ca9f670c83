"""Pictures in one call: an archive, or values from one, in; matplotlib's axes out."""

from fatheory.listing import public_names as _public_names
from fatheory.plot.angles import angles as angles
from fatheory.plot.angles import units as units
from fatheory.plot.comparison import compare as compare
from fatheory.plot.curves import curves as curves
from fatheory.plot.heatmap import heatmap as heatmap
from fatheory.plot.kernels import kernels as kernels
from fatheory.plot.kernels import overlaps as overlaps
from fatheory.plot.portrait import phase_portrait as phase_portrait
from fatheory.plot.rasters import rasters as rasters
from fatheory.plot.sweeps import lines as lines

__all__ = [
    "curves",
    "angles",
    "units",
    "compare",
    "lines",
    "heatmap",
    "phase_portrait",
    "kernels",
    "overlaps",
    "rasters",
]

__dir__ = _public_names(__name__)
