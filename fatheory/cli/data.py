"""The commands about image data sets: list, fetch, verify."""

from typing import Annotated

import typer

from fatheory.cli.console import err, out, show_table
from fatheory.errors import DataError

data = typer.Typer(
    help="Image data sets: list, fetch, verify. FATHEORY_DATA_DIR says where they are kept.",
    no_args_is_help=True,
)

Name = Annotated[
    str, typer.Argument(help="A data set, as 'fatheory data list' names it, or folder/PATH.")
]


@data.command("list")
def list_sets() -> None:
    """List the data sets and whether they are here."""
    from fatheory.tasks import data_folder, status

    rows = []
    for one in status():
        entry = one.entry
        images = f"{entry.train:,} + {entry.test:,}"
        shape = " x ".join(map(str, entry.shape))
        rows.append((entry.name, entry.title, images, shape, one.state))
    show_table("Data sets", ("name", "title", "training + test", "shape", "state"), rows)
    out.print(f"\nkept in {data_folder()}", soft_wrap=True)
    out.print(
        "folder/PATH: a folder of images there, one per class, or a tar archive of it",
        soft_wrap=True,
    )


@data.command()
def fetch(name: Name) -> None:
    """Download what is missing of a data set and check it."""
    from fatheory.tasks import fetch as fetch_set

    for path in fetch_set(name, progress=err.is_terminal):
        out.print(f"here and verified: {path}", soft_wrap=True)


@data.command()
def verify(name: Name) -> None:
    """Check every file of a data set against its checksum; read a folder of images through."""
    from fatheory.tasks import image_set
    from fatheory.tasks import verify as verify_set

    reports = verify_set(name)
    if not reports:
        entry = image_set(name)
        shape = " x ".join(map(str, entry.shape))
        out.print(
            f"{entry.name} has no official files: {entry.train:,} training images (the last "
            f"{entry.validation:,} for validation) and {entry.test:,} test images of "
            f"{entry.classes} classes, {shape}",
            soft_wrap=True,
        )
    for report in reports:
        out.print(str(report), soft_wrap=True)
    bad = [report for report in reports if report.state != "present"]
    if bad:
        raise DataError(
            f"{len(bad)} of {len(reports)} files of {name} are missing or damaged; "
            f"get them with: fatheory data fetch {name}"
        )
