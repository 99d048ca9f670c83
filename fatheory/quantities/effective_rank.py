"""How many dimensions the weights of a layer use."""

from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float

from fatheory import labels
from fatheory.arrays import Array, matrix_by_matrix, namespace
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class EffectiveRank(Quantity):
    r"""The effective rank of W_l, from the singular values s_i (Roy & Vetterli 2007).

    .. math:: \exp\left(-\sum_i p_i \ln p_i\right), \quad p_i = s_i / \sum_j s_j

    Between 1, for one singular value, and min(unit_l, unit_{l-1}), for equal ones. Kernels count
    as matrices with a row for every channel.
    """

    name = "effective_rank"
    summary = "exponential of the entropy of the weights' normalised singular values"
    source = "Roy & Vetterli 2007 (EUSIPCO)"
    needs = frozenset({Need.WEIGHTS})
    variables: ClassVar = {
        name: labels.per_layer(
            labels.DIMENSIONLESS,
            "effective rank of the weights",
            "exp(-sum p log p), p = s / sum s",
            (1.0, float("inf")),
        ),
    }
    same_in_any_basis = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the effective ranks, (*runs, layer); NaN for weights that are zero."""
        ranks = [effective_rank(W) for W in view.weights]
        return {self.name: namespace(*ranks).stack(ranks, axis=-1)}


def effective_rank(W: Float[Array, "... m n"]) -> Float[Array, "..."]:
    """Compute the effective rank of matrices; NaN where one is zero or not finite."""
    xp = namespace(W)
    finite = xp.all(xp.isfinite(W), axis=(-2, -1), keepdims=True)
    usable = xp.where(finite, W, 0.0)
    s = matrix_by_matrix(lambda M: xp.linalg.svd(M, compute_uv=False), usable)
    total = xp.sum(s, axis=-1, keepdims=True)
    p = s / xp.where(total > 0, total, xp.nan)
    # 0 log 0 is 0; the inner `where` keeps the logarithm from being asked.
    entropy = -xp.sum(xp.where(p == 0, 0.0, p * xp.log(xp.where(p == 0, 1.0, p))), axis=-1)
    return xp.exp(entropy)
