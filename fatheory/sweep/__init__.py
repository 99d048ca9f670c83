"""Sweeps: an experiment asked many times, on one machine or many, into one archive."""

from fatheory.sweep.axis import Axis as Axis
from fatheory.sweep.cell import Cell as Cell
from fatheory.sweep.status import SweepStatus as SweepStatus
from fatheory.sweep.status import sweep_status as sweep_status
from fatheory.sweep.sweep import Sweep as Sweep
