"""A method: nothing is learned, so the loss stays where it is."""

import numpy as np

from fatheory.theory import Method


class Standstill(Method):
    """The first loss at all times, which holds where learning rates vanish."""

    name = "standstill"
    summary = "the loss before learning, at all times"
    source = "an example"
    regime = "linear tasks and dense networks at vanishing learning rates"

    def covers(self, experiment):
        """Refuse all but linear networks and tasks."""
        problems = [
            f"{one.what}: {one.cure}" for one in experiment.network.departures_from_linear()
        ]
        if experiment.task.kind != "linear":
            problems.append(f"the task is of kind {experiment.task.kind!r}: set it to 'linear'")
        return problems

    def answer(self, experiment, starts):
        """Answer with the loss of every seed's start."""
        shape = (len(experiment.rules), len(starts), len(experiment.snapshot_steps))
        losses = []
        for start in starts:
            error = start.target_map - np.linalg.multi_dot(start.weights[::-1])
            losses.append(np.trace(error @ start.Sigma @ error.T) / 2)
        return {"loss": np.broadcast_to(np.array(losses)[:, None], shape)}


standstill = Standstill()
