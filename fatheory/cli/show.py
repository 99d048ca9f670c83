"""The commands that show what there is: list, inspect."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from fatheory.cli import completion
from fatheory.cli.console import out, show_table
from fatheory.cli.settings import asked_experiment
from fatheory.labels import ATTR_EXPERIMENT

if TYPE_CHECKING:
    import xarray as xr

    from fatheory.registry import Registry

_ROWS_SHOWN = 40


def list_known(
    preset: Annotated[
        str | None,
        typer.Argument(
            help="Show the values of this preset, by key.", autocompletion=completion.presets
        ),
    ] = None,
) -> None:
    """List presets, rules, quantities, methods and tasks; or the values of one preset."""
    if preset is not None:
        out.print(str(asked_experiment(preset, [], None)), soft_wrap=True)
        return
    from fatheory.experiment import presets
    from fatheory.quantities import QUANTITIES, quantity_table
    from fatheory.rules import RULES
    from fatheory.rules.parameter import written
    from fatheory.tasks import TASKS
    from fatheory.theory import METHODS

    show_table("Presets", ("name", "what"), [(name, presets.summary(name)) for name in presets])
    rules = []
    for name, rule in RULES.known().items():
        given = ", ".join(f"{key} = {written(value)}" for key, value in rule.parameters().items())
        rules.append((name, rule.summary, given, rule.source))
    methods = [(name, method.summary) for name, method in METHODS.known().items()]
    # The first line of its docstring; a task of one's own may have none.
    tasks = [
        (name, (kind.__doc__ or "").partition("\n")[0]) for name, kind in TASKS.known().items()
    ]
    _show_parts("Rules", RULES, ("name", "what", "parameters", "source"), rules)
    quantities = ("name", "what", "units", "needs")
    _show_parts("Quantities to record", QUANTITIES, quantities, quantity_table())
    _show_parts("Methods of solve", METHODS, ("name", "what"), methods)
    _show_parts("Tasks", TASKS, ("kind", "what"), tasks)


def _show_parts(
    title: str,
    registry: "Registry[Any]",
    columns: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
) -> None:
    """Show parts by name, and which package each comes from if any is not fatheory's."""
    packages = [registry.package_of(row[0]) for row in rows]
    if any(packages):
        columns = (*columns, "from")
        rows = [(*row, origin or "fatheory") for row, origin in zip(rows, packages, strict=True)]
    out.print()
    show_table(title, columns, rows)


def inspect(
    archive: Annotated[Path, typer.Argument(help="An archive that run or solve stored.")],
    verify: Annotated[bool, typer.Option(help="Check the content of every file.")] = True,
) -> None:
    """Show what an archive holds: where it comes from, its variables, its runs."""
    from fatheory.archive import load
    from fatheory.experiment import Experiment
    from fatheory.sweep import Sweep

    stored = load(archive, verify=verify)
    described = stored.attrs.pop(ATTR_EXPERIMENT, None)
    is_sweep = "sweep" in stored.attrs and "status" in stored
    missing = _omissions(stored) if is_sweep else []
    asked = Sweep.from_json(stored.attrs.pop("sweep")) if is_sweep else None
    origin = [(str(key), str(value)) for key, value in stored.attrs.items()]
    show_table("Archive", ("attribute", "value"), origin)
    out.print()
    if asked is not None:
        out.print(str(asked), soft_wrap=True)
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
