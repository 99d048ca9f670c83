"""Runs of spiking networks that train in one compiled program."""

import math
from collections.abc import Callable
from functools import partial

import jax
import numpy as np

from fatheory.experiment import SpikingNetwork
from fatheory.initial import InitialState
from fatheory.networks import Parameters
from fatheory.networks.spiking import Neuron, Potentials
from fatheory.quantities import Spiking, traced_units
from fatheory.train.ensemble import Ensemble
from fatheory.train.group import Group
from fatheory.train.observe import Probe
from fatheory.train.programs.spiking import advance_spiking, spiking_block_length
from fatheory.train.programs.step_by_step import ProgramSpec
from fatheory.train.spiking_measure import evaluate_spiking, observe_spiking
from fatheory.train.waiting import wait_for


class SpikingGroup(Group):
    """A group whose networks spike: their potentials are the optimizer state of the ensemble.

    Parameters
    ----------
    experiment, starts, learner, members, replicas, cache
        As of `Group`.
    """

    @property
    def _neuron(self) -> Neuron:
        assert isinstance(self._experiment.network, SpikingNetwork)
        return Neuron.of(self._experiment.network)

    def _program_spec(self, start: InitialState) -> ProgramSpec:
        """Say what compiles; blocks are of time steps."""
        streams = self._experiment.schedule.batch_size
        return (
            super()
            ._program_spec(start)
            ._replace(block=spiking_block_length(self._learner, streams))
        )

    def _program(self) -> Callable[..., Ensemble]:
        """Return the compiled program that shows images."""
        return partial(advance_spiking, neuron=self._neuron)

    def _fresh_state(self, parameters: Parameters) -> Potentials:
        """Return potentials at rest."""
        runs = parameters.weights[0].shape[:2]
        before = (*runs, self._experiment.schedule.batch_size)
        return Potentials.at_rest(
            self._experiment.sizes[1:], before, np.dtype(self._experiment.precision)
        )

    @property
    def grain(self) -> int:
        """Images after which a block of time steps ends with one of them."""
        return math.lcm(self._spec.block, self._neuron.steps_per_image) // (
            self._neuron.steps_per_image
        )

    def forget(self) -> None:
        """Do nothing: a phase ends without a pause, and potentials go on."""

    def spiking(self, probe: Probe) -> Spiking:
        """Watch neurons while the probe is shown."""
        seen = observe_spiking(
            self.ensemble.parameters,
            self._constants,
            self._own(probe, "probe"),
            learner=self._learner,
            neuron=self._neuron,
            units=traced_units(self._experiment),
        )
        return wait_for(seen)

    def evaluate(self, samples: Probe) -> tuple[jax.Array, jax.Array]:
        """Ask for loss and classification error (percent) on samples, (rule, seed)."""
        return evaluate_spiking(
            self.ensemble.parameters,
            self._constants,
            self._own(samples, "samples"),
            neuron=self._neuron,
        )
