"""Inputs and targets of one's own."""

import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import PrivateAttr

from fatheory.arrays import ArrayLike
from fatheory.errors import ArrayError, DataError
from fatheory.experiment.array_contents import ArrayContents
from fatheory.experiment.recorded_arrays import recorded_arrays
from fatheory.experiment.task_face import Pair, TaskFace
from fatheory.tasks.array_set import Validation, array_set
from fatheory.tasks.npz import read_npz
from fatheory.tasks.own_arrays import (
    Draw,
    DrawnArrays,
    GivenArrays,
    OwnArrays,
    at_hand,
    remember,
)
from fatheory.tasks.unscaled import warn_of_unscaled

# A fifth, as is usual; of fewer than ten examples it would be one, which tells no rates apart.
_FEWEST, _RESERVED = 10, 0.2


class ArrayTask(TaskFace):
    """Learn arrays of one's own.

    The description holds what the arrays are and a digest of their content, the archive of a run
    the arrays themselves: a run goes on, and an experiment is carried out again, where nothing
    but the archive is left (`Experiment.from_archive`).

    Parameters
    ----------
    inputs : array of shape (example, n_i), (example, row, column) or (example, row, column, colour)
        Finite numbers; with rows and columns they are images, as convolutional networks need them.
        They are learned as they are. Nothing scales them: divide images of 8 bits by 255, of 16
        bits by 65535, as in ``images / numpy.float32(255)``.
    targets : array of shape (example,) or (example, n_o)
        Integers of shape (example,) are classes, from 0: targets are then one-hot, and
        classification errors are defined. Anything else are real targets.
    validation : float or (inputs, targets), optional
        What losses, errors and teaching signals are measured on: a fraction of the examples, which
        are then not learned from (chosen by their number alone, the same for all seeds), or
        examples of their own. Without, they are measured on the training examples.
    classes : int, optional
        Number of classes; one more than the largest label by default.
    draw : callable, optional
        Instead of arrays: from a `numpy.random.Generator`, the seed's own, to (inputs, targets), or
        to a mapping that may have ``validation`` and ``classes``, too. Each seed draws its own
        arrays, of the same shapes.
    file : path, optional
        Instead of arrays: an ``.npz`` file with ``inputs`` and ``targets``, and
        ``validation_inputs`` and ``validation_targets`` if it has them. In a description as JSON
        or YAML this key names the arrays.
    **described
        ``contents``, as a description holds it.

    Attributes
    ----------
    contents : ArrayContents
        What the arrays hold.

    Raises
    ------
    ArrayError
        If arrays hold NaN or infinity, are no numbers, do not fit each other, or name more classes
        than there are.
    InvalidExperimentError
        If a description names no contents.

    Warns
    -----
    UnscaledInputsWarning
        If inputs are whole numbers of 8 or 16 bits, or images of whole numbers, and not all of them
        are 0 or 1: with their type and range, and what to divide by.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> task = ArrayTask(inputs=X, targets=(X[:, 0] > 0).astype(int), validation=0.2)
    >>> task.samples, task.held_out, task.outputs, task.of_classes
    (80, 20, 2, True)
    """

    kind: Literal["arrays"] = "arrays"
    contents: ArrayContents

    _arrays: OwnArrays | None = PrivateAttr(default=None)

    def __init__(
        self,
        /,
        inputs: ArrayLike | None = None,
        targets: ArrayLike | None = None,
        *,
        validation: Validation = None,
        classes: int | None = None,
        draw: Draw | None = None,
        file: str | Path | None = None,
        **described: Any,
    ) -> None:
        given = {
            "inputs": inputs is not None or targets is not None,
            "draw": draw is not None,
            "file": file is not None,
            "contents": "contents" in described,
        }
        asked = [name for name, there in given.items() if there]
        if len(asked) > 1:
            raise ArrayError(f"arrays come from one place; got {' and '.join(asked)}")
        arrays: OwnArrays | None = None
        if draw is not None:
            arrays = drawn = DrawnArrays(draw)
            described["contents"] = ArrayContents.of(drawn.example, drawn.digest, drawn.name)
        elif inputs is not None or targets is not None or file is not None:
            parts = (inputs, targets, validation) if file is None else read_npz(file, validation)
            held = array_set(*_both(parts), classes)
            warn_of_unscaled(parts[0], parts[2])
            arrays = GivenArrays(held)
            described["contents"] = ArrayContents.of(held, held.digest)
        # Held here until the task holds it, for others find it only as long as someone does.
        arrays = arrays if arrays is None else remember(arrays)
        super().__init__(**described)
        # A description that is read again finds the arrays of the first, by their digest.
        self._arrays = at_hand(self.contents.digest) if arrays is None else arrays

    @property
    def arrays(self) -> OwnArrays:
        """Where the arrays come from.

        Raises
        ------
        DataError
            If nobody in this process holds them.
        """
        if self._arrays is None:
            self._arrays = at_hand(self.contents.digest)
        if self._arrays is None:
            own = self.contents
            what = f"the function {own.drawn_by!r}" if own.drawn_by else "the arrays"
            raise DataError(
                f"{what} of this experiment (SHA-256 {own.digest:.16}...) are not at hand: read it "
                f"from an archive of it, by Experiment.from_archive(fatheory.load(PATH)), or "
                f"describe the task with the arrays themselves"
            )
        return self._arrays

    @property
    def stored(self) -> bool:
        """Whether all seeds learn the same arrays."""
        return not self.contents.drawn_by

    @property
    def each_seeds(self) -> bool:
        """Whether each seed draws arrays of its own."""
        return not self.stored

    @property
    def archived(self) -> int:
        """How many numbers the arrays have, which archives hold."""
        return (self.contents.train + self.contents.held_out) * (self.inputs + self.outputs)

    @property
    def inputs(self) -> int:
        """Number of entries of an input."""
        return math.prod(self.contents.shape)

    @property
    def outputs(self) -> int:
        """Number of classes, or of entries of a target."""
        return self.contents.outputs

    @property
    def samples(self) -> int:
        """Number of training examples."""
        return self.contents.train

    @property
    def held_out(self) -> int:
        """Number of examples that losses and errors are measured on."""
        # Without held-out examples losses are those of training: the task has no others.
        return self.contents.held_out or self.contents.train

    @property
    def noise(self) -> float:
        """Targets carry none that anybody knows of."""
        return 0.0

    @property
    def of_classes(self) -> bool:
        """Whether targets are classes."""
        return self.contents.of_classes

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Rows, columns and colours of an input; empty where inputs are no images."""
        return self.contents.shape if len(self.contents.shape) == 3 else ()

    @property
    def outside_unit_interval(self) -> tuple[str, str] | None:
        """Whether inputs lie in [0, 1] is known of the arrays."""
        if self.contents.in_unit_interval:
            return None
        return "task.contents.in_unit_interval", "lie in [0, 1]; some of these do not"

    @property
    def program(self) -> Hashable:
        """Arrays of one digest are put on the device once; drawn ones are each seed's own."""
        return self

    def probe_size(self, asked: int) -> int:
        """Return the number of held-out examples of the probe."""
        return min(asked, self.held_out)

    def examples(self) -> tuple[Pair, Pair]:
        """Return training examples and those that are measured on."""
        # Given arrays draw nothing, so that the generator does not matter.
        return self.arrays.of_seed(0, 0, np.random.default_rng(0)).pairs

    def examples_of(
        self, root_seed: int, seed: int, generator: np.random.Generator
    ) -> tuple[Pair, Pair]:
        """Return those of one seed, drawn of its generator."""
        return self.arrays.of_seed(root_seed, seed, generator).pairs

    def take_examples(self, archive: Any, root_seed: int) -> None:
        """Take the arrays that an archive of this task holds, unless they are at hand.

        Raises
        ------
        DataError
            If the archive's arrays are others than those of the description.
        """
        if self._arrays is None:
            self._arrays = at_hand(self.contents.digest)
        if self._arrays is None:
            found = recorded_arrays(archive, self.contents, root_seed)
            self._arrays = found if found is None else remember(found)

    @property
    def at_hand(self) -> bool:
        """Whether somebody in this process holds the arrays."""
        return self._arrays is not None or at_hand(self.contents.digest) is not None

    @property
    def belongings(self) -> OwnArrays | None:
        """The arrays, or what draws them."""
        return self.arrays

    def for_choosing(self, most: int) -> TaskFace:
        """Return the task that holds a fifth of its training examples out, `most` at most.

        Arrays that each seed draws are left as they are: the seed of a choice draws others.
        """
        held = self.arrays
        train = self.contents.train
        if not isinstance(held, GivenArrays) or train < _FEWEST:
            return self
        part = GivenArrays(held.example.reserving(min(_RESERVED, most / train)))
        chosen = ArrayTask(contents=ArrayContents.of(part.example, part.digest))
        chosen._arrays = remember(part)
        return chosen

    def example_bytes(self, item: int) -> int:
        """Estimate what the arrays take: here, and on the device."""
        return self.archived * (np.dtype(self.contents.precision).itemsize + 2 * item)


def _both(parts: tuple[Any, Any, Validation]) -> tuple[Any, Any, Validation]:
    inputs, targets, validation = parts
    for name, value in (("inputs", inputs), ("targets", targets)):
        if value is None:
            raise ArrayError(f"an ArrayTask needs inputs and targets; {name} is missing")
    return inputs, targets, validation
