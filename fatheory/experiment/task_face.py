"""What every task tells those who carry an experiment out, whatever its kind."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fatheory.experiment.description import Description

Pair = tuple[np.ndarray, np.ndarray]
"""Inputs (sample, n_i) and targets (sample, n_o)."""


class TaskFace(Description):
    """A task, as the rest of the house asks it; nobody asks which class it is.

    Every task has ``kind``, ``inputs``, ``outputs``, ``noise`` and ``samples``; what is here has
    an answer that suits tasks whose examples are drawn.
    """

    if TYPE_CHECKING:
        # Some kinds have these as fields and others compute them, so they cannot be fields here.
        kind: str

        @property
        def inputs(self) -> int:
            """Number n_i of entries of an input."""

        @property
        def outputs(self) -> int:
            """Number n_o of entries of a target."""

        @property
        def samples(self) -> int:
            """Number of training examples; 0 where each is fresh."""

        @property
        def noise(self) -> float:
            """Standard deviation of the noise on each target entry."""

    input_name: ClassVar[str] = "inputs"
    """What an entry of an input is called, in the plural."""

    @property
    def stored(self) -> bool:
        """Whether examples are there already, the same for all seeds: `examples` gives them."""
        return False

    @property
    def each_seeds(self) -> bool:
        """Whether each seed has examples of its own of no known distribution: `examples_of`."""
        return False

    @property
    def archived(self) -> int:
        """How many numbers archives hold of examples, for every seed that has its own.

        0 where they name the examples, or hold what these are drawn by.
        """
        return 0

    @property
    def of_classes(self) -> bool:
        """Whether targets are classes, one-hot, so that outputs can be in the wrong one."""
        return False

    @property
    def outside_unit_interval(self) -> tuple[str, str] | None:
        """Where, by dotted key, and why inputs may not lie in [0, 1]; None where they do."""
        return "task", "lie in [0, 1]; those of this task need not"

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Rows, columns and colours of an input; empty where inputs are no images."""
        return ()

    @property
    def held_out(self) -> int:
        """Number of stored examples that losses and errors are measured on; 0 for the probe."""
        return 0

    def probe_size(self, asked: int) -> int:
        """Return the number of samples of the probe, of which `asked` are wanted."""
        return asked

    @property
    def program(self) -> Hashable:
        """What tasks must have in common for their experiments to share a compiled program."""
        return self

    def examples(self) -> tuple[Pair, Pair]:
        """Return what is learned from and what is measured on, where examples are stored.

        Returns
        -------
        (inputs, targets), (inputs, targets)
            Of shapes (sample, n_i) and (sample, n_o): the training set and the held-out one.

        Raises
        ------
        DataError
            If they are not at hand, damaged, or others than those that the task was made for.
        """
        raise NotImplementedError(f"the examples of a {type(self).__name__} are drawn")

    def examples_of(
        self, root_seed: int, seed: int, generator: np.random.Generator
    ) -> tuple[Pair, Pair]:
        """Return what one seed learns from and is measured on, where `each_seeds` is true."""
        del root_seed, seed, generator
        raise NotImplementedError(f"the examples of a {type(self).__name__} are drawn")

    def take_examples(self, archive: Any, root_seed: int) -> None:
        """Take the examples that an archive of this task holds, if it holds any."""
        del archive, root_seed

    @property
    def at_hand(self) -> bool:
        """Whether arrays that it names by a digest are at hand, if it names any."""
        return True

    @property
    def belongings(self) -> Any:
        """What the task needs beside its description, to be taken along to another process."""
        return None

    def require_same_examples(self) -> None:
        """Refuse stored examples that are others than those that the task was made for.

        Examples that are not at hand are told of by whoever needs them.

        Raises
        ------
        DataError
            If they are; the message says how they differ.
        """

    def example_bytes(self, item: int) -> int:
        """Estimate what stored examples take in memory, in numbers of `item` bytes on a device."""
        del item
        return 0

    def for_choosing(self, most: int) -> "TaskFace":
        """Return the task on which settings are chosen: by examples that no result is measured on.

        Parameters
        ----------
        most : int
            How many examples are enough to choose by.
        """
        del most
        return self

    def completed_by(self, asked: "TaskFace") -> "TaskFace":
        """Fill in what an earlier version did not write down, from the task that is asked for."""
        del asked
        return self
