"""Runs that train in one compiled program."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment
from fatheory.initial import Start
from fatheory.networks import Units
from fatheory.train.ensemble import Batches, Ensemble, Fixed
from fatheory.train.learner import Learner
from fatheory.train.observe import Probe, evaluate, observe
from fatheory.train.online import advance_online, block_length
from fatheory.train.parameters import DECAYS, Layers, Parameters, RuleStates
from fatheory.train.program import Recipe, Stretch, advance
from fatheory.updates import sgd_direction

CACHE_BYTES = 2**24
"""First-layer weights of a group that learns block by block on a CPU: they should stay in cache."""


class Group:
    """The ensemble of some seeds of the rules that share a program, and its position.

    Parameters
    ----------
    experiment : Experiment
        Where the rules come from.
    starts : sequence of Start
        One per seed of the experiment.
    learner : Learner
        The program that the rules share.
    members : sequence of int
        Which of the experiment's rules belong to the group.
    seats : slice
        Which of its seeds.
    """

    def __init__(
        self,
        experiment: Experiment,
        starts: Sequence[Start],
        learner: Learner,
        members: Sequence[int],
        seats: slice,
    ) -> None:
        self.members, self.seats = tuple(members), seats
        self._experiment, self._learner = experiment, learner
        self._whole = seats.stop - seats.start == len(starts)
        update = experiment.update
        direction = sgd_direction(update.momentum, update.weight_decay, DECAYS)
        block = _block(experiment, starts[0])
        self._recipe = Recipe(learner, direction, update.weight_decay, experiment.root_seed, block)
        self._advance = advance_online if block else advance
        parameters, self._fixed = _arrays(experiment, starts[seats], learner, members, seats)
        nothing_lost = jnp.full(self._fixed.seeds.shape, -1, jnp.int32)
        self.ensemble = Ensemble(parameters, direction.init(parameters), nothing_lost)

    @classmethod
    def all_of(cls, experiment: Experiment, starts: Sequence[Start]) -> list["Group"]:
        """Gather the experiment's runs into groups."""
        network = experiment.network
        units = Units.named(network.activation, network.output)
        members: dict[Learner, list[int]] = {}
        for i, (_, choice) in enumerate(experiment.rules):
            members.setdefault(Learner.of(choice.make(), units), []).append(i)
        return [
            cls(experiment, starts, learner, rules, seats)
            for learner, rules in members.items()
            for seats in _seats(experiment, starts, len(rules))
        ]

    def advance(self, batches: Batches, phase: int, first: int, offset: int, stop: int) -> None:
        """Carry out the updates `first` to `stop` - 1, with the batches from `offset` on."""
        frozen = self._experiment.schedule.phases[phase].frozen
        learning = np.array([i + 1 not in frozen for i in range(self._experiment.layers)])
        stretch = Stretch(
            *(jnp.asarray(value) for value in (learning, first, offset, stop - first))
        )
        mine = batches if self._whole else batches.of_seeds(self.seats)
        self.ensemble = self._advance(
            self.ensemble, self._fixed, mine, stretch, recipe=self._recipe
        )

    def wait(self) -> None:
        """Wait until the updates asked for are done."""
        jax.block_until_ready(self.ensemble)

    def forget(self) -> None:
        """Start the update's memory anew, as at the start of every phase."""
        memory = self._recipe.direction.init(self.ensemble.parameters)
        self.ensemble = self.ensemble._replace(memory=memory)

    def observe(self, probe: Probe, step: int) -> dict[str, Any]:
        """Measure what the experiment records, on the probe."""
        return observe(
            self.ensemble.parameters,
            self._fixed,
            self._own(probe),
            jnp.asarray(step),
            learner=self._learner,
            quantities=self._experiment.record.quantities,
            root_seed=self._experiment.root_seed,
        )

    def evaluate(self, samples: Probe) -> tuple[np.ndarray, np.ndarray]:
        """Return loss and classification error (percent) on samples, (rule, seed)."""
        loss, error = evaluate(
            self.ensemble.parameters, self._own(samples), units=self._learner.units
        )
        return np.asarray(loss), np.asarray(error)

    def weights(self) -> dict[str, np.ndarray]:
        """Return weights and biases by their names in the archive."""
        weights, biases, _ = self.ensemble.parameters
        named = {labels.weight(i): np.asarray(W) for i, W in enumerate(weights, start=1)}
        return named | {labels.bias(i): np.asarray(b) for i, b in enumerate(biases, start=1)}

    def receptive_fields(self) -> np.ndarray:
        """Return the weights from the input to the first hidden units, (rule, seed, unit, n_i)."""
        count = self._experiment.record.receptive_units
        return np.asarray(self.ensemble.parameters.weights[0][:, :, :count])

    def _own(self, samples: Probe) -> Probe:
        x, target = samples
        shared = x.ndim == 2
        return samples if shared or self._whole else (x[self.seats], target[self.seats])


def _block(experiment: Experiment, start: Start) -> int:
    """Choose the block length of online learning; 0 where steps are taken one by one."""
    online = experiment.schedule.batch_size == 1 and not experiment.update.momentum
    # Where connections are missing, examples overlap differently for every unit.
    whole = start.connections.forward[0] is None
    return block_length(experiment.task.inputs) if online and whole else 0


def _seats(experiment: Experiment, starts: Sequence[Start], rules: int) -> list[slice]:
    """Part the seeds so that what a group works on fits into a CPU's cache."""
    seeds = len(starts)
    if not _block(experiment, starts[0]) or jax.default_backend() != "cpu":
        return [slice(0, seeds)]
    first = starts[0].weights[0].size * np.dtype(experiment.precision).itemsize * rules
    size = max(1, min(seeds, CACHE_BYTES // first))
    # Groups of equal size share one compiled program.
    size = next(n for n in range(size, 0, -1) if seeds % n == 0 or n <= size // 2 + 1)
    return [slice(i, min(i + size, seeds)) for i in range(0, seeds, size)]


def _arrays(
    experiment: Experiment,
    starts: Sequence[Start],
    learner: Learner,
    members: Sequence[int],
    seats: slice,
) -> tuple[Parameters, Fixed]:
    """Stack what the runs start from, and what they keep, along the axes (rule, seed)."""
    dtype = np.dtype(experiment.precision)
    chosen = [experiment.rule_labels[i] for i in members]
    runs = (len(chosen), len(starts))
    drawn = _stack_states(chosen, starts, dtype)
    stack = partial(_for_every_rule, rules=runs[0], dtype=dtype)
    parameters = Parameters(
        stack([start.weights for start in starts]),
        stack([start.biases for start in starts]),
        drawn[1:] if learner.adapts else (),
    )
    rates = np.asarray(experiment.learning_rates)[list(members), None]
    seeds = np.asarray(experiment.seeds[seats], dtype=np.uint32)
    states = RuleStates(
        # Feedback that learns is among the parameters.
        (None,) * len(drawn) if learner.adapts else drawn,
        stack([start.connections.feedback for start in starts]),
    )
    fixed = Fixed(
        states,
        stack([start.connections.forward for start in starts]),
        jnp.asarray(np.broadcast_to(rates, runs), dtype),
        jnp.asarray(np.broadcast_to(seeds, runs)),
    )
    return parameters, fixed


def _stack_states(chosen: Sequence[str], starts: Sequence[Start], dtype: np.dtype) -> Layers:
    """Stack the rules' states layer by layer, with leading axes (rule, seed)."""
    stacked: list[jax.Array | None] = []
    for layer in range(len(starts[0].weights)):
        states = [[start.states[label][layer] for start in starts] for label in chosen]
        missing = any(state is None for row in states for state in row)
        stacked.append(None if missing else jnp.asarray(np.array(states), dtype))
    return tuple(stacked)


def _for_every_rule(of_seeds: Sequence[Layers], *, rules: int, dtype: np.dtype) -> Layers:
    """Stack layers of all seeds, and repeat them for every rule."""
    stacked: list[jax.Array | None] = []
    for layers in zip(*of_seeds, strict=True):
        if layers[0] is None:
            stacked.append(None)
            continue
        array = np.stack([np.asarray(layer) for layer in layers])
        stacked.append(jnp.asarray(np.broadcast_to(array, (rules, *array.shape)), dtype))
    return tuple(stacked)
