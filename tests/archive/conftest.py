import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import xarray as xr
from archive_examples import build_result, build_run

from fatheory import labels
from fatheory.archive import save


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
from archive_examples import build_run, grow
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
