"""A disk that fills up while a run or a sweep is under way: a small tmpfs, in a mount namespace."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = 500
"""Kilobytes: every file takes four of them at least."""

PRELUDE = """
import subprocess, sys
from pathlib import Path
import numpy as np
import xarray as xr
import fatheory as fa
from fatheory.errors import ArchiveWriteError
from fatheory.train import sinks

disk = Path(sys.argv[1])
path = disk / "x.zarr"
# Commit at every opportunity.
sinks.COMMIT_SECONDS, sinks.COMMIT_SHARE = 0.0, np.inf
asked = fa.presets["lillicrap2016/fig2"].with_settings({
    "schedule.phases": [{"steps": 60}], "record.snapshots": 31, "seeds": 1,
    "record.quantities": ["delta_angle"],
})

def filled(write):
    try:
        write()
    except ArchiveWriteError as error:
        assert "No space left on device" in str(error), error
        assert str(path) in str(error), error
    else:
        raise AssertionError("the disk did not fill up")

def enlarge():
    subprocess.run(["mount", "-o", "remount,size=64m", "none", disk], check=True)
"""

RUN = """
wanted = fa.simulate(asked, progress=False)
def run():
    return fa.simulate(asked, path=path, progress=False)
filled(run)
so_far = fa.load(path)
assert 1 < so_far.sizes["step"] < 31, so_far
np.testing.assert_array_equal(so_far["loss"], wanted["loss"].sel(step=so_far["step"]))
filled(run)  # it is as full as before, and what there was is still there
xr.testing.assert_equal(fa.load(path), so_far)
enlarge()
xr.testing.assert_equal(run(), wanted)
print("good")
"""

SWEEP = """
from fatheory.train import disk as estimates
# What is left of the disk is enough by the estimate, and others take it while the sweep goes on.
estimates.free_disk = lambda target: 10**9
sweep = fa.Sweep(experiment=asked, axes={
    "rules.*.learning_rate": [0.001 * (i + 1) for i in range(10)], "root_seed": [0, 1],
})
def run():
    return sweep.run(path, progress=False)
filled(run)
so_far = fa.load(path)
done = so_far["status"].values == 1
assert 0 < done.sum() < done.size, done
enlarge()
whole = run()
assert (whole["status"] == 1).all()
np.testing.assert_array_equal(so_far["loss"].values[done], whole["loss"].values[done])
print("good")
"""

SAVE = """
run = fa.simulate(asked, progress=False)
filled(lambda: fa.save(run, path))
assert not path.exists(), list(disk.iterdir())
enlarge()
fa.save(run, path)
xr.testing.assert_identical(fa.load(path), run)
print("good")
"""


def on_a_small_disk(program: str, folder: Path, kilobytes: int) -> subprocess.CompletedProcess:
    """Run a Python program where `folder` is a file system of so many kilobytes."""
    script = f'mount -t tmpfs -o size={kilobytes}k none "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    return subprocess.run(
        [*command, str(folder), sys.executable, program],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def small_disks(tmp_path_factory):
    """Skip where an ordinary user may not mount anything."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare(1): only Linux can make a small disk for a test")
    probed = on_a_small_disk("", tmp_path_factory.mktemp("probe"), 64)
    if probed.returncode:
        pytest.skip(f"no file system can be mounted here: {probed.stderr.strip()}")


@pytest.mark.usefixtures("small_disks")
@pytest.mark.parametrize(
    ("program", "kilobytes"),
    [(RUN, SMALL), (SWEEP, SMALL), (SAVE, 60)],
    ids=["run", "sweep", "save"],
)
def test_what_was_finished_stays_and_goes_on_when_there_is_space(program, kilobytes, tmp_path):
    done = on_a_small_disk(PRELUDE + program, tmp_path, kilobytes)
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr
