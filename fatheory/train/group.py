"""Runs that train in one compiled program."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fatheory.errors import NotOfferedError
from fatheory.experiment import Experiment
from fatheory.initial import InitialState
from fatheory.networks import DECAYS, Parameters
from fatheory.quantities import Need, Quantity, Spiking
from fatheory.train.arrays import first_statistics, named, stacked
from fatheory.train.compiled_view import Known
from fatheory.train.device import (
    DeviceCache,
    architecture_of,
    blocks_within,
    device_caches,
    parted_replicas,
    runs_take_turns,
)
from fatheory.train.ensemble import Batches, Ensemble
from fatheory.train.learner import Learner
from fatheory.train.observe import Probe, evaluate, observe
from fatheory.train.programs.block_by_block import advance_online
from fatheory.train.programs.step_by_step import ProgramSpec, StepRange, advance
from fatheory.train.state import State, restored, states_of
from fatheory.train.waiting import RepeatedWait, on_host, wait_for
from fatheory.updates import update_direction


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
        self._spec = self._program_spec(starts[0])
        self._advance = self._program()
        self._measuring = RepeatedWait()
        stacks = stacked(experiment, starts[replicas], learner, members)
        parameters, self._constants = cache.put(stacks)
        runs = self._constants.seeds.shape
        # int32 is said aloud: left to JAX it would be another type in double precision.
        nothing_lost = jnp.full(runs, -1, jnp.int32)
        moments = first_statistics(learner.architecture, experiment, runs)
        self.ensemble = cache.put(
            Ensemble(parameters, self._fresh_state(parameters), nothing_lost, moments)
        )

    def _program_spec(self, start: InitialState) -> ProgramSpec:
        """Say what compiles, given one of the starts, which are alike in shape."""
        experiment = self._experiment
        update = experiment.update
        runs = len(self.members) * (self.replicas.stop - self.replicas.start)
        block, inner, lit_inputs = blocks_within(experiment, start, runs)
        return ProgramSpec(
            self._learner,
            update_direction(
                update.manhattan, update.momentum, update.weight_decay, DECAYS, update.optimizer
            ),
            update.weight_decay,
            block,
            inner,
            lit_inputs,
            in_turn=runs_take_turns(experiment),
        )

    def _program(self) -> Callable[..., Ensemble]:
        """Return the compiled program that carries out steps."""
        return advance_online if self._spec.block else advance

    def _fresh_state(self, parameters: Parameters) -> Any:
        """Return what the update remembers before the first step of a phase."""
        init = self._spec.direction.init
        if not self._experiment.update.memories:
            return init(parameters)  # of no arrays; vmap would trace it anew in every run
        # Network by network, so that counts of steps have the axes of runs, too.
        return jax.vmap(jax.vmap(init))(parameters)

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
        return max(1, self._spec.block)

    def wait(self, expected: float = math.inf) -> None:
        """Wait until the updates asked for are done, which should take so many seconds."""
        wait_for(self.ensemble, expected)

    def forget(self) -> None:
        """Start the update's memory anew, as at the start of every phase."""
        fresh = self._fresh_state(self.ensemble.parameters)
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

    def measured(self, asked: Any) -> Any:
        """Wait for what was asked of `observe` or `evaluate`, and return it as NumPy arrays."""
        return on_host(self._measuring.wait_for(asked))

    def spiking(self, probe: Probe) -> Spiking:
        """Watch neurons while the probe is shown.

        Raises
        ------
        NotOfferedError
            If they do not spike.
        """
        del probe
        raise NotOfferedError("a network whose neurons do not spike", Need.SPIKES)

    def evaluate(self, samples: Probe) -> tuple[jax.Array, jax.Array]:
        """Ask for loss and classification error (percent) on samples, (rule, seed)."""
        return evaluate(
            self.ensemble.parameters,
            self.ensemble.moments,
            self._own(samples, "samples"),
            architecture=self._learner.architecture,
        )

    def weights(self) -> dict[str, np.ndarray]:
        """Return weights, biases and what belongs to normalisation, by their archive's names."""
        return named(self.ensemble.parameters, self.ensemble.moments)

    def _own(self, samples: Probe, what: str) -> Probe:
        x, target = samples
        shared = x.ndim == 2
        mine = samples if shared or self._whole else (x[self.replicas], target[self.replicas])
        return self._cache.keep(what, mine)


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
