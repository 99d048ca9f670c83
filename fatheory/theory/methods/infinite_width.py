"""Networks of infinitely many hidden units: one deterministic path for every target."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fatheory.experiment import Experiment, Normal, RuleChoice, Scaled, Uniform
from fatheory.initial import InitialState
from fatheory.quantities import find_quantities
from fatheory.rules import FeedbackAlignment, OrthogonalFeedback, RandomFeedback, Rule
from fatheory.theory.gram import HiddenGram
from fatheory.theory.infinite_width import limiting_gram
from fatheory.theory.methods.linear import LinearMethod, LinearPath, times_of
from fatheory.theory.methods.reduced import reduced_memory, reduced_path
from fatheory.theory.methods.two_layers import feedback_refusals
from fatheory.theory.reduction import follow_grams


class InfiniteWidthMethod(LinearMethod):
    """Follow the limit of infinite hidden width: two layers, fixed feedback, one phase.

    n_h times the variance of an entry of W0, W and B is kept at what it is in the experiment, so
    that inner products over hidden units take their means: the network is compared with the one
    that it would be without the scatter of its own draws. Losses and angles of the limit are those
    of a network whose A0, Wi^T and B have orthogonal columns; it has no weights to give, nor
    anything else that names single hidden units.
    """

    name = "infinite_width"
    summary = "the reduced flow at infinite hidden width: losses and angles, no weights"

    def refusals(self, experiment: Experiment) -> Iterator[str]:
        """Yield what is not two layers under independent fixed feedback of a known law."""
        refused = list(feedback_refusals(experiment, "the limit of infinite width"))
        yield from refused
        if refused:
            return
        for label, choice in experiment.rules:
            if choice.initial_concordance is not None:
                yield (
                    f"rules.{label}: feedback that shares signs with the start is not independent "
                    f"of it: leave rules.{label}.initial_concordance out"
                )
            if _feedback_square(choice.make(), experiment) is None:
                yield (
                    f"rules.{label}: the size of the feedback of {choice.rule} at infinite width "
                    f"is not known: use feedback_alignment, rndf or orthogonal_feedback"
                )
        law = experiment.network.start
        if not isinstance(law, Uniform | Normal | Scaled):
            yield f"the law {type(law).__name__} of the start is not known: use method 'reduced'"

    def paths(
        self, experiment: Experiment, starts: Sequence[InitialState], label: str, choice: RuleChoice
    ) -> list[LinearPath]:
        """Integrate the limit of the reduced state for the target of every seed."""
        n_i, n_h, n_o = experiment.sizes
        law, shapes = experiment.network.start, experiment.weight_shapes
        h, w = (n_h * _variance(law, shape) for shape in shapes)
        g = _feedback_square(choice.make(), experiment)
        assert g is not None  # else it is refused
        # The limit knows no draws of a seed, whose target alone is its own.
        gram = HiddenGram.stack([limiting_gram(n_i, n_o, h, w, g)] * len(starts))
        T, Sigma = (np.stack([getattr(s, name) for s in starts]) for name in ("T", "Sigma"))
        K, E = follow_grams(gram, T, Sigma, times_of(experiment, choice))
        limit = [_orthogonal_start(start, label, (h, w, g)) for start in starts]
        return [reduced_path(s, label, k, e) for s, k, e in zip(limit, K, E, strict=True)]

    def absent(self, experiment: Experiment) -> dict[str, str]:
        """Name what single hidden units have, beside what no linear network has."""
        reason = "it is of single hidden units or weights, which have no limit at infinite width"
        recorded = find_quantities(experiment.record.quantities)
        named = [quantity.name for quantity in recorded if not quantity.same_in_any_basis]
        return dict.fromkeys(named, reason) | super().absent(experiment)

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate the reduced states."""
        return reduced_memory(experiment)


def _variance(law: Uniform | Normal | Scaled, shape: tuple[int, ...]) -> float:
    """Return the variance of an entry of a matrix (n_out, n_in)."""
    if isinstance(law, Uniform):
        return law.bound**2 / 3
    if isinstance(law, Normal):
        return law.std**2
    n_out, n_in = shape
    return law.gain**2 / (n_in if law.fan == "in" else (n_in + n_out) / 2)


def _feedback_square(rule: Rule, experiment: Experiment) -> float | None:
    """Return g of B^T B = g I in the limit; None where it is not known.

    Kinds of rules are told apart exactly: a rule derived from one of these may draw otherwise.
    """
    n_h = experiment.sizes[1]
    if type(rule) is FeedbackAlignment:
        return n_h * rule.scale**2 / 3
    if type(rule) is RandomFeedback:
        return n_h * rule.std**2
    if type(rule) is OrthogonalFeedback:
        return rule.scale**2
    return None


def _orthogonal_start(
    start: InitialState, label: str, squares: tuple[float, float, float]
) -> InitialState:
    """Return a network of n_i + 2 n_o hidden units whose inner products are the limit's."""
    n_i, n_o = start.T.shape[1], start.T.shape[0]
    h, w, g = np.sqrt(squares)
    units = np.eye(n_i + 2 * n_o)
    A0, Wi = h * units[:, :n_i], w * units[:, n_i : n_i + n_o].T
    return replace(start, weights=(A0, Wi), states={label: (None, g * units[:, n_i + n_o :].T)})
