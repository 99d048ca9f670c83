"""By which keys two experiments differ, in words."""

from fatheory.experiment.description import rows
from fatheory.experiment.experiment import Experiment

_SHOWN = 5


def differences(before: Experiment, now: Experiment, part: str) -> str:
    """Say which values of a part differ, by the keys that change them.

    Parameters
    ----------
    before, now : Experiment
        What was asked, and what is.
    part : str
        A field of experiments, such as ``"rules"``.

    Returns
    -------
    str
        As in ``rules.backprop.learning_rate was 0.1, and is 0.2``; the first five, and how many
        more there are.
    """
    was, now_is = (
        {key: value for key, value in rows(one) if key == part or key.startswith(f"{part}.")}
        for one in (before, now)
    )
    # In the order in which descriptions are written, and not that of a set.
    changed = [key for key in was | now_is if was.get(key) != now_is.get(key)]
    told = [
        f"{key} was {was.get(key, 'not there')}, and is {now_is.get(key, 'not there')}"
        for key in changed[:_SHOWN]
    ]
    more = len(changed) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")
