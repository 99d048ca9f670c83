"""One look: a style file, and one colour and one name per rule."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from fatheory.errors import ArchiveWriteError

RULE_COLOURS = {
    "shallow": "#E69F00",
    "node_perturbation": "#CC79A7",
    "backprop": "#000000",
    "feedback_alignment": "#009E73",
    "usf": "#0072B2",
    "frsf": "#56B4E9",
    "brsf": "#7B7FD4",
    "rndf": "#D55E00",
    "orthogonal_feedback": "#00635A",
    "pseudobackprop": "#8C6D31",
    "direct_feedback_alignment": "#88B04B",
    "kolen_pollack": "#B2182B",
    "weight_mirror": "#6A3D9A",
}
"""Based on Okabe and Ito's palette, which common kinds of colour blindness tell apart."""

RULE_NAMES = {
    "shallow": "shallow",
    "node_perturbation": "reinforcement (node perturbation)",
    "backprop": "backprop",
    "feedback_alignment": "feedback alignment",
    "usf": "uniform sign feedback",
    "frsf": "fixed random-magnitude sign feedback",
    "brsf": "batchwise random-magnitude sign feedback",
    "rndf": "random feedback",
    "orthogonal_feedback": "orthogonal feedback",
    "pseudobackprop": "pseudobackprop",
    "direct_feedback_alignment": "direct feedback alignment",
    "kolen_pollack": "Kolen-Pollack",
    "weight_mirror": "weight mirror",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style while the block runs."""
    with (
        resources.as_file(resources.files("fatheory.figures") / "fatheory.mplstyle") as path,
        plt.style.context(str(path)),
    ):
        yield


def rule_colour(label: str) -> str:
    """Return a rule's colour; a label of its own, such as ``frsf 75 %``, takes its rule's."""
    return RULE_COLOURS.get(label, RULE_COLOURS.get(label.split()[0], "#666666"))


def rule_name(label: str) -> str:
    """Return a rule's name as a legend writes it; in a label of its own, the rule's part of it."""
    head, space, rest = label.partition(" ")
    return RULE_NAMES.get(head, head) + space + rest


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as PNG and as PDF.

    Parameters
    ----------
    figure : Figure
        What was drawn.
    stem : Path
        Path without suffix; its folder is made.

    Raises
    ------
    ArchiveWriteError
        If the files cannot be written.
    """
    paths = [stem.with_name(stem.name + suffix) for suffix in (".png", ".pdf")]
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        for path in paths:
            # A fixed date makes the files depend on the data alone.
            figure.savefig(path, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)
    except OSError as error:
        raise ArchiveWriteError(f"could not write {stem}: {error}") from error
    return paths
