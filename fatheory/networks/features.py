"""What units or channels have one of each, beside activities that have more axes."""

import jax
from jaxtyping import Float


def along_features(
    b: Float[jax.Array, " feature"], a: Float[jax.Array, "*axes feature"]
) -> Float[jax.Array, "*ones feature"]:
    """Give `b` as many axes as `a` has, so that they are combined feature by feature.

    Explicitly: left to NumPy's rule, an array that lacks an axis by mistake would be stretched
    along the wrong one without a word, and tests refuse that (``jax_numpy_rank_promotion``).

    Parameters
    ----------
    b : array of shape (feature,)
        Biases, scales, means.
    a : array of shape (..., feature)
        Preactivations of samples, and of rows and columns where there are any.
    """
    return b.reshape((1,) * (a.ndim - 1) + b.shape)
