"""The commands that show what there is: list, inspect."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from fatheory.cli import completion
from fatheory.cli.console import out, show_table
from fatheory.cli.settings import asked_experiment
from fatheory.labels import ATTR_EXPERIMENT

if TYPE_CHECKING:
    import xarray as xr

_ROWS_SHOWN = 40


def list_known(
    preset: Annotated[
        str | None,
        typer.Argument(
            help="Show the values of this preset, by key.", autocompletion=completion.presets
        ),
    ] = None,
) -> None:
    """List presets, rules, quantities and methods; or the values of one preset."""
    if preset is not None:
        out.print(str(asked_experiment(preset, [], None)), soft_wrap=True)
        return
    from fatheory.experiment import presets
    from fatheory.quantities import quantity_table
    from fatheory.rules import known_rules
    from fatheory.rules.parameter import written
    from fatheory.theory import known_methods

    show_table("Presets", ("name", "what"), [(name, presets.summary(name)) for name in presets])
    out.print()
    rows = []
    for name, rule in known_rules().items():
        given = ", ".join(f"{key} = {written(value)}" for key, value in rule.parameters().items())
        rows.append((name, rule.summary, given, rule.source))
    show_table("Rules", ("name", "what", "parameters", "source"), rows)
    out.print()
    show_table("Quantities to record", ("name", "what", "units", "needs"), quantity_table())
    out.print()
    methods = [(name, method.summary) for name, method in known_methods().items()]
    show_table("Methods of solve", ("name", "what"), methods)


def inspect(
    archive: Annotated[Path, typer.Argument(help="An archive that run or solve stored.")],
    verify: Annotated[bool, typer.Option(help="Check the content of every file.")] = True,
) -> None:
    """Show what an archive holds: where it comes from, its variables, its runs."""
    from fatheory.archive import load
    from fatheory.experiment import Experiment

    stored = load(archive, verify=verify)
    described = stored.attrs.pop(ATTR_EXPERIMENT, None)
    is_sweep = "sweep" in stored.attrs and "status" in stored
    missing = _omissions(stored) if is_sweep else []
    origin = [(str(key), str(value)) for key, value in stored.attrs.items()]
    show_table("Archive", ("attribute", "value"), origin)
    out.print()
    if described is not None:
        out.print(str(Experiment.from_json(described)), soft_wrap=True)
        out.print()
    rows = []
    for name, variable in sorted(stored.data_vars.items()):
        dims = ", ".join(f"{dim} {variable.sizes[dim]}" for dim in variable.dims)
        attrs = variable.attrs
        rows.append((str(name), dims, attrs.get("units", ""), attrs.get("long_name", "")))
    show_table("Variables", ("name", "dimensions", "units", "what"), rows)
    if missing:
        out.print()
        show_table("What cells have not kept", ("cell", "what", "why"), missing)
    is_run = "diverged" in stored and "status" not in stored
    if is_run and stored.sizes["step"]:
        out.print()
        show_runs(stored)


def _omissions(stored: "xr.Dataset") -> list[tuple[str, str, str]]:
    """Return a row for what each cell of a sweep left out, and the number of rows not shown."""
    from fatheory.sweep import omissions

    rows = list(omissions(stored))
    more = len(rows) - _ROWS_SHOWN
    return rows if more <= 0 else [*rows[:_ROWS_SHOWN], ("...", f"and {more} more", "")]


def show_runs(archive: "xr.Dataset") -> None:
    """Print one row per rule: learning rate, loss and error at start and end, diverged runs."""
    measures = [("loss", "loss", "")]
    if "classification_error" in archive:
        measures.append(("classification_error", "error", " %"))
    rows = []
    for rule in archive["rule"].values:
        run = archive.sel(rule=rule)
        seen = [
            f"{_median(run[name].isel(step=place).values)}{unit}"
            for name, _, unit in measures
            for place in (0, -1)
        ]
        lost = f"{int(run['diverged'].sum())} of {run.sizes['seed']}"
        rows.append((str(rule), f"{float(run['learning_rate']):g}", *seen, lost))
    heads = [f"{place} {head}" for _, head, _ in measures for place in ("first", "last")]
    title = f"Runs ({archive.sizes['seed']} seeds, {int(archive['step'][-1])} steps; medians)"
    show_table(title, ("rule", "learning rate", *heads, "diverged"), rows)


def _median(values: np.ndarray) -> str:
    """Return the median of the seeds that have a number, and how many they are if not all."""
    # Of the seeds that have one: a single run that diverged would make it NaN.
    known = values[np.isfinite(values)]
    if not known.size:
        return "nan"
    of = "" if known.size == values.size else f" (of {known.size})"
    return f"{np.median(known):.4g}{of}"
