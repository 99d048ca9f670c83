"""How fast the package is: the stored table of the newest release."""

from pathlib import Path

STORED = Path(__file__).resolve().parents[2] / "analyses" / "benchmarks" / "results"


def speed_pages(folder: Path) -> dict[str, str]:
    """Return the page of the table that benchmarks wrote, a full one where there is one.

    Raises
    ------
    FileNotFoundError
        If no table is stored.
    """
    del folder
    tables = sorted(STORED.glob("*.md"), key=_age)
    if not tables:
        raise FileNotFoundError(f"no table in {STORED}; analyses/benchmarks/all.py writes one")
    return {"speed.md": tables[-1].read_text(encoding="utf-8")}


def _age(table: Path) -> tuple[list[int], bool]:
    release, _, scale = table.stem.rpartition("-")
    return [int(part) for part in release.split(".") if part.isdigit()], scale == "full"
