"""Rules whose feedback weights learn beside the forward weights."""

from dataclasses import dataclass
from typing import ClassVar

from fatheory.arrays import Array, Sampler
from fatheory.rules.rule import LayeredRule, LayerProbe, require_positive


@dataclass(frozen=True)
class AdaptiveFeedback(LayeredRule):
    """V is drawn once and then learns, by the same update as the forward weights.

    Momentum, weight decay and learning rate of the experiment apply to V as they do to W.
    """

    adaptive: ClassVar[bool] = True

    @staticmethod
    def backward_weights(W: Array, state: Array | None) -> Array:
        """Return the feedback weights as they are now."""
        del W
        return state

    def state_gradient(self, V: Array, W_gradient: Array, layer: LayerProbe) -> Array:
        """Return what V descends, of its shape.

        Parameters
        ----------
        V : array of the shape of W
            The feedback weights.
        W_gradient : array of the shape of W
            The gradient by which the forward weights learn in the same step.
        layer : LayerProbe
            Lets the rule drive the layer with activity of its own.
        """
        raise NotImplementedError("an adaptive rule defines state_gradient")


@dataclass(frozen=True)
class KolenPollack(AdaptiveFeedback):
    """V changes by the same amounts as W, so that decay makes both equal.

    W - V shrinks by the factor 1 - learning_rate x weight_decay at every step without momentum,
    whatever is learned, where both have a connection. Without weight decay in the experiment's
    update it stays what it was.

    Parameters
    ----------
    scale : float
        Half-width of the uniform distribution of V's start.
    """

    name = "kolen_pollack"
    summary = "V learns as W does; weight decay makes them equal"
    source = "Kolen & Pollack 1994; Akrout et al. 2019"
    display_name = "Kolen-Pollack"
    colour = "#B2182B"
    scale: float = 0.5

    def __post_init__(self) -> None:
        require_positive(self.name, "scale", self.scale)

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Draw the start of V."""
        return sampler.uniform(-self.scale, self.scale, shape)

    def state_gradient(self, V: Array, W_gradient: Array, layer: LayerProbe) -> Array:
        """Return the gradient of W."""
        del V, layer
        return W_gradient


@dataclass(frozen=True)
class WeightMirror(AdaptiveFeedback):
    """V follows the correlation of noise below a layer with the layer's response.

    At every step noise xi ~ N(0, noise^2) drives the layer alone, and V moves towards
    (f(W xi + b) - f(b)) xi^T / noise^2, whose mean is diag(E f') W for any f (Stein's lemma): the
    forward weights, row by row up to the mean slope of the unit. The paper alternates engaged and
    mirror modes; here one pattern of noise follows every update.

    Parameters
    ----------
    scale : float
        Half-width of the uniform distribution of V's start.
    noise : float
        Standard deviation of the noise.
    mirror_rate : float
        Learning rate of V relative to that of W.
    """

    name = "weight_mirror"
    summary = "V follows the correlation of noise with a layer's response to it"
    source = "Akrout et al. 2019"
    display_name = "weight mirror"
    colour = "#6A3D9A"
    entrywise: ClassVar[bool] = False
    scale: float = 0.5
    noise: float = 1.0
    mirror_rate: float = 1.0

    def __post_init__(self) -> None:
        for parameter in ("scale", "noise", "mirror_rate"):
            require_positive(self.name, parameter, getattr(self, parameter))

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Draw the start of V."""
        return sampler.uniform(-self.scale, self.scale, shape)

    def state_gradient(self, V: Array, W_gradient: Array, layer: LayerProbe) -> Array:
        """Return mirror_rate (V - (f(W xi + b) - f(b)) xi^T / noise^2)."""
        del W_gradient
        xi = layer.sampler.normal(0.0, self.noise, (V.shape[-1],))
        # f(b) does not change the mean, as xi has mean 0, and would only add its own noise. 0 * xi
        # is a zero of the right kind of array.
        response = layer.respond(xi) - layer.respond(0 * xi)
        return self.mirror_rate * (V - response[:, None] * xi[None] / self.noise**2)
