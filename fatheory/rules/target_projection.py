"""Direct random target projection: hidden layers learn from the target, without an error."""

from dataclasses import dataclass
from typing import ClassVar

from fatheory.arrays import Array, Sampler
from fatheory.rules.rule import DirectRule, Trial, require_positive


@dataclass(frozen=True)
class DirectRandomTargetProjection(DirectRule):
    """delta_l = B_l y* with a fixed random B_l ~ U[-scale, scale] for every hidden layer.

    For one-hot targets the sign of the error e = y* - y is known before y is: positive at the
    class, negative elsewhere. So hidden layers need not wait for the output, and take the target
    for the error. The output weights learn from e itself, as for the other rules (Frenkel,
    Lefebvre & Bol 2021). Nothing makes delta_l vanish where the error does.

    Parameters
    ----------
    scale : float
        Half-width of the distribution of the entries of B_l.
    """

    name = "direct_random_target_projection"
    summary = "targets reach every hidden layer through its own fixed random weights"
    source = "Frenkel, Lefebvre & Bol 2021"
    display_name = "direct random target projection"
    colour = "#C49C94"
    carries_slopes: ClassVar[bool] = False
    scale: float = 0.5

    def __post_init__(self) -> None:
        require_positive(self.name, "scale", self.scale)

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Draw B_l^T, of shape (n_o, unit_l)."""
        return sampler.uniform(-self.scale, self.scale, shape)

    def teaching_signals(
        self, trial: Trial, states: tuple[Array | None, ...], sampler: Sampler
    ) -> tuple[Array, ...]:
        """Send the target through each layer's own B."""
        del sampler
        return tuple(trial.target @ state for state in states)
