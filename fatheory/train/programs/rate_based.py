"""The programs of networks whose units have activities, and no spikes."""

from collections.abc import Callable
from typing import Any

import jax

from fatheory.errors import NotOfferedError
from fatheory.initial import InitialState
from fatheory.networks import Parameters
from fatheory.quantities import Need, Spiking
from fatheory.train.device import blocks_within
from fatheory.train.ensemble import Ensemble, RunConstants
from fatheory.train.learner import Learner
from fatheory.train.observe import Probe, evaluate
from fatheory.train.programs.block_by_block import advance_online
from fatheory.train.programs.programs import Programs
from fatheory.train.programs.step_by_step import ProgramSpec, advance


class RateBasedPrograms(Programs):
    """Learning step by step or, from single examples with many inputs, block by block."""

    def blocks(
        self, learner: Learner, start: InitialState, runs: int
    ) -> tuple[int, tuple[int, ...], int]:
        """Choose blocks of online examples, as the device does best."""
        del learner  # every rule learns in the same blocks
        return blocks_within(self._experiment, start, runs)

    def advance(self, spec: ProgramSpec) -> Callable[..., Ensemble]:
        """Return the program that carries out updates."""
        return advance_online if spec.block else advance

    def fresh_state(self, spec: ProgramSpec, parameters: Parameters) -> Any:
        """Return what the update remembers before the first step of a phase."""
        init = spec.direction.init
        if not self._experiment.update.memories:
            return init(parameters)  # of no arrays; vmap would trace it anew in every run
        # Network by network, so that counts of steps have the axes of runs, too.
        return jax.vmap(jax.vmap(init))(parameters)

    def grain(self, spec: ProgramSpec) -> int:
        """Examples of a block, or single steps."""
        return max(1, spec.block)

    def evaluate(
        self, spec: ProgramSpec, ensemble: Ensemble, constants: RunConstants, samples: Probe
    ) -> tuple[jax.Array, jax.Array]:
        """Ask for loss and classification error (percent) on samples, (rule, seed)."""
        del constants  # nothing is drawn in a test
        return evaluate(
            ensemble.parameters,
            ensemble.moments,
            samples,
            architecture=spec.learner.architecture,
        )

    def spiking(
        self, spec: ProgramSpec, ensemble: Ensemble, constants: RunConstants, probe: Probe
    ) -> Spiking:
        """Refuse: there are no spikes."""
        del spec, ensemble, constants, probe
        raise NotOfferedError("a network whose neurons do not spike", Need.SPIKES)
