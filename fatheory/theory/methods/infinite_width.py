"""Linear networks of infinitely wide hidden layers: one deterministic path for every target."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fatheory.experiment import Experiment, Normal, RuleChoice, Scaled, Uniform
from fatheory.initial import InitialState
from fatheory.quantities import find_quantities
from fatheory.rules import (
    DirectFeedbackAlignment,
    FeedbackAlignment,
    OrthogonalFeedback,
    RandomFeedback,
    Rule,
)
from fatheory.rules.direct import is_direct_feedback
from fatheory.theory.deep_reduction import deep_reduced
from fatheory.theory.deep_reduction.equivalent import equivalent_network
from fatheory.theory.gram import HiddenGram
from fatheory.theory.infinite_width import limiting_gram
from fatheory.theory.methods.deep_paths import deep_feedback, deep_path
from fatheory.theory.methods.fixed_feedback import fixed_feedback_refusals, with_feedback
from fatheory.theory.methods.linear import LinearMethod, LinearPath, times_of
from fatheory.theory.methods.reduced import reduced_memory, reduced_path
from fatheory.theory.reduction import follow_grams

_OF_SIGNALS = ("delta_angle", "delta_angle_flattened")


class InfiniteWidthMethod(LinearMethod):
    """Follow the limit of infinite hidden widths: any depth, fixed feedback, one phase.

    A layer's width times the variance of an entry is kept at what it is in the experiment, so that
    inner products over hidden units take their means: the network is compared with the one that it
    would be without the scatter of its own draws. Losses and angles of the limit are those of a
    small network of orthogonal matrices (`equivalent_network`); it has no weights to give, nor
    anything else that names single hidden units. Of deeper networks than two layers it gives losses
    and angles of signals: the norms of matrices between wide layers have no limit.
    """

    name = "infinite_width"
    direct_feedback = True
    summary = "the reduced flow at infinite hidden widths, any depth: losses and angles, no weights"

    def refusals(self, experiment: Experiment) -> Iterator[str]:
        """Yield what is not independent fixed feedback of a known distribution, in one phase."""
        refused = list(
            fixed_feedback_refusals(
                experiment, "the limit of infinite width", direct=self.direct_feedback
            )
        )
        yield from refused
        if refused:
            return
        for label, choice in experiment.rules:
            if choice.initial_concordance is not None:
                yield (
                    f"rules.{label}: feedback that shares signs with the start is not independent "
                    f"of it: leave rules.{label}.initial_concordance out"
                )
            if _feedback_square(choice.make(), 1, 1) is None:
                yield (
                    f"rules.{label}: the size of the feedback of {choice.rule} at infinite width "
                    f"is not known: use feedback_alignment, "
                    f"direct_feedback_alignment, rndf or orthogonal_feedback"
                )
        drawn = experiment.network.start
        if not isinstance(drawn, Uniform | Normal | Scaled):
            yield (
                f"the distribution {type(drawn).__name__} of the start is not known: use method "
                f"'reduced'"
            )

    def paths(
        self, experiment: Experiment, starts: Sequence[InitialState], label: str, choice: RuleChoice
    ) -> list[LinearPath]:
        """Integrate the limit of the reduced state for the target of every seed."""
        # Two layers have a state of their own, in which all seeds go side by side.
        if experiment.layers != 2:
            return [_deep(experiment, start, label, choice) for start in starts]
        n_i, n_h, n_o = experiment.sizes
        h, w = (n_h * v for v in _variances(experiment))
        g = _feedback_square(choice.make(), n_h, n_o)
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
        deep = experiment.layers != 2
        named = [
            quantity.name
            for quantity in recorded
            if not quantity.same_in_any_basis or (deep and quantity.name not in _OF_SIGNALS)
        ]
        return dict.fromkeys(named, reason) | super().absent(experiment)

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate the reduced states."""
        return reduced_memory(experiment)


def _deep(
    experiment: Experiment, start: InitialState, label: str, choice: RuleChoice
) -> LinearPath:
    """Follow the network that has the limit's inner products and signals."""
    n, variances = experiment.sizes, _variances(experiment)
    rule = choice.make()
    above = n[-1:] * (len(n) - 2) if is_direct_feedback(rule) else n[2:]
    squares = [_feedback_square(rule, *shape) for shape in zip(n[1:-1], above, strict=True)]
    weights, feedback = equivalent_network(
        n[0],
        n[-1],
        [width * v for width, v in zip(n[1:-1], variances, strict=False)],
        [width * v for width, v in zip(n[1:-1], variances[1:], strict=True)],
        [square for square in squares if square is not None],  # else it is refused
        direct=is_direct_feedback(rule),
    )
    limit = with_feedback(start, label, weights, feedback)
    solution = deep_reduced(
        weights,
        T=start.T,
        Sigma=start.Sigma,
        times=times_of(experiment, choice),
        **deep_feedback(limit, label),
    )
    return deep_path(limit, solution)


def _variances(experiment: Experiment) -> list[float]:
    """Return the variances of entries of W_1 ... W_L at the start."""
    drawn = experiment.network.start
    if isinstance(drawn, Uniform):
        return [drawn.bound**2 / 3] * experiment.layers
    if isinstance(drawn, Normal):
        return [drawn.std**2] * experiment.layers
    assert isinstance(drawn, Scaled)  # else it is refused
    shapes = experiment.weight_shapes
    fans = [n_in if drawn.fan == "in" else (n_in + n_out) / 2 for n_out, n_in in shapes]
    return [drawn.gain**2 / fan for fan in fans]


def _feedback_square(rule: Rule, n: int, n_above: int) -> float | None:
    """Return by what B, (n, n_above), multiplies squared lengths in the limit; None if not known.

    The n_above of direct feedback are the outputs.

    Kinds of rules are told apart exactly: a rule derived from one of these may draw otherwise.
    """
    if type(rule) is FeedbackAlignment or type(rule) is DirectFeedbackAlignment:
        return n * rule.scale**2 / 3
    if type(rule) is RandomFeedback:
        return n * rule.std**2
    if type(rule) is OrthogonalFeedback:
        # Of more columns than rows, only the rows are orthogonal: B projects as well.
        return rule.scale**2 * min(1.0, n / n_above)
    return None


def _orthogonal_start(
    start: InitialState, label: str, squares: tuple[float, float, float]
) -> InitialState:
    """Return a network of n_i + 2 n_o hidden units whose inner products are the limit's."""
    n_i, n_o = start.T.shape[1], start.T.shape[0]
    h, w, g = np.sqrt(squares)
    units = np.eye(n_i + 2 * n_o)
    A0, Wi = h * units[:, :n_i], w * units[:, n_i : n_i + n_o].T
    return with_feedback(start, label, (A0, Wi), [g * units[:, n_i + n_o :]])
