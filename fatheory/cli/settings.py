"""From the options of the command line to an experiment."""

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from fatheory.cli.description_file import is_description, read_description
from fatheory.errors import FatheoryError

if TYPE_CHECKING:
    from fatheory.experiment import Experiment


_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
"""Numbers as YAML has them: .5, 5. and +5 too, which JSON does not know."""


def parse_setting(text: str) -> tuple[str, Any]:
    """Read ``key=value``; the value is JSON, a number such as ``.5``, or else a plain string.

    Raises
    ------
    FatheoryError
        If there is no ``=``, or a number has no finite value.
    """
    from fatheory.experiment.json_text import read_json

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise FatheoryError(
            f"--set takes KEY=VALUE, such as rules.backprop.learning_rate=0.01; got {text!r}"
        )
    try:
        return key, read_json(value)
    except ValueError:
        # Plain words need no quotes.
        return key, _number(key, value) if _NUMBER.fullmatch(value) else value


def _number(key: str, text: str) -> int | float:
    """Read a number: a whole one to the last digit, as seeds are."""
    with suppress(ValueError):
        return int(text)
    from fatheory.experiment.description import MAX_NUMBER

    number = float(text)
    if not math.isfinite(number):
        raise FatheoryError(
            f"{key} is {text}: numbers of descriptions are finite, and of at most "
            f"{MAX_NUMBER:g} in size"
        )
    return number


def asked_experiment(name: str, settings: Sequence[str], seeds: int | None) -> "Experiment":
    """Return a preset, or the experiment in a file or standard input, with settings changed.

    Raises
    ------
    FatheoryError
        If there is no such preset or file, or the result is not a valid experiment.
    """
    from fatheory.experiment import Experiment, presets

    text = description_text(name)
    experiment = presets[name] if text is None else Experiment.from_json(text)
    return changed(experiment, settings, seeds)


def description_text(name: str) -> str | None:
    """Return the description in a file or standard input as JSON; None where a preset is named.

    Raises
    ------
    FatheoryError
        If it cannot be read.
    """
    from fatheory.experiment import presets

    if name in presets or not is_description(name):
        return None
    try:
        return read_description(name)
    except OSError as error:
        raise FatheoryError(f"cannot read the experiment {name}: {error.strerror}") from error


def changed(experiment: "Experiment", settings: Sequence[str], seeds: int | None) -> "Experiment":
    """Return an experiment with settings of the command line changed."""
    changes = dict(parse_setting(text) for text in settings)
    if seeds is not None:
        changes["seeds"] = seeds
    return experiment.with_settings(changes) if changes else experiment


@contextmanager
def device_told() -> Iterator[None]:
    """Say in words that JAX has nothing to compute on, where that is why something failed.

    Raises
    ------
    FatheoryError
        If it has not.
    """
    try:
        yield
    except RuntimeError as error:
        # JAX raises RuntimeError for other faults, too, so it is asked.
        import jax

        try:
            jax.devices()
        except RuntimeError as lacking:
            platforms = os.environ.get("JAX_PLATFORMS")
            raise FatheoryError(
                f"JAX finds nothing to compute on: {lacking}; JAX_PLATFORMS is {platforms!r}: "
                f"leave it out, or set it to 'cpu'"
            ) from error
        raise
