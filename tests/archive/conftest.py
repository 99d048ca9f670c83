import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from fatheory import labels
from fatheory.archive import RunWriter, assemble, provenance, save

RULES = ["backprop", "feedback_alignment"]


def build_run(value: float = 0.0, n_steps: int = 4) -> xr.Dataset:
    """A run archive of a 5-4-3 network; `value` is the loss of the first step."""
    rng = np.random.default_rng(7)
    step = np.arange(n_steps) * 10
    rate = np.array([0.01, 0.02])
    loss = rng.random((2, 3, n_steps))
    loss[..., 0] = value
    loss[1, 2, -1] = np.nan
    weights = {
        "weight_1": rng.normal(size=(2, 3, n_steps, 4, 5)),
        "weight_2": rng.normal(size=(2, 3, n_steps, 3, 4)).astype(np.float32),
        "feedback_2": rng.normal(size=(2, 3, 4, 3)),
    }
    diverged_at = np.full((2, 3), -1)
    diverged_at[1, 2] = step[-1]
    return assemble(
        weights
        | {
            "loss": loss,
            "delta_angle": np.full((2, 3, n_steps, 1), 45.0),
            "target_map": rng.normal(size=(3, 3, 5)),
            "diverged": diverged_at >= 0,
            "diverged_at": diverged_at,
        },
        {
            "rule": np.array(RULES),
            "seed": np.arange(3),
            "step": step,
            "layer": np.array([1]),
            "time": rate[:, None] * step,
            "learning_rate": rate,
        },
        provenance("simulation", '{"seeds": [0, 1, 2]}', "9f2c", "float64", "cpu", 1.5),
    )


def build_result(n: int = 3) -> xr.Dataset:
    """What a figure would store: no run, other names, every kind of value."""
    rng = np.random.default_rng(n)
    return xr.Dataset(
        {
            "angle": (("panel", "x"), rng.normal(size=(2, n)), {"units": "degree"}),
            "duration": (("x",), rng.random(n), {"units": "seconds"}),
            "days": (("x",), np.arange(n), {"units": "days since 2000-01-01"}),
            "mask": (("x",), np.arange(n) % 2 == 0),
            "count": (("x",), np.arange(n, dtype=np.uint8)),
            "half": (("x",), np.arange(n, dtype=np.float16)),
            "mode": (("x",), rng.normal(size=n) * 1j),
            "scalar": ((), -0.0),
            "empty": (("x",), np.full(n, np.nan)),
            "note": (("panel",), np.array(["", "∠δ ≤ 90°"])),
        },
        coords={"panel": ["a", "long name"], "x": np.linspace(0, 1, n), "rate": 0.1},
        attrs={
            "flag": True,
            "none": None,
            "number": 1,
            "real": 1.0,
            "nan": float("nan"),
            "names": ["a", "b"],
            "nested": {"a": [1, {"b": None}]},
            "greek": "η",
        },
    )


def grow(path: str | Path, stop: int = -1) -> None:
    """Write `build_run(value=2.0)` snapshot by snapshot; begin, or go on, and stop before one."""
    ds = build_run(value=2.0, n_steps=8)
    recorded = [name for name in ds.data_vars if "step" in ds[name].dims]
    static = ds.drop_vars([*recorded, "diverged", "diverged_at"])
    with RunWriter(path, static) as writer:
        left = range(writer.position, ds.sizes["step"]) if writer.position >= 0 else ()
        for i in left:
            if i == stop:
                return
            writer.record(i, {name: ds[name].isel(step=i).values for name in recorded})
            state = {"a": {"w": np.arange(5.0) + i}, "b": {"w": np.full((2, 3), i)}}
            writer.commit(i + 1, ds["diverged_at"].values, 0.1 * i, state)
        writer.finish(ds["diverged_at"].values, 1.5)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, Path]:
    ds = build_run()
    return ds, save(ds, tmp_path_factory.mktemp("template") / "run")


@pytest.fixture
def run(template: tuple[xr.Dataset, Path]) -> xr.Dataset:
    return template[0].copy(deep=True)


@pytest.fixture
def saved(template: tuple[xr.Dataset, Path], tmp_path: Path) -> Path:
    """A copy of the archive of `run`."""
    return Path(shutil.copytree(template[1], tmp_path / "a"))


@pytest.fixture
def result() -> xr.Dataset:
    return build_result()


@pytest.fixture
def make_run() -> Callable[..., xr.Dataset]:
    return build_run


_SERVER = """
import os, resource, signal, sys, time
sys.path.insert(0, {here!r})
from conftest import build_run, grow
import fatheory.archive, fatheory.archive.manifest, fatheory.archive.replacement

def die_at(call, owner, name, before=True):
    # Kill this process at the call-th call of owner.name.
    real, calls = getattr(owner, name), [0]
    def deadly(*args, **kwargs):
        calls[0] += 1
        if calls[0] == call and before:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*args, **kwargs)
        if calls[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    setattr(owner, name, deadly)

ds = build_run(value=2.0)

def save(path):
    fatheory.archive.save(ds, path, overwrite=True)

print("ready", flush=True)
for line in sys.stdin:
    path, delay, action, code = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        try:
            exec(code)
            (save if action == "save" else grow)(path)
        except BaseException as error:
            print(type(error).__name__, str(error).replace("\\n", " "), flush=True)
            os._exit(1)
        os._exit(0)
    if float(delay) >= 0:
        time.sleep(float(delay))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print("status", os.waitstatus_to_exitcode(status), flush=True)
"""


class Writer:
    """A process that saves `build_run(value=2.0)` over a path in children that can be killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def save(
        self, path: Path, *, kill_after: float = -1.0, first: str = "", action: str = "save"
    ) -> tuple[int, str]:
        """Return the exit code, -9 if killed, and what the child reported."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{path}\t{kill_after}\t{action}\t{first}\n")
        self.process.stdin.flush()
        report = ""
        while not (line := self.process.stdout.readline()).startswith("status"):
            report += line
            assert line, "the writer process ended"
        return int(line.split()[1]), report


@pytest.fixture(scope="session")
def writer() -> Iterator[Writer]:
    root = str(Path(labels.__file__).parents[1])
    places = os.pathsep.join([root, *sys.path])
    environment = os.environ | {"PYTHONPATH": places, "OMP_NUM_THREADS": "1"}
    script = _SERVER.format(here=str(Path(__file__).parent))
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Writer(process)
        assert process.stdin is not None
        process.stdin.close()
