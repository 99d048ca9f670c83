"""Rules that train in one compiled program."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fatheory.experiment import Experiment
from fatheory.initial import Start
from fatheory.networks import Activation
from fatheory.train.learner import Learner
from fatheory.train.program import Batches, Ensemble, Fixed, advance, observe
from fatheory.updates import sgd_direction


class Group:
    """The ensemble of all seeds of the rules that share a program, and its position.

    Parameters
    ----------
    experiment : Experiment
        Where the rules come from.
    starts : sequence of Start
        One per seed.
    learner : Learner
        The program that the rules share.
    members : sequence of int
        Which of the experiment's rules belong to the group.
    """

    def __init__(
        self,
        experiment: Experiment,
        starts: Sequence[Start],
        learner: Learner,
        members: Sequence[int],
    ) -> None:
        self.members = tuple(members)
        self._experiment = experiment
        self._learner = learner
        update = experiment.update
        self._direction = sgd_direction(update.momentum, update.weight_decay)
        dtype = np.dtype(experiment.precision)
        labels = [experiment.rule_labels[i] for i in members]
        self._fixed = Fixed(
            _stack_states(labels, starts, dtype),
            jnp.asarray(np.asarray(experiment.learning_rates)[list(members)], dtype),
            jnp.asarray(np.asarray(experiment.seeds, dtype=np.uint32)),
        )
        weights = tuple(
            jnp.asarray(np.broadcast_to(np.stack(layer), (len(labels), *np.shape(layer))), dtype)
            for layer in zip(*(start.weights for start in starts), strict=True)
        )
        nothing_lost = jnp.full((len(labels), len(starts)), -1, jnp.int32)
        self.ensemble = Ensemble(weights, self._direction.init(weights), nothing_lost)

    @classmethod
    def all_of(
        cls, experiment: Experiment, starts: Sequence[Start], activation: Activation
    ) -> list["Group"]:
        """Gather the experiment's rules into groups."""
        members: dict[Learner, list[int]] = {}
        for i, (_, choice) in enumerate(experiment.rules):
            members.setdefault(Learner.of(choice.make(), activation), []).append(i)
        return [cls(experiment, starts, learner, rules) for learner, rules in members.items()]

    def advance(self, batches: Batches, phase: int, first: int, offset: int, stop: int) -> None:
        """Carry out the updates `first` to `stop` - 1, with the batches from `offset` on."""
        frozen = self._experiment.schedule.phases[phase].frozen
        learning = np.array([i + 1 not in frozen for i in range(self._experiment.layers)])
        self.ensemble = advance(
            self.ensemble,
            self._fixed,
            batches,
            jnp.asarray(learning),
            jnp.asarray(first),
            jnp.asarray(offset),
            jnp.asarray(stop - first),
            learner=self._learner,
            direction=self._direction,
            root_seed=self._experiment.root_seed,
        )

    def wait(self) -> None:
        """Wait until the updates asked for are done."""
        jax.block_until_ready(self.ensemble)

    def forget(self) -> None:
        """Start the update's memory anew, as at the start of every phase."""
        memory = self._direction.init(self.ensemble.weights)
        self.ensemble = self.ensemble._replace(memory=memory)

    def observe(self, probe: tuple[jax.Array, jax.Array], step: int) -> dict[str, jax.Array]:
        """Measure what the experiment records, on the probe."""
        return observe(
            self.ensemble.weights,
            self._fixed,
            probe,
            jnp.asarray(step),
            learner=self._learner,
            quantities=self._experiment.record.quantities,
            root_seed=self._experiment.root_seed,
        )


def _stack_states(
    labels: Sequence[str], starts: Sequence[Start], dtype: np.dtype
) -> tuple[jax.Array | None, ...]:
    """Stack the rules' states layer by layer to (rule, seed, unit_l, unit_{l-1})."""
    stacked: list[jax.Array | None] = []
    for layer in range(len(starts[0].weights)):
        states = [[start.states[label][layer] for start in starts] for label in labels]
        missing = any(state is None for row in states for state in row)
        stacked.append(None if missing else jnp.asarray(np.array(states), dtype))
    return tuple(stacked)
