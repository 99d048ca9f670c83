"""The commands that ask an experiment: run, solve, compare."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from fatheory.cli import completion
from fatheory.cli.console import INTERRUPTED, err, out, print_exactly, show_table
from fatheory.cli.description_file import to_yaml
from fatheory.cli.settings import asked_experiment, device_told
from fatheory.errors import StoppedRun

if TYPE_CHECKING:
    import xarray as xr

    from fatheory.experiment import Experiment


Preset = Annotated[
    str,
    typer.Argument(
        help="A preset ('fatheory list' shows them); or a .json, .yaml or .toml file, or - for "
        "standard input.",
        autocompletion=completion.presets,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one value, such as rules.backprop.learning_rate=0.005 or "
        "network.hidden=[50]. Repeatable; 'fatheory list PRESET' shows the keys.",
        autocompletion=completion.settings,
    ),
]
Seeds = Annotated[int | None, typer.Option(help="Number of seeds.", show_default="the preset's")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Where to store the archive; NAME of a changed preset has a hash.",
        show_default="./NAME-SOURCE.zarr",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an archive at that place.")]
Printed = Annotated[
    bool,
    typer.Option(
        "--print",
        help="Print the experiment, as JSON or with --print yaml as YAML, and do nothing else.",
    ),
]
Form = Annotated[
    Literal["json", "yaml"], typer.Option("--format", help="How --print writes what is asked.")
]


class Printing(TyperCommand):
    """A command whose ``--print`` may be followed by the form: ``--print yaml``.

    The words are no names of presets or files, so that ``--print PRESET`` stays what it was.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the form behind ``--print`` as that of ``--format``."""
        return super().parse_args(ctx, list(_with_form(args)))


def _with_form(arguments: list[str]) -> Iterator[str]:
    former = ""
    for word in arguments:
        if word in ("--print=json", "--print=yaml"):
            yield from ("--print", "--format", word.partition("=")[2])
        elif former == "--print" and word in ("json", "yaml"):
            yield from ("--format", word)
        else:
            yield word
        former = word


def run(
    preset: Preset,
    settings: Settings = None,
    seeds: Seeds = None,
    out_path: Out = None,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            "--overwrite",
            help="Start over, and replace an archive at that place, finished or not.",
        ),
    ] = False,
    print_only: Printed = False,
    form: Form = "json",
) -> None:
    """Train an experiment and store what it records, as it goes.

    Stopped by Ctrl-C or killed, it is continued by the same command.
    """
    from fatheory.train import simulate

    experiment = asked_experiment(preset, settings or [], seeds)
    if print_only:
        text = experiment.to_json(indent=2)
        print_exactly(text if form == "json" else to_yaml(text))
        return
    target = named(called(experiment), "simulation", out_path)
    try:
        with device_told():
            done = simulate(experiment, path=target, restart=restart)
        _show(done, target)
    except StoppedRun as stop:
        err.print(str(stop), soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def solve(
    preset: Preset,
    method: Annotated[
        str,
        typer.Option(
            help="How to solve it; see 'fatheory list'.", autocompletion=completion.methods
        ),
    ] = "flow",
    settings: Settings = None,
    seeds: Seeds = None,
    out_path: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Solve an experiment from theory and store the answer in the shape of a run."""
    from fatheory.archive import check_destination, save
    from fatheory.theory import find_method
    from fatheory.theory import solve as solve_experiment

    experiment = asked_experiment(preset, settings or [], seeds)
    chosen = find_method(method)  # it is part of a path before solve asks for it
    target = named(called(experiment), f"theory-{chosen.name}", out_path)
    # Before the work, not after it.
    check_destination(target, overwrite=overwrite)
    answer = solve_experiment(experiment, chosen)
    _show(answer, save(answer, target, overwrite=overwrite))


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

    given = {"theory": load(theory), "simulation": load(simulation)}
    difference = compare_archives(given["theory"], given["simulation"])
    error = difference["relative_error"]
    rows, reasons = [], []
    for variable in error["variable"].values:
        for rule in error["rule"].values:
            one = error.sel(variable=variable, rule=rule).dropna("seed")
            cells = (one.median(), one.min(), one.max()) if one.size else ()
            numbers = [f"{float(cell):.3g}" for cell in cells] or ["nan"] * 3
            counted = f"{one.size} of {error.sizes['seed']}"
            if one.size < error.sizes["seed"]:
                lacking = sorted(
                    set(error["seed"].values.tolist()) - set(one["seed"].values.tolist())
                )
                why = _why_none(given, str(variable), {"rule": rule, "seed": lacking})
                reasons.append(f"no error of {variable} under {rule}, {counted} seeds: {why}")
            rows.append((str(variable), str(rule), *numbers, counted))
    title = "Relative error of theory against simulation, over the seeds that have one"
    show_table(title, ("variable", "rule", "median", "smallest", "largest", "seeds"), rows)
    for reason in reasons:
        out.print(reason, markup=False)
    if out_path is not None:
        out.print(f"stored {save(difference, out_path, overwrite=overwrite)}")


def _why_none(given: "Mapping[str, xr.Dataset]", variable: str, runs: Mapping[str, object]) -> str:
    """Say why a variable of some runs has no relative error."""
    found = {name: archive[variable].sel(runs) for name, archive in given.items()}
    unknown = [name for name, values in found.items() if values.isnull().all()]
    if unknown:
        return f"it is NaN throughout in {' and '.join(unknown)}"
    if not found["simulation"].fillna(0).any():
        return "it is 0 throughout in simulation, so nothing is relative to it"
    return "theory and simulation have no entry in common that is a number"


def called(experiment: "Experiment") -> str:
    """Call an experiment by its name, and a changed preset by what it asks as well.

    Archives of one preset with other settings so have names of their own.
    """
    from fatheory.experiment import presets

    if not experiment.name:
        return experiment.content_hash
    if experiment.name in presets and presets[experiment.name] != experiment:
        return f"{experiment.name}-{experiment.content_hash[:8]}"
    return experiment.name


def named(name: str, source: str, wanted: Path | None) -> Path:
    """Decide where the archive of something of this name goes."""
    stem = name.replace("/", "-").replace(" ", "-")
    return wanted if wanted is not None else Path(f"{stem}-{source}.zarr")


def _show(archive: "xr.Dataset", target: Path) -> None:
    from fatheory.cli.show import show_runs

    show_runs(archive)
    where = f"stored {target.resolve()} ({archive.attrs['wall_time_s']:.1f} s)"
    out.print(where, soft_wrap=True)
