"""From the options of the command line to an experiment."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fatheory.errors import FatheoryError

if TYPE_CHECKING:
    from fatheory.experiment import Experiment

MAX_BYTES = 1 << 26
"""Larger files are refused: an experiment with a million seeds has a tenth of that."""


def parse_setting(text: str) -> tuple[str, Any]:
    """Read ``key=value``; the value is JSON, or a plain string where it is not.

    Raises
    ------
    FatheoryError
        If there is no ``=``.
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
        return key, value


def asked_experiment(name: str, settings: Sequence[str], seeds: int | None) -> "Experiment":
    """Return a preset, or the experiment in a JSON file, with settings changed.

    Raises
    ------
    FatheoryError
        If there is no such preset or file, or the result is not a valid experiment.
    """
    from fatheory.experiment import Experiment, presets

    path = Path(name)
    if name not in presets and path.suffix == ".json":
        try:
            with path.open("rb") as stream:
                text = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise FatheoryError(f"cannot read the experiment {path}: {error.strerror}") from error
        if len(text) > MAX_BYTES:
            raise FatheoryError(f"{path} is no experiment: it has more than {MAX_BYTES:,} bytes")
        asked = Experiment.from_json(text)
    else:
        asked = presets[name]
    changes = dict(parse_setting(text) for text in settings)
    if seeds is not None:
        changes["seeds"] = seeds
    return asked.with_settings(changes) if changes else asked
