"""Examples that are there already: what an experiment trains on and is measured on."""

from functools import lru_cache

from fatheory.experiment.task_face import TaskFace
from fatheory.initial.samples import Samples


@lru_cache(maxsize=2)  # all seeds share one copy, and so do theory and several calls
def stored_samples(task: TaskFace, probe_samples: int) -> tuple[Samples, Samples, Samples]:
    """Return training examples, held-out examples, and the first of these as a probe.

    Raises
    ------
    DataError
        If they are missing, damaged, or others than the task says; the message says how to get
        them.
    """
    train, held_out = (Samples(*pair) for pair in task.examples())
    return train, held_out, held_out.first(probe_samples)
