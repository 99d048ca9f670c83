"""Inputs and targets of one's own: checked, in one form, and known by a digest of their content."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import real_array
from fatheory.errors import ArrayError
from fatheory.labelled_arrays import by_position, require_same_labels

Validation = float | Sequence[ArrayLike] | None
"""A fraction of the examples to hold out, examples of their own, or nothing."""
# Fixed for all experiments: which examples are held out is part of the data, not of a seed's draws.
_SPLIT_SEED = 0x5EED
_FEW_COLOURS = (1, 3)


@dataclass(frozen=True, eq=False)
class ArraySet:
    """Training examples and held-out ones, in one precision.

    Attributes
    ----------
    inputs, targets : array of shape (example, n_i) and (example, n_o)
        What is learned from; targets are one-hot where they are classes.
    held_out_inputs, held_out_targets : array of shape (held_out, n_i) and (held_out, n_o)
        What is measured on; of length 0 where the training examples are.
    shape : tuple of int
        (n_i,), or rows, columns and colours of images.
    of_classes : bool
        Whether targets are classes.
    """

    inputs: Float[np.ndarray, "example n_i"]
    targets: Float[np.ndarray, "example n_o"]
    held_out_inputs: Float[np.ndarray, "held_out n_i"]
    held_out_targets: Float[np.ndarray, "held_out n_o"]
    shape: tuple[int, ...]
    of_classes: bool

    def __post_init__(self) -> None:
        for array in self.arrays.values():
            array.flags.writeable = False  # their digest is known, and runs may be under way

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The four arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)[:4]}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything, in hexadecimal digits."""
        # Shapes and kinds as well: the bytes alone could be cut into other arrays.
        head = (self.shape, self.of_classes, self.inputs.dtype.str, len(self.held_out_inputs))
        found = hashlib.sha256(repr((head, self.inputs.shape, self.targets.shape)).encode())
        for array in self.arrays.values():
            found.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).data)
        return found.hexdigest()

    @property
    def pairs(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Training examples and those that are measured on: held-out ones, or the same."""
        train = (self.inputs, self.targets)
        if not len(self.held_out_inputs):
            return train, train
        return train, (self.held_out_inputs, self.held_out_targets)

    def reserving(self, fraction: float) -> "ArraySet":
        """Return a part of the training examples, measured on the rest instead of `held_out`."""
        parts = _split(self.inputs, self.targets, fraction)
        return ArraySet(*parts, self.shape, self.of_classes)

    @property
    def in_unit_interval(self) -> bool:
        """Whether all inputs lie in [0, 1]."""
        both = (self.inputs, self.held_out_inputs)
        return all(x.size == 0 or (x.min() >= 0 and x.max() <= 1) for x in both)


def array_set(
    inputs: ArrayLike,
    targets: ArrayLike,
    validation: Validation = None,
    classes: int | None = None,
) -> ArraySet:
    """Check arrays and bring them into one form.

    Parameters
    ----------
    inputs : array of shape (example, n_i), (example, row, column) or (example, row, column, colour)
        Numbers; with rows and columns they are images.
    targets : array of shape (example,) or (example, n_o)
        Whole numbers of shape (example,), stored as integers, are classes, from 0. Anything else
        are real targets.
    validation : float or (inputs, targets), optional
        What losses and errors are measured on: this fraction of the examples, drawn once and the
        same for all seeds, or examples of their own. Without, the training examples.
    classes : int, optional
        How many classes there are; the largest label and one by default.

    Raises
    ------
    ArrayError
        If something is not finite or not numbers, shapes do not fit each other, a label is no
        class, or labels of examples say that inputs and targets stand in two orders.
    """
    require_same_labels("inputs", inputs, "targets", targets)
    X, shape = _inputs("inputs", inputs)
    Y = _targets("targets", targets, len(X))
    if isinstance(validation, tuple | list):
        Xv, Yv = _own_validation(validation, shape, Y)
    else:
        X, Y, Xv, Yv = _split(X, Y, validation)
    of_classes = Y.dtype.kind == "i"
    if of_classes:
        Y, Yv = _one_hot(Y, Yv, classes)
    elif classes is not None:
        raise ArrayError(
            f"classes={classes!r} goes with targets that are whole numbers of shape (example,); "
            f"got targets of {Y.dtype} and the shape {Y.shape}"
        )
    # One-hot targets are exact in either precision, and do not decide.
    kinds = {array.dtype for array in (X, Xv, *(() if of_classes else (Y, Yv)))}
    dtype = np.dtype(np.float32) if kinds == {np.dtype(np.float32)} else np.dtype(np.float64)
    # A copy of one's own, in which -0 is 0: equal numbers have one digest.
    X, Y, Xv, Yv = (array.astype(dtype) + 0 for array in (X, Y, Xv, Yv))
    return ArraySet(X, Y, Xv, Yv, shape, of_classes)


def _numbers(name: str, value: ArrayLike) -> np.ndarray:
    """Return finite real numbers in single precision where that holds them, else in double."""
    given = getattr(value, "dtype", None)
    array = real_array(name, value)
    small = isinstance(given, np.dtype) and (
        # Up to 16 bits single precision holds every number exactly, and takes half of the memory.
        given == np.float32 or (given.kind in "biuf" and given.itemsize <= 2)
    )
    return array.astype(np.float32) if small else array


def _inputs(name: str, value: ArrayLike) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return inputs as rows, and the shape of one."""
    X = _numbers(name, value)
    if X.ndim not in (2, 3, 4) or 0 in X.shape:
        raise ArrayError(
            f"{name} must have the shape (example, n_i), or (example, row, column) or (example, "
            f"row, column, colour) of images, with one example at least; got {X.shape}"
        )
    _, *inner = X.shape
    # As PyTorch has images; taken for rows it would train without a word on pixels in another
    # order.
    if len(inner) == 3 and inner[0] in _FEW_COLOURS and inner[1] == inner[2] > 3:
        raise ArrayError(
            f"{name} must have colours last, as (example, row, column, colour); the shape "
            f"{X.shape} has them first: pass numpy.moveaxis({name}, 1, -1)"
        )
    if len(inner) == 2:
        inner.append(1)
    return X.reshape(len(X), -1), tuple(inner)


def _targets(name: str, value: ArrayLike, count: int) -> np.ndarray:
    """Return classes as integers (example,), or real targets (example, n_o)."""
    given = np.asarray(by_position(name, value))
    if given.dtype.kind in "US":
        raise ArrayError(
            f"{name} must be numbers; got strings: number the classes, as by "
            f"numpy.unique({name}, return_inverse=True)"
        )
    Y = _numbers(name, value)
    if Y.ndim not in (1, 2) or len(Y) != count or 0 in Y.shape:
        raise ArrayError(
            f"{name} must have the shape ({count},) or ({count}, n_o), for there are {count} "
            f"inputs; got {Y.shape}"
        )
    # Of the array as given: `real_array` has turned whole numbers into floats.
    if Y.ndim == 1 and given.dtype.kind in "biu":
        return given.astype(np.int64)
    return Y.reshape(count, -1)


def _own_validation(
    validation: Sequence[ArrayLike], shape: tuple[int, ...], Y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if len(validation) != 2:
        raise ArrayError(
            f"validation must be a fraction, or inputs and targets; got {len(validation)} parts"
        )
    require_same_labels("validation inputs", validation[0], "validation targets", validation[1])
    Xv, own = _inputs("validation inputs", validation[0])
    if own != shape:
        raise ArrayError(
            f"validation inputs must have the shape {shape} each, as inputs; got {own}"
        )
    Yv = _targets("validation targets", validation[1], len(Xv))
    if Yv.shape[1:] != Y.shape[1:] or (Yv.dtype.kind == "i") != (Y.dtype.kind == "i"):
        raise ArrayError(
            f"validation targets must be what targets are, of the shape (example, "
            f"*{Y.shape[1:]}) and {Y.dtype}; got {Yv.shape} and {Yv.dtype}"
        )
    return Xv, Yv


def _split(
    X: np.ndarray, Y: np.ndarray, fraction: object
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Hold out a fraction. Which examples depends on their number alone, and they keep order."""
    if fraction is None:
        return X, Y, X[:0], Y[:0]
    real = isinstance(fraction, float | np.floating)
    held = round(float(fraction) * len(X)) if real and 0 < float(fraction) < 1 else 0  # type: ignore[arg-type]
    if not 0 < held < len(X):
        raise ArrayError(
            f"validation must be a fraction between 0 and 1 that leaves examples on both sides, or "
            f"(inputs, targets); got {fraction!r:.60} of {len(X)} examples"
        )
    # Arrays often come sorted by class, so the last ones would be of one class.
    chosen = np.zeros(len(X), dtype=bool)
    chosen[np.random.default_rng(_SPLIT_SEED).permutation(len(X))[:held]] = True
    return X[~chosen], Y[~chosen], X[chosen], Y[chosen]


def _one_hot(Y: np.ndarray, Yv: np.ndarray, classes: object) -> tuple[np.ndarray, np.ndarray]:
    every = np.concatenate([Y, Yv])
    largest, smallest = int(every.max()), int(every.min())
    if smallest < 0:
        raise ArrayError(
            f"targets are classes from 0 to {max(largest, 1)}; got {smallest}: number them by "
            f"numpy.unique(targets, return_inverse=True), or pass real numbers"
        )
    if classes is None:
        classes = largest + 1
    if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 2:
        raise ArrayError(f"there must be two classes at least, as a whole number; got {classes!r}")
    if largest >= classes:
        raise ArrayError(
            f"targets are classes from 0 to {classes - 1}, for there are {classes}; got {largest}: "
            f"number them from 0, or give classes={largest + 1}"
        )
    # Labels such as years or identifiers would make a one-hot array of gigabytes.
    if classes > 100 and classes > len(every):
        raise ArrayError(
            f"targets name classes up to {largest}, more than there are examples ({len(every)}): "
            f"number them by numpy.unique(targets, return_inverse=True), or pass real numbers"
        )
    unit = np.eye(int(classes), dtype=np.float32)
    return unit[Y], unit[Yv]
