"""Tables of classification errors: one cell for every image set, setting and rule."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.claims import aligned
from fatheory.metrics import mean_interval

IMAGE_SET = "image_set"
SETTING = "setting"
ERROR = "error"


def cell(run: xr.Dataset, classes: int) -> xr.Dataset:
    """Summarise a run by what a table shows.

    Parameters
    ----------
    run : Dataset
        A run archive with classification errors.
    classes : int
        Number of equally frequent classes. A run that diverged counts as a network that always
        gives the same answer, whose error is 100 (1 - 1 / classes) percent.

    Returns
    -------
    Dataset
        ``error (rule, seed)`` after the last step, ``diverged (rule, seed)``; over seeds, the mean
        of ``classification_error (rule, step)`` with its interval, and the means of what was
        recorded per layer, ``(rule, step, layer)``.
    """
    chance = 100 * (1 - 1 / classes)
    course = run["classification_error"]
    # A network that diverged answers like a guess; left out, its seed would flatter the rule.
    course = course.where(~course.isnull(), chance).assign_attrs(course.attrs)
    # The last step and not the best: the least of many test errors is chosen by the test set.
    last = course.isel({labels.STEP: -1}, drop=True)
    last.attrs |= {"long_name": "classification error after the last step", "chance": chance}
    per_layer = sorted(
        str(name) for name, values in run.items() if values.dims == (*labels.RUN, labels.LAYER)
    )
    parts = [
        last.rename(ERROR).to_dataset(),
        run[[labels.DIVERGED]],
        mean_interval(course),
        *(run[[name]].mean(labels.SEED, keep_attrs=True) for name in per_layer),
    ]
    # Times follow from rate and step, and rates differ between cells: joined they would not agree.
    bare = [part.drop_vars(labels.TIME, errors="ignore") for part in parts]
    # Parts of one run have the same labels; were one missing, an outer join would hide it as NaN.
    return xr.merge(bare, join="exact", compat="no_conflicts")


def gather(cells: Mapping[tuple[str, str], xr.Dataset]) -> xr.Dataset:
    """Join summaries by image set and setting; cells that were not computed are NaN.

    Parameters
    ----------
    cells : mapping
        From (image set, setting) to what `cell` returned.

    Returns
    -------
    Dataset
        With the dimensions ``image_set`` and ``setting`` in front, and ``mean_error`` with its
        interval over seeds.
    """
    rows: dict[str, list[xr.Dataset]] = {}
    for (image_set, setting), summary in cells.items():
        # Every cell has rates of its own, so they become a variable along the cells.
        placed = summary.reset_coords(labels.LEARNING_RATE).expand_dims({SETTING: [setting]})
        rows.setdefault(image_set, []).append(placed)
    joined = [
        joined_along(SETTING, row).expand_dims({IMAGE_SET: [image_set]})
        for image_set, row in rows.items()
    ]
    data = joined_along(IMAGE_SET, joined)
    # Joining sorts; tables keep the order in which cells were given.
    order = {
        SETTING: list(dict.fromkeys(setting for _, setting in cells)),
        labels.RULE: list(
            dict.fromkeys(
                str(rule) for summary in cells.values() for rule in summary["rule"].values
            )
        ),
    }
    data = data.sel(order)
    summary = mean_interval(data[ERROR])
    return data.merge(summary.rename({name: f"mean_{name}" for name in summary.data_vars}))


def joined_along(dim: str, parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Join datasets along a dimension; where one lacks a rule or another label, it gets NaN."""
    return xr.concat(
        parts,
        dim,
        data_vars="all",
        coords="minimal",
        compat="override",
        join="outer",
        # Attributes of cells differ in seconds and hashes; the table's own origin is told by
        # `origin`.
        combine_attrs="override",
    )


def error_table(data: xr.Dataset) -> str:
    """Lay mean errors and half-widths of their intervals out as plain text.

    Parameters
    ----------
    data : Dataset
        From `gather`.

    Returns
    -------
    str
        A row for every image set and rule, a column for every setting; cells of which a run
        diverged say how many.
    """
    settings = [str(setting) for setting in data[SETTING].values]
    rows = [["test error (%)", "rule", *settings]]
    for image_set in map(str, data[IMAGE_SET].values):
        for rule in map(str, data[labels.RULE].values):
            of_rule = data.sel(image_set=image_set, rule=rule)
            rows.append([image_set, rule, *(_cell_text(of_rule.sel(setting=s)) for s in settings)])
    return aligned(rows)


def _cell_text(one: xr.Dataset) -> str:
    mean = float(one["mean_error"])
    if np.isnan(mean):
        return "-"
    interval = one["mean_error_interval"]
    half = float(interval.sel(ci_bound="upper") - interval.sel(ci_bound="lower")) / 2
    lost = int(one[labels.DIVERGED].fillna(0).sum())
    spread = "" if np.isnan(half) else f" ± {half:.2f}"
    return f"{mean:.2f}{spread}" + (f" ({lost} diverged)" if lost else "")
