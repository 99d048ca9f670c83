# %% [markdown]
# # What a first figure waits for: compiling, and what the compilation cache leaves of it
#
# Each script runs in processes of its own, three times: without the cache of compiled programs,
# with an empty one, and with what the run before left there. Told are the seconds of the whole
# process, those in which XLA compiled or read programs, their share, how many programs there were,
# and the ratio to the run without a cache. Every time starts with Python itself. The data of all
# three runs must be the same to the last bit.
#
#     python analyses/benchmarks/first_second.py [SCRIPT ...]
#
# Scripts are those of `paper_figs`, by default `lillicrap2016/fig2`.

# %%
import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr
from rows import add_row

from fatheory.reproduction import script_arguments

FIGURES = Path(__file__).resolve().parents[2] / "paper_figs"
WATCHED = """
import atexit, json, os, runpy, sys
import jax
seconds, programs = 0.0, 0
def watch(event, duration, **_):
    global seconds, programs
    if event == "/jax/core/compile/backend_compile_duration":
        seconds, programs = seconds + duration, programs + 1
jax.monitoring.register_event_duration_secs_listener(watch)
report = sys.argv.pop(1)
sys.argv.pop(0)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
atexit.register(lambda: open(report, "w").write(json.dumps([seconds, programs])))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


# %%
def first_run(script: Path, cache: str, folder: Path) -> tuple[float, float, int]:
    """Run a script in a fresh process; return its seconds, those of compiling, and the programs."""
    report = folder / "report.json"
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, report, script, "--out", folder],
        env=os.environ | {"FATHEORY_COMPILATION_CACHE": cache, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    whole = time.perf_counter() - began
    # 1 says that a claim does not hold, which is no matter here.
    if done.returncode not in (0, 1) or not report.exists():
        raise SystemExit(f"{script} ended with {done.returncode}:\n{done.stderr}")
    compiling, programs = json.loads(report.read_text(encoding="utf-8"))
    return whole, compiling, programs


def same_numbers(one: Path, other: Path) -> bool:
    """Whether two runs left the same data, whatever they say of time and place."""
    found = [sorted(folder.glob("*.zarr")) for folder in (one, other)]
    pairs = list(zip(*found, strict=True))
    return bool(pairs) and all(
        a.name == b.name
        and _equal(*(xr.open_zarr(path, consolidated=False).load() for path in (a, b)))
        for a, b in pairs
    )


def _equal(one: xr.Dataset, other: xr.Dataset) -> bool:
    timeless = [name for name in one.variables if "wall_time" not in str(name)]
    return set(one.variables) == set(other.variables) and all(
        np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")
        for name in timeless
    )


# %%
def main() -> None:
    """Run each script three times and print what it waited for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="*", default=["lillicrap2016/fig2"])
    arguments = script_arguments(parser)
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    print(f"{'':32} {'whole s':>8} {'compiling s':>12} {'share':>6} {'programs':>9} {'ratio':>6}")
    for name in arguments.scripts:
        script = (FIGURES / name).with_suffix(".py")
        with tempfile.TemporaryDirectory() as place:
            caches = {"no cache": "off", "empty": f"{place}/kept", "filled": f"{place}/kept"}
            folders, without = [], None
            for kind, cache in caches.items():
                folders.append(Path(place) / kind)
                folders[-1].mkdir()
                whole, compiling, programs = first_run(script, cache, folders[-1])
                without = without or whole
                add_row(f"{name}, {kind}, share of compiling", 100 * compiling / whole, "%")
                add_row(f"{name}, no cache over {kind}", without / whole)
                print(
                    f"{f'{name}, {kind}':32} {whole:8.1f} {compiling:12.1f} "
                    f"{compiling / whole:6.0%} {programs:9} {whole / without:6.2f}",
                    flush=True,
                )
            same = all(same_numbers(folders[0], other) for other in folders[1:])
            print(f"{'':32} the same numbers: {'yes' if same else 'NO'}")


if __name__ == "__main__":
    main()
