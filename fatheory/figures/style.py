"""One look: a style file, and for every rule the colour and the name that it brings."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from warnings import warn

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.colors import is_color_like, to_hex
from matplotlib.figure import Figure

from fatheory.errors import ArchiveWriteError, PluginError, PluginWarning, UnknownNameError
from fatheory.rules import RULES, Rule, find_rule

NO_COLOUR = "#666666"
"""Of what is no rule, and of rules that bring no colour."""


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style while the block runs."""
    drawing_at_once = matplotlib.is_interactive()
    sheet = resources.files("fatheory.figures") / "fatheory.mplstyle"
    try:
        # As a file for as long as it is read: the package may lie in a zip.
        with resources.as_file(sheet) as path, plt.style.context(str(path)):
            try:
                yield
            finally:
                drawing_at_once = matplotlib.is_interactive()
    finally:
        # The first figure of a notebook turns this on, and the style's context puts back what was
        # before it: no later figure would be shown.
        matplotlib.interactive(drawing_at_once)


def rule_colour(label: str) -> str:
    """Return a rule's colour; a label of its own, such as ``frsf 75 %``, takes its rule's."""
    # The whole label first: a rule of a package may have a space in its name.
    rule = _rule(label) or _rule(label.partition(" ")[0])
    if rule is None or not rule.colour:
        return NO_COLOUR
    if not is_color_like(rule.colour):
        warn(
            f"the rule {rule.name!r} of {RULES.package_of(rule.name) or 'fatheory'} has the colour "
            f"{rule.colour!r:.60}, which Matplotlib does not know; grey is drawn instead: give one "
            f"as '#009E73'",
            PluginWarning,
            stacklevel=2,
        )
        return NO_COLOUR
    return to_hex(rule.colour).upper()


def rule_name(label: str) -> str:
    """Return a rule's name as a legend writes it; in a label of its own, the rule's part of it."""
    head, space, rest = label.partition(" ")
    rule = _rule(head)
    if rule is None:
        return label
    return (rule.display_name or rule.name) + space + rest


def _rule(label: str) -> type[Rule] | None:
    """Return the rule of this name; archives are drawn where their rules are not installed, too."""
    try:
        return find_rule(label)
    except (PluginError, UnknownNameError):
        return None


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
