"""Whole numbers of few bits among inputs, as image files have them: nobody has scaled them yet."""

import warnings
from typing import Any

import numpy as np

from fatheory.errors import UnscaledInputsWarning
from fatheory.labelled_arrays import by_position


def warn_of_unscaled(inputs: Any, validation: Any = None, *, stacklevel: int = 2) -> None:
    """Warn of inputs that are whole numbers beyond 0 and 1, as cameras and image files count.

    They are so where their type has 8 or 16 bits, or where they have rows and columns. Training
    takes them as they are, and activities, gradients and stable learning rates go with their size.

    Parameters
    ----------
    inputs : array of shape (example, ...)
        As someone gave them, of any kind; what is no array of whole numbers is left to others.
    validation : float or (inputs, targets), optional
        Whose inputs are looked at, too.
    stacklevel : int
        Of the warning, as seen from the caller.

    Warns
    -----
    UnscaledInputsWarning
        With the type, the range, and what to divide by.
    """
    given = {"inputs": inputs}
    if isinstance(validation, tuple | list) and len(validation) == 2:
        given["validation inputs"] = validation[0]
    for name, value in given.items():
        try:
            array = np.asarray(by_position(name, value))
        except (TypeError, ValueError, RuntimeError):
            continue  # whoever takes them says what is wrong with them
        if array.dtype.kind not in "iu" or not array.size:
            continue
        few_bits = array.dtype.itemsize <= 2
        least, most = int(array.min()), int(array.max())
        if not (few_bits or array.ndim >= 3) or (least >= 0 and most <= 1):
            continue
        warnings.warn(
            _words(name, array, least, most), UnscaledInputsWarning, stacklevel=1 + stacklevel
        )


def _words(name: str, array: np.ndarray, least: int, most: int) -> str:
    # Decoders hand out 16-bit images in 32 bits, too.
    whole = next((n for n in (255, 65535) if most <= n), most)
    if array.dtype.itemsize <= 2:
        whole = int(np.iinfo(array.dtype).max)
    return (
        f"{name} are {array.dtype} from {least} to {most}, and are learned as they are: nothing "
        f"divides them by {whole}. If they are images, pass {name.split()[-1]} / "
        f"numpy.float32({whole}), which lie in [0, 1]; if such numbers are meant, pass "
        f"{name.split()[-1]}.astype('float32'), and nothing is said"
    )
