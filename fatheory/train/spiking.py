"""Runs of spiking networks that train in one compiled program."""

import math
from collections.abc import Sequence
from functools import partial

import jax
import numpy as np

from fatheory.experiment import Experiment, SpikingNetwork
from fatheory.initial import Start
from fatheory.networks.spiking import Neuron, Potentials
from fatheory.quantities import Spiking, traced_units
from fatheory.train.group import Group
from fatheory.train.learner import Learner
from fatheory.train.observe import Probe
from fatheory.train.place import Place
from fatheory.train.spiking_measure import evaluate_spiking, observe_spiking
from fatheory.train.spiking_program import advance_spiking, block_length
from fatheory.train.waiting import on_host, wait_for


class SpikingGroup(Group):
    """A group whose networks spike: their potentials are the memory of the ensemble.

    Parameters
    ----------
    experiment, starts, learner, members, seats, place
        As of `Group`.
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
        super().__init__(experiment, starts, learner, members, seats, place)
        assert isinstance(experiment.network, SpikingNetwork)
        self._neuron = Neuron.of(experiment.network)
        streams = experiment.schedule.batch_size
        self._recipe = self._recipe._replace(
            block=block_length(learner, streams), in_turn=jax.default_backend() == "cpu"
        )
        self._advance = partial(advance_spiking, neuron=self._neuron)
        before = (*self._fixed.seeds.shape, streams)
        rest = Potentials.at_rest(experiment.sizes[1:], before, np.dtype(experiment.precision))
        self.ensemble = self.ensemble._replace(memory=place.put(rest))

    @property
    def grain(self) -> int:
        """Images after which a block of time steps ends with one of them."""
        return math.lcm(self._recipe.block, self._neuron.steps_per_image) // (
            self._neuron.steps_per_image
        )

    def forget(self) -> None:
        """Do nothing: a phase ends without a pause, and potentials go on."""

    def spiking(self, probe: Probe) -> Spiking:
        """Watch neurons while the probe is shown."""
        seen = observe_spiking(
            self.ensemble.parameters,
            self._fixed,
            self._own(probe, "probe"),
            learner=self._learner,
            neuron=self._neuron,
            root_seed=self._experiment.root_seed,
            units=traced_units(self._experiment),
        )
        return wait_for(seen)

    def evaluate(self, samples: Probe) -> tuple[np.ndarray, np.ndarray]:
        """Return loss and classification error (percent) on samples, (rule, seed)."""
        measured = evaluate_spiking(
            self.ensemble.parameters,
            self._fixed,
            self._own(samples, "samples"),
            neuron=self._neuron,
            root_seed=self._experiment.root_seed,
        )
        return on_host(measured)
