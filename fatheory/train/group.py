"""Runs that train in one compiled program."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from fatheory.errors import NotOfferedError
from fatheory.experiment import Experiment
from fatheory.initial import Start
from fatheory.networks import Architecture
from fatheory.quantities import Need, Quantity, Spiking
from fatheory.train.arrays import first_moments, named, stacked
from fatheory.train.compiled_view import Known
from fatheory.train.ensemble import Batches, Ensemble
from fatheory.train.learner import Learner
from fatheory.train.observe import Probe, evaluate, observe
from fatheory.train.online import advance_online, block_length
from fatheory.train.parameters import DECAYS
from fatheory.train.place import Place, places
from fatheory.train.program import Recipe, Stretch, advance
from fatheory.train.state import State, restored, states_of
from fatheory.train.waiting import on_host, wait_for
from fatheory.updates import update_direction

CACHE_BYTES = 2**24
"""First-layer weights of a group that learns block by block on a CPU: they should stay in cache."""


class Group:
    """The ensemble of some seats of the rules that share a program.

    A seat is a seed of an experiment, or of another one that shares its program.

    Parameters
    ----------
    experiment : Experiment
        What the seats have in common.
    starts : sequence of Start
        One per seat.
    learner : Learner
        The program that the rules share.
    members : sequence of int
        Which of the experiment's rules belong to the group.
    seats : slice
        Which of the seats.
    place : Place
        Where they are trained.
    """

    def __init__(
        self,
        experiment: Experiment,
        starts: Sequence[Start],
        learner: Learner,
        members: Sequence[int],
        seats: slice,
        place: Place,
    ) -> None:
        self.members, self.seats = tuple(members), seats
        self._place = place
        self._experiment, self._learner = experiment, learner
        self._labels = [experiment.rule_labels[i] for i in members]
        self._whole = seats.stop - seats.start == len(starts)
        update = experiment.update
        direction = update_direction(update.manhattan, update.momentum, update.weight_decay, DECAYS)
        block = _block(experiment, starts[0])
        self._recipe = Recipe(
            learner,
            direction,
            update.weight_decay,
            experiment.root_seed,
            block,
            in_turn=bool(learner.architecture.image) and jax.default_backend() == "cpu",
        )
        self._advance: Callable[..., Ensemble] = advance_online if block else advance
        stacks = stacked(experiment, starts[seats], learner, members)
        parameters, self._fixed = place.put(stacks)
        runs = self._fixed.seeds.shape
        nothing_lost = jnp.full(runs, -1, jnp.int32)
        moments = first_moments(learner.architecture, experiment, runs)
        self.ensemble = place.put(
            Ensemble(parameters, direction.init(parameters), nothing_lost, moments)
        )

    @classmethod
    def all_of(cls, experiment: Experiment, starts: Sequence[Start]) -> list["Group"]:
        """Gather the experiment's runs into groups."""
        network = Architecture.of(experiment.network, experiment.image_shape)
        members: dict[Learner, list[int]] = {}
        for i, (_, choice) in enumerate(experiment.rules):
            members.setdefault(Learner.of(choice, network), []).append(i)
        if network.image:
            members = _joined(members)
        # Seats are parted over devices, which work at the same time.
        where = places()
        return [
            cls(experiment, starts, learner, rules, seats, where[i % len(where)])
            for learner, rules in members.items()
            for i, seats in enumerate(_seats(experiment, starts, len(rules), len(where)))
        ]

    def advance(
        self,
        batches: Batches,
        phase: int,
        first: int,
        offset: int,
        stop: int,
        rate_factors: jax.Array | None = None,
    ) -> None:
        """Carry out the updates `first` to `stop` - 1, with the batches from `offset` on.

        The learning rates are multiplied by the factors of their steps, where there are any.
        """
        frozen = self._experiment.schedule.phases[phase].frozen
        learning = np.array([i + 1 not in frozen for i in range(self._experiment.layers)])
        stretch = Stretch(
            jnp.asarray(learning),
            jnp.asarray(first),
            jnp.asarray(offset),
            jnp.asarray(stop - first),
            rate_factors,
        )
        mine = batches if self._whole else batches.of_seeds(self.seats)
        mine = self._place.keep("batches", mine)
        self.ensemble = self._advance(
            self.ensemble, self._fixed, mine, stretch, recipe=self._recipe
        )

    @property
    def grain(self) -> int:
        """After how many steps a segment may end without a difference to any number."""
        return max(1, self._recipe.block)

    def wait(self) -> None:
        """Wait until the updates asked for are done."""
        wait_for(self.ensemble)

    def forget(self) -> None:
        """Start the update's memory anew, as at the start of every phase."""
        memory = self._recipe.direction.init(self.ensemble.parameters)
        self.ensemble = self.ensemble._replace(memory=memory)

    def state(self) -> State:
        """Copy what changes while learning, by rule and name, of this group's seeds."""
        return states_of(self.ensemble, self._labels)

    def restore(self, state: State) -> None:
        """Go on from a state of all seeds.

        Raises
        ------
        DamagedArchiveError
            If it is not a state of these rules.
        """
        ensemble = restored(self.ensemble, self._labels, self.seats, state)
        self.ensemble = self._place.put(ensemble)

    def observe(
        self, probe: Probe, step: int, quantities: tuple[Quantity, ...], known: Known
    ) -> dict[str, jax.Array]:
        """Measure quantities on the probe, of the axes (rule, seed, ...)."""
        measured = observe(
            self.ensemble.parameters,
            self._fixed,
            known,
            self._own(probe, "probe"),
            jnp.asarray(step),
            learner=self._learner,
            quantities=quantities,
            root_seed=self._experiment.root_seed,
            receptive_units=self._experiment.record.receptive_units,
        )
        return wait_for(measured)

    def spiking(self, probe: Probe) -> Spiking:
        """Watch neurons while the probe is shown.

        Raises
        ------
        NotOfferedError
            If they do not spike.
        """
        del probe
        raise NotOfferedError("a network whose neurons do not spike", Need.SPIKES)

    def evaluate(self, samples: Probe) -> tuple[np.ndarray, np.ndarray]:
        """Return loss and classification error (percent) on samples, (rule, seed)."""
        measured = evaluate(
            self.ensemble.parameters,
            self.ensemble.moments,
            self._own(samples, "samples"),
            architecture=self._learner.architecture,
        )
        return on_host(measured)

    def weights(self) -> dict[str, np.ndarray]:
        """Return weights, biases and what belongs to normalisation, by their archive's names."""
        return named(self.ensemble.parameters, self.ensemble.moments)

    def _own(self, samples: Probe, what: str) -> Probe:
        x, target = samples
        shared = x.ndim == 2
        mine = samples if shared or self._whole else (x[self.seats], target[self.seats])
        return self._place.keep(what, mine)


def _block(experiment: Experiment, start: Start) -> int:
    """Choose the block length of online learning; 0 where steps are taken one by one."""
    schedule, update = experiment.schedule, experiment.update
    online = schedule.batch_size == 1 and schedule.decay is None
    plain = not (update.momentum or update.manhattan or experiment.network.dropout)
    dense = not experiment.network.convolutions
    # Where connections are missing, examples overlap differently for every unit.
    whole = start.connections.forward[0] is None
    fit = online and plain and dense and whole
    return block_length(experiment.task.inputs) if fit else 0


def _seats(
    experiment: Experiment, starts: Sequence[Start], rules: int, devices: int
) -> list[slice]:
    """Part the seats over devices, and so that what a group works on fits into a CPU's cache."""
    seeds = len(starts)
    size = -(-seeds // devices)
    if _block(experiment, starts[0]) and jax.default_backend() == "cpu":
        first = starts[0].weights[0].size * np.dtype(experiment.precision).itemsize * rules
        size = max(1, min(size, CACHE_BYTES // first))
    # Groups of equal size share one compiled program.
    size = next(n for n in range(size, 0, -1) if seeds % n == 0 or n <= size // 2 + 1)
    return [slice(i, min(i + size, seeds)) for i in range(0, seeds, size)]


def _joined(members: dict[Learner, list[int]]) -> dict[Learner, list[int]]:
    """Let all layered rules whose feedback does not learn share one program.

    A convolutional step takes long to compile, and making V costs little beside it.
    """
    alone = {learner: rules for learner, rules in members.items() if learner.rule is not None}
    shared = [learner for learner in members if learner.rule is None]
    joined: dict[Learner, list[Learner]] = {}
    for learner in shared:
        # How signals travel is part of the program, unlike V.
        joined.setdefault(replace(learner, ways=()), []).append(learner)
    return alone | {
        replace(common, ways=tuple(way for one in those for way in one.ways)): [
            i for one in those for i in members[one]
        ]
        for common, those in joined.items()
    }
