"""What is done to pixels before training."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64

from fatheory.errors import ArrayError
from fatheory.tasks.images.dataset import Images

# A few megabytes of double precision at a time.
_PIECE = 256

_Pixels = Float32[np.ndarray, "n height width *colours"]
_Channels = Float64[np.ndarray, "*colours"]


def standardized(train: Images, *others: Images) -> tuple[Images, ...]:
    r"""Centre and scale each colour channel by the training images.

    .. math:: x \mapsto \frac{x - \mu_c}{\sigma_c}, \qquad
              \mu_c = \langle x \rangle_c, \quad
              \sigma_c^2 = \langle (x - \mu_c)^2 \rangle_c

    with averages over all training images, rows and columns of channel :math:`c`, accumulated in
    double precision. A channel that is constant on the training images is only centred. This is
    the preprocessing of fatheory's experiments after Liao, Leibo and Poggio (2016), who do not
    state theirs: an assumption.

    Parameters
    ----------
    train : Images
        What the averages are taken over.
    *others : Images
        Images of the same shape, which are treated alike.

    Returns
    -------
    tuple of Images
        `train` and the others, in single precision.

    Raises
    ------
    ArrayError
        If there are no training images, or images differ in shape.
    """
    shapes = [one.images.shape[1:] for one in (train, *others)]
    if not len(train):
        raise ArrayError(f"{train.name} has no images for {train.split!r} to take averages over")
    if len(set(shapes)) > 1:
        raise ArrayError(f"images differ in shape: got {shapes}; expected one shape")
    # Summed in double precision and applied in single: the images would else become double.
    mean, scale = (one.astype(np.float32) for one in _moments(train.images))
    return tuple(replace(one, images=(one.images - mean) / scale) for one in (train, *others))


def _moments(images: _Pixels) -> tuple[_Channels, _Channels]:
    """Return mean and standard deviation by channel; 1 for the latter where it is constant."""
    # Over images first, for each pixel: numbers that lie far apart in memory sum up faster.
    mean = np.asarray(images.mean(axis=0, dtype=np.float64).mean(axis=(0, 1)))
    squares = np.zeros(images.shape[1:])
    for k in range(0, len(images), _PIECE):  # the whole in double precision would be large
        squares += ((images[k : k + _PIECE] - mean) ** 2).sum(axis=0)
    std = np.sqrt(squares.mean(axis=(0, 1)) / len(images))
    return mean, np.where(std == 0, 1.0, std)  # equal numbers sum up exactly, and give exactly 0
