"""Direct feedback alignment: errors jump from the output to every hidden layer."""

from dataclasses import dataclass

from fatheory.arrays import Array, Sampler
from fatheory.rules.rule import DirectRule, Rule, Trial, require_positive


@dataclass(frozen=True)
class DirectFeedbackAlignment(DirectRule):
    """delta_l = B_l (e o y') with a fixed random B_l ~ U[-scale, scale] for every hidden layer.

    With local slopes, delta_l = B_l e. In a network of two layers, and in linear networks of any
    depth, feedback alignment is of this form too.

    Parameters
    ----------
    scale : float
        Half-width of the distribution of the entries of B_l.
    """

    name = "direct_feedback_alignment"
    summary = "errors of the output reach every hidden layer through its own fixed random weights"
    source = "Nøkland 2016"
    display_name = "direct feedback alignment"
    colour = "#88B04B"
    scale: float = 0.5

    def __post_init__(self) -> None:
        require_positive(self.name, "scale", self.scale)

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Draw B_l^T, of shape (n_o, unit_l)."""
        return sampler.uniform(-self.scale, self.scale, shape)

    def teaching_signals(
        self, trial: Trial, states: tuple[Array | None, ...], sampler: Sampler
    ) -> tuple[Array, ...]:
        """Send the error of the output units through each layer's own B."""
        del sampler
        return tuple(trial.output_error @ state for state in states)


def is_direct_feedback(rule: Rule) -> bool:
    """Whether hidden layers learn from F_l e, with a fixed F_l of their own.

    Told apart exactly: a rule derived from this one may send something else.
    """
    # `type`, not `isinstance`.
    return type(rule) is DirectFeedbackAlignment
