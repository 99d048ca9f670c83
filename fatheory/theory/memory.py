"""How much memory a solution from theory will take, told before anything is drawn."""

import math

from fatheory.errors import MemoryEstimateError
from fatheory.experiment import Experiment
from fatheory.machine import free_memory
from fatheory.quantities import find_quantities
from fatheory.theory.methods import Method
from fatheory.theory.methods.asked import memory_of

_NUMBER = 8
"""Theory computes in double precision."""


def estimate_memory(experiment: Experiment, method: Method) -> dict[str, int]:
    """Estimate what `fatheory.solve` will need at its peak, in bytes by part.

    Counted are the large arrays: starts with feedback, targets and input covariances, the probe,
    what the method says of itself, and what is recorded with the copy made when the archive is
    put together. Python and SciPy take some 0.1 GB beside them.

    Parameters
    ----------
    experiment : Experiment
        What would be solved; dense networks are counted.
    method : Method
        By what.

    Raises
    ------
    PluginError
        If a method from outside fails in its own estimate, or gives none.
    """
    rules, seeds, task = len(experiment.rules), len(experiment.seeds), experiment.task
    n_i, *_, n_o = experiment.sizes
    weights = [math.prod(shape) for shape in experiment.weight_shapes]
    # Sigma, its root and their copies in the archive, where inputs are drawn for each seed.
    given = task.stored or task.each_seeds
    problem = 4 * n_i**2 + 2 * n_o * n_i if task.kind == "linear" or given else 0
    shown = (experiment.probe_samples + task.samples) * (n_i + n_o) if task.kind == "linear" else 0
    of_given = task.example_bytes(_NUMBER) // _NUMBER if given else 0
    numbers = {
        "weights": seeds * sum(weights),
        "feedback": 2 * rules * seeds * sum(weights[1:]),
        "covariances": seeds * problem,
        "samples": 2 * seeds * shown + (1 if task.stored else seeds) * of_given,
        "record": 3 * rules * seeds * len(experiment.snapshot_steps) * _recorded(experiment),
    }
    return {part: _NUMBER * count for part, count in numbers.items()} | memory_of(
        method, experiment
    )


def require_memory(experiment: Experiment, method: Method) -> None:
    """Refuse an experiment whose solution will not fit into memory; see `estimate_memory`.

    Raises
    ------
    MemoryEstimateError
        With the estimate by part, what there is, and what to reduce.
    """
    needed, available = estimate_memory(experiment, method), free_memory()
    if available is not None and sum(needed.values()) > available:
        raise MemoryEstimateError(needed, available)


def _recorded(experiment: Experiment) -> int:
    """Count the numbers that one run records at one step."""
    quantities = find_quantities(experiment.record.quantities)
    return 1 + sum(quantity.count(experiment) for quantity in quantities)
