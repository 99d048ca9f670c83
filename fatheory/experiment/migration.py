"""Versions of descriptions: what earlier ones wrote is read by every later one."""

from collections.abc import Callable, Mapping
from typing import Any

from fatheory.experiment.description import short
from fatheory.experiment.json_text import read_object, text_digest, written
from fatheory.experiment.packages import lacking

VERSION = 4
"""Of the descriptions that this version writes. A new field with a default needs no new one; a
field that goes, changes its name or means something else does, with an entry in `MIGRATIONS`."""
FIRST = 1
"""Of texts that do not say, as all did before versions were counted."""
HEAD = ("version", "packages")
"""Keys of a written description that say something about it."""

Data = dict[str, Any]


def _of_fixed_feedback(data: Data, before: str, now: str) -> Data:
    """Rename a parameter of the rule fixed_feedback, wherever a rule is chosen."""

    def renamed(choice: Any) -> Any:
        if not isinstance(choice, Mapping):
            return choice
        layers = choice.get("layers")
        if isinstance(layers, Mapping):
            choice = {**choice, "layers": {key: renamed(own) for key, own in layers.items()}}
        if choice.get("rule") != "fixed_feedback" or before not in choice:
            return choice
        return {now if key == before else key: value for key, value in choice.items()}

    rules = data.get("rules")
    if not isinstance(rules, Mapping):
        return data
    return data | {"rules": {label: renamed(choice) for label, choice in rules.items()}}


_DISTRIBUTIONS = ("uniform", "normal", "scaled")
_OF_DISTRIBUTIONS = {"bound", "std", "gain", "fan", "shape"}


def _of_distributions(data: Data, before: str, now: str) -> Data:
    """Rename the key by which distributions are told apart, in tasks and networks."""

    def renamed(node: Any) -> Any:
        if isinstance(node, list | tuple):
            return [renamed(inner) for inner in node]
        if not isinstance(node, Mapping):
            return node
        # By its other keys, too: tasks of other packages may call something of their own so.
        own = node.get(before) in _DISTRIBUTIONS and {*node} <= {before, *_OF_DISTRIBUTIONS}
        return {now if own and key == before else key: renamed(node[key]) for key in node}

    return data | {part: renamed(data[part]) for part in ("task", "network") if part in data}


MIGRATIONS: dict[int, Callable[[Data], Data]] = {
    1: lambda data: data,  # it differs in lacking the version
    2: lambda data: _of_fixed_feedback(data, "law", "distribution"),
    3: lambda data: _of_distributions(data, "law", "distribution"),
}
"""From a version to what makes its descriptions those of the next. Texts written by hand often
name no version, so what has the form of the next one already is left as it is."""


def migrated(data: Mapping[str, Any]) -> Data:
    """Bring a description to this version, and take off what is said about it.

    Parameters
    ----------
    data : mapping
        What was written, with its ``version``; without, it is of this one.

    Raises
    ------
    ValueError
        If it is of a later version, its version is none, or parts are of packages that are not
        here.
    """
    # Without one it is of today, as in Python and in texts written by hand; texts from archives get
    # `FIRST` where they are read.
    version = data.get("version", VERSION)
    if type(version) is not int or version < FIRST:
        raise ValueError(
            f"version is that of the description, a whole number from {FIRST} to {VERSION}; got "
            f"{short(version)}"
        )
    if version > VERSION:
        raise ValueError(
            f"the description is of version {version}, and this fatheory reads up to {VERSION}: "
            f"it was written by a newer one; update fatheory to read it"
        )
    # Before the parts are read: "install the package" helps, "unknown rule" does not.
    missing = list(lacking(data.get("packages")))
    if missing:
        raise ValueError("; ".join(missing))
    content = {key: value for key, value in data.items() if key not in HEAD}
    # One version after another, so that a new one needs one step, whatever came before.
    for earlier in range(version, VERSION):
        content = MIGRATIONS[earlier](content)
    return content


def of_sweep(data: Mapping[str, Any]) -> Data:
    """Return what describes a sweep, its experiment with the version that the sweep is of.

    Only experiments have migrations; what a sweep says of itself never changed its form.

    Parameters
    ----------
    data : mapping
        What was written, with what is said about it.
    """
    own, head = dict(data), {key: data[key] for key in HEAD if key in data}
    if head and isinstance(own.get("experiment"), Mapping):
        own["experiment"] = head | own["experiment"]
    return {key: value for key, value in own.items() if key not in HEAD}


def read_description(subject: str, text: str | bytes) -> Data:
    """Read the JSON object that describes something, with the version that it is of.

    Raises
    ------
    InvalidExperimentError
        If the text is not JSON, gives a key twice, or is no object; it names the subject.
    """
    return {"version": FIRST} | read_object(subject, text)


def first_hash(content: Data) -> str:
    """Return the hash that the first version gave a description without its name."""
    return text_digest(written(_as_version_1(content)))


def _as_version_1(content: Data) -> Data:
    """Return a description, as JSON has it, as the first version wrote it.

    What it did not know is left out; it is for hashes of descriptions that do not use it.
    """
    content = _of_fixed_feedback(content, "distribution", "law")
    content = _of_distributions(content, "distribution", "law")
    content = content | {
        "update": _without(content["update"], optimizer="sgd"),
        "record": _without(content["record"], keep_weights="all"),
    }
    task = content["task"]
    if task["kind"] != "images" or not task.get("contents"):
        return content
    contents = {key: value for key, value in task["contents"].items() if key != "digest"}
    return content | {"task": task | {"contents": contents}}


def _without(part: Data, **defaults: Any) -> Data:
    """Leave out the keys that have their defaults."""
    return {key: v for key, v in part.items() if key not in defaults or v != defaults[key]}
