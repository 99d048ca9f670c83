"""Training processes that are killed at random moments, also while they write."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from resumable import asked, same

import fatheory as fa
from fatheory import labels
from fatheory.archive import is_unfinished

_SERVER = """
import os, signal, sys, time
import jax
import fatheory as fa
from fatheory import archive, train
from fatheory.archive import growing, replacement
from fatheory.train import run, sinks
jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
run.LONGEST_SEGMENT, sinks.COMMIT_SECONDS, sinks.COMMIT_SHARE = 4, 0.0, 1e9

def die_at(call, owner, name):
    # Kill this process at the call-th call of owner.name.
    real, calls = getattr(owner, name), [0]
    def deadly(*args, **kwargs):
        calls[0] += 1
        if calls[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    setattr(owner, name, deadly)

asked = fa.Experiment.from_json(sys.argv[2])
print("ready", flush=True)
for line in sys.stdin:
    path, delay, code = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        try:
            exec(code)
            fa.simulate(asked, path=path, progress=False)
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
WRITES = [
    ("growing.journal", "append"),
    ("growing.layout", "write_chunk"),
    ("growing", "write_state"),
    ("growing.layout", "add_arrays"),
    ("os", "fsync"),
    ("os", "rename"),
    ("os", "link"),
]


class Trainer:
    """A process that trains in children that can be killed."""

    def __init__(self, folder: Path, experiment: fa.Experiment) -> None:
        root = str(Path(labels.__file__).parents[1])
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([root, *sys.path]),
            "OMP_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _SERVER, str(folder), experiment.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self.process.stdout.readline() == "ready\n"

    def train(self, path: Path, *, kill_after: float = -1.0, first: str = "") -> tuple[int, str]:
        """Return the exit code, -9 if killed, and what the child reported."""
        self.process.stdin.write(f"{path}\t{kill_after}\t{first}\n")
        self.process.stdin.flush()
        report = ""
        while not (line := self.process.stdout.readline()).startswith("status"):
            report += line
            assert line, "the training process ended"
        return int(line.split()[1]), report

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def contents(folder: Path) -> dict[str, bytes]:
    """All files but those that name the time at which they were written."""
    told = ("zarr.json", "fatheory-manifest/zarr.json", "fatheory-manifest-copy/zarr.json")
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name not in told}


def kill_and_continue(kills: int, tmp_path: Path) -> None:
    """Kill a training process, let another go on, kill it too; begin anew when one is done."""
    experiment = asked("momentum, two phases, rates that fall", rules={"brsf": 0.01})
    rng = np.random.default_rng(kills)
    with Trainer(tmp_path / "compiled", experiment) as trainer:
        assert trainer.train(tmp_path / "compiling") == (0, "")
        began = time.perf_counter()
        assert trainer.train(tmp_path / "uninterrupted") == (0, "")
        lasts = time.perf_counter() - began
        reference, wanted = (
            contents(tmp_path / "uninterrupted"),
            fa.load(tmp_path / "uninterrupted"),
        )
        path, killed, done, unfinished = tmp_path / "a", 0, 0, 0
        while killed < kills:
            if rng.random() < 0.5:
                code, report = trainer.train(path, kill_after=rng.uniform(0.3, 1.0) * lasts)
            else:
                owner, name = WRITES[rng.integers(len(WRITES))]
                deadly = f"die_at({rng.integers(1, 9)}, {owner}, '{name}')"
                code, report = trainer.train(path, first=deadly)
            assert report == ""
            assert code in (0, -9)
            killed += code == -9
            if is_unfinished(path):
                unfinished += 1
                so_far = fa.load(path)
                xr.testing.assert_equal(so_far["loss"], wanted["loss"].sel(step=so_far["step"]))
            elif path.exists():
                assert contents(path) == reference
                done += 1
                shutil.rmtree(path)
        assert trainer.train(path) == (0, "")
        assert contents(path) == reference
        same(fa.load(path), wanted)
    assert done + 1 > kills / 25
    assert unfinished > kills / 5


def test_50_kills_at_random_moments(tmp_path):
    kill_and_continue(50, tmp_path)


@pytest.mark.slow
def test_500_kills_at_random_moments(tmp_path):
    kill_and_continue(500, tmp_path)
