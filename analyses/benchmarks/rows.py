"""What a benchmark reports beside what it prints: rows of the table that `all.py` writes."""

import json
import os
from pathlib import Path

FILE = "FATHEORY_BENCHMARK_ROWS"
"""Environment variable: the file to which rows go. Without it nothing is kept."""


def add_row(what: str, value: float, unit: str = "times") -> None:
    """Report a number.

    Parameters
    ----------
    what : str
        Of what, against what.
    value : float
        The number.
    unit : str
        ``"times"`` for a ratio of two measurements of the same run, else its unit.
    """
    if place := os.environ.get(FILE):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, "value": float(value), "unit": unit}) + "\n")
