"""The commands about sweeps: run, status, show."""

import csv
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fatheory.cli import completion
from fatheory.cli.console import err, out, print_exactly, show_table
from fatheory.cli.description_file import to_yaml
from fatheory.cli.runs import Form, Printing, Seeds, Settings, called, named
from fatheory.cli.settings import (
    asked_experiment,
    changed,
    description_text,
    device_told,
    parse_setting,
)
from fatheory.errors import FatheoryError, visible

if TYPE_CHECKING:
    import xarray as xr

    from fatheory.sweep import Sweep

sweep = typer.Typer(
    help="Sweeps: one experiment, asked for every combination of settings, into one archive.",
    no_args_is_help=True,
)

SweepFolder = Annotated[Path, typer.Argument(help="The archive of a sweep, finished or not.")]
Axes = Annotated[
    list[str] | None,
    typer.Option(
        "--axis",
        metavar="KEY=VALUE,VALUE...",
        help="Values of one key, each JSON or plain text, such as rules.*.learning_rate=0.01,0.02 "
        "(* stands for every entry there) or network.hidden=[10],[20,20]. Repeatable. A file can "
        "say more.",
        autocompletion=completion.axes,
    ),
]
Together = Annotated[
    list[str] | None,
    typer.Option(
        "--zip",
        metavar="AXIS:KEY=VALUE,VALUE...",
        help="As --axis, but keys with the same AXIS move together along that one axis, each with "
        "as many values: --zip size:network.hidden=[10],[20] --zip size:task.inputs=5,6.",
    ),
]
_ERRORS_SHOWN = 10


@sweep.command(cls=Printing)
def run(
    asked: Annotated[
        str,
        typer.Argument(
            help="A preset ('fatheory list' shows them); or an experiment or a sweep in a .json, "
            ".yaml or .toml file, or - for standard input.",
            autocompletion=completion.presets,
        ),
    ],
    axes: Axes = None,
    together: Together = None,
    settings: Settings = None,
    seeds: Seeds = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="Solve every cell from theory by this method ('fatheory list' shows them).",
            show_default="cells are trained",
            autocompletion=completion.methods,
        ),
    ] = None,
    out_path: Annotated[
        Path | None,
        typer.Option("--out", help="Where the archive is.", show_default="./NAME-sweep.zarr"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Use so many processes.", show_default="this one alone"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Use the workers of this Dask scheduler."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Replace an archive at that place.")
    ] = False,
    print_only: Annotated[
        bool,
        typer.Option(
            "--print",
            help="Print the sweep, as JSON or with --print yaml as YAML, and do nothing else.",
        ),
    ] = False,
    form: Form = "json",
) -> None:
    """Carry out a sweep, or go on with one. Cells that are done are not done again."""
    given = dict(map(parse_axis, axes or [])) | parse_together(together or [])
    chosen = _asked_sweep(asked, given, settings or [], seeds)
    if print_only:
        text = chosen.to_json(indent=2)
        print_exactly(text if form == "json" else to_yaml(text))
        return
    if method is not None:
        from fatheory.theory import find_method

        method = find_method(method).name  # it is part of a path before the sweep asks for it
    what = "sweep" if method is None else f"sweep-{method}"
    target = named(called(chosen.experiment), what, out_path)
    try:
        with device_told():
            chosen.run(target, method=method, workers=workers, scheduler=scheduler, restart=restart)
    except KeyboardInterrupt as stop:
        err.print(str(stop), soft_wrap=True)
        raise
    _report(target)
    out.print(f"stored {target}; its values: fatheory sweep show {target}", soft_wrap=True)


@sweep.command()
def status(folder: SweepFolder) -> None:
    """Show how many cells are done, what went wrong, and the time left."""
    _report(folder)


@sweep.command()
def show(
    folder: SweepFolder,
    variable: Annotated[str, typer.Option(help="What to show.")] = "loss",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """Show the last values of a variable in every cell, medians over seeds."""
    from fatheory.sweep.status import load_sweep
    from fatheory.sweep.summary import final_values, seed_counts

    stored = load_sweep(folder)
    values = final_values(stored, variable)
    axes = stored["status"].dims
    columns = [*map(str, axes), "status", *_heads(values, axes)]
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        # Quotes keep the cells apart; a terminal would obey what is in them.
        writer.writerow(map(visible, columns))
        writer.writerows(map(visible, row) for row in _rows(stored, values, repr))
        return
    attrs = values.attrs
    unit = "" if attrs["units"] == "1" else f", {attrs['units']}"
    title = f"{attrs['long_name']}{unit} (last values, medians of {seed_counts(stored)} seeds)"
    show_table(title, columns, _rows(stored, values, "{:.4g}".format))


def _asked_sweep(
    asked: str, given: dict[str, Any], settings: Sequence[str], seeds: int | None
) -> "Sweep":
    from fatheory.experiment import Experiment
    from fatheory.sweep import Sweep

    text = description_text(asked)
    if text is not None and _is_sweep(text):
        described = Sweep.from_json(text)
        described = described.replaced(experiment=changed(described.experiment, settings, seeds))
        return described.with_axes(given) if given else described
    if not given:
        raise FatheoryError(
            "a sweep needs an axis, such as --axis 'rules.*.learning_rate=0.01,0.02'"
        )
    if text is None:
        return Sweep(experiment=asked_experiment(asked, settings, seeds), axes=given)
    experiment = changed(Experiment.from_json(text), settings, seeds)
    return Sweep(experiment=experiment, axes=given)


def _is_sweep(text: str) -> bool:
    """Whether JSON describes a sweep; what is no JSON is said of the experiment it should be."""
    from fatheory.experiment.json_text import read_json

    try:
        data = read_json(text)
    except ValueError:
        return False
    return isinstance(data, dict) and "axes" in data


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """Read ``key=value,value...``; each value is JSON, or a plain string where it is not.

    Raises
    ------
    FatheoryError
        If there is no ``=``, or no value.
    """
    key, equals, values = text.partition("=")
    if not equals or not key or not values:
        raise FatheoryError(
            f"--axis takes KEY=VALUE,VALUE..., such as rules.*.learning_rate=0.01,0.02; got "
            f"{text!r}"
        )
    # As a JSON list first, for values such as [10, 20] have commas of their own.
    together = parse_setting(f"{key}=[{values}]")[1]
    if isinstance(together, list):
        return key, together
    return key, [parse_setting(f"{key}={value}")[1] for value in values.split(",")]


def parse_together(texts: Sequence[str]) -> dict[str, dict[str, list[Any]]]:
    """Read ``axis:key=value,value...`` into axes of keys that move together.

    Raises
    ------
    FatheoryError
        If a text names no axis or gives no value, or a key is given twice.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    for text in texts:
        axis, colon, rest = text.partition(":")
        if not colon or not axis or "=" in axis:
            raise FatheoryError(
                f"--zip takes AXIS:KEY=VALUE,VALUE..., such as size:network.hidden=[10],[20]; got "
                f"{text!r}"
            )
        key, values = parse_axis(rest)
        if key in found.setdefault(axis, {}):
            raise FatheoryError(f"--zip gives {key!r} of the axis {axis!r} twice")
        found[axis][key] = values
    return found


def _report(folder: Path) -> None:
    from fatheory.sweep import sweep_status

    found = sweep_status(folder)
    rows = [(name, str(count)) for name, count in found.counts.items()]
    if not found.finished:
        left = "not known yet" if math.isnan(found.time_left) else _duration(found.time_left)
        rows += [("batches left", str(found.batches_left)), ("time left", left)]
    show_table("Sweep" if found.finished else "Sweep, not finished", ("cells", "number"), rows)
    if found.counts["failed"] or found.counts["diverged"]:
        _report_errors(folder)


def _report_errors(folder: Path) -> None:
    from fatheory.sweep.status import load_sweep

    stored = load_sweep(folder)
    problems = [(where, text) for where, text in _errors(stored) if text]
    err.print(f"{len(problems)} cells failed or diverged", style="yellow")
    for where, text in problems[:_ERRORS_SHOWN]:
        err.print(f"  {where}: {text}", soft_wrap=True)
    if len(problems) > _ERRORS_SHOWN:
        err.print(f"  ... and {len(problems) - _ERRORS_SHOWN} more")


def _errors(stored: "xr.Dataset") -> Iterator[tuple[str, str]]:
    errors = stored["error"]
    for place, points in _places(errors):
        named = zip(errors.dims, points, strict=True)
        text = " ".join(str(errors.values[place]).split())
        yield ", ".join(f"{dim}={point}" for dim, point in named), text


def _places(values: "xr.DataArray") -> Iterator[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Go through all places of the axes: indices, and labels."""
    labels = [[str(point) for point in values[dim].values] for dim in values.dims]
    numbers = [range(len(points)) for points in labels]
    return zip(itertools.product(*numbers), itertools.product(*labels), strict=True)


def _heads(values: "xr.DataArray", axes: Sequence[Any]) -> list[str]:
    """Name the columns of a cell's values: rule by rule, and layer by layer."""
    inner = [dim for dim in values.dims if dim not in axes]
    points = itertools.product(*([str(p) for p in values[dim].values] for dim in inner))
    return [
        ", ".join(p if dim == "rule" else f"{dim} {p}" for dim, p in zip(inner, point, strict=True))
        for point in points
    ]


def _rows(
    stored: "xr.Dataset", values: "xr.DataArray", written: Callable[[float], str]
) -> Iterator[list[str]]:
    """Write a row for every cell: its place, its status, its values."""
    names = stored["status"].attrs["flag_meanings"].split()
    axes = stored["status"].dims
    ordered = values.transpose(*axes, ...).values
    for place, points in _places(stored["status"]):
        cell = ordered[place].ravel()
        numbers = ["" if math.isnan(value) else written(float(value)) for value in cell]
        yield [*points, names[int(stored["status"].values[place])], *numbers]


def _duration(seconds: float) -> str:
    """Write a time as hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
