"""How a network departs from a linear one, feature by feature."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from fatheory.experiment.description import Description, short
from fatheory.experiment.whole import Problem, Whole


class Departure(NamedTuple):
    """A feature by which a network is no longer y = W_L ... W_1 x, all of whose weights learn.

    Attributes
    ----------
    feature : str
        Its name, by which methods and metrics say that they know it: ``"activation"``,
        ``"output"``, ``"biases"``, ``"normalization"``, ``"dropout"``, ``"sparsity.forward"``,
        ``"sparsity.feedback"``, ``"convolutions"``, ``"spikes"``; else the name of a field.
    what : str
        What the network has: ``"the hidden units are 'tanh'"``.
    cure : str
        What would take it away: ``"set network.activation to 'linear'"``.
    """

    feature: str
    what: str
    cure: str


class NetworkDescription(Description):
    """What all networks have in common: each speaks for itself.

    A field that a network gains next year is a departure from the linear case as soon as it has
    another value than its default, until someone says in `departures_from_linear` what it does.
    So a method or a metric that lists the features it knows refuses it, and none ignores it.
    """

    def departures_from_linear(self) -> tuple[Departure, ...]:
        """Say in which features the network departs from a linear one, which has none."""
        return tuple(departures(self, neutral=("kind",)))

    def conflicts(self, experiment: Whole) -> Iterator[Problem]:
        """Find what the network does not go with, by dotted key."""
        del experiment
        yield from ()


def departures(
    network: Description,
    neutral: Collection[str],
    known: Mapping[str, Callable[[Any], Iterator[Departure]]] | None = None,
) -> Iterator[Departure]:
    """Go through the fields of a network.

    Parameters
    ----------
    network : Description
        What learns.
    neutral : collection of str
        Fields by whose values no linear network stops being one.
    known : mapping, optional
        From a field to what its value means; others are told by their defaults.
    """
    reported = known or {}
    for name, field in type(network).model_fields.items():
        value = getattr(network, name)
        if name in neutral:
            continue
        if name in reported:
            yield from reported[name](value)
        # A field without a default has no value that could mean "nothing unusual", so it always
        # counts.
        elif field.is_required() or value != field.get_default(call_default_factory=True):
            yield Departure(name, f"its {name} is {short(value)}", f"leave network.{name} out")


def of_hidden(function: str) -> Iterator[Departure]:
    """Tell of the function of the hidden units."""
    if function != "linear":
        cure = "set network.activation to 'linear'"
        yield Departure("activation", f"the hidden units are {function!r}", cure)


def of_output(function: str) -> Iterator[Departure]:
    """Tell of the function of the output units."""
    if function != "linear":
        cure = "set network.output to 'linear'"
        yield Departure("output", f"the output units are {function!r}", cure)


def of_biases(distribution: Description | None) -> Iterator[Departure]:
    """Tell of biases."""
    if distribution is not None:
        yield Departure("biases", "units have biases", "set network.biases to null")


def of_normalization(normalization: Description | None) -> Iterator[Departure]:
    """Tell of normalisation."""
    if normalization is not None:
        cure = "set network.normalization to null"
        yield Departure("normalization", "hidden units are normalised", cure)


def of_dropout(dropout: float) -> Iterator[Departure]:
    """Tell of activities that are dropped while learning."""
    if dropout:
        what = f"activities are dropped (a fraction {dropout:g})"
        yield Departure("dropout", what, "set network.dropout to 0")


def of_blocks(blocks: Collection[Any]) -> Iterator[Departure]:
    """Tell of convolutions."""
    if blocks:
        cure = "set network.kind to 'dense'"
        yield Departure("convolutions", "the network is convolutional", cure)


OF_UNITS: Mapping[str, Callable[[Any], Iterator[Departure]]] = {
    "activation": of_hidden,
    "output": of_output,
    "biases": of_biases,
    "normalization": of_normalization,
    "dropout": of_dropout,
    "blocks": of_blocks,
}
"""What dense and convolutional networks tell alike, by field."""
