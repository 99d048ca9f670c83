"""What another program hands over and NumPy cannot read is refused in words."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArrayError


class OfAGraph:
    """A tensor that keeps a gradient, as PyTorch's refuse to be arrays."""

    def __array__(self, *kind, **options):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad; use detach()")


def test_a_tensor_with_a_gradient_is_named():
    state = {"0.weight": OfAGraph(), "2.weight": np.ones((3, 20))}
    with pytest.raises(ArrayError, match=r"0\.weight.*cannot be read as an array.*detach\(\)"):
        fa.interchange.from_arrays({0: state, 1: state}, learning_rate=0.1, activation="relu")
    with pytest.raises(ArrayError, match="inputs cannot be read as an array"):
        fa.ArrayTask(inputs=OfAGraph(), targets=[0, 1])
