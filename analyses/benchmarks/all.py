# %% [markdown]
# # All benchmarks, and one table of what they report
#
# Every benchmark runs in a process of its own, on a machine that does nothing else. The table of a
# release holds ratios of numbers of the same run, which carry over to other machines better than
# times do, beside what this machine reaches at best: single-precision operations per second of one
# large product, and bytes per second of a large copy, measured just before each benchmark.
#
#     python analyses/benchmarks/all.py --quick | --full [--only NAME ...] [--out DIR]
#
# `--quick` takes some minutes, `--full` about an hour. The table is written after every benchmark,
# as JSON and as Markdown; with `--only` the others keep the rows that they have there. A benchmark
# that fails is named with its last words, the others go on, and the exit code is 1.

# %%
import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from machine import copy_bandwidth, product_rate
from rows import FILE

import fatheory as fa
from fatheory.reproduction import beside_script, leave, script_arguments

RESULTS = beside_script(globals(), "results")


class Arguments(NamedTuple):
    """What a benchmark is given, by scale."""

    quick: str = ""
    full: str = ""
    environment: Mapping[str, str] = MappingProxyType({})


_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
BENCHMARKS = {
    "online_mnist": Arguments("--images 2048 --seeds 5"),
    "linear_ensemble": Arguments("--steps 1000"),
    "conv": Arguments("--batches 2 --seeds 1"),
    "spiking": Arguments("--width 100 --images 40 --paper-images 0"),
    "sweep": Arguments("--steps 300 --rounds 1 --long 2000"),
    "archive": Arguments("--epochs 0.02 --gigabytes 0.1"),
    "first_second": Arguments(),
    "linear_theory": Arguments(environment=_ONE_THREAD),
    "online_theory": Arguments(environment=_ONE_THREAD),
    "order_parameters": Arguments(environment=_ONE_THREAD),
    "wide": Arguments("--samples 2000"),
}
"""Every benchmark of this folder but the one for accelerators, which is a run of its own."""


# %%
def run(name: str, scale: str) -> dict[str, Any]:
    """Run one benchmark; return its rows, with what the machine reached just before.

    Raises
    ------
    RuntimeError
        If the benchmark fails or reports nothing, with the end of what it wrote.
    """
    asked = BENCHMARKS[name]
    found: dict[str, Any] = {
        "arguments": getattr(asked, scale),
        "product_rate": product_rate(),
        "copy_bandwidth": copy_bandwidth(),
    }
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "rows.jsonl"
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, beside_script(globals(), f"{name}.py"), *found["arguments"].split()],
            env={**os.environ, **asked.environment, FILE: str(place)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        found["seconds"] = time.perf_counter() - began
        if done.returncode or not place.exists():
            raise RuntimeError(f"{name} ended with {done.returncode}:\n{done.stdout[-2000:]}")
        found["rows"] = rows_of(place)
    return found


def rows_of(place: Path) -> list[dict[str, Any]]:
    """Read the rows that a benchmark has reported."""
    return [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]


def machine() -> dict[str, str]:
    """Describe the machine, without its name, and what computes on it."""
    packages = {name: version(name) for name in ("jax", "numpy", "scipy", "xarray", "zarr")}
    kind = f"{platform.machine()}, {os.cpu_count()} cores"
    return {"machine": kind, "python": platform.python_version(), **packages}


# %%
def markdown(table: dict[str, Any]) -> str:
    """Write a table in Markdown."""
    about = ", ".join(f"{name} {text}" for name, text in table["machine"].items())
    lines = [
        f"# How fast fatheory {table['version']} is",
        "",
        f"By `python analyses/benchmarks/all.py --{table['scale']}` on one machine ({about}). "
        "*times* is a ratio of two measurements of the same run; what each compares, it says at "
        "its head. Product rate and copy bandwidth are what the machine reached just before.",
    ]
    for name, found in table["benchmarks"].items():
        command = f"python analyses/benchmarks/{name}.py {found['arguments']}".strip()
        lines += [
            "",
            f"## {name}",
            "",
            f"`{command}` ({found['seconds']:.0f} s; product {found['product_rate'] / 1e9:.0f} "
            f"GFLOP/s, copy {found['copy_bandwidth'] / 1e9:.1f} GB/s)",
            "",
            "| what | value | unit |",
            "| --- | ---: | --- |",
            *(f"| {r['what']} | {r['value']:.3g} | {r['unit']} |" for r in found["rows"]),
        ]
    return "\n".join(lines) + "\n"


def stored(folder: Path, scale: str) -> dict[str, Any]:
    """Return the table of this release as it stands in a folder, or an empty one."""
    place = folder / f"{fa.__version__}-{scale}.json"
    if place.exists():
        return json.loads(place.read_text(encoding="utf-8")) | {"machine": machine()}
    return {"version": fa.__version__, "scale": scale, "machine": machine(), "benchmarks": {}}


def store(table: dict[str, Any], folder: Path) -> Path:
    """Write a table as JSON and Markdown, benchmarks in their order; return the former's path."""
    order = [name for name in BENCHMARKS if name in table["benchmarks"]]
    table = table | {"benchmarks": {name: table["benchmarks"][name] for name in order}}
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{table['version']}-{table['scale']}.json"
    place.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    place.with_suffix(".md").write_text(markdown(table), encoding="utf-8")
    return place


# %%
def main() -> None:
    """Run the benchmarks and write the table."""
    parser = argparse.ArgumentParser(description="All benchmarks, and one table.")
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument("--quick", dest="scale", action="store_const", const="quick")
    scale.add_argument("--full", dest="scale", action="store_const", const="full")
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = script_arguments(parser)
    table, failed = stored(arguments.out, arguments.scale or "quick"), []
    for name in arguments.only:
        try:
            found = run(name, table["scale"])
        except RuntimeError as error:
            print(error, flush=True)
            failed.append(name)
            continue
        table["benchmarks"][name] = found
        place = store(table, arguments.out)
        print(f"{name}: {len(found['rows'])} rows in {found['seconds']:.0f} s: {place}", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    leave(bool(failed))


if __name__ == "__main__":
    main()
