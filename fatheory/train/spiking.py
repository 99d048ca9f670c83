"""The programs of spiking networks, whose potentials are the optimizer state of the ensemble."""

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
from fatheory.train.device import spiking_block_length
from fatheory.train.ensemble import Ensemble, RunConstants
from fatheory.train.learner import Learner
from fatheory.train.observe import Probe
from fatheory.train.programs.programs import Programs
from fatheory.train.programs.spiking import advance_spiking
from fatheory.train.programs.step_by_step import ProgramSpec
from fatheory.train.spiking_measure import evaluate_spiking, observe_spiking
from fatheory.train.waiting import wait_for


class SpikingPrograms(Programs):
    """Learning at every time step, while images are shown one after another."""

    # A phase ends without a pause for the neurons: their potentials go on.
    phases_start_anew = False

    @property
    def _neuron(self) -> Neuron:
        assert isinstance(self._experiment.network, SpikingNetwork)
        return Neuron.of(self._experiment.network)

    def blocks(
        self, learner: Learner, start: InitialState, runs: int
    ) -> tuple[int, tuple[int, ...], int]:
        """Choose blocks of time steps, without others inside."""
        del start, runs
        return spiking_block_length(learner, self._experiment.schedule.batch_size), (), 0

    def advance(self, spec: ProgramSpec) -> Callable[..., Ensemble]:
        """Return the program that shows images."""
        del spec
        return partial(advance_spiking, neuron=self._neuron)

    def fresh_state(self, spec: ProgramSpec, parameters: Parameters) -> Potentials:
        """Return potentials at rest."""
        del spec
        runs = parameters.weights[0].shape[:2]
        before = (*runs, self._experiment.schedule.batch_size)
        return Potentials.at_rest(
            self._experiment.sizes[1:], before, np.dtype(self._experiment.precision)
        )

    def grain(self, spec: ProgramSpec) -> int:
        """Images after which a block of time steps ends with one of them."""
        return math.lcm(spec.block, self._neuron.steps_per_image) // self._neuron.steps_per_image

    def evaluate(
        self, spec: ProgramSpec, ensemble: Ensemble, constants: RunConstants, samples: Probe
    ) -> tuple[jax.Array, jax.Array]:
        """Ask for loss and classification error (percent) on samples, (rule, seed)."""
        del spec
        return evaluate_spiking(ensemble.parameters, constants, samples, neuron=self._neuron)

    def spiking(
        self, spec: ProgramSpec, ensemble: Ensemble, constants: RunConstants, probe: Probe
    ) -> Spiking:
        """Watch neurons while the probe is shown."""
        seen = observe_spiking(
            ensemble.parameters,
            constants,
            probe,
            learner=spec.learner,
            neuron=self._neuron,
            units=traced_units(self._experiment),
        )
        return wait_for(seen)
