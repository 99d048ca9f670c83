"""Runs that train in one compiled program."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fatheory.experiment import Experiment, SpikingNetwork
from fatheory.initial import InitialState
from fatheory.quantities import Quantity, Spiking
from fatheory.train.arrays import first_statistics, named, stacked
from fatheory.train.compiled_view import Known
from fatheory.train.device import (
    DeviceCache,
    architecture_of,
    device_caches,
    parted_replicas,
)
from fatheory.train.ensemble import Batches, Ensemble
from fatheory.train.learner import Learner
from fatheory.train.observe import Probe, observe
from fatheory.train.programs.programs import Programs
from fatheory.train.programs.rate_based import RateBasedPrograms
from fatheory.train.programs.step_by_step import StepRange
from fatheory.train.spiking import SpikingPrograms
from fatheory.train.state import State, restored, states_of
from fatheory.train.waiting import RepeatedWait, always_wanted, on_host, wait_for


class Group:
    """The ensemble of some replicas of the rules that share a program.

    A replica is a seed of an experiment, or of another one that shares its program.

    Parameters
    ----------
    experiment : Experiment
        What the replicas have in common.
    starts : sequence of InitialState
        One per replica.
    learner : Learner
        The program that the rules share.
    members : sequence of int
        Which of the experiment's rules belong to the group.
    replicas : slice
        Which of the replicas.
    cache : DeviceCache
        Where they are trained.
    """

    def __init__(
        self,
        experiment: Experiment,
        starts: Sequence[InitialState],
        learner: Learner,
        members: Sequence[int],
        replicas: slice,
        cache: DeviceCache,
    ) -> None:
        self.members, self.replicas = tuple(members), replicas
        self._cache = cache
        self._experiment, self._learner = experiment, learner
        self._labels = [experiment.rule_labels[i] for i in members]
        self._whole = replicas.stop - replicas.start == len(starts)
        self._programs = programs_of(experiment)
        runs_together = len(self.members) * (replicas.stop - replicas.start)
        self._spec = self._programs.spec(learner, starts[0], runs_together)
        self._advance = self._programs.advance(self._spec)
        self._measuring = RepeatedWait()
        stacks = stacked(experiment, starts[replicas], learner, members)
        parameters, self._constants = cache.put(stacks)
        runs = self._constants.seeds.shape
        # int32 is said aloud: left to JAX it would be another type in double precision.
        nothing_lost = jnp.full(runs, -1, jnp.int32)
        moments = first_statistics(learner.architecture, experiment, runs)
        self.ensemble = cache.put(
            Ensemble(
                parameters,
                self._programs.fresh_state(self._spec, parameters),
                nothing_lost,
                moments,
            )
        )

    @classmethod
    def all_of(cls, experiment: Experiment, starts: Sequence[InitialState]) -> list["Group"]:
        """Gather the experiment's runs into groups."""
        network = architecture_of(experiment)
        members: dict[Learner, list[int]] = {}
        for i, (_, choice) in enumerate(experiment.rules):
            members.setdefault(Learner.of(choice, network), []).append(i)
        # Dense programs compile fast, and under vmap every run would pay for the V of all rules.
        if network.image:
            members = _joined(members)
        # Replicas are parted over devices, which work at the same time.
        where = device_caches()
        return [
            cls(experiment, starts, learner, rules, replicas, where[i % len(where)])
            for learner, rules in members.items()
            for i, replicas in enumerate(
                parted_replicas(experiment, starts, len(rules), len(where))
            )
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
        # An array, not part of the spec: phases with other frozen layers share the program.
        learning = np.array([i + 1 not in frozen for i in range(self._experiment.layers)])
        # Numbers as they are: a compiled program takes them in a tenth of the time that it takes to
        # make arrays of them here, and a run of milliseconds consists of such times.
        given: Any = (learning, first, offset, stop - first, rate_factors)
        step_range = StepRange(*given)
        mine = batches if self._whole else batches.of_seeds(self.replicas)
        mine = self._cache.keep("batches", mine)
        self.ensemble = self._advance(
            self.ensemble, self._constants, mine, step_range, spec=self._spec
        )

    @property
    def grain(self) -> int:
        """After how many steps a segment may end without a difference to any number."""
        return self._programs.grain(self._spec)

    def wait(self, expected: float = math.inf) -> None:
        """Wait until the updates asked for are done, which should take so many seconds."""
        wait_for(self.ensemble, expected)

    def forget(self) -> None:
        """Start the update's memory anew, as at the start of every phase of most networks."""
        if self._programs.phases_start_anew:
            fresh = self._programs.fresh_state(self._spec, self.ensemble.parameters)
            self.ensemble = self.ensemble._replace(optimizer_state=fresh)

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
        ensemble = restored(self.ensemble, self._labels, self.replicas, state)
        self.ensemble = self._cache.put(ensemble)

    def observe(
        self, probe: Probe, step: int, quantities: tuple[Quantity, ...], known: Known
    ) -> dict[str, jax.Array]:
        """Ask for quantities on the probe, of the axes (rule, seed, ...); see `measured`."""
        return observe(
            self.ensemble.parameters,
            self._constants,
            known,
            self._own(probe, "probe"),
            step,
            learner=self._learner,
            quantities=quantities,
            receptive_units=self._experiment.record.receptive_units,
        )

    def measured(self, asked: Any, unwanted: Callable[[], bool] = always_wanted) -> Any:
        """Wait for what was asked of `observe` or `evaluate`, and return it as NumPy arrays.

        Raises
        ------
        GivenUp
            If `unwanted` says so before it is there.
        """
        return on_host(self._measuring.wait_for(asked, unwanted))

    def spiking(self, probe: Probe) -> Spiking:
        """Watch neurons while the probe is shown.

        Raises
        ------
        NotOfferedError
            If they do not spike.
        """
        return self._programs.spiking(
            self._spec, self.ensemble, self._constants, self._own(probe, "probe")
        )

    def evaluate(self, samples: Probe) -> tuple[jax.Array, jax.Array]:
        """Ask for loss and classification error (percent) on samples, (rule, seed)."""
        return self._programs.evaluate(
            self._spec, self.ensemble, self._constants, self._own(samples, "samples")
        )

    def weights(self) -> dict[str, np.ndarray]:
        """Return weights, biases and what belongs to normalisation, by their archive's names."""
        return named(self.ensemble.parameters, self.ensemble.moments)

    def _own(self, samples: Probe, what: str) -> Probe:
        x, target = samples
        shared = x.ndim == 2
        mine = samples if shared or self._whole else (x[self.replicas], target[self.replicas])
        return self._cache.keep(what, mine)


def programs_of(experiment: Experiment) -> Programs:
    """Return the programs of an experiment's kind of networks."""
    spikes = isinstance(experiment.network, SpikingNetwork)
    return SpikingPrograms(experiment) if spikes else RateBasedPrograms(experiment)


def _joined(members: dict[Learner, list[int]]) -> dict[Learner, list[int]]:
    """Let all layered rules whose feedback does not learn share one program.

    A convolutional step takes long to compile, and making V costs little beside it.
    """
    alone = {learner: rules for learner, rules in members.items() if learner.rule is not None}
    shared = [learner for learner in members if learner.rule is None]
    joined: dict[Learner, list[Learner]] = {}
    for learner in shared:
        # How signals travel is part of the program, unlike V.
        joined.setdefault(replace(learner, feedback_paths=()), []).append(learner)
    return alone | {
        replace(
            common,
            feedback_paths=tuple(path for one in those for path in one.feedback_paths),
        ): [i for one in those for i in members[one]]
        for common, those in joined.items()
    }
