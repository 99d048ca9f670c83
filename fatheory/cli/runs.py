"""The commands that ask an experiment: run, solve, compare."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fatheory.cli.console import err, out, show_table
from fatheory.cli.settings import asked_experiment

if TYPE_CHECKING:
    import xarray as xr

    from fatheory.experiment import Experiment

Preset = Annotated[
    str, typer.Argument(help="A preset ('fatheory list' shows them) or a .json file.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one value, such as rules.backprop.learning_rate=0.005 or "
        "network.hidden=[50]. Repeatable; 'fatheory list PRESET' shows the keys.",
    ),
]
Seeds = Annotated[int | None, typer.Option(help="Number of seeds.", show_default="the preset's")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Where to store the archive.", show_default="./NAME-SOURCE.zarr"),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an archive at that place.")]
Printed = Annotated[
    bool, typer.Option("--print", help="Print the experiment as JSON and do nothing else.")
]


def run(
    preset: Preset,
    settings: Settings = None,
    seeds: Seeds = None,
    out_path: Out = None,
    overwrite: Overwrite = False,
    print_only: Printed = False,
) -> None:
    """Train an experiment and store what it records."""
    from fatheory.train import simulate

    asked = asked_experiment(preset, settings or [], seeds)
    if print_only:
        out.print(asked.to_json(indent=2), soft_wrap=True)
        return
    place = _place(asked, "simulation", out_path, overwrite)
    _store(simulate(asked), place, overwrite)


def solve(
    preset: Preset,
    method: Annotated[str, typer.Option(help="How to solve it; see 'fatheory list'.")] = "flow",
    settings: Settings = None,
    seeds: Seeds = None,
    out_path: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Solve an experiment from theory and store the answer in the shape of a run."""
    from fatheory.theory import solve as solve_experiment

    asked = asked_experiment(preset, settings or [], seeds)
    place = _place(asked, f"theory-{method}", out_path, overwrite)
    _store(solve_experiment(asked, method), place, overwrite)


def compare(
    theory: Annotated[Path, typer.Argument(help="Archive of theory.")],
    simulation: Annotated[Path, typer.Argument(help="Archive of the simulation.")],
    out_path: Annotated[
        Path | None, typer.Option("--out", help="Also store the residuals there.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Set theory against simulation: relative errors per variable and rule, over seeds."""
    from fatheory.archive import load, save
    from fatheory.comparison import compare as compare_archives

    difference = compare_archives(load(theory), load(simulation))
    error = difference["relative_error"]
    rows = []
    for variable in error["variable"].values:
        for rule in error["rule"].values:
            one = error.sel(variable=variable, rule=rule).dropna("seed")
            if one.size:
                cells = (one.median(), one.min(), one.max())
                rows.append((str(variable), str(rule), *(f"{float(c):.3g}" for c in cells)))
    title = f"Relative error of theory against simulation ({error.sizes['seed']} seeds)"
    show_table(title, ("variable", "rule", "median", "smallest", "largest"), rows)
    if out_path is not None:
        out.print(f"stored {save(difference, out_path, overwrite=overwrite)}")


def _place(asked: "Experiment", source: str, wanted: Path | None, overwrite: bool) -> Path:
    """Decide where the archive goes, and refuse before any long work if it cannot go there."""
    from fatheory.archive import check_destination

    stem = (asked.name or asked.content_hash).replace("/", "-").replace(" ", "-")
    place = wanted if wanted is not None else Path(f"{stem}-{source}.zarr")
    check_destination(place, overwrite=overwrite)
    return place


def _store(archive: "xr.Dataset", place: Path, overwrite: bool) -> None:
    from fatheory.archive import save
    from fatheory.cli.show import show_runs

    stored = save(archive, place, overwrite=overwrite)
    show_runs(archive)
    diverged = int(archive["diverged"].sum())
    if diverged:
        err.print(f"[yellow]{diverged} of {archive['diverged'].size} runs diverged[/]")
    out.print(f"stored {stored} ({archive.attrs['wall_time_s']:.1f} s)")
