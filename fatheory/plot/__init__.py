"""Pictures in one call: an archive, or values from one, in; matplotlib's axes out."""

from fatheory.plot.angles import angles as angles
from fatheory.plot.angles import units as units
from fatheory.plot.comparison import compare as compare
from fatheory.plot.curves import curves as curves
from fatheory.plot.portrait import phase_portrait as phase_portrait


def __dir__() -> list[str]:
    return ["angles", "compare", "curves", "phase_portrait", "units"]
