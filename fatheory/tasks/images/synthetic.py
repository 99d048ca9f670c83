"""A small image set that is generated, for a first look without a download."""

import numpy as np
from jaxtyping import Float, UInt8

_WAVES = 3
_SHIFT = 1.5
_NOISE = 0.3


def synthetic_digits(
    count: int, classes: int, shape: tuple[int, int], stream: int
) -> tuple[UInt8[np.ndarray, "n height width"], UInt8[np.ndarray, " n"]]:
    r"""Generate images of smooth patterns, one pattern per class, moved and with noise.

    .. math:: f_c(y, x) = s\Big(\sum_{k, l = 0}^{2} a_{ckl}
              \cos\frac{\pi k (y + 1/2)}{n_y} \cos\frac{\pi l (x + 1/2)}{n_x}\Big)

    with :math:`s` the logistic function and :math:`a_{ckl}` normal of standard deviation 3. An
    image is :math:`f_c` moved by up to 1.5 pixels each way, plus normal noise of standard
    deviation 0.3, clipped to [0, 1] and rounded to 256 grey levels. Classes are equally frequent
    to within one image. Seeds are fixed: the same arguments give the same images.

    Parameters
    ----------
    count, classes : int
        How many images, of how many classes.
    shape : (int, int)
        Height and width.
    stream : int
        Which stream of random numbers, from 1: other images of the same patterns.

    Returns
    -------
    pixels : array of shape (n, height, width)
    labels : array of shape (n,)
    """
    # From a generator of their own, so that training and test images have the same patterns.
    coefficients = 3 * np.random.default_rng(0).standard_normal((classes, _WAVES, _WAVES))
    rng = np.random.default_rng([0, stream])
    # Equally frequent by construction: drawn labels would make chance differ from 1 / classes.
    labels = rng.permutation(np.arange(count) % classes)
    shifts = rng.uniform(-_SHIFT, _SHIFT, size=(2, count))
    rows, columns = (_cosines(n, shift) for n, shift in zip(shape, shifts, strict=True))
    field = np.einsum("nkl,nky,nlx->nyx", coefficients[labels], rows, columns)
    images = 1 / (1 + np.exp(-field)) + _NOISE * rng.standard_normal((count, *shape))
    return np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8), labels.astype(np.uint8)


def _cosines(length: int, shift: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n waves length"]:
    """Evaluate the cosines of wave numbers 0, 1, ... on a grid of pixels moved by `shift`."""
    position = (np.arange(length) + 0.5 + shift[:, None, None]) / length
    return np.cos(np.pi * np.arange(_WAVES)[:, None] * position)
