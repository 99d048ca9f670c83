"""What the tests of figures look at, and archives in which runs are lost."""

import numpy as np


def diverging(archive, rule, seeds, place):
    """Return an archive in which runs explode and are lost from a place along the steps on."""
    lost = archive.copy(deep=True)
    at = {"rule": rule, "seed": seeds}
    for name in ("loss", "weight_angle", "delta_angle"):
        values = lost[name].sel(at)
        grown = values * 10.0 ** np.maximum(lost.step - lost.step[place - 2], 0)
        lost[name].loc[at] = (grown if name == "loss" else values).where(
            lost.step < lost.step[place]
        )
    lost["diverged"].loc[at] = True
    lost["diverged_at"].loc[at] = int(lost.step[place])
    return lost


def texts(axes):
    """What the legend says."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def lines(axes, colour=None, marker="None"):
    """The lines of a colour, without those that are marks."""
    return [
        line
        for line in axes.lines
        if (colour is None or line.get_color() == colour) and line.get_marker() == marker
    ]
