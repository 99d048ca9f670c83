"""A group of runs, as far as quantities can look at it beside the program that measures it."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from fatheory.quantities import Evaluation, Need, Quantity, Spiking, View
from fatheory.train.compiled_view import Known
from fatheory.train.group import Group
from fatheory.train.observe import Probe
from fatheory.train.waiting import always_wanted


class GroupView(View):
    """Runs of a group, (rule, seed), by what other programs than `observe` find out.

    Quantities that need nothing else are read off here: weights would only be copied by a program.

    Parameters
    ----------
    group : Group
        The runs.
    probe, evaluation : pairs of arrays
        What neurons are watched on, and what losses and errors are measured on.
    training : pair of arrays, optional
        Training examples, where a quantity needs them.
    unwanted : callable
        Whether nobody waits for what is measured any more.
    """

    source = "a group of runs"
    offers = frozenset({Need.PARAMETERS, Need.HELD_OUT, Need.TRAINING, Need.SPIKES})

    def __init__(
        self,
        group: Group,
        probe: Probe,
        evaluation: Probe,
        training: Probe | None,
        unwanted: Callable[[], bool] = always_wanted,
    ) -> None:
        self._group, self._probe, self._unwanted = group, probe, unwanted
        self._evaluation, self._training = evaluation, training
        self._asked: tuple[Any, dict[str, Any]] | None = None

    def ask(self, step: int, quantities: tuple[Quantity, ...]) -> None:
        """Ask the device for losses and quantities at a step, and do not wait for them.

        They are measured behind the updates under way, side by side.
        """
        losses = self._group.evaluate(self._evaluation)
        self._asked = losses, self._observed(step, quantities)

    @cached_property
    def parameters(self) -> Mapping[str, np.ndarray]:
        """All that is learned, by the archive's names."""
        return self._group.weights()

    @cached_property
    def held_out(self) -> Evaluation:
        """Loss and error on the examples of evaluation."""
        asked = self._group.evaluate(self._evaluation) if self._asked is None else self._asked[0]
        return Evaluation(*self._measured(asked))

    @cached_property
    def training(self) -> Evaluation:
        """Loss and error on training examples."""
        assert self._training is not None  # a quantity needs them
        return Evaluation(*self._measured(self._group.evaluate(self._training)))

    @cached_property
    def spiking(self) -> Spiking:
        """What neurons do while the probe is shown."""
        return self._group.spiking(self._probe)

    def observed(self, step: int, quantities: tuple[Quantity, ...]) -> dict[str, np.ndarray]:
        """Measure quantities on the probe at a step, by a compiled program."""
        asked = self._observed(step, quantities) if self._asked is None else self._asked[1]
        return self._measured(asked)

    def _measured(self, asked: Any) -> Any:
        return self._group.measured(asked, self._unwanted)

    def _observed(self, step: int, quantities: tuple[Quantity, ...]) -> dict[str, Any]:
        if not quantities:
            return {}
        return self._group.observe(self._probe, step, quantities, self._known(quantities))

    def _known(self, quantities: tuple[Quantity, ...]) -> Known:
        """Find out what quantities need that the program which measures them cannot know."""
        needs = frozenset[Need]().union(*(quantity.needs for quantity in quantities))
        return Known(
            self.parameters if Need.PARAMETERS in needs else None,
            self.held_out if Need.HELD_OUT in needs else None,
            self.training if Need.TRAINING in needs else None,
            self.spiking if Need.SPIKES in needs else None,
        )
