"""What a network learned in another program."""

from typing import Any, Literal

from fatheory.errors import DataError
from fatheory.experiment.description import Size
from fatheory.experiment.task_face import Pair, TaskFace


class ForeignTask(TaskFace):
    """What another program taught, of which only the sizes are known here.

    It describes runs that `fatheory.interchange.from_arrays` brings in; nothing can be simulated or
    solved with it.

    Attributes
    ----------
    inputs, outputs : int
        Dimensions n_i and n_o.
    """

    kind: Literal["foreign"] = "foreign"
    inputs: Size
    outputs: Size

    @property
    def samples(self) -> int:
        """How many examples there were is not known."""
        return 0

    @property
    def noise(self) -> float:
        """Nor is their noise."""
        return 0.0

    @property
    def stored(self) -> bool:
        """The examples are in the other program."""
        # So nobody asks for a distribution; whoever asks for the examples is refused.
        return True

    def examples(self) -> tuple[Pair, Pair]:
        """Refuse: there are none.

        Raises
        ------
        DataError
            Always.
        """
        raise DataError(
            "the runs of this experiment come from another program, which alone has the examples; "
            "describe an experiment with a task of its own to simulate it"
        )

    def completed_by(self, asked: Any) -> "ForeignTask":
        """There is nothing to complete."""
        del asked
        return self
