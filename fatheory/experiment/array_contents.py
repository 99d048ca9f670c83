"""What arrays of one's own hold, said in a description."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fatheory.experiment.description import Count, Description, Size, Text
from fatheory.tasks.array_set import ArraySet


class ArrayContents(Description):
    """What arrays hold, so that an experiment can be read where they are not.

    Attributes
    ----------
    train, held_out : int
        Examples to learn from, and to measure on; 0 of the latter where the former serve for both.
    shape : tuple of int
        (n_i,), or rows, columns and colours of images.
    outputs : int
        Number of classes, or of entries of a target.
    of_classes : bool
        Whether targets are classes.
    in_unit_interval : bool
        Whether all inputs lie in [0, 1].
    precision : str
        ``float32`` or ``float64``, of the arrays.
    digest : str
        SHA-256 of the arrays; of a function that draws them, of its source and of what it draws
        from one generator.
    drawn_by : str
        Name of that function; empty for arrays that are the same for all seeds.
    """

    train: Size
    held_out: Count = 0
    shape: Annotated[tuple[Size, ...], Field(min_length=1, max_length=3)]
    outputs: Size
    of_classes: bool
    in_unit_interval: bool = False
    precision: Literal["float32", "float64"]
    digest: Annotated[Text, Field(min_length=1)]
    drawn_by: Text = ""

    @model_validator(mode="after")
    def _of_images(self) -> "ArrayContents":
        # Rows without columns: an image has its colours named, even if there is one.
        if len(self.shape) == 2:
            raise ValueError(
                f"shape is (n_i,), or rows, columns and colours of images; got {self.shape}"
            )
        return self

    @classmethod
    def of(cls, held: ArraySet, digest: str, drawn_by: str = "") -> "ArrayContents":
        """Describe arrays."""
        return cls(
            train=len(held.inputs),
            held_out=len(held.held_out_inputs),
            shape=held.shape,
            outputs=held.targets.shape[1],
            of_classes=held.of_classes,
            in_unit_interval=held.in_unit_interval,
            # Kept, since arrays that are read back in another precision would have another digest.
            precision=str(held.inputs.dtype),
            digest=digest,
            drawn_by=drawn_by,
        )
