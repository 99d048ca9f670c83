"""A cell of a sweep: one place of its grid."""

from dataclasses import dataclass

from fatheory.experiment import Experiment


@dataclass(frozen=True)
class Cell:
    """A place in the grid and the experiment that belongs there.

    Attributes
    ----------
    place : tuple of int
        Index along every axis.
    experiment : Experiment or None
        What is asked there; None if its settings make no valid experiment.
    content_hash : str
        Of the experiment; empty if there is none.
    error : str
        Why there is none.
    """

    place: tuple[int, ...]
    experiment: Experiment | None
    content_hash: str = ""
    error: str = ""
