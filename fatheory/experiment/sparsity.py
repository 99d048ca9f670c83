"""Connections that a network lacks."""

from typing import Annotated

from pydantic import model_validator

from fatheory.experiment.description import AS_SET, Description, Fraction, Size


class Sparsity(Description):
    """Connections removed at random, anew for every seed, and never grown back.

    Lillicrap et al. 2016 remove half of W and half of B, which leaves a quarter of the pairs of
    hidden and output units with connections both ways.

    Attributes
    ----------
    forward, feedback : float
        Fraction of the entries of W_l, and of what the rule draws in its place, that is removed.
        A direct rule's feedback to hidden layer l loses what feedback through layer l + 1 would.
    shared : bool
        Whether the same connections are removed in both; the fractions must be equal then. Direct
        feedback has forward weights beside it at the last hidden layer only.
    layers : tuple of int
        Layers, counted from 1, that lose connections; by default all but the first, which sends
        nothing back.
    """

    forward: Fraction = 0.0
    feedback: Fraction = 0.0
    shared: bool = False
    layers: Annotated[tuple[Size, ...], AS_SET] = ()

    @model_validator(mode="after")
    def _shared_fractions_agree(self) -> "Sparsity":
        if self.shared and self.forward != self.feedback:
            raise ValueError(
                f"shared connections need forward = feedback; got {self.forward} and "
                f"{self.feedback}"
            )
        return self

    def removed(self, layer: int) -> tuple[float, float]:
        """Return the fractions of forward and feedback weights that a layer loses."""
        # All but layer 1 by default: no feedback goes into it, and L16 thins W and B and leaves W0
        # whole.
        chosen = layer in self.layers if self.layers else layer > 1
        return (self.forward, self.feedback) if chosen else (0.0, 0.0)
