"""Sweeps: an experiment asked many times, on one machine or many, into one archive."""

from fatheory.listing import public_names as _public_names
from fatheory.sweep.axis import Axis as Axis
from fatheory.sweep.cell import Cell as Cell
from fatheory.sweep.omissions import omissions as omissions
from fatheory.sweep.over_cells import over_cells as over_cells
from fatheory.sweep.over_cells import side_by_side as side_by_side
from fatheory.sweep.run import run_sweep as run_sweep
from fatheory.sweep.selection import cell as cell
from fatheory.sweep.status import SweepStatus as SweepStatus
from fatheory.sweep.status import sweep_status as sweep_status
from fatheory.sweep.sweep import Sweep as Sweep

__dir__ = _public_names(__name__)
