"""What a learning rule is: the answer to "what stands in for W transposed?"."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Protocol, get_type_hints, runtime_checkable

import numpy as np
from jaxtyping import Float

from fatheory.arrays import Array, Sampler
from fatheory.markup import heading, table
from fatheory.registry import of_fatheory
from fatheory.rules.guard import guard
from fatheory.rules.parameter import Value, reader_of, written


@dataclass(frozen=True)
class Rule:
    """A learning rule: a name, parameters, and how it makes teaching signals.

    Subclass `LayeredRule` or `DirectRule`, not this. Parameters are dataclass fields with a
    default, of type float, int, str, `Literal` of strings, or `fatheory.rules.Matrix`; they appear
    in descriptions, JSON and the command line by themselves.
    """

    name: ClassVar[str]
    """How descriptions call the rule."""
    summary: ClassVar[str]
    """One line for lists."""
    source: ClassVar[str]
    """Paper and place."""
    display_name: ClassVar[str] = ""
    """How figures call the rule; its name where this is empty."""
    colour: ClassVar[str] = ""
    """In which colour figures draw the rule, as ``"#009E73"``; grey where this is empty."""
    stochastic: ClassVar[bool] = False
    """Whether the teaching signals are random given weights and data."""
    adaptive: ClassVar[bool] = False
    """Whether the rule's state learns beside the weights."""
    former_parameters: ClassVar[Mapping[str, str]] = {}
    """From former names of parameters, by which content hashes know them still, to those of now."""
    carries_slopes: ClassVar[bool] = True
    """Whether the rule sends errors, which may or may not be multiplied by units' slopes."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Ours are held to it by tests.
        if not of_fatheory(cls):
            guard(cls)

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array | None:
        """Draw what the rule needs beside the weights; None for nothing."""
        del sampler, shape
        return None

    def _repr_html_(self) -> str:
        own = [(name, written(self.read(name, getattr(self, name)))) for name in self.parameters()]
        told = [("what", self.summary), ("source", self.source), *own]
        return heading("Rule", self.name) + table(told)

    def draws_at_random(self) -> bool:
        """Whether what the rule draws depends on random numbers."""
        # Tried, not declared: a rule of another package cannot forget to say so.
        one, other = (self.draw(np.random.default_rng(seed), (2, 2)) for seed in (0, 1))
        return one is not None and other is not None and not np.array_equal(one, other)

    @classmethod
    def parameters(cls) -> dict[str, Value]:
        """Return the parameters' names and default values."""
        return {field.name: cls.read(field.name, field.default) for field in fields(cls)}

    @classmethod
    def read(cls, parameter: str, value: Any) -> Value:
        """Return a parameter's value as the rule takes it.

        Raises
        ------
        ValueError
            If it is of another kind; the message names the parameter and the value.
        """
        reader = reader_of(_annotations(cls)[parameter])  # type: ignore[arg-type]
        if reader is None:
            raise TypeError(
                f"{parameter} of the rule {cls.name!r} must be annotated as float, int, str, a "
                f"Literal of strings, or fatheory.rules.Matrix"
            )
        try:
            return reader(value)
        except ValueError as error:
            raise ValueError(f"{parameter} {error}") from None


@cache  # descriptions are read in bulk, and the hints of a class do not change
def _annotations(rule: type[Rule]) -> dict[str, Any]:
    return get_type_hints(rule)


@dataclass(frozen=True)
class LayeredRule(Rule):
    """A rule that sends errors back layer by layer through V, in the place of W.

    W is a matrix of shape (n_out, n_in) or a convolution's kernel of shape (c_out, c_in, rows,
    columns).
    """

    entrywise: ClassVar[bool] = True
    """Whether V follows from W entry by entry, so that the rule serves convolution kernels as it
    serves matrices."""

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array | None:
        """Draw what the rule needs beside the weights, of the shape of W; None for nothing.

        It is asked once for every seed and layer from 2 on, with NumPy's generator; of a
        stochastic rule at every update, within a compiled program.

        Parameters
        ----------
        sampler : Sampler
            A NumPy generator or, for stochastic rules, its JAX counterpart, which has
            ``uniform(low, high, size)`` and ``normal(loc, scale, size)`` alone.
        shape : tuple of int
            Shape of W: (n_out, n_in), or (c_out, c_in, rows, columns).

        Returns
        -------
        array of shape `shape`, or None
            Finite real numbers; archives hold their transpose, oriented like B. Whoever draws
            nothing returns None, whatever the shape. `backward_weights` gets it as its state.

        Raises
        ------
        PluginError
            Of a rule that is not fatheory's, if it raises, or returns something else.
        """
        del sampler, shape
        return None

    def mean_state(self, state: Array | None, shape: tuple[int, ...]) -> Array | None:
        """Return the state that the gradient flow sees.

        This is the state itself, except for rules that redraw it at every update: at small
        learning rates their weights move by the mean over draws.
        """
        del shape
        return state

    @staticmethod
    def backward_weights(W: Array, state: Array | None) -> Array:
        """Return V, of the shape of W; the layer below receives the teaching signal V^T delta.

        For a kernel, V^T is the transposed convolution. A pure function of NumPy or JAX arrays.
        Rules that share it are trained by one compiled program. A rule may have it as a method,
        ``backward_weights(self, W, state)``, which looks at its parameters: each of their values is
        then a program of its own.

        Parameters
        ----------
        W : array of shape (*runs, n_out, n_in), or of a kernel
            Weights. Theory and metrics have axes of runs before: compute over the last two.
        state : array or None
            What `draw` returned; it may lack the axes of runs.

        Returns
        -------
        array of the shape of `W`, or of `state`
            Real numbers.
        """
        raise NotImplementedError("a layered rule defines backward_weights")


@runtime_checkable
class Trial(Protocol):
    """One forward pass, as far as a direct rule may look at it."""

    @property
    def hidden_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes (sample, unit_l) of the hidden activities."""

    @property
    def output_error(self) -> Float[Array, "sample n_o"]:
        """The error that is sent: e o y', or e where a rule's slopes are local."""

    @property
    def target(self) -> Float[Array, "sample n_o"]:
        """The targets y*."""

    def loss(self, perturbations: tuple[Array, ...]) -> Float[Array, " sample"]:
        """Return each sample's loss with these values added to the hidden activities."""


@runtime_checkable
class LayerProbe(Protocol):
    """One layer of weights, as far as a rule that adapts its feedback may use it."""

    @property
    def sampler(self) -> Sampler:
        """Random numbers of this step and layer."""

    def respond(self, below: Float[Array, " n_in"]) -> Float[Array, " n_out"]:
        """Return the layer's activity when this activity drives it from below."""


@dataclass(frozen=True)
class DirectRule(Rule):
    """A rule that hands each hidden layer its teaching signals without a chain of layers."""

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array | None:
        """Draw what the rule needs for one hidden layer, of shape (n_o, unit_l); None for nothing.

        Parameters
        ----------
        sampler : Sampler
            A NumPy generator.
        shape : tuple of int
            Numbers of output units and of units of the hidden layer.

        Returns
        -------
        array of shape `shape`, or None
            Finite real numbers, the transpose of B_l, or None where nothing is drawn.
        """
        del sampler, shape
        return None

    def teaching_signals(
        self, trial: Trial, states: tuple[Array | None, ...], sampler: Sampler
    ) -> tuple[Array, ...]:
        """Return the teaching signals of the hidden layers, of `trial.hidden_shapes`.

        Parameters
        ----------
        trial : Trial
            The forward pass.
        states : tuple of arrays or None
            What `draw` returned for each hidden layer.
        sampler : Sampler
            Random numbers of this step.

        Returns
        -------
        tuple of arrays of shape (sample, unit_l)
            One for each hidden layer, in the place of -dL/dh_l.
        """
        raise NotImplementedError("a direct rule defines teaching_signals")


LARGEST = 1e30
"""Beyond, products of two numbers leave the range of single precision."""


def require_positive(owner: str, name: str, value: float) -> None:
    """Refuse a parameter that is not positive and finite.

    Raises
    ------
    ValueError
        Naming the parameter and the value.
    """
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{owner} needs a positive, finite {name}; got {value}")
    if value > LARGEST:
        raise ValueError(f"{owner} needs a {name} of at most {LARGEST:g}; got {value}")


def require_probability(owner: str, name: str, value: float) -> None:
    """Refuse a parameter outside [0, 1].

    Raises
    ------
    ValueError
        Naming the parameter and the value.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{owner} needs {name} between 0 and 1; got {value}")
