"""What a kind of networks does by programs of its own: how they learn, rest, and are tested."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import jax

from fatheory.experiment import Experiment
from fatheory.initial import InitialState
from fatheory.networks import DECAYS, Parameters
from fatheory.quantities import Spiking
from fatheory.train.device import runs_take_turns
from fatheory.train.ensemble import Ensemble, RunConstants
from fatheory.train.learner import Learner
from fatheory.train.observe import Probe
from fatheory.train.programs.step_by_step import ProgramSpec
from fatheory.updates import update_direction


class Programs(ABC):
    """The compiled programs of the networks of an experiment, as a group of its runs asks for them.

    Parameters
    ----------
    experiment : Experiment
        What the runs have in common.
    """

    phases_start_anew: bool = True
    """Whether the optimizer state is fresh at the start of every phase."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment

    def spec(self, learner: Learner, start: InitialState, runs: int) -> ProgramSpec:
        """Say what compiles.

        Parameters
        ----------
        learner : Learner
            The program that the rules share.
        start : InitialState
            One of the starts, which are alike in shape.
        runs : int
            How many go side by side.
        """
        update = self._experiment.update
        block, inner_blocks, lit_inputs = self.blocks(learner, start, runs)
        return ProgramSpec(
            learner,
            update_direction(
                update.manhattan, update.momentum, update.weight_decay, DECAYS, update.optimizer
            ),
            update.weight_decay,
            block,
            inner_blocks,
            lit_inputs,
            in_turn=runs_take_turns(self._experiment),
        )

    @abstractmethod
    def blocks(
        self, learner: Learner, start: InitialState, runs: int
    ) -> tuple[int, tuple[int, ...], int]:
        """Return ``block``, ``inner_blocks`` and ``lit_inputs`` of the `ProgramSpec`."""

    @abstractmethod
    def advance(self, spec: ProgramSpec) -> Callable[..., Ensemble]:
        """Return the program that carries out a range of steps."""

    @abstractmethod
    def fresh_state(self, spec: ProgramSpec, parameters: Parameters) -> Any:
        """Return the optimizer state before the first step."""

    @abstractmethod
    def grain(self, spec: ProgramSpec) -> int:
        """After how many steps a segment may end without a difference to any number."""

    @abstractmethod
    def evaluate(
        self, spec: ProgramSpec, ensemble: Ensemble, constants: RunConstants, samples: Probe
    ) -> tuple[jax.Array, jax.Array]:
        """Ask for loss and classification error (percent) on samples, (rule, seed)."""

    @abstractmethod
    def spiking(
        self, spec: ProgramSpec, ensemble: Ensemble, constants: RunConstants, probe: Probe
    ) -> Spiking:
        """Watch neurons while the probe is shown.

        Raises
        ------
        NotOfferedError
            If they do not spike.
        """
