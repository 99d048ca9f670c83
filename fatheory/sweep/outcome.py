"""What becomes of a cell, wherever it is computed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.experiment import Experiment
from fatheory.sweep import names
from fatheory.train import simulate_many


@dataclass(frozen=True)
class Outcome:
    """What became of an experiment.

    Attributes
    ----------
    status : int
        One of `names.DONE`, `names.DIVERGED`, `names.FAILED`.
    error : str
        What went wrong; empty if nothing.
    wall_time : float
        Seconds that it took.
    run : Dataset
        Its archive; empty if it failed.
    """

    status: int
    error: str
    wall_time: float
    run: xr.Dataset = field(default_factory=xr.Dataset)

    @classmethod
    def of(cls, run: xr.Dataset) -> "Outcome":
        """Return the outcome of an experiment that was carried out."""
        error = _divergence(run)
        status = names.DIVERGED if error else names.DONE
        return cls(status, error, run.attrs[labels.ATTR_WALL_TIME], run)

    @classmethod
    def failed(cls, error: BaseException | str, wall_time: float = 0.0) -> "Outcome":
        """Return the outcome of an experiment that could not be carried out."""
        kind = "" if isinstance(error, str) else f"{type(error).__name__}: "
        return cls(names.FAILED, f"{kind}{error}", wall_time)

    @property
    def of_cell(self) -> dict[str, np.ndarray]:
        """The values of the variables that every cell has."""
        values = (self.status, self.error, self.wall_time)
        return {
            name: np.asarray(value, dtype)
            for (name, dtype), value in zip(names.DTYPES.items(), values, strict=True)
        }


def carry_out(experiments: Sequence[Experiment], wanted: Sequence[Sequence[str]]) -> list[Outcome]:
    """Train experiments together.

    If that fails they are trained one by one, so that one of them does not spoil the others.

    Parameters
    ----------
    experiments : sequence of Experiment
        What is asked.
    wanted : sequence of sequence of str
        For each, the variables that its outcome is to have.
    """
    began = time.perf_counter()
    try:
        runs = simulate_many(experiments, progress=False)
    except Exception as error:
        if len(experiments) == 1:
            return [Outcome.failed(error, time.perf_counter() - began)]
        pairs = zip(experiments, wanted, strict=True)
        return [carry_out([experiment], [own])[0] for experiment, own in pairs]
    return [Outcome.of(run[list(own)]) for run, own in zip(runs, wanted, strict=True)]


def _divergence(run: xr.Dataset) -> str:
    since = run[labels.DIVERGED_AT].values
    lost = since[since >= 0]
    if not lost.size:
        return ""
    return f"{lost.size} of {since.size} runs diverged, the first at step {lost.min()}"
