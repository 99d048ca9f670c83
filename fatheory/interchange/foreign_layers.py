"""The layers of a network as another program has them at one step: matrices, or a state dict."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fatheory import labels
from fatheory.arrays import ArrayLike
from fatheory.checks import extended_array
from fatheory.errors import ArrayError

Layers = Sequence[ArrayLike] | Mapping[str, ArrayLike]
"""W_1 ... W_L, each (out, in); or a state dict whose entries end in ``weight`` and ``bias``."""


def layers_of(where: str, given: Layers) -> dict[str, np.ndarray]:
    """Return the weights and biases of one step by their names in archives."""
    found: dict[str, np.ndarray] = {}
    if isinstance(given, Mapping):
        # In the order of the state dict, which is that in which layers were made; names such as
        # "10" would sort before "2".
        named = [str(name) for name in given if str(name).rpartition(".")[2] == "weight"]
        biases = {name[: -len("weight")] + "bias" for name in named}
        other = [name for name in given if name not in biases and name not in named]
        if other or not named:
            raise ArrayError(
                f"{where} must have entries that end in weight, and bias; got {list(given)}"
            )
        for layer, name in enumerate(named, start=1):
            found[labels.weight(layer)] = _values(f"{where}[{name!r}]", given[name], 2)
            own = name[: -len("weight")] + "bias"
            if own in given:
                found[labels.bias(layer)] = _values(f"{where}[{own!r}]", given[own], 1)
        # Archives have biases in all layers or in none, and zeros would pass for learned ones.
        if biases & set(given) and len(found) != 2 * len(named):
            raise ArrayError(f"{where} has biases in some layers only; got {list(given)}")
    else:
        for layer, W in enumerate(given, start=1):
            found[labels.weight(layer)] = _values(f"{where}[{layer - 1}]", W, 2)
    _require_chain(where, found)
    return found


def _values(where: str, given: Any, axes: int) -> np.ndarray:
    array = extended_array(where, given)
    if array.ndim != axes:
        what = "a matrix (out, in)" if axes == 2 else "one number for each unit"
        raise ArrayError(f"{where} must be {what} of a dense layer; its shape is {array.shape}")
    # Checked in double precision, and handed back in its own: a metric of widened numbers would
    # claim digits that the program never had.
    return array.astype(np.float32) if _is_single(given) else array


def _is_single(given: Any) -> bool:
    dtype = given.dtypes if hasattr(given, "iloc") else np.asarray(given).dtype
    return bool(np.all(dtype == np.float32))


def _require_chain(where: str, found: Mapping[str, np.ndarray]) -> None:
    """Refuse matrices that do not follow each other; what would fit transposed is said to be so."""
    weights = [array for name, array in found.items() if name.startswith("weight")]
    if len(weights) < 2:
        raise ArrayError(f"{where} needs two layers at least; got {len(weights)}")
    for layer, (below, W) in enumerate(itertools.pairwise(weights), start=2):
        if W.shape[1] != below.shape[0]:
            raise ArrayError(
                f"{where}: W_{layer} of shape {W.shape} does not follow W_{layer - 1} of shape "
                f"{below.shape}, which has {below.shape[0]} outputs{_transposed(below, W)}"
            )
    for layer, W in enumerate(weights, start=1):
        bias = found.get(labels.bias(layer))
        if bias is not None and len(bias) != len(W):
            raise ArrayError(
                f"{where}: the bias of layer {layer} has {len(bias)} entries and W_{layer} the "
                f"shape {W.shape}; weights are (out, in)"
            )


def _transposed(below: np.ndarray, W: np.ndarray) -> str:
    """Say which matrices, of two that do not follow each other, would if they were transposed."""
    if W.shape[0] == below.shape[0] or W.shape[1] == below.shape[1]:
        return "; one of them is transposed: each is (out, in)"
    if W.shape[0] == below.shape[1]:  # as other programs store all of theirs
        return "; both are transposed: each is (out, in)"
    return ""


def sizes_of(first: Mapping[str, np.ndarray]) -> list[int]:
    """Return the numbers of units, inputs first, of the arrays of one step."""
    weights = [array for name, array in first.items() if name.startswith("weight")]
    return [weights[0].shape[1], *(len(W) for W in weights)]
