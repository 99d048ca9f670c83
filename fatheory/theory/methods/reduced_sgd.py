"""The simulation's own updates, carried out exactly in the reduced state."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import InitialState, examples
from fatheory.theory.deep_reduction import deep_reduced_sgd
from fatheory.theory.methods.deep_paths import deep_feedback, deep_path
from fatheory.theory.methods.fixed_feedback import feedback_of, fixed_feedback_refusals
from fatheory.theory.methods.linear import LinearMethod, LinearPath
from fatheory.theory.methods.reduced import reduced_memory, reduced_path, reduced_start
from fatheory.theory.reduced_sgd import reduced_sgd


class ReducedSGDMethod(LinearMethod):
    """Carry out the simulation's own updates in the reduced state: any depth, fixed feedback."""

    name = "reduced_sgd"
    direct_feedback = True
    # Its steps are those of one learning rate, and at another they are others.
    any_rate = False
    summary = "the very updates of the simulation, whatever the hidden widths: fixed feedback"

    def refusals(self, experiment: Experiment) -> Iterator[str]:
        """Yield what is not fixed feedback in one phase."""
        yield from fixed_feedback_refusals(experiment, "the reduction", direct=self.direct_feedback)

    def paths(
        self, experiment: Experiment, starts: Sequence[InitialState], label: str, choice: RuleChoice
    ) -> list[LinearPath]:
        """Descend with every seed on the examples that the simulation is given."""
        return [self._path(experiment, start, label, choice.learning_rate) for start in starts]

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate the reduced states, and the examples of one seed."""
        task, schedule = experiment.task, experiment.schedule
        shown = schedule.steps * schedule.batch_size * (2 * task.inputs + 3 * task.outputs)
        return reduced_memory(experiment) | {"examples": 8 * shown}

    def _path(
        self, experiment: Experiment, start: InitialState, label: str, rate: float
    ) -> LinearPath:
        drawn = examples(experiment, start.seed, start, 0, experiment.schedule.steps)
        # Whatever the targets have beyond the map that learning moves towards: with noisy finite
        # samples that map is their fit, not the drawn one.
        noise = drawn.targets - drawn.inputs @ start.T.T
        if experiment.layers != 2:
            return deep_path(
                start,
                deep_reduced_sgd(
                    start.weights,
                    T=start.T,
                    inputs=drawn.inputs,
                    learning_rate=rate,
                    noise=noise,
                    snapshot_steps=np.asarray(experiment.snapshot_steps),
                    Sigma=start.Sigma,
                    **deep_feedback(start, label),
                ),
            )
        begun = reduced_start(experiment, start, label)
        W0, W = begun.weights
        solution = reduced_sgd(
            W0,
            W,
            feedback_of(begun, label),
            begun.T,
            drawn.inputs,
            learning_rate=rate,
            noise=noise,
            snapshot_steps=np.asarray(experiment.snapshot_steps),
            Sigma=begun.Sigma,
        )
        return reduced_path(begun, label, solution.K, solution.error_map)
