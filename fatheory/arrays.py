"""Array types, declared once.

`Array` is any array with the array API standard's attributes: `numpy.ndarray` and `jax.Array`
alike. Shapes are written with jaxtyping and the papers' letters: ``n_i`` inputs, ``n_h`` hidden
units, ``n_o`` outputs. They are documentation at run time and are checked in the test run.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from typing_extensions import TypeAliasType

from fatheory.errors import ArrayError

Array = Any
"""A NumPy or JAX array."""
ArrayLike = TypeAliasType("ArrayLike", npt.ArrayLike)
"""What `numpy.asarray` takes; a name of its own, for signatures would spell out NumPy's union."""

InputWeights = Float[np.ndarray, "n_h n_i"]
OutputWeights = Float[np.ndarray, "n_o n_h"]
FeedbackWeights = Float[np.ndarray, "n_h n_o"]
TargetMap = Float[np.ndarray, "n_o n_i"]
Covariance = Float[np.ndarray, "n_i n_i"]


@runtime_checkable
class Sampler(Protocol):
    """Where random numbers come from: a NumPy generator, or JAX keys behind the same methods."""

    def uniform(self, low: float, high: float, size: tuple[int, ...]) -> Array:
        """Draw from the uniform law on [low, high)."""

    def normal(self, loc: float, scale: float, size: tuple[int, ...]) -> Array:
        """Draw from the normal law of mean `loc` and standard deviation `scale`."""


def namespace(*arrays: Array) -> ModuleType:
    """Return the module, `numpy` or `jax.numpy`, that computes with these arrays.

    JAX wins over NumPy when both occur, so that a constant NumPy array may meet a traced one.

    Raises
    ------
    ArrayError
        If one is no such array: numbers in lists, or an array with labels, of xarray or pandas.
    """
    spaces = [_space_of(a) for a in arrays if not isinstance(a, np.ndarray | np.generic)]
    return spaces[0] if spaces else np


def _space_of(array: Array) -> ModuleType:
    if hasattr(array, "__array_namespace__"):
        space: ModuleType = array.__array_namespace__()
        return space
    dims = getattr(array, "dims", None)
    named = f" of dimensions ({', '.join(map(str, dims))})" if isinstance(dims, tuple) else ""
    raise ArrayError(
        f"axes are given by position here, of plain arrays, NumPy's or JAX's; got "
        f"{type(array).__name__}{named}: bring the axes into the documented order and pass "
        f"numpy.asarray of it (fatheory.metrics reads archives by their labels)"
    )


def floating(*arrays: Array) -> tuple[Array, ...]:
    """Return arrays of whole numbers in floating point, where sums of them do not wrap around.

    What is in floating point already is returned as it is.
    """
    # JAX has its own default precision.
    namespace(*arrays)
    return tuple(
        a.astype(np.float64 if namespace(a) is np else float) if a.dtype.kind in "biu" else a
        for a in arrays
    )


def require_same_matrices(a: Array, b: Array, what: str) -> None:
    """Refuse matrices of other shapes, which NumPy would repeat along axes of length 1.

    Raises
    ------
    ArrayError
        If the last two axes differ in length.
    """
    if a.shape[-2:] != b.shape[-2:]:
        raise ArrayError(
            f"{what} are compared entry by entry and need one shape; got {a.shape} and {b.shape}"
        )


def matrix_by_matrix(decompose: Callable[[Array], Array], A: Float[Array, "... m n"]) -> Array:
    """Apply a function that calls LAPACK (SVD, QR, eigenvalues, ...) to every matrix.

    For NumPy, and for JAX on a GPU, that is ``decompose(A)``, all matrices at once. On a CPU a
    compiled program must not call LAPACK on a batch: jaxlib 0.10 parts the batch over XLA's
    threads, from one of these threads, and waits for them. As many such calls at a time as there
    are threads wait for each other for ever. So there the matrices go one after another, also
    those that `jax.vmap` adds around; single ones are never parted.

    Parameters
    ----------
    decompose : callable
        From an array of shape (..., m, n) to one whose leading axes are the same.
    A : array of shape (..., m, n)
        NumPy or JAX.
    """
    if namespace(A) is np:
        return decompose(A)
    jax = sys.modules["jax"]  # not imported here: without it there are no JAX arrays

    def one_by_one(A: Array) -> Array:
        # Without the function's other arguments, which would have to be arrays.
        of_all = jax.custom_batching.sequential_vmap(lambda M: decompose(M))
        for _ in A.shape[:-2]:
            of_all = jax.vmap(of_all)
        return of_all(A)

    # By the platform that the program is compiled for, which is where the arrays live: JAX's
    # default backend may be another one, and traced arrays do not know.
    return jax.lax.platform_dependent(A, cpu=one_by_one, default=decompose)
